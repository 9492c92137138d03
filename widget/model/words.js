// Texts of the cards that depend on numbers, or on what strangers wrote.

/** @import { Candidate } from "./queue.js" */

/** @type {Intl.LocalesArgument} The language of the chat. */
let locale;

/**
 * Sets the language of numbers and dates; one that is malformed changes nothing.
 *
 * @param {string | undefined} tag
 */
export function setLocale(tag) {
  try {
    [locale] = Intl.getCanonicalLocales(tag);
  } catch {
    // The language before is as good as any.
  }
  return String(locale ?? "en");
}

/** @param {number} value */
export const formatNumber = (value) => value.toLocaleString(locale);

/**
 * @param {number} count
 * @param {string} one
 */
export function formatCount(count, one) {
  return `${formatNumber(count)} ${count === 1 ? one : `${one}s`}`;
}

/** @param {string} time RFC 3339 */
export function formatDate(time) {
  return new Date(time).toLocaleDateString(locale, { day: "numeric", month: "short" });
}

/** Characters that reorder the text around them, or that no font shows. */
// eslint-disable-next-line no-control-regex -- They are what this is about.
const HIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]/g;

/**
 * Returns a text as it is shown: a character that would change or hide others stands as its number.
 *
 * @param {string} text
 */
export function showHidden(text) {
  return text.replace(HIDDEN, (character) => {
    const number = character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
    return `[U+${number}]`;
  });
}

/** @param {string} text */
export function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]\s*$/.test(text) ? "" : "."}`;
}

/** @param {Candidate} candidate */
export function listNotes({ redactions = [], problems = [] }) {
  const replaced = redactions.map(
    ({ kind, count }) => `${formatNumber(count)} ${kind.replaceAll("_", " ")} replaced.`,
  );
  return [...replaced, ...problems.map(sentence)].map(showHidden);
}
