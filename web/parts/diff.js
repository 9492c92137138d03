// The difference of two texts: line by line, and word by word where lines were changed.

import { fill, h } from "../lib/h.js";
import { formatCount } from "../lib/format.js";

/**
 * @typedef {object} Piece
 * @property {string} text
 * @property {boolean} [isChanged]
 */
/**
 * @typedef {object} Block Lines that are the same, or those before a change and those after it.
 * @property {boolean} isSame
 * @property {Piece[]} before
 * @property {Piece[]} after
 */

/** The longest time for one comparison, in milliseconds. After it, changed lines stay whole. */
const COMPARE_MS = 400;
/** Lines that stay shown beside a change. */
const CONTEXT_LINES = 3;

/** The library is loaded with the first comparison. */
const load = () => import("../lib/differences.js");

/**
 * Compares two texts, in a bounded time.
 *
 * @param {string} before
 * @param {string} after
 * @returns {Promise<Block[]>}
 */
async function compareTexts(before, after) {
  const { diffLines, diffWordsWithSpace } = await load();
  const end = performance.now() + COMPARE_MS;
  const changes = diffLines(before, after, { timeout: COMPARE_MS / 2 });
  if (!changes) return [wholeBlock(before, after)];
  /** @type {Block[]} */
  const blocks = [];
  for (const [index, { added, removed, value }] of changes.entries()) {
    const former = changes[index - 1];
    if (!added && !removed) {
      blocks.push({ isSame: true, before: [{ text: value }], after: [{ text: value }] });
    } else if (added && former?.removed) {
      const left = end - performance.now();
      const words =
        left > 0 ? diffWordsWithSpace(former.value, value, { timeout: left }) : undefined;
      const pieces = words?.map((word) => ({
        ...word,
        text: word.value,
        isChanged: word.added || word.removed,
      }));
      blocks[blocks.length - 1] = pieces
        ? {
            isSame: false,
            before: pieces.filter((piece) => !piece.added),
            after: pieces.filter((piece) => !piece.removed),
          }
        : wholeBlock(former.value, value);
    } else {
      blocks.push(removed ? wholeBlock(value, "") : wholeBlock("", value));
    }
  }
  return blocks;
}

/**
 * @param {string} before
 * @param {string} after
 * @returns {Block}
 */
function wholeBlock(before, after) {
  const whole = (/** @type {string} */ text) => (text ? [{ text, isChanged: true }] : []);
  return { isSame: false, before: whole(before), after: whole(after) };
}

/**
 * Shows the difference of two texts: `<del>` and `<ins>`, with signs. Where there is room, a
 * `diff-wide` shows the two side by side.
 *
 * @param {string} before
 * @param {string} after
 * @param {string} label What is compared.
 */
export function diffView(before, after, label) {
  const box = h("div", { class: "diff", role: "group", "aria-label": label, dir: "auto" });
  if (before === after) {
    fill(box, h("p", { class: "muted diff-none" }, "The texts are the same."));
    return box;
  }
  box.setAttribute("aria-busy", "true");
  const show = (/** @type {Block[]} */ blocks) => {
    fill(
      box,
      blocks.map((block, index) => blockRow(block, index, blocks.length)),
    );
    box.removeAttribute("aria-busy");
  };
  // Without the library, which did not load, all of it is a change.
  compareTexts(before, after).then(show, () => show([wholeBlock(before, after)]));
  return box;
}

/**
 * @param {Block} block
 * @param {number} index
 * @param {number} count
 */
function blockRow({ isSame, before, after }, index, count) {
  if (isSame) return sameRow(before[0]?.text ?? "", index === 0, index === count - 1);
  return h(
    "div",
    { class: "diff-row" },
    cell(
      "old",
      "−",
      before.map((piece) => mark("del", piece)),
    ),
    cell(
      "new",
      "+",
      after.map((piece) => mark("ins", piece)),
    ),
  );
}

/**
 * Lines that are the same. Long stretches show what is beside the changes, and the rest on demand.
 *
 * @param {string} text
 * @param {boolean} isFirst
 * @param {boolean} isLast
 */
function sameRow(text, isFirst, isLast) {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const top = isFirst ? 0 : CONTEXT_LINES;
  const bottom = isLast ? 0 : CONTEXT_LINES;
  const hidden = lines.length - top - bottom;
  const row = h("div", { class: "diff-row diff-same" });
  const show = (/** @type {(Node | string)[]} */ ...children) =>
    fill(row, cell("same", "", children));
  // A button for one or two lines would take as much room as they do.
  if (hidden <= 2) {
    show(text);
    return row;
  }
  const more = h(
    "button",
    { type: "button", class: "diff-more" },
    `Show ${formatCount(hidden, "line")} without changes`,
  );
  more.addEventListener("click", () => show(text));
  show(lines.slice(0, top).join(""), more, bottom ? lines.slice(-bottom).join("") : "");
  return row;
}

/**
 * @param {"old" | "new" | "same"} kind
 * @param {string} sign
 * @param {(Node | string)[]} children
 */
function cell(kind, sign, children) {
  const isEmpty = children.length === 0;
  return h(
    "div",
    { class: `diff-cell diff-${kind}`, "data-empty": isEmpty },
    h("span", { class: "diff-sign" }, isEmpty ? "" : sign),
    h("div", { class: "diff-text" }, children),
  );
}

/**
 * @param {"ins" | "del"} tag
 * @param {Piece} piece
 */
function mark(tag, { text, isChanged }) {
  return isChanged ? h(tag, {}, text) : text;
}

/**
 * Shows the difference of two short texts in one line.
 *
 * @param {string} before
 * @param {string} after
 */
export function diffLine(before, after) {
  const whole = [before && h("del", {}, before), " ", after && h("ins", {}, after)];
  const line = h("span", { class: "diff-line", dir: "auto" }, whole);
  if (!before || !after) return line;
  const show = (/** @type {typeof import("../lib/differences.js")} */ { diffWordsWithSpace }) => {
    const words = diffWordsWithSpace(before, after, { timeout: COMPARE_MS });
    if (!words) return;
    const nodes = words.map(({ value, added, removed }) =>
      added || removed ? h(added ? "ins" : "del", {}, value) : value,
    );
    fill(line, nodes);
  };
  // Without the library, the two stay whole.
  load().then(show, () => undefined);
  return line;
}
