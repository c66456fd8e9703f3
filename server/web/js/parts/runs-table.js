/** The run list grown to the whole width: config and summary as columns. */
import { classes, computed, html, useMemo } from "../dom.js";
import { formatAgo, formatDuration, formatTime, formatValue, shorten, stateWord } from "../format.js";
import { param, runUrl, setParams } from "../router.js";
import { parseSort, valueOf } from "../run-order.js";
import { Swatch } from "./run-list.js";
import { Gap, useWindow } from "./window.js";

const ROW_PX = 30;

const FIXED = [
  { by: "name", title: "name" },
  { by: "state", title: "state" },
  { by: "created", title: "started", number: true },
  { by: "duration", title: "duration", number: true },
];

/** The columns that these runs need. @param {object[]} runs */
export function columnsOf(runs) {
  const config = new Set(runs.flatMap((run) => Object.keys(run.config)));
  const summary = new Set(runs.flatMap((run) => Object.keys(run.summary)).filter((key) => !key.startsWith("_")));
  const column = (from, key) => ({ by: `${from}:${key}`, title: key, from, number: runs.some((run) => typeof valueOf(run, `${from}:${key}`) === "number") });
  return [...FIXED, ...[...config].sort().map((key) => column("config", key)), ...[...summary].sort().map((key) => column("summary", key))];
}

export function RunsTable({ store }) {
  const columns = useMemo(() => computed(() => columnsOf(store.listed.value)), [store]);
  const selected = store.selected.value;
  const runs = store.listed.value;
  const { frame, from, to } = useWindow(runs.length, ROW_PX);
  const sort = parseSort(param("sort"));
  const sortBy = (by) => setParams({ sort: sort.by === by && sort.descending ? by : `-${by}` });
  return html`
    <div class="table-frame" ref=${frame}>
      ${selected.size > 0 && html`
        <div class="toolbar" data-testid="selection">
          <span>${selected.size} selected</span>
          <button onClick=${() => store.showOnly(selected)}>show only these</button>
          <button onClick=${() => store.setShown([...selected], false)}>hide</button>
          <button onClick=${() => (store.selected.value = new Set())}>clear</button>
        </div>`}
      <table class="runs-table" data-testid="runs-table" aria-rowcount=${runs.length + 1}>
        <thead>
          <tr>
            <th><span class="hidden-text">selected and shown</span></th>
            ${columns.value.map((column) => html`<${HeadCell} key=${column.by} column=${column} sort=${sort} onSort=${sortBy} />`)}
          </tr>
        </thead>
        <tbody>
          <${Gap} rows=${from} height=${ROW_PX} />
          ${runs.slice(from, to).map((run, index) => html`
            <${Row} key=${run.id} store=${store} run=${run} columns=${columns.value} place=${from + index + 2} />`)}
          <${Gap} rows=${runs.length - to} height=${ROW_PX} />
        </tbody>
      </table>
    </div>`;
}

function HeadCell({ column, sort, onSort }) {
  const active = sort.by === column.by;
  const direction = active ? (sort.descending ? "descending" : "ascending") : "none";
  return html`
    <th class=${column.number && "number"} aria-sort=${direction} data-column=${column.by}>
      <button class="plain" onClick=${() => onSort(column.by)} title=${`sort by ${column.title}`}>
        ${column.from === "config" && html`<span class="from">config </span>`}${shorten(column.title, 28)}${active && (sort.descending ? " ↓" : " ↑")}
      </button>
    </th>`;
}

function Row({ store, run, columns, place }) {
  return html`
    <tr data-testid="table-row" data-run-id=${run.id} aria-rowindex=${place}
      onMouseEnter=${() => (store.hovered.value = run.id)} onMouseLeave=${() => (store.hovered.value = null)}
      class=${classes(store.hovered.value === run.id && "hovered")}>
      <td><span class="lead">
        <input type="checkbox" aria-label=${`select ${run.name}`} checked=${store.selected.value.has(run.id)}
          onChange=${() => store.toggleSelected(run.id)} />
        <${Swatch} store=${store} run=${run} />
      </span></td>
      ${columns.map((column) => cellOf(run, column))}
    </tr>`;
}

function cellOf(run, column) {
  if (column.by === "name") return html`<td><a href=${runUrl(run)} title=${run.name}>${shorten(run.name)}</a></td>`;
  if (column.by === "state") return html`<td><span class=${`state ${run.state}`}>${stateWord(run.state)}</span></td>`;
  if (column.by === "created") return html`<td class="number" title=${formatTime(run.created_at)}>${formatAgo(run.created_at)}</td>`;
  if (column.by === "duration") return html`<td class="number">${formatDuration(run.duration_s)}</td>`;
  const text = formatValue(valueOf(run, column.by));
  return html`<td class=${column.number && "number"} title=${text}>${shorten(text)}</td>`;
}
