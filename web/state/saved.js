// What a save said, for the page of the prompt that is shown after it.

/** @import { SavedPrompt } from "../api/promptdb.js" */

/** @type {SavedPrompt | undefined} */
let last;

/** @param {SavedPrompt} saved */
export function rememberSave(saved) {
  last = saved.notes.length + saved.similar.length > 0 ? saved : undefined;
}

/**
 * Takes what the last save said, once, if it was of this version.
 *
 * @param {{ id: string, version: number }} prompt
 */
export function takeSave({ id, version }) {
  const saved = last?.id === id && last.version === version ? last : undefined;
  last = undefined;
  return saved;
}
