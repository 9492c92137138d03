// The difference between a candidate and what it resembles.

import { compareTexts } from "../model/differences.js";
import { closest, fieldsOf } from "../model/queue.js";
import { findWaiting, readPrompt } from "../model/save.js";
import { showHidden } from "../model/words.js";
import { box, clamped, isolated } from "../parts/elements.js";

/** @import { Change } from "../model/differences.js" */
/** @import { Entry } from "../model/queue.js" */

/** What is left out of a long text without a change: all but the ends of its first and of its last line. */
const MIDDLE = /^(.{0,40})[^]{60,}(?=(?:\n.{0,40}|.{40})$)/;

/** @param {Entry} entry Its text is whole. */
export async function comparison(entry) {
  const { name, version, text } = entry.conflict ?? (await readOther(entry));
  const after = fieldsOf(entry).content;
  const of = version ? `, version ${version}` : "";
  return box(
    "div",
    box("p.soft", "Changes from ", isolated(name), of),
    text === after
      ? box("p", "No change: the text is the same.")
      : clamped(box("pre", compareTexts(text, after).map(mark))),
  );
}

/**
 * @param {Entry} entry
 * @returns {Promise<{ name: string, version?: number, text: string }>}
 */
async function readOther(entry) {
  const { id, candidate_id, title = "" } = closest(entry) ?? {};
  if (id) return readPrompt({ id });
  const other = candidate_id ?? "";
  const found = (await findWaiting([other])).get(other);
  return { name: title, text: found?.suggested?.content ?? "" };
}

/**
 * @param {Change} change
 * @param {number} place
 */
function mark({ text, sign }, place) {
  if (sign) return box(sign === "+" ? "ins" : "del", sign, showHidden(text));
  return showHidden(text.replace(MIDDLE, place ? "$1⋯" : "⋯"));
}
