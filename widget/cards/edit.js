// The fields of a candidate. What is typed stays with it until it is saved or skipped.

import { fieldsOf } from "../model/queue.js";
import { field, h } from "../parts/elements.js";

/** @import { Draft, Entry } from "../model/queue.js" */

/** @type {[keyof Draft, string, string?][]} */
const FIELDS = [
  ["title", "Title"],
  ["name", "Name"],
  ["tags", "Tags", "Separated by commas."],
  ["content", "Content"],
];

/**
 * @param {Entry} entry
 * @param {() => void} onInput
 * @param {() => void} onEscape
 */
export function editForm(entry, onInput, onEscape) {
  const rows = FIELDS.map(([key, label, hint]) => {
    const tag = key === "content" ? "textarea" : "input";
    const props = { name: key, class: `field ${key}` };
    const { control, row } = field(tag, label, String(fieldsOf(entry)[key]), hint, props);
    control.addEventListener("input", () => {
      const { value } = control;
      const typed = key === "tags" ? value.split(",").filter((tag) => tag.trim()) : value;
      entry.draft = { ...entry.draft, [key]: typed };
      onInput();
    });
    return row;
  });
  const keydown = (/** @type {KeyboardEvent} */ { key, isComposing }) => {
    if (key === "Escape" && !isComposing) onEscape();
  };
  return h("div", { class: "stack", on: { keydown } }, rows);
}
