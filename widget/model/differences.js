// The difference of two texts, word by word. jsdiff's diffWordsWithSpace takes 2,235 bytes of brotli.

/** @typedef {{ text: string, sign: "" | "+" | "−" }} Change */

/** How far apart the next common word is looked for, in words of both texts together. Beyond, the rest counts as
 * replaced, so that texts without anything in common take milliseconds. */
const APART_MAX = 600;

/** Words, and the space between them. */
const WORDS = /\S+|\s+/g;

/**
 * Goes through both texts from common word to common word, always to the nearest one.
 *
 * @param {string} before
 * @param {string} after
 * @returns {Change[]} In order. Those with "+" and those without a sign are the text after.
 */
export function compareTexts(before, after) {
  const old = before.match(WORDS) ?? [];
  const fresh = after.match(WORDS) ?? [];
  /** @type {Change[]} */
  const changes = [];
  const push = (/** @type {string[]} */ words, /** @type {Change["sign"]} */ sign) => {
    if (words.length > 0) changes.push({ text: words.join(""), sign });
  };
  while (old.length + fresh.length > 0) {
    const [removed, added] = nearest(old, fresh);
    push(old.splice(0, removed), "−");
    push(fresh.splice(0, added), "+");
    let same = 0;
    while (same < old.length && old[same] === fresh[same]) same++;
    push(old.splice(0, same), "");
    fresh.splice(0, same);
  }
  return changes;
}

/**
 * Counts the words of each text before the nearest one that both have.
 *
 * @param {string[]} old
 * @param {string[]} fresh
 */
function nearest(old, fresh) {
  for (let apart = 0; apart < APART_MAX; apart++) {
    for (let removed = 0; removed <= apart; removed++) {
      const word = old[removed];
      // Space is everywhere: it says nothing about what belongs together.
      if (word?.trim() && word === fresh[apart - removed]) return [removed, apart - removed];
    }
  }
  return [old.length, fresh.length];
}
