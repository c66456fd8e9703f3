/** One metric of the shown runs as a chart that fetches its own data while it is in sight. */
import { effect, html, signal, untracked, useEffect, useMemo, useRef } from "../dom.js";
import { fetchSeries } from "../api.js";
import { axisOf, logY, smoothing, zoomFrom, zoomOf } from "../chart-view.js";
import { shorten } from "../format.js";
import { colorOf } from "../palette.js";
import { Plot } from "../plot.js";
import { themeVersion } from "../theme.js";
import { hideTooltip, rowsAt, showTooltip } from "../tooltip.js";

const DEBOUNCE_MS = 80;
const REFRESH_MS = 1500;
const SKELETON_MS = 300;
const MOST_BUCKETS = 1500;

/** What one chart knows: the series, whether it is busy, what went wrong. */
class ChartModel {
  constructor(store, metric, runs) {
    this.store = store;
    this.metric = metric;
    this.runs = runs;
    this.inSight = signal(false);
    this.series = signal(null);
    this.error = signal(null);
    this.waiting = signal(false);
    this.stale = signal(false);
    this.width = 400;
    this.abort = null;
    this.fetchedAt = 0;
    this.timer = null;
  }

  /** Follow everything the data depends on; returns what stops that. */
  watch() {
    let seen = this.store.ticks.peek();
    const stops = [
      effect(() => {
        const wanted = this.inSight.value && { runs: this.runs.value, x: axisOf(this.metric), smooth: smoothing.value, zoom: zoomOf(this.metric) };
        if (wanted) untracked(() => this.#schedule(this.series.peek() ? DEBOUNCE_MS : 0));
      }),
      effect(() => {
        const tick = this.store.ticks.value;
        if (!this.inSight.value || tick === seen) return;
        const touched = untracked(() => this.runs.value.some((run) => (this.store.touched.get(run.id) ?? 0) > seen));
        seen = tick;
        if (!touched) return;
        if (untracked(() => zoomOf(this.metric))) this.stale.value = true;
        else untracked(() => this.#schedule(Math.max(DEBOUNCE_MS, this.fetchedAt + REFRESH_MS - Date.now()), true));
      }),
    ];
    return () => {
      stops.forEach((stop) => stop());
      clearTimeout(this.timer);
      this.abort?.abort();
    };
  }

  #schedule(delay, refresh = false) {
    // A refresh that is due anyway is not put off by the next tick.
    if (refresh && this.timer !== null) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.#fetch();
    }, delay);
  }

  async #fetch() {
    const runs = this.runs.peek();
    this.abort?.abort();
    this.query = untracked(() => ({ x: axisOf(this.metric), range: zoomOf(this.metric), weight: smoothing.value }));
    if (!runs.length) {
      this.series.value = [];
      return;
    }
    const abort = (this.abort = new AbortController());
    const busy = setTimeout(() => (this.waiting.value = true), SKELETON_MS);
    this.fetchedAt = Date.now();
    const query = {
      runs: runs.map((run) => run.id),
      keys: [this.metric],
      x: this.query.x,
      range: this.query.range,
      buckets: Math.min(MOST_BUCKETS, Math.max(200, Math.round(this.width))),
      smooth: this.query.weight ? { kind: "ema", weight: this.query.weight } : null,
    };
    try {
      const { series } = await fetchSeries(this.store.entity, this.store.project, query, abort.signal);
      this.series.value = series.filter((one) => one.n > 0);
      this.error.value = null;
      this.stale.value = false;
    } catch (error) {
      if (error.name !== "AbortError") this.error.value = error;
    } finally {
      clearTimeout(busy);
      if (this.abort === abort) this.waiting.value = false;
    }
  }
}

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
        ${model.stale.value && html`<span class="mark">new data</span>`}
      </header>
      <div class="plot">
        <div ref=${host} class="plot-host"></div>
        ${messageOf(model)}
      </div>
    </section>`;
}

function messageOf(model) {
  if (model.error.value) return html`<div class="message"><p>${model.error.value.message}</p></div>`;
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
    untracked(() => plot.redraw(linesOf(model)));
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

