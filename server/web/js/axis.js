/** The ticks of the axes: at which distances they may stand, and their words. Pure. */
import { formatDuration, formatTick } from "./format.js";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** 1, 2, 5, 10, ... from 10^from below 10^to. */
function decades(from, to) {
  const found = [];
  for (let power = from; power < to; power++) for (const first of [1, 2, 5]) found.push(Number(`${first}e${power}`));
  return found;
}

const STEPS = decades(0, 15);
const SECONDS = [
  ...decades(-4, 0), 1, 2, 5, 10, 15, 30,
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR),
  ...decades(0, 5).map((days) => days * DAY),
];

/**
 * What uPlot needs to place and name the ticks of an x axis.
 * @param {string} axis "step", "relative" or "time"
 */
export function xTicks(axis) {
  if (axis === "step") return { incrs: STEPS, values: (_, ticks) => ticks.map(formatTick) };
  if (axis === "relative") return { incrs: SECONDS, values: (_, ticks) => ticks.map(formatDuration) };
  return { values: (_, ticks, __, ___, distance) => ticks.map((tick) => formatClock(tick, distance)) };
}

const MOST_Y = 5;

/**
 * Where the ticks of a logarithmic axis stand: at 1, 2 and 5, at powers of ten when those are too many, and at even
 * distances within less than a decade.
 * @param {number} low above zero @param {number} high
 */
export function logTicks(low, high) {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const inside = decades(first, last + 1).filter((tick) => tick >= low && tick <= high);
  if (inside.length < 2) return evenTicks(low, high);
  if (inside.length <= MOST_Y) return inside;
  const powers = inside.filter((tick) => Number.isInteger(Math.round(Math.log10(tick) * 1e6) / 1e6));
  const every = Math.ceil(powers.length / MOST_Y);
  return powers.filter((_, index) => index % every === 0);
}

function evenTicks(low, high) {
  const power = Math.floor(Math.log10(high - low));
  const distance = decades(power - 1, power + 1).find((one) => (high - low) / one <= MOST_Y);
  const found = [];
  for (let n = Math.ceil(low / distance); n * distance <= high; n++) found.push(Number((n * distance).toPrecision(12)));
  return found;
}

/**
 * A time as the clock shows it; the day where a day begins or the ticks are days apart.
 * @param {number} at Unix seconds @param {number} distance seconds between two ticks
 */
export function formatClock(at, distance) {
  const time = new Date(at * 1000);
  const two = (number) => String(number).padStart(2, "0");
  const midnight = time.getHours() === 0 && time.getMinutes() === 0 && time.getSeconds() === 0;
  if (distance >= DAY || (midnight && distance >= MINUTE)) return `${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}`;
  if (distance >= MINUTE) return clock;
  const seconds = `${clock}:${two(time.getSeconds())}`;
  return distance >= 1 ? seconds : `${seconds}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}
