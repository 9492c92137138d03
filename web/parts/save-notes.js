// The notes of a save, beside the prompt: texts that look like placeholders and are not variables.

import { formatSentence } from "../lib/format.js";
import { h } from "../lib/h.js";
import { takeSave } from "../state/saved.js";

/**
 * A notice with the notes of the save of this version, or nothing. It is shown once.
 *
 * @param {{ id: string, version: number }} prompt
 */
export function saveNotes(prompt) {
  const saved = takeSave(prompt);
  if (!saved) return null;
  const items = saved.notes.map((note) => h("li", { dir: "auto" }, formatSentence(note)));
  return h(
    "aside",
    { class: "notice notice-warning", "aria-label": "About this save" },
    h("ul", {}, items),
  );
}
