/** Searching and sorting runs. Pure. */
import { restore } from "./format.js";

/** A sort as the address has it, "-summary:val/loss" or "name". @param {string|null} text */
export function parseSort(text) {
  const descending = !text || text.startsWith("-");
  return { by: (text ?? "-created").replace(/^-/, ""), descending };
}

/** The value of a column of a run. @param {object} run @param {string} by */
export function valueOf(run, by) {
  if (by.startsWith("config:")) return ownValue(run.config, by.slice(7));
  if (by.startsWith("summary:")) return ownValue(run.summary, by.slice(8));
  return { name: run.name, state: run.state, created: run.created_at, duration: run.duration_s }[by];
}

/** Keys are what users chose: "constructor" is one like any other. */
const ownValue = (values, key) => (Object.hasOwn(values, key) ? restore(values[key]) : undefined);

/** A comparison for Array.sort; runs without the value come last either way. */
export function compareRuns({ by, descending }) {
  const sign = descending ? -1 : 1;
  return (a, b) => {
    const [x, y] = [valueOf(a, by), valueOf(b, by)];
    const [noX, noY] = [isNothing(x), isNothing(y)];
    if (noX || noY) return noX - noY || b.created_at - a.created_at;
    const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
    return sign * order || b.created_at - a.created_at || a.id.localeCompare(b.id);
  };
}

const isNothing = (value) => value === undefined || value === null || Number.isNaN(value);

/** Whether every word of the search occurs in the run's name, id, state, group, job type, tags or notes. */
export function matchesSearch(run, search) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const text = [run.name, run.id, run.state, run.group, run.job_type, run.notes, ...run.tags].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}
