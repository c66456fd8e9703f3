/** Numbers, times and names as people read them. Pure. */

/** A number with `digits` significant digits, without trailing noise. @param {any} value */
export function formatNumber(value, digits = 5) {
  const number = restore(value);
  if (typeof number !== "number") return String(number);
  if (Number.isNaN(number)) return "NaN";
  if (!Number.isFinite(number)) return number > 0 ? "inf" : "-inf";
  if (Number.isInteger(number) && Math.abs(number) < 1e9) return number.toLocaleString("en-US");
  const size = Math.abs(number);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return trimExponent(number.toExponential(digits - 1));
  return String(Number(number.toPrecision(digits)));
}

const trimExponent = (text) => text.replace(/\.?0+e/, "e").replace("e+", "e");

/** The wire's form of a non-finite number as a number; anything else as it is. */
export function restore(value) {
  if (value && typeof value === "object" && typeof value.$float === "string") {
    return { nan: NaN, inf: Infinity, "-inf": -Infinity }[value.$float];
  }
  return value;
}

/** A tick of an axis: SI when large, never more digits than needed. */
export function formatTick(value) {
  const size = Math.abs(value);
  if (size >= 1e9) return trimZeros(value / 1e9, 2) + "G";
  if (size >= 1e6) return trimZeros(value / 1e6, 2) + "M";
  if (size >= 1e4) return trimZeros(value / 1e3, 1) + "k";
  if (size !== 0 && size < 1e-3) return trimExponent(value.toExponential(1));
  return String(Number(value.toPrecision(6)));
}

const trimZeros = (value, digits) => String(Number(value.toFixed(digits)));

/** Seconds as a duration: 50ms, 8s, 3m 20s, 1h 20m, 2d 4h. */
export function formatDuration(seconds) {
  if (!Number.isFinite(seconds)) return "";
  const sign = seconds < 0 ? "-" : "";
  const s = Math.abs(seconds);
  if (s > 0 && s < 1) return `${sign}${Number((s * 1000).toPrecision(3))}ms`;
  if (s < 10) return `${sign}${Number(s.toFixed(1))}s`;
  const whole = Math.round(s);
  if (whole < 60) return `${sign}${whole}s`;
  const pair = (a, b, c, d) => `${sign}${a}${b}${c ? ` ${c}${d}` : ""}`;
  if (whole < 3600) return pair(Math.floor(whole / 60), "m", whole % 60, "s");
  if (whole < 86400) return pair(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "m");
  return pair(Math.floor(whole / 86400), "d", Math.floor((whole % 86400) / 3600), "h");
}

/** How long ago a Unix time is. @param {number} at @param {number} now */
export function formatAge(at, now = Date.now() / 1000) {
  const seconds = Math.max(0, now - at);
  if (seconds < 5) return "now";
  if (seconds < 60) return `${Math.floor(seconds)}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86400)}d`;
}

/** The same in a sentence: 3m ago. @param {number} at @param {number} now */
export function formatAgo(at, now = Date.now() / 1000) {
  const age = formatAge(at, now);
  return age === "now" ? "just now" : `${age} ago`;
}

/** A Unix time in the reader's own zone. */
export const formatTime = (at) => new Date(at * 1000).toLocaleString();

/** A long name with the middle left out. */
export function shorten(text, most = 40) {
  if (text.length <= most) return text;
  const half = Math.floor((most - 1) / 2);
  return `${text.slice(0, most - 1 - half)}…${text.slice(-half)}`;
}

/** A config or summary value as text. */
export function formatValue(value) {
  const plain = restore(value);
  if (typeof plain === "number") return formatNumber(plain);
  if (plain === null || plain === undefined) return "";
  if (typeof plain === "object") return JSON.stringify(plain, (_, part) => {
    const inner = restore(part);
    return typeof inner === "number" && !Number.isFinite(inner) ? formatNumber(inner) : inner;
  });
  return String(plain);
}

/** A number of bytes with a binary unit. @param {number} bytes */
export function formatBytes(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; bytes >= 1024 && unit < units.length - 1; unit++) bytes /= 1024;
  return `${Number(bytes.toPrecision(3))} ${units[unit]}`;
}

/** What a state is called on the page. */
export const stateWord = (state) => ({ lost: "lost contact" })[state] ?? state;
