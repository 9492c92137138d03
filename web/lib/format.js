// Numbers, sizes and times as people read them. The language of the pages is English.

const LANGUAGE = "en";

const numbers = new Intl.NumberFormat(LANGUAGE);
const fractions = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 1 });
const relative = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" });
const dates = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium" });
const moments = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeStyle: "short" });
const encoder = new TextEncoder();

/** @type {[Intl.RelativeTimeFormatUnit, number][]} Units with their length in seconds. */
const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** After so many days a time is shown as its date. */
const DAYS_AGO_MAX = 30;

/** @param {number} value */
export function formatNumber(value) {
  return numbers.format(value);
}

/**
 * Counts things: "1 prompt", "12 prompts".
 *
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export function formatCount(count, one, many = `${one}s`) {
  return `${numbers.format(count)} ${count === 1 ? one : many}`;
}

/**
 * A size: "340 bytes", "12.3 KB", "1.2 MB", with 1,024 bytes in a KB.
 *
 * @param {number} bytes
 */
export function formatBytes(bytes) {
  if (bytes < 1024) return formatCount(bytes, "byte");
  const kilobytes = bytes / 1024;
  if (kilobytes < 1024) return `${fractions.format(kilobytes)} KB`;
  return `${fractions.format(kilobytes / 1024)} MB`;
}

/**
 * Returns the size of a text in bytes of UTF-8.
 *
 * @param {string} text
 */
export function countBytes(text) {
  return encoder.encode(text).length;
}

/**
 * How long ago or how far ahead: "just now", "2 minutes ago", "in 5 days", or the date when it is over a month.
 *
 * @param {string} time RFC 3339
 * @param {number} [now] Milliseconds since 1970
 */
export function formatAge(time, now = Date.now()) {
  const seconds = (Date.parse(time) - now) / 1000;
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) < length) continue;
    const count = Math.round(seconds / length);
    if (unit === "day" && Math.abs(count) > DAYS_AGO_MAX) return formatDate(time);
    return relative.format(count, unit);
  }
  return seconds > 0 ? "in a moment" : "just now";
}

/**
 * A message of the server as a sentence, with a capital letter and a full stop.
 *
 * @param {string} text
 */
export function formatSentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

/** @param {string} time RFC 3339 */
function formatDate(time) {
  return dates.format(new Date(time));
}

/** @param {string} time RFC 3339 */
export function formatMoment(time) {
  return moments.format(new Date(time));
}
