// The difference of two texts, word by word. jsdiff's diffWordsWithSpace takes 2,354 bytes of brotli.

/** @typedef {{ text: string, sign: "" | "+" | "−" }} Change */

/** The largest table that is compared, in cells: it takes about 20 ms. */
const CELLS_MAX = 4_000_000;

/** The units that are compared: words, else lines, else all of it. */
const UNITS = [/\s+|[\p{L}\p{M}\p{N}_]+|[^]/gu, /[^\n]*\n|[^\n]+/g, /[^]+/g];

/**
 * Compares by the smallest unit at which the table is not too large.
 *
 * @param {string} before
 * @param {string} after
 * @returns {Change[]} In order. Those with "+" and those without a sign are the text after.
 */
export function compareTexts(before, after) {
  for (const unit of UNITS) {
    const [old, fresh] = [before.match(unit) ?? [], after.match(unit) ?? []];
    let start = 0;
    while (start < old.length && old[start] === fresh[start]) start++;
    let end = 0;
    const rest = Math.min(old.length, fresh.length) - start;
    while (end < rest && old.at(-1 - end) === fresh.at(-1 - end)) end++;
    const width = fresh.length - start - end + 1;
    if ((old.length - start - end + 1) * width > CELLS_MAX) continue;
    return [
      { text: old.slice(0, start).join(""), sign: "" },
      ...align(old.slice(start, old.length - end), fresh.slice(start, fresh.length - end)),
      { text: old.slice(old.length - end).join(""), sign: "" },
    ];
  }
  return [];
}

/**
 * Finds the longest common subsequence of two lists.
 *
 * @param {string[]} old
 * @param {string[]} fresh
 */
function align(old, fresh) {
  const width = fresh.length + 1;
  /** The length of the longest one from each pair of places on. */
  const lengths = new Uint16Array((old.length + 1) * width);
  const at = (/** @type {number} */ i, /** @type {number} */ j) => lengths[i * width + j] ?? 0;
  for (let i = old.length; i--;) {
    for (let j = fresh.length; j--;) {
      lengths[i * width + j] =
        old[i] === fresh[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  /** @type {Change[]} */
  const changes = [];
  /** What was removed and added since the last text that both have. */
  let [removed, added] = ["", ""];
  const push = (/** @type {string} */ text, /** @type {Change["sign"]} */ sign) => {
    const last = changes.at(-1);
    if (last?.sign === sign) last.text += text;
    else if (text) changes.push({ text, sign });
  };
  for (let i = 0, j = 0; i < old.length || j < fresh.length;) {
    const [was = "", is = ""] = [old[i], fresh[j]];
    if (was === is) {
      push(removed, "−");
      push(added, "+");
      push(was, "");
      [removed, added] = ["", ""];
      i++;
      j++;
    } else if (!is || (was && at(i + 1, j) >= at(i, j + 1))) {
      removed += was;
      i++;
    } else {
      added += is;
      j++;
    }
  }
  push(removed, "−");
  push(added, "+");
  return changes;
}
