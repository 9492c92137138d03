// The notes of the last save, for the page of the prompt that is shown after it.

/** @typedef {{ id: string, version: number, notes: string[] }} Saved */

/** @type {Saved | undefined} */
let last;

/** @param {Saved} saved */
export function rememberSave(saved) {
  last = saved.notes.length > 0 ? saved : undefined;
}

/**
 * Takes the notes of the last save, once, if it was of this version.
 *
 * @param {{ id: string, version: number }} prompt
 */
export function takeSave({ id, version }) {
  const saved = last?.id === id && last.version === version ? last : undefined;
  last = undefined;
  return saved;
}
