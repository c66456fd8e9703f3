/** Points that come in live, put behind the points of a chart. Pure. */

/** @typedef {import("./chart-draw.js").Series} Series */

/**
 * Put what a tick brought of one metric behind its series.
 *
 * Steps only: several values of one step replace each other, which shows on no other axis.
 * @param {Series[]} list
 * @param {string} metric
 * @param {Record<string, Record<string, [number, number, number|string|null][]>|null>} points by run, as a tick has
 *   them: [step, time, value]; null for a run that must be fetched anew
 * @param {string[]} runs ids of the runs that the chart shows
 * @param {number} most so many points of one series can be drawn without buckets
 * @returns {Series[]|null} the list itself when the tick has nothing for it; null when only the server can answer:
 *   for series in buckets, smoothed ones, and points that lie before what is drawn
 */
export function appendPoints(list, metric, points, runs, most) {
  let grown = list;
  for (const run of runs) {
    const ofRun = Object.hasOwn(points, run) ? points[run] : {};
    if (ofRun === null) return null;
    if (!Object.hasOwn(ofRun, metric)) continue;
    const old = list.find((series) => series.run === run) ?? emptySeries(run, metric);
    const next = appendTo(old, ofRun[metric], most);
    if (next === null) return null;
    if (next !== old) grown = [...grown.filter((series) => series.run !== run), next];
  }
  return grown;
}

/** @param {string} run @param {string} key @returns {Series} */
const emptySeries = (run, key) => ({
  run, key, n: 0, sampled: false, x: [], last: [], min: [], max: [], count: [], smooth: null, nonfinite: [],
});

function appendTo(series, rows, most) {
  if (series.sampled || series.smooth) return null;
  const end = series.x.at(-1) ?? -Infinity;
  const fresh = [];
  let before = end;
  for (const [step, , value] of rows) {
    // A tick may repeat what an answer that came before it already held.
    if (step <= end && holds(series, step, value)) continue;
    if (step <= before) return null;
    before = step;
    fresh.push([step, value]);
  }
  if (!fresh.length) return series;
  if (series.n + fresh.length > most) return null;
  const values = fresh.map(([, value]) => (typeof value === "number" ? value : null));
  return {
    ...series,
    n: series.n + fresh.length,
    x: [...series.x, ...fresh.map(([step]) => step)],
    last: [...series.last, ...values],
    min: [...series.min, ...values],
    max: [...series.max, ...values],
    count: [...series.count, ...values.map(() => 1)],
    nonfinite: [...series.nonfinite, ...fresh.filter(([, value]) => typeof value !== "number")],
  };
}

function holds(series, step, value) {
  if (typeof value !== "number") return series.nonfinite.some(([at, kind]) => at === step && kind === value);
  const index = series.x.lastIndexOf(step);
  return index >= 0 && series.last[index] === value;
}
