// Variables of a prompt: the same rule as the server's (`src/domain/template`), which decides.

/**
 * @typedef {object} Part
 * @property {string} text As it stands.
 * @property {string} [variable] The name of the variable that the text stands for, as it was first spelt.
 * @property {string} [literal] What an escape is in the rendered text.
 */

/** The rule of everything that is saved now. Old versions have none stated. */
const CURRENT_SYNTAX = 2;

/** Maximum length of a name in characters, after its normalisation. */
const NAME_MAX = 64;
/** A letter of any script or `_`, then letters, digits, marks, `_`, `-`, and joiners between letters of
 * scripts without upper and lower case. At most 256 characters are read. */
const NAME =
  /[[\p{L}_]--\p{DI}](?:[[\p{L}\p{M}\p{Nd}_\-]--\p{DI}]|(?<=[[[\p{L}--[\p{Lowercase}\p{Uppercase}]]\p{M}\p{Nd}]--[\p{DI}\p{ASCII}]])[\u200c\u200d](?=[[[\p{L}--[\p{Lowercase}\p{Uppercase}]]\p{M}\p{Nd}]--[\p{DI}\p{ASCII}]])){0,255}/vy;
/** The names of the first rule. */
const FIRST_NAME = /[a-z][a-z0-9_]{0,31}/y;
/** White space that breaks no line. */
const BLANKS = /[[\p{White_Space}]--[\n\r\v\f\x85\u2028\u2029]]*/vy;
const OPENING = /\{+/y;

/**
 * What all spellings of a variable have in common: they differ only in case, in `-` and `_`, and in
 * joiners.
 *
 * @param {string} name
 */
export function foldName(name) {
  let folded = "";
  let base = "";
  for (const character of name.normalize("NFD").replaceAll(/[\u200c\u200d]/g, "")) {
    for (const c of character.toLowerCase().toUpperCase().toLowerCase()) {
      // The capital of Turkish `i` is `İ`, which is `i` with a dot above in lower case.
      if (c !== "\u0307" || base !== "i") folded += c === "-" ? "_" : c;
      if (!/\p{M}/u.test(c)) base = c;
    }
  }
  return folded.normalize("NFC");
}

/**
 * Splits a text at its variables. The parts in a row are the text.
 *
 * @param {string} text
 * @param {number} [syntax] Of the version: 1 or absent in its answer is the first rule.
 * @returns {Part[]}
 */
export function splitVariables(text, syntax = CURRENT_SYNTAX) {
  const readVariable = syntax < CURRENT_SYNTAX ? readFirst : readSecond;
  /** @type {Map<string, string>} */
  const spellings = new Map();
  /** @type {Part[]} */
  const parts = [];
  let end = 0;
  const push = (/** @type {Part} */ part) => {
    const last = parts.at(-1);
    const isPlain = (/** @type {Part | undefined} */ some) =>
      some && some.variable === undefined && some.literal === undefined;
    if (last && isPlain(part) && isPlain(last)) last.text += part.text;
    else if (part.text) parts.push(part);
    end += part.text.length;
  };
  for (;;) {
    const start = text.indexOf("{{", end);
    if (start < 0) break;
    if (start > end && text[start - 1] === "\\") {
      push({ text: text.slice(end, start - 1) });
      push({ text: "\\{{", literal: "{{" });
      continue;
    }
    push({ text: text.slice(end, start) });
    const { length, name } = readVariable(text, start);
    const piece = text.slice(start, start + length);
    if (name === undefined) {
      push({ text: piece });
      continue;
    }
    const folded = foldName(name);
    const first = spellings.get(folded) ?? name;
    spellings.set(folded, first);
    push({ text: piece, variable: first });
  }
  push({ text: text.slice(end) });
  return parts;
}

/** An escape, braces that are too many, or what may be a variable. */
const BRACES = /\\\{\{|\{{3,}|\{\{([^{}\n\r\v\f\x85\u2028\u2029]*)\}\}/g;

/**
 * Splits a text whose variables the server has listed. A name needs no grammar then, which is most of what
 * `splitVariables` takes in a bundle.
 *
 * @param {string} text
 * @param {string[]} names
 * @returns {Part[]}
 */
export function splitKnown(text, names) {
  const known = new Map(names.map((name) => [foldName(name), name]));
  /** @type {Part[]} */
  const parts = [];
  let end = 0;
  for (const { 0: piece, 1: inside = "", index } of text.matchAll(BRACES)) {
    const variable = known.get(foldName(inside.trim()));
    const literal = piece.startsWith("\\") ? "{{" : undefined;
    if (variable === undefined && literal === undefined) continue;
    parts.push({ text: text.slice(end, index) });
    parts.push({ text: piece, ...(literal ? { literal } : { variable }) });
    end = index + piece.length;
  }
  parts.push({ text: text.slice(end) });
  return parts.filter((part) => part.text);
}

/**
 * The names of a text's variables in order of appearance, each once.
 *
 * @param {string} text
 */
export function listVariables(text) {
  return [...new Set(splitVariables(text).flatMap(({ variable }) => variable ?? []))];
}

/**
 * Returns how each part is rendered: by its value, else its default, else as it stands.
 *
 * @param {Part[]} parts
 * @param {Map<string, string>} values By folded name.
 */
export function renderParts(parts, values) {
  return parts.map(({ text, variable, literal }) =>
    variable === undefined ? (literal ?? text) : (values.get(foldName(variable)) ?? text),
  );
}

/**
 * @typedef {{ length: number, name?: string }} Reading A name, or none: so many characters are text.
 */

/**
 * @param {string} text
 * @param {number} start Of two braces.
 * @returns {Reading}
 */
function readSecond(text, start) {
  // The braces that open decide alone: in `{"to": {{name}}}` the third one that closes is text.
  const braces = match(OPENING, text, start).length;
  if (braces > 2) return { length: braces };
  const from = start + 2 + match(BLANKS, text, start + 2).length;
  const written = match(NAME, text, from);
  const to = from + written.length;
  const close = to + match(BLANKS, text, to).length;
  const name = written.normalize("NFC");
  const isName = name && match(NAME, name, 0) === name && Array.from(name).length <= NAME_MAX;
  if (!isName || !text.startsWith("}}", close)) return { length: braces };
  return { length: close + 2 - start, name };
}

/**
 * @param {string} text
 * @param {number} start Of two braces.
 * @returns {Reading}
 */
function readFirst(text, start) {
  const name = match(FIRST_NAME, text, start + 2);
  const close = start + 2 + name.length;
  if (!name || !text.startsWith("}}", close)) return { length: 1 };
  return { length: close + 2 - start, name };
}

/**
 * @param {RegExp} pattern With the flag `y`.
 * @param {string} text
 * @param {number} at
 */
function match(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? "";
}
