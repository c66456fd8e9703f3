/** One uPlot with our own drawing: axes, zoom and cursor are its part, the lines are chart-draw's. */
import uPlot from "../vendor/uplot/uPlot.esm.js";
import { logTicks, xTicks } from "./axis.js";
import { drawLines, extentOf } from "./chart-draw.js";
import { formatTick } from "./format.js";
import { token } from "./theme.js";

const Y_AXIS_WIDTH = 46;
/** What is left free above and below the curves, of their height. */
const MARGIN = 0.06;
const EMPTY = [[0, 1], [null, null]];

export class Plot {
  /**
   * @param {HTMLElement} host
   * @param {{axis: string, logY: boolean, onZoom: (range: number[]|null) => void,
   *   onMove: (x: number|null, pixelY: number, event: MouseEvent) => void}} options
   */
  constructor(host, options) {
    this.options = options;
    this.lines = [];
    this.range = null;
    this.yZoom = null;
    this.host = host;
    this.uplot = new uPlot(this.#settings(host), EMPTY, host);
    this.#listen(host);
  }

  /** @param {object[]} lines as drawLines takes them @param {number[]|null} range what of the x axis to show */
  show(lines, range) {
    this.lines = lines;
    this.range = range;
    this.#fit();
  }

  /** Draw again with other strengths or colours, without new data. */
  redraw(lines = this.lines) {
    this.lines = lines;
    this.uplot.redraw(false);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (width && height && (width !== this.uplot.width || height !== this.uplot.height)) this.uplot.setSize({ width, height });
  }

  destroy() {
    this.uplot.destroy();
  }

  /** The value of y at a place of the plot, in canvas-independent pixels. */
  pixelOfY(value) {
    return this.uplot.valToPos(value, "y");
  }

  #fit() {
    const [x0, x1, y0, y1] = extentOf(this.lines.map((line) => line.series), this.range, this.options.logY);
    this.x = this.range ?? widen(x0 ?? 0, x1 ?? 1, 0);
    this.y = this.yZoom ?? (this.options.logY ? widenLog(y0 ?? 1, y1 ?? 10) : widen(y0 ?? 0, y1 ?? 1, MARGIN));
    this.uplot.setData([this.x, [null, null]]);
  }

  #settings(host) {
    const { axis, logY } = this.options;
    const ink = { stroke: () => token("soft"), font: "12px system-ui, sans-serif", ticks: { show: false } };
    const grid = { stroke: () => token("line"), width: 1 };
    const yTicks = logY ? { splits: (_, __, low, high) => logTicks(low, high), filter: (_, ticks) => ticks } : {};
    return {
      width: Math.max(host.clientWidth, 50),
      height: Math.max(host.clientHeight, 50),
      legend: { show: false },
      padding: [8, 16, 0, 0],
      scales: {
        x: { time: axis === "time", range: () => this.x ?? [0, 1] },
        y: { distr: logY ? 3 : 1, range: () => this.y ?? [logY ? 1 : 0, logY ? 10 : 1] },
      },
      axes: [
        { ...ink, ...xTicks(axis), grid: { show: false }, size: 24, gap: 4, space: 64 },
        {
          ...ink, ...yTicks, grid, size: Y_AXIS_WIDTH, gap: 4, space: 44,
          values: (_, ticks) => ticks.map((tick) => (tick === null ? null : formatTick(tick))),
        },
      ],
      series: [{}, { show: true }],
      cursor: {
        points: { show: false },
        sync: { key: "trialog", scales: ["x", null], setSeries: false },
        drag: { x: true, y: false, setScale: false, dist: 4 },
        bind: { dblclick: () => () => this.#reset() },
      },
      hooks: {
        draw: [(plot) => this.#draw(plot)],
        setSelect: [(plot) => this.#select(plot)],
      },
    };
  }

  #draw(plot) {
    const { left, top, width, height } = plot.bbox;
    const box = { left, top, width, height, ratio: devicePixelRatio };
    const { x, y } = plot.scales;
    const toX = placer([x.min, x.max], [left, left + width]);
    const toY = placer([y.min, y.max], [top + height, top], this.options.logY);
    drawLines(plot.ctx, box, toX, toY, this.lines);
  }

  #select(plot) {
    const { left, top, width, height } = plot.select;
    if (plot.cursor.drag.y && height > 4) {
      this.yZoom = [plot.posToVal(top + height, "y"), plot.posToVal(top, "y")];
      this.#fit();
    } else if (width > 4) {
      this.options.onZoom([plot.posToVal(left, "x"), plot.posToVal(left + width, "x")]);
    }
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  }

  #reset() {
    this.yZoom = null;
    this.options.onZoom(null);
    this.#fit();
  }

  #listen(host) {
    const { over } = this.uplot;
    // Before uPlot sees it: shift makes the drag one along y.
    host.addEventListener("mousedown", (event) => {
      this.uplot.cursor.drag.x = !event.shiftKey;
      this.uplot.cursor.drag.y = event.shiftKey;
    }, true);
    over.addEventListener("mousemove", (event) => {
      const box = over.getBoundingClientRect();
      this.options.onMove(this.uplot.posToVal(event.clientX - box.left, "x"), event.clientY - box.top, event);
    });
    over.addEventListener("mouseleave", (event) => this.options.onMove(null, 0, event));
  }
}

/** From data to canvas pixels. Called for every point of every line, so it is made once for a drawing. */
function placer([low, high], [from, to], log = false) {
  if (log) {
    const linear = placer([Math.log10(low), Math.log10(high)], [from, to]);
    return (value) => linear(Math.log10(value));
  }
  const scale = (to - from) / (high - low);
  return (value) => from + (value - low) * scale;
}

/** The same on a logarithmic axis, in decades. */
export function widenLog(low, high) {
  if (low === high) return [low / 2, high * 2];
  return widen(Math.log10(low), Math.log10(high), MARGIN).map((power) => 10 ** power);
}

function widen(low, high, share) {
  if (low === high) return [low - Math.max(Math.abs(low) * 0.1, 0.5), high + Math.max(Math.abs(high) * 0.1, 0.5)];
  const by = (high - low) * share;
  return [low - by, high + by];
}
