// Names and tags as the server makes them of any text.

/** Letters without marks, digits, and the signs that only part words. */
const READABLE = /^[\p{ASCII}\p{M}\u00a0–—‘’“”…«»•·]*$/u;

/**
 * Returns the slug of a text, or an empty text if it has none. Where letters have to be written in
 * another alphabet, which the server does, it is `undefined`.
 *
 * @param {string} text
 * @param {number} max Maximum length; what is longer is cut.
 * @returns {string | undefined}
 */
export function readSlug(text, max) {
  const plain = text.normalize("NFD");
  if (!READABLE.test(plain)) return undefined;
  if (/^[a-z0-9][a-z0-9-]*$/.test(text) && text.length <= max) return text;
  const words =
    plain
      .replace(/\p{M}/gu, "")
      .toLowerCase()
      .match(/[a-z0-9]+/g) ?? [];
  return words.join("-").slice(0, max).replace(/-+$/, "");
}
