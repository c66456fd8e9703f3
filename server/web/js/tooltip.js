/** The one tooltip of the page: the values of the chart under the pointer, at its x. */
import { nearestIndex } from "./chart-draw.js";
import { formatDuration, formatNumber, formatTime, shorten } from "./format.js";

const MOST_ROWS = 10;
const GAP = 16;

const element = document.createElement("div");
element.className = "tooltip";
element.hidden = true;
element.dataset.testid = "tooltip";
document.body.append(element);

/** The values of all lines at x, best first. @param {{series: object, run: object, color: string}[]} lines */
export function rowsAt(lines, x) {
  const rows = [];
  for (const { series, run, color } of lines) {
    const index = nearestIndex(series.x, x);
    const raw = series.last[index];
    const value = series.smooth?.[index] ?? raw;
    if (index < 0 || value === null || value === undefined) continue;
    rows.push({ run, color, value, raw, smoothed: Boolean(series.smooth), x: series.x[index] });
  }
  return rows.sort((a, b) => b.value - a.value);
}

/**
 * Show rows beside the pointer, never over it.
 * @param {object[]} rows @param {string|null} nearest id of the run nearest to the pointer @param {string} axis
 */
export function showTooltip(rows, nearest, axis, pointerX, pointerY) {
  if (!rows.length) return hideTooltip();
  rows = [...rows.filter((row) => row.run.id === nearest), ...rows.filter((row) => row.run.id !== nearest)];
  const table = document.createElement("table");
  for (const row of rows.slice(0, MOST_ROWS)) table.append(makeRow(row, row.run.id === nearest, axis));
  const parts = [table];
  if (rows.length > MOST_ROWS) parts.push(line(`+${rows.length - MOST_ROWS} more`));
  element.replaceChildren(...parts);
  element.hidden = false;
  const { width, height } = element.getBoundingClientRect();
  const left = pointerX + GAP + width > innerWidth ? pointerX - GAP - width : pointerX + GAP;
  const top = Math.min(pointerY + GAP, innerHeight - height - 4);
  element.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
}

export function hideTooltip() {
  element.hidden = true;
}

function makeRow({ run, color, value, raw, smoothed, x }, nearest, axis) {
  const row = document.createElement("tr");
  if (nearest) row.className = "nearest";
  const key = document.createElement("span");
  key.className = "key";
  key.style.setProperty("--run-color", color);
  const swatch = document.createElement("td");
  swatch.append(key);
  row.append(swatch, cell(shorten(run.name, 32)), cell(formatNumber(value), "number"));
  if (smoothed) row.append(cell(raw === null ? "" : `raw ${formatNumber(raw)}`, "number at"));
  row.append(cell(formatX(x, axis), "at"));
  return row;
}

function cell(text, className = "") {
  const td = document.createElement("td");
  td.className = className;
  td.textContent = text;
  return td;
}

function line(text) {
  const div = document.createElement("div");
  div.className = "at";
  div.textContent = text;
  return div;
}

/** A place on an x axis in words. @param {number} x @param {string} axis */
export function formatX(x, axis) {
  if (axis === "time") return formatTime(x);
  if (axis === "relative") return formatDuration(x);
  return `step ${formatNumber(x)}`;
}
