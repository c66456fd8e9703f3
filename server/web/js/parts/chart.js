/** One metric of the shown runs as a chart that fetches its own data while it is in sight. */
import { effect, html, untracked, useEffect, useMemo, useRef } from "../dom.js";
import { ChartModel } from "../chart-model.js";
import { axisOf, logY, zoomFrom, zoomOf } from "../chart-view.js";
import { shorten } from "../format.js";
import { colorOf } from "../palette.js";
import { Plot } from "../plot.js";
import { themeVersion } from "../theme.js";
import { hideTooltip, rowsAt, showTooltip } from "../tooltip.js";

/** @param {{store: object, metric: string, title: string, runs: import("../dom.js").Signal}} props */
export function Chart({ store, metric, title, runs }) {
  const box = useRef(null);
  const host = useRef(null);
  const model = useMemo(() => new ChartModel(store, metric, runs), [store, metric, runs]);
  useEffect(() => model.watch(), [model]);
  useEffect(() => observeSight(box.current, (inSight) => (model.inSight.value = inSight)), [model]);
  useEffect(() => mountPlot(host.current, model), [model]);
  const series = model.series.value;
  const points = (series ?? []).reduce((sum, one) => sum + one.n, 0);
  const prefix = metric.slice(0, metric.length - title.length);
  return html`
    <section class="chart" ref=${box} data-testid="chart" data-key=${metric} data-points=${points}
      data-series=${series?.length ?? 0} aria-label=${`chart of ${metric}`}>
      <header>
        <h3 class="title ellipsis" title=${metric}><span class="soft">${prefix}</span>${shorten(title, 48)}</h3>
        ${markOf(model)}
      </header>
      <div class="plot">
        <div ref=${host} class="plot-host"></div>
        ${messageOf(model)}
      </div>
    </section>`;
}

/** What is wrong with the curves that are drawn, in two words. */
function markOf(model) {
  if (model.series.value && model.error.value) {
    return html`<button class="plain mark wrong" title=${`${model.error.value.message}; click to try again`}
      onClick=${() => model.retry()}>not current</button>`;
  }
  return model.stale.value && html`<span class="mark">new data</span>`;
}

/** What stands in the place of curves. */
function messageOf(model) {
  if (model.series.value === null && model.error.value) {
    return html`<div class="message" role="alert"><p>${model.error.value.message}</p>
      <button onClick=${() => model.retry()}>try again</button></div>`;
  }
  if (model.series.value === null) return model.waiting.value && html`<div class="skeleton"></div>`;
  if (model.series.value.length) return null;
  return html`<div class="message">${model.runs.value.length ? "no points in this range" : "no runs are shown"}</div>`;
}

function observeSight(element, report) {
  const observer = new IntersectionObserver((entries) => report(entries.at(-1).isIntersecting), { rootMargin: "150px" });
  observer.observe(element);
  return () => observer.disconnect();
}

/** Keep a Plot in step with the model; made anew when its axes change. */
function mountPlot(host, model) {
  let plot = null;
  const remake = effect(() => {
    const onZoom = (range) => zoomFrom(model.metric, range);
    const options = { axis: axisOf(model.metric), logY: logY.value, onZoom, onMove };
    untracked(() => {
      plot?.destroy();
      plot = new Plot(host, options);
      plot.show(linesOf(model), zoomOf(model.metric));
    });
  });
  const refill = effect(() => {
    const range = zoomOf(model.metric);
    if (model.series.value) untracked(() => plot.show(linesOf(model), range));
  });
  const restyle = effect(() => {
    themeVersion.value;
    model.store.hovered.value;
    if (model.inSight.value) untracked(() => plot.redraw(linesOf(model)));
  });
  const sizes = new ResizeObserver(() => {
    model.width = host.clientWidth;
    plot.resize();
  });
  sizes.observe(host);

  function onMove(x, pixelY, event) {
    const rows = x === null ? [] : rowsAt(linesOf(model), x);
    const nearest = nearestRow(rows, plot, pixelY);
    model.store.hovered.value = nearest;
    if (x === null || event.buttons) hideTooltip();
    else showTooltip(rows, nearest, axisOf(model.metric), event.clientX, event.clientY);
  }

  return () => {
    [remake, refill, restyle].forEach((stop) => stop());
    sizes.disconnect();
    hideTooltip();
    plot.destroy();
  };
}

function nearestRow(rows, plot, pixelY) {
  let best = null;
  let distance = 40;
  for (const row of rows) {
    const away = Math.abs(plot.pixelOfY(row.value) - pixelY);
    if (away < distance) [best, distance] = [row.run.id, away];
  }
  return best;
}

function linesOf(model) {
  const runs = new Map(model.runs.peek().map((run) => [run.id, run]));
  const hovered = model.store.hovered.peek();
  const focus = runs.has(hovered) ? hovered : null;
  const lines = (model.series.peek() ?? []).filter((series) => runs.has(series.run)).map((series) => {
    const run = runs.get(series.run);
    return { series, run, color: colorOf(run), faded: focus !== null && focus !== run.id, strong: focus === run.id };
  });
  return focus === null ? lines : [...lines.filter((line) => line.faded), ...lines.filter((line) => !line.faded)];
}

