// The candidates of a review and what became of each. Knows no element and no request.

/** @import { Candidate, Prompt, Schemas } from "../bridge/call.js" */
/** @typedef {Schemas["SuggestedResponse"]} Suggested */
/**
 * @typedef {"" | "refused" | "read" | "saved" | "skipped" | "gone" | "undone"} State
 * Empty while it waits. `refused`: the server did not add it, so it can only be read, and then is `read`. `gone`:
 * saved or skipped elsewhere. `undone`: saved here, and taken back.
 */
/** @typedef {{ name: string, id?: string, version?: number, created?: boolean, similar?: Candidate["similar"] }} Saved */
/** @typedef {Partial<Pick<Suggested, "title" | "name" | "tags" | "content">>} Draft The fields that were changed. */
/** @typedef {Draft & { candidate_id: string, name: string, expected_version?: number }} SaveRequest */
/**
 * @typedef {object} Fate What became of a candidate.
 * @property {string} candidate_id Empty for one that was refused.
 * @property {Suggested} suggested
 * @property {State} state
 * @property {Draft | undefined} [draft] What was typed. It stays until the entry is settled.
 * @property {Prompt | undefined} [conflict] What has the name now.
 * @property {SaveRequest | undefined} [lost] A save without an answer. It may have arrived.
 * @property {Saved | undefined} [stored] What was saved here, until it is taken back.
 */
/** @typedef {Candidate & Fate} Entry */

/**
 * @param {Candidate} candidate
 * @returns {Entry}
 */
export function entryOf(candidate) {
  const { candidate_id: id, suggested } = candidate;
  const none = /** @type {Suggested} */ ({});
  return {
    ...candidate,
    candidate_id: id ?? "",
    suggested: suggested ?? none,
    state: id ? "" : "refused",
  };
}

/**
 * Takes over what the server has of an entry now.
 *
 * @param {Entry} entry
 * @param {Candidate | undefined} fresh
 */
export const refresh = (entry, fresh) =>
  Object.assign(entry, fresh && { content_cut: false }, fresh);

/**
 * Returns the place of the next entry that is open, also of one that was left behind; -1 if there is none.
 *
 * @param {Entry[]} entries
 * @param {number} index
 */
export function nextOpen(entries, index) {
  const isOpen = (/** @type {Entry} */ { state }) => !state || state === "refused";
  const next = entries.findIndex((entry, place) => place > index && isOpen(entry));
  return next < 0 ? entries.findIndex(isOpen) : next;
}

/**
 * Returns the text to compare with: the prompt to update, else the closest one.
 *
 * @param {Entry} entry
 */
export const closest = ({ similar }) => similar.find(({ id }) => id) ?? similar[0];

/**
 * Returns what is suggested, with what was typed in its place.
 *
 * @param {Entry} entry
 */
export const fieldsOf = ({ suggested, draft }) => ({ ...suggested, ...draft });

/**
 * Returns the first field that is empty and must not be. A server takes an empty text for one that was not changed.
 *
 * @param {Entry} entry
 */
export const emptyField = (entry) =>
  /** @type {const} */ (["title", "name", "content"]).find((key) => !fieldsOf(entry)[key].trim());

/**
 * Makes the request that saves an entry as it is shown: its id, and what was changed.
 *
 * @param {Entry} entry
 * @returns {SaveRequest}
 */
export function requestFor({ candidate_id, suggested, draft }) {
  const { name: own, expected_version: version } = suggested;
  const name = (draft?.name ?? own).trim();
  // Under another name it is a new prompt.
  const over = version && name === own ? { expected_version: version } : {};
  return { candidate_id, ...draft, name, ...over };
}

/**
 * Describes to the model what was saved.
 *
 * @param {Entry[]} entries
 */
export function describeSaves(entries) {
  const names = entries.flatMap(({ stored }) =>
    stored ? `${stored.name} v${stored.version}` : [],
  );
  return `The user saved: ${names.join(", ") || "nothing"}.`;
}
