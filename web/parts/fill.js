// The form for a prompt's variables, with the text as they make it.

import { h } from "../lib/h.js";
import { foldName } from "../lib/variables.js";
import { button } from "./button.js";
import { promptPreview, variableClass } from "./prompt-text.js";

/** @import { Prompt, Variable } from "../api/promptdb.js" */
/**
 * @typedef {object} Filled
 * @property {string} text
 * @property {Record<string, string>} values What was given for variables by name.
 */

/** What was typed, by prompt: the way to another screen and back loses nothing. @type {Map<string, Map<string, string>>} */
const typed = new Map();

/**
 * Makes the form of a prompt that has variables.
 *
 * @param {Prompt} prompt
 * @param {{ onUse: () => void, onChange: (filled: Filled) => void }} events `onUse` on Ctrl+Enter or Cmd+Enter.
 */
export function fillForm(prompt, { onUse, onChange }) {
  /** @type {Map<string, string>} */
  const kept = typed.get(prompt.id) ?? new Map();
  typed.set(prompt.id, kept);
  const preview = promptPreview(prompt);
  const fields = prompt.variables.map((variable, index) => makeField(variable, index, kept));
  const clear = button({ label: "Clear the fields", look: "quiet" }, () => {
    kept.clear();
    for (const { input, variable } of fields) input.value = variable.default ?? "";
    change();
    fields[0]?.input.focus();
  });
  /** @type {Filled} */
  let filled = { text: "", values: {} };

  function change() {
    /** @type {Record<string, string>} */
    const values = {};
    for (const { variable, input } of fields.filter(isGiven)) values[variable.name] = input.value;
    const folded = Object.entries(values).map(
      ([name, value]) => /** @type {const} */ ([foldName(name), value]),
    );
    filled = { text: preview.show(new Map(folded)), values };
    for (const { variable, input } of fields) {
      if (input.value === (variable.default ?? "")) kept.delete(variable.name);
      else kept.set(variable.name, input.value);
    }
    clear.hidden = kept.size === 0;
    onChange(filled);
  }

  const keydown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    onUse();
  };
  const form = h(
    "form",
    {
      class: "fill-fields",
      on: {
        input: change,
        keydown,
        submit: (/** @type {Event} */ event) => event.preventDefault(),
      },
    },
    fields.map(({ element }) => element),
    h("div", { class: "actions" }, clear),
  );
  change();
  return {
    element: h("div", { class: "fill" }, form, preview.element),
    read: () => filled,
    /** Moves the focus to the first variable without a value, else to the first one. */
    focus: () => (fields.find((field) => !isGiven(field)) ?? fields[0])?.input.focus(),
    isComplete: () => fields.every(isGiven),
  };
}

/**
 * @param {Variable} variable
 * @param {number} index
 * @param {Map<string, string>} kept
 */
function makeField(variable, index, kept) {
  const { name, description } = variable;
  const preset = variable.default ?? undefined;
  const id = `fill-${index}`;
  // A line of text takes line breaks away from what is pasted, so each field is a text area.
  const input = h("textarea", {
    class: "input",
    id,
    rows: 1,
    dir: "auto",
    autocomplete: "off",
    required: preset === undefined,
    "aria-describedby": description ? `${id}-hint` : undefined,
  });
  input.value = kept.get(name) ?? preset ?? "";
  const label = h(
    "label",
    { for: id },
    h("span", { class: variableClass(index) }, name),
    preset === undefined && h("span", { class: "hint" }, " required"),
  );
  const hint = description && h("p", { class: "hint", id: `${id}-hint`, dir: "auto" }, description);
  return { element: h("div", { class: "field" }, label, hint, input), input, variable };
}

/**
 * Whether a field has a value. One with a default has one even where it is empty.
 *
 * @param {{ input: HTMLTextAreaElement, variable: Variable }} field
 */
function isGiven({ input, variable }) {
  return input.value !== "" || typeof variable.default === "string";
}
