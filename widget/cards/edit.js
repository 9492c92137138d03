// The fields of a candidate. What is typed stays with the entry until it is saved or skipped.

import { fieldsOf } from "../model/queue.js";
import { h } from "../parts/text.js";

/** @import { Entry, Fields } from "../model/queue.js" */

/** @type {{ key: keyof Fields, label: string, hint?: string }[]} */
const FIELDS = [
  { key: "title", label: "Title" },
  { key: "name", label: "Name", hint: "Letters a to z, digits and hyphens." },
  { key: "tags", label: "Tags", hint: "Separated by commas." },
  { key: "content", label: "Content" },
];

/**
 * @param {Entry} entry
 * @param {{ onInput: () => void, onEscape: () => void }} events
 */
export function editForm(entry, { onInput, onEscape }) {
  const rows = FIELDS.map(({ key, label, hint }) => {
    const id = `edit-${key}`;
    const control = h(key === "content" ? "textarea" : "input", {
      id,
      class: "field",
      "data-key": label,
      "aria-describedby": hint && `${id}-hint`,
      autocomplete: "off",
      dir: "auto",
      value: fieldsOf(entry)[key],
      on: {
        input: () => {
          entry.draft = { ...fieldsOf(entry), [key]: control.value };
          onInput();
        },
      },
    });
    const note = hint && h("p", { class: "soft", id: `${id}-hint` }, hint);
    return h("div", { class: "row" }, h("label", { for: id }, label), control, note);
  });
  const keydown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && !event.isComposing) onEscape();
  };
  return h("div", { class: "stack", role: "group", "aria-label": "Edit", on: { keydown } }, rows);
}
