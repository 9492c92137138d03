// Drafts: what a person wrote and did not save yet. They survive a reload and a sign-in, and end
// with the tab.

import { tab } from "../lib/storage.js";
import { loadedMe } from "./session.js";

/** @import { Prompt } from "../api/promptdb.js" */
/** @import { PromptFields } from "./fields.js" */

/** @typedef {Pick<Prompt, "id" | "name" | "version" | "title" | "description" | "tags" | "content" | "variables">} Base */
/**
 * @typedef {object} Attempt A save that the server has not answered.
 * @property {string} key Its idempotency key.
 * @property {PromptFields} fields
 */
/**
 * @typedef {object} Draft
 * @property {PromptFields} fields
 * @property {Base} [base] The version that was read; absent for a new prompt.
 * @property {Attempt} [attempt]
 */
/**
 * @typedef {object} DraftSlot The place of one draft.
 * @property {() => Draft | undefined} read
 * @property {(draft: Draft) => boolean} write Returns whether a reload keeps it.
 * @property {() => void} remove
 */

/** What the browser refuses to keep stays here while the page is open. @type {Map<string, string>} */
const memory = new Map();

/**
 * The slot of this person's draft of a subject: a prompt's or candidate's id, or `new`.
 *
 * @param {string} subject
 * @returns {Promise<DraftSlot>}
 */
export async function openDraft(subject) {
  const key = `draft:${(await loadedMe()).id}:${subject}`;
  return {
    read: () => parse(tab.read(key) ?? memory.get(key)),
    write: (draft) => {
      const text = JSON.stringify(draft);
      const isKept = tab.write(key, text);
      if (isKept) memory.delete(key);
      else memory.set(key, text);
      // A former draft must not come back in place of this one.
      if (!isKept) tab.remove(key);
      return isKept;
    },
    remove: () => {
      tab.remove(key);
      memory.delete(key);
    },
  };
}

/**
 * Remembers which prompt has a draft by its name, for the day on which nothing has the name.
 *
 * @param {string} name
 * @param {string} id
 */
export async function nameDraft(name, id) {
  tab.write(`draft-name:${(await loadedMe()).id}:${name}`, id);
}

/**
 * The id of the prompt that had this name when a draft of it was begun.
 *
 * @param {string} name
 */
export async function findNamedDraft(name) {
  return tab.read(`draft-name:${(await loadedMe()).id}:${name}`);
}

/** @param {string | undefined} text */
function parse(text) {
  if (!text) return undefined;
  try {
    /** @type {unknown} */
    const draft = JSON.parse(text);
    return /** @type {Draft} */ (draft);
  } catch {
    return undefined;
  }
}
