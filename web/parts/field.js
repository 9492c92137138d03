// A field with its label, a hint, and what is wrong with it.

import { fill, h } from "../lib/h.js";

/** @import { Child } from "../lib/h.js" */

/** @typedef {HTMLInputElement | HTMLTextAreaElement} Control */
/**
 * @typedef {object} Field
 * @property {HTMLElement} element
 * @property {(...hint: Child[]) => void} setHint
 * @property {(...error: Child[]) => void} setError Without an error the field is fine again.
 * @property {() => boolean} hasError
 */

let count = 0;

/**
 * Puts a control into a field. The error goes when the control is changed.
 *
 * @param {string} label
 * @param {Control} control
 * @param {HTMLElement} [box] What is shown, where it is more than the control.
 * @returns {Field}
 */
export function field(label, control, box = control) {
  count += 1;
  const id = `field-${count}`;
  control.id = id;
  control.setAttribute("aria-describedby", `${id}-error ${id}-hint`);
  const hint = h("p", { id: `${id}-hint`, class: "hint" });
  const error = h("p", { id: `${id}-error`, class: "error" });
  const show = (/** @type {HTMLElement} */ line, /** @type {Child[]} */ children) => {
    fill(line, ...children);
    line.hidden = children.length === 0;
  };
  /** @param {...Child} children */
  const setError = (...children) => {
    show(error, children);
    if (children.length > 0) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
  };
  setError();
  show(hint, []);
  control.addEventListener("input", () => setError());
  return {
    element: h("div", { class: "field" }, h("label", { for: id }, label), box, error, hint),
    setHint: (...children) => show(hint, children),
    setError,
    hasError: () => !error.hidden,
  };
}
