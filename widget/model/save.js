// Saving a candidate once, whatever the way to the server loses, and taking that back.

import { CallError } from "../bridge/call.js";
import { refresh } from "./queue.js";

/** @import { Bridge } from "../bridge/call.js" */
/** @import { Candidate, Current, Entry, Saved, SaveRequest } from "./queue.js" */
/** @typedef {Bridge["call"]} Call */
/** @typedef {{ saved: Saved } | { conflict: Current } | { gone: true }} Outcome */

/**
 * Reads those of these candidates that still wait, page by page until all are found.
 *
 * @param {Call} call
 * @param {Iterable<string>} ids
 * @returns {Promise<Map<string, Candidate>>} By id.
 */
export async function findWaiting(call, ids) {
  const missing = new Set(ids);
  /** @type {Map<string, Candidate>} */
  const found = new Map();
  /** @type {string | undefined} */
  let cursor;
  while (missing.size > 0) {
    const page = await listPage(call, cursor);
    for (const candidate of page.candidates) {
      const id = candidate.candidate_id ?? "";
      if (missing.delete(id)) found.set(id, candidate);
    }
    cursor = page.next_cursor;
    if (!cursor) break;
  }
  return found;
}

/**
 * @param {Call} call
 * @param {string} [cursor]
 */
export async function listPage(call, cursor) {
  const page = await call("list_candidates", cursor ? { cursor } : {});
  if (!Array.isArray(page.candidates))
    throw new CallError("unavailable", "The list did not arrive.");
  return /** @type {{ candidates: Candidate[], next_cursor?: string }} */ (page);
}

/**
 * Reads all of a candidate whose texts were cut.
 *
 * @param {Call} call
 * @param {Entry} entry
 */
export async function loadWhole(call, entry) {
  if (!entry.candidate.content_cut) return;
  const { candidates } = await call("list_candidates", {
    candidate_id: entry.candidate.candidate_id,
  });
  const [whole] = /** @type {Candidate[] | undefined} */ (candidates) ?? [];
  if (whole) entry.candidate = whole;
}

/**
 * Saves an entry by one call. A save without an answer may have arrived: the next one looks first.
 *
 * @param {Call} call
 * @param {Entry} entry
 * @param {SaveRequest} request
 * @returns {Promise<Outcome>}
 */
export async function save(call, entry, request) {
  const id = request.candidate_id;
  if (entry.unanswered && !(await findWaiting(call, [id])).has(id)) {
    return readLost(call, entry, entry.unanswered);
  }
  entry.unanswered = undefined;
  try {
    const saved = await call("save_prompt", { ...request });
    return { saved: /** @type {Saved} */ ({ name: request.name, ...saved }) };
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    if (error.kind === "no-answer") entry.unanswered = request;
    if (error.kind !== "refused") throw error;
    return explain(call, entry, request, error);
  }
}

/**
 * Finds out why a save was refused, from what the server has now and not from its words.
 *
 * @param {Call} call
 * @param {Entry} entry
 * @param {SaveRequest} request
 * @param {CallError} error
 * @returns {Promise<Outcome>}
 */
async function explain(call, entry, request, error) {
  const id = request.candidate_id;
  const fresh = (await findWaiting(call, [id])).get(id);
  if (!fresh) return { gone: true };
  refresh(entry, fresh);
  const current = await readPrompt(call, { name: request.name }).catch(() => undefined);
  // Where nothing has the name, or it is as expected, something else is wrong.
  if (!current || current.version === request.expected_version) throw error;
  return { conflict: current };
}

/**
 * Finds what became of a save whose answer was lost.
 *
 * @param {Call} call
 * @param {Entry} entry
 * @param {SaveRequest} request
 * @returns {Promise<Outcome>}
 */
async function readLost(call, entry, request) {
  await loadWhole(call, entry).catch(() => undefined);
  const current = await readPrompt(call, { name: request.name }).catch(() => undefined);
  const sent = request.content ?? entry.candidate.suggested?.content;
  if (!current || current.text !== sent) return { gone: true };
  return { saved: { ...current, created: current.version === 1 } };
}

/**
 * Reads a prompt as it was saved.
 *
 * @param {Call} call
 * @param {{ name?: string, id?: string }} which
 */
export async function readPrompt(call, which) {
  const prompt = await call("get_prompt", { ...which, raw: true });
  if (typeof prompt.text !== "string")
    throw new CallError("unavailable", "The text did not arrive.");
  return /** @type {Current & { id: string, title: string }} */ (prompt);
}

/**
 * Takes a save back: deletes what was created, or saves the version before again.
 *
 * @param {Call} call
 * @param {Saved} saved
 */
export async function undo(call, { id, name, version = 1, created }) {
  const which = id ? { id } : { name };
  if (created) await call("delete_prompt", which);
  else await call("restore_prompt", { ...which, version: version - 1 });
}
