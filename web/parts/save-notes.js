// What a save said, beside the prompt: texts that look like placeholders, and similar prompts.

import { h } from "../lib/h.js";
import { takeSave } from "../state/saved.js";

/**
 * A notice with what the save of this version said, or nothing. It is shown once.
 *
 * @param {{ id: string, version: number }} prompt
 */
export function saveNotes(prompt) {
  const saved = takeSave(prompt);
  if (!saved) return null;
  const items = [
    ...saved.notes.map((note) => h("li", { dir: "auto" }, sentence(note))),
    ...saved.similar.flatMap(({ name, title, verdict }) => {
      if (!name) return [];
      const words = verdict === "duplicate" ? "The same text is saved as " : "It resembles ";
      const href = `/app/p/${encodeURIComponent(name)}`;
      return [h("li", {}, words, h("a", { href }, h("bdi", {}, title)), ".")];
    }),
  ];
  return h(
    "aside",
    { class: "notice notice-warning save-notes", "aria-label": "About this save" },
    h("ul", { class: "stack-small" }, items),
  );
}

/** @param {string} text */
function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
