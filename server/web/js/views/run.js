/** One run: what it is, its curves, and its machine. */
import { computed, html, runColor, useEffect, useMemo, useState } from "../dom.js";
import { get, pathOf } from "../api.js";
import { formatAgo, formatBytes, formatDuration, formatTime, formatValue, stateWord } from "../format.js";
import { colorOf } from "../palette.js";
import { param, setParams } from "../router.js";
import { SYSTEM, sectionsOf } from "../sections.js";
import { RunList } from "../parts/run-list.js";
import { Section } from "../parts/section.js";
import { Toolbar } from "../parts/toolbar.js";
import { TopBar } from "../parts/top-bar.js";
import { useSteadyRuns } from "./project.js";

export const RUN_TABS = ["overview", "charts", "system"];

export function RunView({ store, id, account }) {
  const run = store.runs.value.get(id);
  const place = { entity: store.entity, project: store.project, run: run?.name ?? id };
  return html`
    <div class="page">
      <${TopBar} place=${place} account=${account} drawer=${true} />
      <div class="body">
        <${RunList} store=${store} current=${id} />
        <main class="content">
          ${run && html`<${Run} key=${id} store=${store} run=${run} />`}
          ${!run && store.loaded.value && html`<p class="padded" role="alert">There is no run ${id} in ${store.project}.</p>`}
          ${store.error.value && html`<p class="padded wrong" role="alert">${store.error.value.message}</p>`}
        </main>
      </div>
    </div>`;
}

function Run({ store, run }) {
  const [details, setDetails] = useState(null);
  const [wrong, setWrong] = useState(null);
  const version = run.last_step === null ? 0 : 1;
  useEffect(() => {
    get(pathOf("runs", run.entity, run.project, run.id)).then((answer) => (setDetails(answer), setWrong(null)), (error) => setWrong(error.message));
  }, [run.id, run.state, version]);
  const source = useMemo(() => computed(() => [store.runs.value.get(run.id)].filter(Boolean)), [store, run.id]);
  const runs = useSteadyRuns(source);
  const keys = (details?.keys ?? []).map((key) => (typeof key === "string" ? { key, kind: "number" } : key));
  const known = new Set(keys.map((key) => key.key));
  const all = [...keys, ...store.keys.value.filter((key) => !known.has(key.key) && Object.hasOwn(run.summary, key.key))];
  const sections = sectionsOf(all);
  const tabs = RUN_TABS.filter((name) => name === "overview" || sections.some((section) => (section.name === SYSTEM) === (name === "system")));
  const tab = tabs.includes(param("tab")) ? param("tab") : "overview";
  return html`
    <${Head} run=${run} />
    <nav class="tabs" aria-label="parts of the run">
      ${tabs.map((name) => html`
        <a href="#" key=${name} data-testid=${`tab-${name}`} aria-current=${tab === name ? "page" : null}
          onClick=${(event) => (event.preventDefault(), setParams({ tab: name === "overview" ? null : name }, { push: true }))}>
          ${name[0].toUpperCase() + name.slice(1)}</a>`)}
    </nav>
    ${wrong && html`<p class="padded wrong" role="alert">What is known of this run's machine and metrics could not be loaded: ${wrong}</p>`}
    ${tab === "overview" && html`<${Overview} run=${run} details=${details} />`}
    ${tab !== "overview" && html`
      <${Toolbar} system=${tab === "system"} />
      ${sections.filter((section) => (section.name === SYSTEM) === (tab === "system")).map((section) => html`
        <${Section} key=${section.name} store=${store} section=${section} runs=${runs} foldSystem=${false} />`)}`}`;
}

function Head({ run }) {
  const why = run.exit_code ? `, exit code ${run.exit_code}` : "";
  return html`
    <header class="run-head" data-testid="run-head">
      <h1><span class="dot" ref=${runColor(colorOf(run))}></span>${run.name}</h1>
      <span class=${`state ${run.state}`} data-testid="run-state">${stateWord(run.state)}${why}</span>
      <span class="soft">${formatDuration(run.duration_s)}</span>
      <span class="soft" title=${formatTime(run.created_at)}>started ${formatAgo(run.created_at)}</span>
      ${run.host && html`<span class="soft">on ${run.host}</span>`}
      <span class="soft mono">${run.id}</span>
      ${run.tags.map((tag) => html`<span class="tag" key=${tag}>${tag}</span>`)}
    </header>`;
}

function Overview({ run, details }) {
  const summary = Object.entries(run.summary).filter(([key]) => !key.startsWith("_"));
  const about = [
    ["started", formatTime(run.created_at)],
    ["last step", run.last_step ?? ""],
    ["group", run.group],
    ["job type", run.job_type],
    ["user", run.user],
    ["attempt", run.attempt > 1 ? run.attempt : null],
    ...Object.entries(details?.metadata ?? {}).map(aboutMachine),
  ].filter(([, value]) => value !== null && value !== undefined && value !== "");
  return html`
    <div class="padded facts">
      ${run.losses.length > 0 && html`<${Losses} losses=${run.losses} />`}
      ${run.notes && html`<section class="card"><h2>Notes</h2><p class="nothing">${run.notes}</p></section>`}
      <${Card} title="Config" rows=${Object.entries(run.config)} nothing="no config" />
      <${Card} title="Summary" rows=${summary} nothing="nothing logged yet" />
      <${Card} title="About" rows=${about} nothing="" />
    </div>`;
}

/** A line of the metadata as people read it. */
function aboutMachine([name, value]) {
  if (name.endsWith("_bytes")) return [name.slice(0, -"_bytes".length), formatBytes(value)];
  return [name, typeof value === "number" ? String(value) : value];
}

function Card({ title, rows, nothing }) {
  return html`
    <section class="card" data-testid=${`card-${title.toLowerCase()}`}>
      <h2>${title}</h2>
      ${rows.length === 0 && html`<p class="nothing">${nothing}</p>`}
      <table><tbody>
        ${rows.map(([key, value]) => html`<tr key=${key}><td class="mono soft">${key}</td><td class="mono">${formatValue(value)}</td></tr>`)}
      </tbody></table>
    </section>`;
}

function Losses({ losses }) {
  return html`
    <section class="card" role="alert">
      <h2 class="wrong">Records that are missing</h2>
      <table><tbody>
        ${losses.map((loss, index) => html`<tr key=${index}><td>${loss.count} of kind ${loss.kind}</td><td>${loss.reason}</td></tr>`)}
      </tbody></table>
    </section>`;
}
