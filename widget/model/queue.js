// The candidates of a review and what became of each. Knows no element and no request.

/** @import { components } from "../../web/api/schema.js" */
/** @typedef {components["schemas"]["CandidateResponse"]} Candidate */
/**
 * @typedef {"" | "refused" | "read" | "saved" | "skipped" | "gone" | "undone"} State
 * Empty while it waits. `refused`: the server did not add it, so it can only be read, and then is `read`. `gone`:
 * saved or skipped elsewhere. `undone`: saved here, and taken back.
 */
/** @typedef {{ name: string, id?: string, version?: number, created?: boolean, similar?: Candidate["similar"] }} Saved */
/** @typedef {{ title: string, name: string, tags: string, content: string }} Fields */
/** @typedef {{ id: string, name: string, version: number, text: string }} Prompt As it was saved. */
/**
 * @typedef {object} Entry
 * @property {Candidate} candidate
 * @property {State} state
 * @property {Fields} [draft] What was typed. It stays until the entry is settled.
 * @property {Prompt | undefined} [conflict] What has the name now.
 * @property {SaveRequest | undefined} [lost] A save without an answer. It may have arrived.
 * @property {Saved} [saved]
 */
/**
 * @typedef {object} SaveRequest What `save_prompt` gets: the candidate, and the changed fields.
 * @property {string} candidate_id
 * @property {string} name
 * @property {number} [expected_version]
 * @property {string} [title]
 * @property {string} [content]
 * @property {string[]} [tags]
 */

/**
 * @param {Candidate} candidate
 * @returns {Entry}
 */
export const entryOf = (candidate) => ({
  candidate,
  state: candidate.candidate_id ? "" : "refused",
});

/** @param {Entry} entry */
export const idOf = ({ candidate }) => candidate.candidate_id ?? "";

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
export const closest = ({ candidate: { similar } }) => similar.find(({ id }) => id) ?? similar[0];

/**
 * Returns what is suggested, as fields.
 *
 * @param {Entry} entry
 * @returns {Fields}
 */
const suggestedFields = ({ candidate: { suggested } }) => {
  const { title = "", name = "", tags = [], content = "" } = suggested ?? {};
  return { title, name, tags: tags.join(", "), content };
};

/**
 * Returns what is typed, or what is suggested.
 *
 * @param {Entry} entry
 */
export const fieldsOf = (entry) => entry.draft ?? suggestedFields(entry);

/**
 * Makes the request that saves an entry as it is shown.
 *
 * @param {Entry} entry
 * @returns {SaveRequest}
 */
export function requestFor(entry) {
  const given = fieldsOf(entry);
  const suggested = suggestedFields(entry);
  const name = given.name.trim() || suggested.name;
  const version = entry.candidate.suggested?.expected_version;
  return {
    candidate_id: idOf(entry),
    name,
    // Under another name it is a new prompt.
    ...(version && name === suggested.name && { expected_version: version }),
    ...(given.title !== suggested.title && { title: given.title }),
    ...(given.content !== suggested.content && { content: given.content }),
    ...(given.tags !== suggested.tags && {
      tags: given.tags.split(",").filter((tag) => tag.trim()),
    }),
  };
}

/**
 * Describes to the model what was saved.
 *
 * @param {Entry[]} entries
 */
export function describeSaves(entries) {
  const names = entries
    .filter(({ state }) => state === "saved")
    .map(({ saved }) => saved && `${saved.name} v${saved.version ?? 1}`);
  return `The user saved: ${names.join(", ") || "none of the candidates"}.`;
}
