/** A project: its runs at the left, and their curves or a table. */
import { computed, html, useMemo, useRef } from "../dom.js";
import { param, setParams } from "../router.js";
import { sectionsOf } from "../sections.js";
import { RunList } from "../parts/run-list.js";
import { RunsTable } from "../parts/runs-table.js";
import { Section } from "../parts/section.js";
import { Snippet, exampleCode } from "../parts/snippet.js";
import { Toolbar } from "../parts/toolbar.js";
import { TopBar } from "../parts/top-bar.js";

export const PROJECT_TABS = ["charts", "table"];

export function ProjectView({ store, account }) {
  const tab = PROJECT_TABS.includes(param("tab")) ? param("tab") : "charts";
  const place = { entity: store.entity, project: store.project };
  const search = html`<input type="search" data-testid="search" placeholder="search runs" aria-label="search runs"
    value=${param("q") ?? ""} onInput=${(event) => setParams({ q: event.target.value })} />`;
  return html`
    <div class="page">
      <${TopBar} place=${place} search=${search} account=${account} drawer=${tab === "charts"} />
      <nav class="tabs" aria-label="views">
        ${PROJECT_TABS.map((name) => html`
          <a href="#" key=${name} data-testid=${`tab-${name}`} aria-current=${tab === name ? "page" : null}
            onClick=${(event) => (event.preventDefault(), setParams({ tab: name === "charts" ? null : name }, { push: true }))}>
            ${name[0].toUpperCase() + name.slice(1)}</a>`)}
        <${Count} store=${store} />
      </nav>
      <${Body} store=${store} tab=${tab} />
    </div>`;
}

function Count({ store }) {
  if (!store.loaded.value) return null;
  const total = store.runs.value.size;
  const listed = store.listed.value.length;
  const words = listed === total ? `${total} run${total === 1 ? "" : "s"}` : `${listed} of ${total} runs`;
  return html`<span class="count" data-testid="count">${words}, ${store.colored.value.length} shown</span>`;
}

function Body({ store, tab }) {
  if (store.error.value?.status === 404) {
    return html`<main class="narrow" data-testid="empty"><h1>There is no project ${store.project} yet</h1>
      <p>These lines make it:</p><${Snippet} code=${exampleCode(store.project)} /></main>`;
  }
  if (store.error.value) return html`<main class="narrow"><p class="wrong" role="alert">${store.error.value.message}</p>
    <p><button onClick=${() => store.open()}>try again</button></p></main>`;
  if (store.loaded.value && store.runs.value.size === 0) {
    return html`<main class="narrow" data-testid="empty"><h1>No runs in ${store.project}</h1><${Snippet} code=${exampleCode(store.project)} /></main>`;
  }
  return html`
    <div class="body">
      ${tab === "charts" && html`<${RunList} store=${store} />`}
      <main class="content">${tab === "charts" ? html`<${Charts} store=${store} />` : html`<${RunsTable} store=${store} />`}</main>
    </div>`;
}

/** The shown runs as one signal that changes only when they do, not with every row they log. */
export function useSteadyRuns(source) {
  const before = useRef([]);
  return useMemo(() => computed(() => {
    const runs = source.value;
    const old = before.current;
    const same = runs.length === old.length && runs.every((run, i) => run.id === old[i].id && run.name === old[i].name && run.color === old[i].color && run.attempt === old[i].attempt);
    if (!same) before.current = runs;
    return before.current;
  }), [source]);
}

function Charts({ store }) {
  const runs = useSteadyRuns(store.colored);
  const sections = sectionsOf(store.keys.value);
  return html`
    <${Toolbar} />
    ${sections.map((section) => html`<${Section} key=${section.name} store=${store} section=${section} runs=${runs} />`)}
    ${store.loaded.value && sections.length === 0 && html`<p class="padded soft">These runs have logged no numbers yet.</p>`}`;
}
