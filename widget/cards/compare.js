// The difference between a candidate and what it resembles.

import { compareTexts } from "../model/differences.js";
import { closest, fieldsOf } from "../model/queue.js";
import { findWaiting, readPrompt } from "../model/save.js";
import { showHidden } from "../model/words.js";
import { box, clamped, isolated } from "../parts/elements.js";

/** @import { Change } from "../model/differences.js" */
/** @import { Entry } from "../model/queue.js" */

/** Lines without a change that stay beside one. */
const CONTEXT_LINES = 2;

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

/** @param {Change} change */
function mark({ text, sign }) {
  if (sign) return box(sign === "+" ? "ins" : "del", sign, showHidden(text));
  const lines = text.split("\n");
  if (lines.length > 3 * CONTEXT_LINES)
    lines.splice(CONTEXT_LINES, lines.length - 2 * CONTEXT_LINES, "⋯");
  return showHidden(lines.join("\n"));
}
