/** The runs of a project, always at the left; its swatch is a run's colour everywhere. */
import { classes, html, runColor, signal } from "../dom.js";
import { formatAge, formatTime, shorten, stateWord } from "../format.js";
import { colorOf } from "../palette.js";
import { runUrl } from "../router.js";

const FIRST = 300;
export const drawerOpen = signal(false);
const listAll = signal(false);

export function Swatch({ store, run }) {
  const shown = store.shown.value.has(run.id);
  return html`
    <button class="swatch" data-testid="run-swatch" ref=${runColor(colorOf(run))} aria-pressed=${String(shown)}
      aria-label=${`${shown ? "hide" : "show"} ${run.name}`} title=${shown ? "hide" : "show"}
      onClick=${() => store.setShown([run.id], !shown)}></button>`;
}

/** What a run is doing, in few words. */
export function StateWord({ run }) {
  const words = run.state === "running" || run.state === "finished" ? formatAge(run.created_at) : stateWord(run.state);
  const whole = `${stateWord(run.state)}, started ${formatTime(run.created_at)}`;
  return html`<span class=${`age state ${run.state}`} title=${whole}>${words}${run.state === "running" && " ●"}</span>`;
}

export function RunList({ store, current }) {
  const runs = store.listed.value;
  const part = listAll.value ? runs : runs.slice(0, FIRST);
  return html`
    ${drawerOpen.value && html`<button class="backdrop" aria-label="close the list of runs" onClick=${() => (drawerOpen.value = false)}></button>`}
    <nav class=${classes("runs", drawerOpen.value && "open")} aria-label="runs" data-testid="run-list">
      <ul>
        ${part.map((run) => html`
          <li key=${run.id} ref=${runColor(colorOf(run))} data-testid="run-row" data-run-id=${run.id} data-state=${run.state}
            class=${classes(store.hovered.value === run.id && "hovered", !store.shown.value.has(run.id) && "faded", current === run.id && "current")}
            onMouseEnter=${() => (store.hovered.value = run.id)} onMouseLeave=${() => (store.hovered.value = null)}>
            <${Swatch} store=${store} run=${run} />
            <a class="ellipsis" href=${runUrl(run)} title=${run.name} onClick=${() => (drawerOpen.value = false)}>${shorten(run.name, 36)}</a>
            <${StateWord} run=${run} />
          </li>`)}
      </ul>
      ${part.length < runs.length && html`
        <button class="more" onClick=${() => (listAll.value = true)}>list ${runs.length - part.length} more</button>`}
    </nav>`;
}
