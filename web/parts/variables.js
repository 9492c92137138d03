// The table of a content's variables: what each is for, and what it is without an argument.

import { fill, h } from "../lib/h.js";
import { foldName, listVariables } from "../lib/variables.js";
import { variableClass } from "./prompt-text.js";

/** @import { Variable } from "../api/promptdb.js" */

/** How many variables a prompt may have; further ones are not listed. */
const VARIABLES_MAX = 100;

/**
 * @param {Variable[]} initial
 * @param {() => void} changed Called after a change of a description or default.
 */
export function variablesTable(initial, changed) {
  /**
   * What is known of each variable, also of those that the content has no longer.
   *
   * @type {Map<string, Variable>}
   */
  const known = new Map();
  /** @type {Map<string, { element: HTMLElement, draw: (name: string, index: number) => void, setError: (text: string) => void }>} */
  const rows = new Map();
  /** @type {string[]} */
  let names = [];
  const list = h("ul", { class: "variable-rows" });
  const head = h(
    "div",
    { class: "variable-head hint", "aria-hidden": "true" },
    h("span", {}, "Name"),
    h("span", {}, "Description"),
    h("span", {}, "Default"),
  );
  const element = h(
    "section",
    { class: "variables" },
    h("h2", { class: "label" }, "Variables"),
    head,
    list,
  );

  const learn = (/** @type {Variable[]} */ variables) => {
    for (const variable of variables) known.set(foldName(variable.name), { ...variable });
  };
  const rowOf = (/** @type {string} */ folded) => {
    let row = rows.get(folded);
    if (!row) rows.set(folded, (row = makeRow(known, folded, changed)));
    return row;
  };
  const update = (/** @type {string} */ content) => {
    names = listVariables(content).slice(0, VARIABLES_MAX);
    element.hidden = names.length === 0;
    const elements = names.map((name, index) => {
      const row = rowOf(foldName(name));
      row.draw(name, index);
      return row.element;
    });
    const isSame =
      elements.length === list.children.length &&
      elements.every((row, index) => row === list.children[index]);
    // Moving a row takes the focus from it.
    if (!isSame) fill(list, elements);
  };
  learn(initial);
  return {
    element,
    update,
    /** The variables of the content with their descriptions and defaults; `all` adds those that are gone. */
    read: (all = false) => {
      const current = names.map((name) => ({ ...known.get(foldName(name)), name }));
      if (!all) return current;
      const folded = new Set(names.map(foldName));
      return [...current, ...[...known].filter(([key]) => !folded.has(key)).map(([, one]) => one)];
    },
    write: (/** @type {Variable[]} */ variables) => {
      known.clear();
      rows.clear();
      learn(variables);
    },
    /** Shows an error at a variable; returns whether it has a row. */
    setError: (/** @type {number} */ index, /** @type {string} */ message) => {
      const row = rows.get(foldName(names[index] ?? ""));
      row?.setError(message);
      return row !== undefined;
    },
  };
}

/**
 * @param {Map<string, Variable>} known
 * @param {string} folded
 * @param {() => void} changed
 */
function makeRow(known, folded, changed) {
  const name = h("code", {});
  const error = h("p", { class: "error", role: "alert", hidden: true });
  const isEmpty = known.get(folded)?.default === "";
  const fields = /** @type {const} */ (["description", "default"]).map((property) => {
    const input = h("textarea", {
      class: "input",
      rows: 1,
      dir: "auto",
      placeholder: property === "description" ? "What to fill in" : isEmpty ? "Empty" : "None",
      value: known.get(folded)?.[property] ?? "",
    });
    input.addEventListener("input", () => {
      const variable = known.get(folded) ?? { name: folded };
      known.set(folded, { ...variable, [property]: input.value || undefined });
      error.hidden = true;
      changed();
    });
    const label = property === "description" ? "Description" : "Default";
    const box = h("label", { class: "variable-field hint" }, h("span", {}, label), input);
    const draw = (/** @type {string} */ spelling) =>
      input.setAttribute("aria-label", `${label} of ${spelling}`);
    return { box, draw };
  });
  return {
    element: h(
      "li",
      { class: "variable-row" },
      name,
      fields.map(({ box }) => box),
      error,
    ),
    /** @type {(spelling: string, index: number) => void} */
    draw: (spelling, index) => {
      name.className = variableClass(index);
      name.textContent = `{{${spelling}}}`;
      for (const field of fields) field.draw(spelling);
    },
    setError: (/** @type {string} */ message) => {
      fill(error, message);
      error.hidden = false;
    },
  };
}
