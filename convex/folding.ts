/**
 * Words and trigrams of titles, as `domain/words.rs` and `domain/trigrams.rs` split them. The server
 * splits all other texts.
 */

/** What decorates a word or hides in it: `is_folded_away` of `domain/words.rs`. */
const FOLDED =
  /[\u{300}-\u{36f}\u{ad}\u{61c}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{180b}-\u{180f}\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2060}-\u{206f}\u{3164}\u{fe00}-\u{fe0f}\u{feff}\u{ffa0}\u{fff0}-\u{fff8}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}\u{591}-\u{5bd}\u{5bf}\u{5c1}\u{5c2}\u{5c4}\u{5c5}\u{5c7}\u{610}-\u{61a}\u{640}\u{64b}-\u{652}\u{656}-\u{65f}\u{670}\u{6d6}-\u{6dc}\u{6df}-\u{6e4}\u{6e7}\u{6e8}\u{6ea}-\u{6ed}\u{8d3}-\u{8e1}\u{8e3}-\u{8ff}\u{711}\u{730}-\u{74a}]/gu;
/** Characters of scripts that are written without spaces: each is a word, with the marks after it. */
const UNSPACED =
  /[\u{e00}-\u{eff}\u{1000}-\u{109f}\u{1780}-\u{17ff}\u{3040}-\u{30ff}\u{3400}-\u{4dbf}\u{4e00}-\u{9fff}\u{f900}-\u{faff}\u{20000}-\u{3ffff}]/u;
const RUN = /[\p{Alphabetic}\p{N}\p{M}]+/gu;
const WORD = new RegExp(
  `${UNSPACED.source}\\p{M}*|(?:(?!${UNSPACED.source})[\\p{Alphabetic}\\p{N}\\p{M}])+`,
  "gu",
);

/** Marks the trigrams among the terms of an index, where words stand beside them. */
const TRIGRAM_MARK = "3";
/** Stands for the start and the end of a word, where a space would split the term. */
const WORD_EDGE = "0";

/** Splits a text into folded words, with repetitions. */
export function splitWords(text: string): string[] {
  const folded = text.normalize("NFKD").replace(FOLDED, "").normalize("NFC").toLowerCase();
  const runs = folded.match(RUN) ?? [];
  return runs.flatMap((run) => run.replace(/^\p{M}+/u, "").match(WORD) ?? []);
}

/** Whether a text has characters that a word is indexed without. */
export function hasFolded(text: string): boolean {
  return text.normalize("NFKD").search(FOLDED) >= 0;
}

/** The distinct trigrams of single words, as terms of an index. */
export function trigramTerms(words: string[]): string[] {
  const terms = words.flatMap((word) => {
    const characters = [WORD_EDGE, ...Array.from(word), WORD_EDGE];
    return characters.slice(2).map((last, index) => {
      const [first = "", middle = ""] = characters.slice(index, index + 2);
      return TRIGRAM_MARK + first + middle + last;
    });
  });
  return [...new Set(terms)];
}

/** Counts the distinct trigrams of words between spaces. */
export function countTrigrams(words: string[]): number {
  let text = " ";
  for (const word of words) {
    const joins =
      UNSPACED.test(Array.from(text).at(-1) ?? "") && UNSPACED.test(Array.from(word)[0] ?? "");
    text += text === " " || joins ? word : ` ${word}`;
  }
  const characters = [...Array.from(text), " "];
  return new Set(characters.slice(2).map((_, at) => characters.slice(at, at + 3).join(""))).size;
}
