// Texts that depend on numbers, or on what strangers wrote.

/** The language of the chat. @type {string | undefined} */
let locale;

/**
 * Sets the language of numbers; a malformed one changes nothing.
 *
 * @param {string} tag
 */
export function setLocale(tag) {
  try {
    [locale] = Intl.getCanonicalLocales(tag);
  } catch {
    // The language before is as good as any.
  }
  return locale ?? "en";
}

/** @param {number} value */
export const formatNumber = (value) => value.toLocaleString(locale);

/**
 * @param {number} count
 * @param {string} one
 */
export const formatCount = (count, one) => `${formatNumber(count)} ${one}${count === 1 ? "" : "s"}`;

/** Characters that reorder the text around them, or that no font shows. */
const HIDDEN = /[\p{Cc}\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/**
 * Returns a text as it is shown: a character that would change or hide others stands as its number.
 *
 * @param {string} text
 */
export const showHidden = (text) =>
  text.replace(HIDDEN, (character) =>
    /[\t\n]/.test(character) ? character : `[U+${character.charCodeAt(0).toString(16)}]`,
  );

/** @param {string} text */
export const sentence = (text) =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]\s*$/.test(text) ? "" : "."}`;
