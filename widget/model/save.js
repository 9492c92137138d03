// Saving a candidate once, whatever is lost on the way, and taking that back.

import { ask, call } from "../bridge.js";
import { refresh } from "./queue.js";

/** @import { CallError, Candidate, Prompt } from "../bridge/call.js" */
/** @import { Entry, Saved, SaveRequest } from "./queue.js" */
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

/** @param {string} [cursor] */
export const listPage = (cursor) => ask("candidates", "list_candidates", cursor ? { cursor } : {});

/**
 * Reads a prompt as it was saved.
 *
 * @param {{ name?: string, id?: string }} which
 */
export async function readPrompt(which) {
  const prompt = await ask("text", "get_prompt", { ...which, raw: true });
  return /** @type {Prompt} */ (prompt);
}

/**
 * Reads all of a candidate whose texts were cut.
 *
 * @param {Entry} entry
 */
export async function loadWhole(entry) {
  const { candidate_id, content_cut: isCut } = entry;
  if (isCut) refresh(entry, (await call("list_candidates", { candidate_id })).candidates?.[0]);
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
    const answer = await call("save_prompt", request);
    if (answer.version) return { name: request.name, ...answer };
    // Some chats pass nothing on but a text.
    return await readLost(request);
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
  const fresh = (await findWaiting([entry.candidate_id])).get(entry.candidate_id);
  refresh(entry, fresh);
  return Boolean(fresh);
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
