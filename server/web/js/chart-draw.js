/**
 * Draws series onto a chart's canvas: line, faint raw line under a smoothed one, envelope, marks.
 * Every series has an x of its own, so nothing is joined or padded.
 */

const LINE = 1.5;
const MARK = 5;

/**
 * @typedef {{run: string, key: string, n: number, sampled: boolean, x: number[], last: (number|null)[],
 *   min: (number|null)[], max: (number|null)[], count: number[], smooth: (number|null)[]|null,
 *   nonfinite: [number, string][]}} Series
 */

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{left: number, top: number, width: number, height: number, ratio: number}} box in canvas pixels
 * @param {(x: number) => number} toX @param {(y: number) => number} toY data to canvas pixels
 * @param {{series: Series, color: string, faded: boolean, strong: boolean}[]} lines
 */
export function drawLines(context, box, toX, toY, lines) {
  context.save();
  context.beginPath();
  context.rect(box.left, box.top, box.width, box.height);
  context.clip();
  context.lineJoin = "round";
  for (const line of lines) drawSeries(context, box, toX, toY, line);
  context.restore();
}

function drawSeries(context, box, toX, toY, { series, color, faded, strong }) {
  const strength = faded ? 0.25 : 1;
  context.strokeStyle = color;
  context.fillStyle = color;
  if (series.count.some((count) => count > 1)) {
    context.globalAlpha = 0.12 * strength;
    fillEnvelope(context, toX, toY, series);
  }
  context.lineWidth = LINE * box.ratio;
  if (series.smooth) {
    context.globalAlpha = 0.2 * strength;
    strokeLine(context, toX, toY, series.x, series.last, box.ratio);
  }
  context.globalAlpha = strength;
  context.lineWidth = (strong ? 1.5 * LINE : LINE) * box.ratio;
  strokeLine(context, toX, toY, series.x, series.smooth ?? series.last, box.ratio);
  drawMarks(context, box, toX, series.nonfinite);
  context.globalAlpha = 1;
}

function strokeLine(context, toX, toY, xs, ys, ratio) {
  context.beginPath();
  let points = 0;
  let [x, y] = [0, 0];
  for (let i = 0; i < xs.length; i++) {
    if (ys[i] === null) continue;
    const height = toY(ys[i]);
    // On a logarithmic axis zero and less have no place.
    if (!Number.isFinite(height)) continue;
    x = toX(xs[i]);
    y = height;
    if (points++) context.lineTo(x, y);
    else context.moveTo(x, y);
  }
  if (points > 1) context.stroke();
  else if (points === 1) {
    context.arc(x, y, 2.5 * ratio, 0, 2 * Math.PI);
    context.fill();
  }
}

function fillEnvelope(context, toX, toY, { x, min, max }) {
  context.beginPath();
  const whole = x.map((_, i) => i).filter((i) => min[i] !== null && max[i] !== null && isFinite(toY(min[i])));
  if (!whole.length) return;
  whole.forEach((i, n) => (n ? context.lineTo(toX(x[i]), toY(max[i])) : context.moveTo(toX(x[i]), toY(max[i]))));
  for (const i of whole.reverse()) context.lineTo(toX(x[i]), toY(min[i]));
  context.closePath();
  context.fill();
}

/** NaN: hollow triangle on the x axis. Infinity: filled triangle at the edge it left by. */
function drawMarks(context, box, toX, nonfinite) {
  const size = MARK * box.ratio;
  context.lineWidth = box.ratio;
  for (const [x, kind] of nonfinite) {
    const up = kind !== "-inf";
    const base = kind === "inf" ? box.top + 2 * size : box.top + box.height;
    const tip = up ? base - 2 * size : base;
    const foot = up ? base : base - 2 * size;
    const at = toX(x);
    context.beginPath();
    context.moveTo(at - size, foot);
    context.lineTo(at + size, foot);
    context.lineTo(at, tip);
    context.closePath();
    if (kind === "nan") context.stroke();
    else context.fill();
  }
}

/** The extent of what is drawn: [xMin, xMax, yMin, yMax], nulls when there is nothing. */
export function extentOf(list, range, logY) {
  let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const series of list) {
    const { x, min, max, nonfinite } = series;
    for (const [at] of nonfinite) [x0, x1] = [Math.min(x0, at), Math.max(x1, at)];
    for (let i = 0; i < x.length; i++) {
      x0 = Math.min(x0, x[i]);
      x1 = Math.max(x1, x[i]);
      if (range && (x[i] < range[0] || x[i] > range[1])) continue;
      if (min[i] !== null && (!logY || min[i] > 0)) y0 = Math.min(y0, min[i]);
      if (max[i] !== null && (!logY || max[i] > 0)) y1 = Math.max(y1, max[i]);
    }
  }
  return [x0, x1, y0, y1].map((value) => (Number.isFinite(value) ? value : null));
}

/** Index of the value of `xs` (ascending) that is nearest to `x`; -1 without values. */
export function nearestIndex(xs, x) {
  if (!xs.length) return -1;
  let [low, high] = [0, xs.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= x) low = middle;
    else high = middle;
  }
  return x - xs[low] <= xs[high] - x ? low : high;
}
