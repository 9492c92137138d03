// The review queue: what waits, and what was skipped a moment ago.
//
// A skip removes a candidate from the server for good. It is sent when it can no longer be undone:
// once its message is gone, or the page is left.

import { isMissing } from "../api/problem.js";
import { getCandidate, listCandidates, rejectCandidate } from "../api/promptdb.js";
import { createSignal } from "../lib/signal.js";
import { changeWaiting, confirmWaiting, refreshSession } from "./session.js";

/** @import { Schemas, Similar, Suggested } from "../api/promptdb.js" */

/**
 * @typedef {object} Candidate One that waits.
 * @property {string} id
 * @property {string} title
 * @property {string} why
 * @property {string} verdict
 * @property {Similar[]} similar
 * @property {Schemas["RedactionResponse"][]} redactions
 * @property {string[]} problems
 * @property {Suggested} suggested Its text, and what to do with it.
 * @property {string} source
 * @property {string} created_at
 * @property {string} expires_at
 */
/**
 * @typedef {object} Queue
 * @property {Candidate[]} candidates Those that are loaded, without the skipped ones.
 * @property {string} [cursor] Of the next page.
 * @property {boolean} isLoaded
 * @property {unknown} [problem] Why the last page was not loaded.
 */

/** How many candidates are loaded at a time. The server compares each with the library. */
const PAGE = 20;

/** @type {import("../lib/signal.js").Signal<Queue>} */
export const queue = createSignal(/** @type {Queue} */ ({ candidates: [], isLoaded: false }));

/** Skips that are not sent yet. @type {Map<string, { candidate: Candidate, index: number }>} */
const skipped = new Map();

/** Candidates that were taken from the list. An answer on its way may still have them. @type {Set<string>} */
const removed = new Set();

/** How many pages are being loaded. */
let loads = 0;

/** Loads the queue anew. */
export function loadQueue() {
  return loadPage(() => ({ candidates: [], isLoaded: false }));
}

/** Loads the next page. */
export function loadMore() {
  return loadPage(() => queue.value);
}

/** Looks for candidates that came since, and puts them above the others. */
export async function loadNew() {
  if (!queue.value.isLoaded || loads > 0) return;
  const page = await listCandidates({ limit: PAGE });
  const { candidates, cursor } = queue.value;
  const fresh = newOnes(page.candidates, candidates);
  if (fresh.length === 0) return;
  const known = new Set(candidates.map(({ id }) => id));
  const first = page.candidates.findIndex(({ candidate_id: id }) => known.has(id ?? ""));
  // Below one that is known are those that moved up from the next page.
  const above = newOnes(first < 0 ? page.candidates : page.candidates.slice(0, first), candidates);
  const below = fresh.slice(above.length);
  const next = candidates.length === 0 ? (page.next_cursor ?? undefined) : cursor;
  queue.value = {
    candidates: [...above, ...candidates, ...below],
    isLoaded: true,
    ...(next && { cursor: next }),
  };
  await refreshSession();
}

/**
 * Those of a page that the list does not have.
 *
 * @param {Schemas["CandidateResponse"][]} page
 * @param {Candidate[]} candidates
 */
function newOnes(page, candidates) {
  const known = new Set(candidates.map(({ id }) => id));
  return page.flatMap(readCandidate).filter(({ id }) => !known.has(id) && !removed.has(id));
}

/** @param {() => Queue} readBefore Returns what the page comes below, which may change meanwhile. */
async function loadPage(readBefore) {
  const { cursor } = readBefore();
  loads += 1;
  try {
    const page = await listCandidates({ limit: PAGE, ...(cursor && { cursor }) });
    const { candidates } = readBefore();
    const fresh = newOnes(page.candidates, candidates);
    const next = page.next_cursor ? { cursor: page.next_cursor } : {};
    queue.value = { candidates: [...candidates, ...fresh], isLoaded: true, ...next };
  } catch (problem) {
    queue.value = { ...readBefore(), problem };
  } finally {
    loads -= 1;
  }
}

/**
 * Reads a candidate of the server. One that was refused at once does not wait.
 *
 * @param {Schemas["CandidateResponse"]} response
 * @returns {Candidate[]}
 */
function readCandidate({ candidate_id: id, suggested, ...rest }) {
  if (!id || !suggested) return [];
  const { verdict, source, created_at, expires_at } = rest;
  return [
    {
      ...rest,
      id,
      suggested,
      verdict: verdict ?? "new",
      source: source ?? "",
      created_at: created_at ?? "",
      expires_at: expires_at ?? "",
    },
  ];
}

/**
 * A candidate as the server has it now. The list takes it over.
 *
 * @param {string} id
 * @param {AbortSignal} [signal]
 */
export async function refreshCandidate(id, signal) {
  const [candidate] = readCandidate(await getCandidate(id, signal && { signal }));
  if (!candidate) throw new TypeError("a candidate that waits has an id");
  const { candidates } = queue.value;
  const index = candidates.findIndex((other) => other.id === id);
  if (index >= 0) queue.value = { ...queue.value, candidates: candidates.with(index, candidate) };
  return candidate;
}

/**
 * Takes a candidate from the list, and returns the one to look at next.
 *
 * @param {string} id
 */
export function removeCandidate(id) {
  removed.add(id);
  const { candidates } = queue.value;
  const index = candidates.findIndex((candidate) => candidate.id === id);
  const rest = candidates.filter((candidate) => candidate.id !== id);
  queue.value = { ...queue.value, candidates: rest };
  return rest[Math.min(Math.max(index, 0), rest.length - 1)];
}

/**
 * Skips a candidate, so that `undoSkip` can still take it back until `sendSkips`.
 *
 * @param {Candidate} candidate
 */
export function skipCandidate(candidate) {
  const index = queue.value.candidates.findIndex(({ id }) => id === candidate.id);
  skipped.set(candidate.id, { candidate, index });
  changeWaiting(-1);
  return removeCandidate(candidate.id);
}

/**
 * Puts a skipped candidate back where it was.
 *
 * @param {string} id
 */
export function undoSkip(id) {
  const skip = skipped.get(id);
  if (!skip) return;
  skipped.delete(id);
  removed.delete(id);
  const at = Math.max(skip.index, 0);
  const candidates = queue.value.candidates.toSpliced(at, 0, skip.candidate);
  queue.value = { ...queue.value, candidates };
  changeWaiting(1);
}

/**
 * Sends the skip of a candidate. One that cannot be sent is undone.
 *
 * @param {string} id
 */
export async function sendSkip(id) {
  const skip = skipped.get(id);
  if (!skip) return;
  try {
    await rejectCandidate(id, { keepalive: true });
  } catch (error) {
    if (!isMissing(error)) {
      undoSkip(id);
      throw error;
    }
  }
  if (skipped.delete(id)) confirmWaiting(-1);
  // The count is beside the point of the skip: where it fails, the old one stays.
  await refreshSession().catch(() => undefined);
}

window.addEventListener("pagehide", () => {
  const ids = [...skipped.keys()];
  // From here on none can be undone, also where the browser brings the page back as it was.
  skipped.clear();
  for (const id of ids) removed.delete(id);
  confirmWaiting(-ids.length);
  // One that does not arrive waits again when the page is opened.
  for (const id of ids) rejectCandidate(id, { keepalive: true }).catch(() => undefined);
});
