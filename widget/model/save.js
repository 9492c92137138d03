// Saving a candidate once, whatever is lost on the way, and taking that back.

import { call } from "../bridge.js";
import { CallError } from "../bridge/error.js";
import { idOf } from "./queue.js";

/** @import { Candidate, Entry, Prompt, Saved, SaveRequest } from "./queue.js" */
/** @typedef {Saved | "gone" | "conflict"} Outcome */

/**
 * Reads those of these candidates that still wait, page by page until all are found.
 *
 * @param {string[]} ids
 * @returns {Promise<Map<string, Candidate>>} By id.
 */
export async function findWaiting(ids) {
  /** @type {Map<string, Candidate>} */
  const found = new Map();
  let cursor;
  do {
    const page = await listPage(cursor);
    for (const one of page.candidates) found.set(one.candidate_id ?? "", one);
    cursor = page.next_cursor;
  } while (cursor && !ids.every((id) => found.has(id)));
  return found;
}

/**
 * @param {string} [cursor]
 * @returns {Promise<{ candidates: Candidate[], next_cursor?: string }>}
 */
export async function listPage(cursor) {
  const page = await call("list_candidates", cursor ? { cursor } : {});
  if (!page.candidates) throw new CallError("unavailable", "The list did not arrive.");
  return page;
}

/**
 * Reads all of a candidate whose texts were cut.
 *
 * @param {Entry} entry
 */
export async function loadWhole(entry) {
  if (!entry.candidate.content_cut) return;
  const { candidates } = await call("list_candidates", { candidate_id: idOf(entry) });
  [entry.candidate = entry.candidate] = candidates ?? [];
}

/**
 * Reads a prompt as it was saved.
 *
 * @param {{ name?: string, id?: string }} which
 * @returns {Promise<Prompt>}
 */
export async function readPrompt(which) {
  const prompt = await call("get_prompt", { ...which, raw: true });
  if (!prompt.name) throw new CallError("unavailable", "The text did not arrive.");
  return prompt;
}

/**
 * Saves an entry by one call. A save without an answer may have arrived, so the next one looks first.
 *
 * @param {Entry} entry
 * @param {SaveRequest} request
 * @returns {Promise<Outcome>}
 */
export async function save(entry, request) {
  if (entry.lost && !(await isWaiting(entry))) return readLost(entry.lost);
  entry.lost = undefined;
  try {
    return { name: request.name, ...(await call("save_prompt", request)) };
  } catch (error) {
    const { kind } = /** @type {CallError} */ (error);
    if (kind === "no-answer") entry.lost = request;
    if (kind !== "refused") throw error;
    // The reason follows from what the server has now, and not from its words.
    if (!(await isWaiting(entry))) return "gone";
    const current = await readPrompt({ name: request.name }).catch(() => undefined);
    // Where nothing has the name, or what is expected, something else is wrong.
    if (!current || current.version === request.expected_version) throw error;
    entry.conflict = current;
    return "conflict";
  }
}

/**
 * Returns whether an entry still waits, and takes over what the server has of it now.
 *
 * @param {Entry} entry
 */
export async function isWaiting(entry) {
  const id = idOf(entry);
  const fresh = (await findWaiting([id])).get(id);
  if (fresh) entry.candidate = fresh;
  return fresh !== undefined;
}

/**
 * Finds what became of a save that arrived, and whose answer did not.
 *
 * @param {SaveRequest} request
 * @returns {Promise<Outcome>}
 */
async function readLost({ name, expected_version: before = 0 }) {
  const current = await readPrompt({ name }).catch(() => undefined);
  return current?.version === before + 1 ? { ...current, created: !before } : "gone";
}

/**
 * Takes a save back: deletes what was created, or saves the version before again.
 *
 * @param {Saved} saved
 */
export async function undo({ id, name, version = 1, created }) {
  const which = id ? { id } : { name };
  if (created) await call("delete_prompt", which);
  else await call("restore_prompt", { ...which, version: version - 1 });
}
