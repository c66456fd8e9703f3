/** How all charts of a page look at their data: x axis, smoothing, zoom, scale. Kept in the address. */
import { computed } from "./dom.js";
import { param, setParams } from "./router.js";

export const AXES = { step: "step", relative: "relative time", time: "wall time" };

export const xAxis = computed(() => (Object.hasOwn(AXES, param("x") ?? "") ? param("x") : "step"));
export const smoothing = computed(() => {
  const weight = Number(param("smooth") ?? 0);
  return weight > 0 && weight < 1 ? weight : 0;
});
export const logY = computed(() => param("log") === "1");
/** [from, to] on the x axis, or null for everything. */
export const zoom = computed(() => {
  const [from, to] = (param("zoom") ?? "").split(":").map(Number);
  return param("zoom") && from < to ? [from, to] : null;
});

/** The axis of one chart: system statistics have no steps, so they are drawn over time. @param {string} metric */
export const axisOf = (metric) => (metric.startsWith("system/") && xAxis.value === "step" ? "relative" : xAxis.value);

/** What of the x axis a chart shows; a zoom in steps means nothing to a chart over time. */
export const zoomOf = (metric) => (axisOf(metric) === xAxis.value ? zoom.value : null);

/** Zoom all charts to a range that was chosen in the chart of `metric`; null shows everything. */
export function zoomFrom(metric, range) {
  if (range && axisOf(metric) !== xAxis.value) setAxis(axisOf(metric));
  setZoom(range);
}

export const setZoom = (range) => setParams({ zoom: range ? `${tidy(range[0])}:${tidy(range[1])}` : null });
export const setAxis = (axis) => setParams({ x: axis === "step" ? null : axis, zoom: null });
export const setSmoothing = (weight) => setParams({ smooth: weight > 0 ? String(weight) : null });
export const setLogY = (on) => setParams({ log: on ? "1" : null });

const tidy = (value) => Number(value.toPrecision(10));
