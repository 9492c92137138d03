// A prompt's text with its variables in their colours.

import { h } from "../lib/h.js";
import { foldName, renderParts, splitVariables } from "../lib/variables.js";

/** @import { Prompt } from "../api/promptdb.js" */

/** The colours of variables; further ones begin again. */
const COLOURS = 6;

/**
 * The class of the variable at a position.
 *
 * @param {number} index
 */
export function variableClass(index) {
  return `variable variable-${(index % COLOURS) + 1}`;
}

/**
 * Splits the text of a prompt under the rule of its version.
 *
 * @param {Pick<Prompt, "content" | "syntax">} prompt
 */
function partsOf({ content, syntax }) {
  return splitVariables(content, syntax ?? 1);
}

/**
 * The text as it is saved.
 *
 * @param {Prompt} prompt
 */
export function promptText(prompt) {
  return textBox(
    "Text",
    partsOf(prompt).map(({ text, variable }) => {
      const index = indexOf(prompt, variable);
      return index < 0 ? text : h("span", { class: variableClass(index) }, text);
    }),
  );
}

/**
 * The text with values in place of variables.
 *
 * @param {Prompt} prompt
 */
export function promptPreview(prompt) {
  const parts = partsOf(prompt);
  /** @type {(HTMLSpanElement | undefined)[]} The places of variables, by part. */
  const places = parts.map(({ variable }) => {
    const index = indexOf(prompt, variable);
    return index < 0 ? undefined : h("span", { class: variableClass(index) });
  });
  const element = textBox(
    "Preview",
    parts.map(({ text, literal }, index) => places[index] ?? literal ?? text),
  );
  return {
    element,
    /** @param {Map<string, string>} values By folded name. */
    show: (values) => {
      const rendered = renderParts(parts, values);
      for (const [index, place] of places.entries()) {
        const { variable = "" } = parts[index] ?? {};
        if (!place) continue;
        const text = rendered[index] ?? "";
        // Only what has changed: a long text may have thousands of places.
        if (place.textContent !== text) place.textContent = text;
        place.classList.toggle("variable-filled", values.has(foldName(variable)));
      }
      return rendered.join("");
    },
  };
}

/**
 * @param {string} label
 * @param {(Node | string)[]} children
 */
function textBox(label, children) {
  const props = {
    class: "content-box prompt-text",
    dir: "auto",
    tabindex: "0",
    role: "region",
    "aria-label": label,
  };
  return h("pre", props, children);
}

/**
 * @param {Prompt} prompt
 * @param {string | undefined} variable
 */
function indexOf({ variables }, variable) {
  if (variable === undefined) return -1;
  const folded = foldName(variable);
  return variables.findIndex(({ name }) => foldName(name) === folded);
}
