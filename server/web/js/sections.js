/** Metrics into sections by the first part of their names. Pure. */

export const SYSTEM = "system";

/**
 * @param {{key: string, kind: string}[]} keys
 * @returns {{name: string, charts: {metric: string, title: string}[]}[]} system last, the unprefixed first
 */
export function sectionsOf(keys) {
  const sections = new Map();
  for (const { key, kind } of keys) {
    if (kind !== "number") continue;
    const cut = key.indexOf("/");
    const name = cut > 0 ? key.slice(0, cut) : "";
    const title = cut > 0 ? key.slice(cut + 1) : key;
    if (!sections.has(name)) sections.set(name, []);
    sections.get(name).push({ metric: key, title });
  }
  const rank = (name) => (name === SYSTEM ? 2 : name === "" ? 1 : 0);
  return [...sections]
    .map(([name, charts]) => ({ name, charts: charts.sort((a, b) => a.metric.localeCompare(b.metric, "en", { numeric: true })) }))
    .sort((a, b) => rank(a.name) - rank(b.name) || a.name.localeCompare(b.name));
}
