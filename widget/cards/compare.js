// The difference between a candidate and the saved prompt that it resembles.

import { compareTexts } from "../model/differences.js";
import { findWaiting, readPrompt } from "../model/save.js";
import { fieldsOf } from "../model/queue.js";
import { showHidden } from "../model/words.js";
import { clamped, h, isolated, textBox } from "../parts/text.js";

/** @import { App } from "../app.js" */
/** @import { Change } from "../model/differences.js" */
/** @import { Candidate, Entry } from "../model/queue.js" */

/** Lines without a change that stay beside one. */
const CONTEXT_LINES = 2;

/**
 * Returns the text to compare with: the prompt to update, else the closest one.
 *
 * @param {Candidate} candidate
 */
export function closest({ similar }) {
  return similar.find(({ id }) => id) ?? similar[0];
}

/**
 * Reads the other text and shows the difference.
 *
 * @param {App} app
 * @param {Entry} entry
 */
export async function comparison(app, entry) {
  const other = entry.conflict ?? (await readOther(app, entry.candidate));
  const after = fieldsOf(entry).content;
  const title = h("p", { class: "soft" }, "Changes from ", isolated(other.name), versionOf(other));
  if (!other.text)
    return h("div", { class: "stack" }, h("p", {}, "It was saved or skipped since."));
  if (other.text === after) {
    const same = h("p", {}, "No change: the text is the same.");
    return h("div", { class: "stack" }, title, same);
  }
  const box = textBox(...compareTexts(other.text, after).map(showChange));
  return h("div", { class: "stack" }, title, clamped(app, box));
}

/** @param {{ version?: number }} prompt */
function versionOf({ version }) {
  return version ? `, version ${version}` : "";
}

/**
 * @param {App} app
 * @param {Candidate} candidate
 * @returns {Promise<{ name: string, version?: number, text: string }>}
 */
async function readOther({ bridge }, candidate) {
  const { id, candidate_id, title = "" } = closest(candidate) ?? {};
  if (id) return readPrompt(bridge.call, { id });
  const other = candidate_id ?? "";
  const found = (await findWaiting(bridge.call, [other])).get(other);
  return { name: title, text: found?.suggested?.content ?? "" };
}

/** @param {Change} change */
function showChange({ text, sign }) {
  if (sign) return h(sign === "+" ? "ins" : "del", {}, sign === "+" ? "+" : "−", showHidden(text));
  const lines = text.split("\n");
  if (lines.length < 3 * CONTEXT_LINES) return showHidden(text);
  const [first, last] = [lines.slice(0, CONTEXT_LINES), lines.slice(-CONTEXT_LINES)];
  return showHidden([...first, "⋯", ...last].join("\n"));
}
