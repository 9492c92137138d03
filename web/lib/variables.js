// Variables of a prompt while it is being written: the same rule as the server's, which decides.

/**
 * @typedef {object} Part
 * @property {string} text As it stands.
 * @property {string} [variable] The name of the variable that the text stands for, as it was first spelt.
 */

/** Maximum length of a name in characters. */
const NAME_MAX = 64;
/** A name is a letter of any script or `_`, then letters, digits, `_` and `-`. */
const NAME = /^[\p{Alphabetic}_][\p{Alphabetic}\p{M}\p{N}_-]*$/u;
/** Braces: runs of two or more opening ones, what stands between, and the closing ones. */
const BRACES = /(\\?)(\{{2,})([^{}\n]*)(\}{2,})/gu;

/**
 * Names that are one variable: they differ only in case or in `-` and `_`.
 *
 * @param {string} name
 */
export function foldName(name) {
  return name.normalize("NFC").toLowerCase().replaceAll("-", "_");
}

/**
 * Splits a text at its variables. The parts in a row are the text.
 *
 * @param {string} text
 * @returns {Part[]}
 */
export function splitVariables(text) {
  /** @type {Map<string, string>} */
  const spellings = new Map();
  /** @type {Part[]} */
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(BRACES)) {
    const [whole, escape, opening, inner, closing] = match;
    const name = (inner ?? "").trim().normalize("NFC");
    const isVariable =
      !escape &&
      opening === "{{" &&
      closing === "}}" &&
      NAME.test(name) &&
      Array.from(name).length <= NAME_MAX;
    if (!isVariable) continue;
    const folded = foldName(name);
    if (!spellings.has(folded)) spellings.set(folded, name);
    if (match.index > end) parts.push({ text: text.slice(end, match.index) });
    parts.push({ text: whole, variable: spellings.get(folded) ?? name });
    end = match.index + whole.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end) });
  return parts;
}

/**
 * The names of a text's variables in order of appearance, each once.
 *
 * @param {string} text
 */
export function listVariables(text) {
  return [...new Set(splitVariables(text).flatMap(({ variable }) => variable ?? []))];
}
