/** All projects that one may see. */
import { html, useEffect, useState } from "../dom.js";
import { get } from "../api.js";
import { formatAgo, formatTime } from "../format.js";
import { projectUrl } from "../router.js";
import { Snippet, exampleCode } from "../parts/snippet.js";
import { TopBar } from "../parts/top-bar.js";

const REFRESH_MS = 5000;
/** Who looks at an empty page waits for the first run. */
const REFRESH_EMPTY_MS = 1000;

export function ProjectsView({ account }) {
  const [projects, setProjects] = useState(null);
  const [wrong, setWrong] = useState(null);
  useEffect(() => {
    let timer = null;
    let closed = false;
    const load = async () => {
      let wait = REFRESH_MS;
      try {
        const data = await get("projects");
        setProjects(data.projects);
        setWrong(null);
        if (!data.projects.length) wait = REFRESH_EMPTY_MS;
      } catch (error) {
        setWrong(error.message);
      }
      if (!closed) timer = setTimeout(look, wait);
    };
    const look = () => (document.hidden ? (timer = setTimeout(look, REFRESH_EMPTY_MS)) : load());
    load();
    return () => {
      closed = true;
      clearTimeout(timer);
    };
  }, []);
  return html`
    <div class="page">
      <${TopBar} account=${account} />
      <main class="content">
        ${wrong && html`<p class="padded wrong" role="alert">${wrong}</p>`}
        ${projects?.length === 0 && html`<${Nothing} />`}
        ${projects?.length > 0 && html`<${Table} projects=${projects} />`}
      </main>
    </div>`;
}

function Table({ projects }) {
  return html`
    <div class="narrow">
      <h1>Projects</h1>
      <table class="projects" data-testid="projects">
        <thead><tr><th>project</th><th class="number">runs</th><th class="number">running</th><th class="number">changed</th></tr></thead>
        <tbody>
          ${projects.map((one) => html`
            <tr key=${`${one.entity}/${one.project}`}>
              <td><span class="soft">${one.entity} / </span><a href=${projectUrl(one.entity, one.project)}>${one.project}</a></td>
              <td class="number">${one.runs}</td>
              <td class="number">${one.running || ""}</td>
              <td class="number soft" title=${formatTime(one.updated_at)}>${formatAgo(one.updated_at)}</td>
            </tr>`)}
        </tbody>
      </table>
    </div>`;
}

function Nothing() {
  return html`
    <div class="narrow" data-testid="empty">
      <h1>No runs yet</h1>
      <p>These lines make the first one:</p>
      <${Snippet} code=${exampleCode("digits")} />
    </div>`;
}
