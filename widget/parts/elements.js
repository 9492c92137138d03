// The elements that the cards are made of.

import { h } from "../../web/lib/h.js";
import { enlarge } from "../frame.js";
import { showHidden } from "../model/words.js";

/** @import { Child, Props } from "../../web/lib/h.js" */

export { fill, h } from "../../web/lib/h.js";

/**
 * Makes an element of a class: `box("p.soft", "text")`.
 *
 * @param {string} spec
 * @param {...(Child | Child[])} children
 */
export function box(spec, ...children) {
  const [tag = "", name] = spec.split(".");
  return h(/** @type {"div"} */ (tag), { class: name }, ...children);
}

/**
 * The text of a stranger inside a sentence.
 *
 * @param {string} text
 */
export const isolated = (text) => h("bdi", {}, showHidden(text));

/**
 * A text of a stranger by itself.
 *
 * @param {string} spec
 * @param {string} text
 */
export function said(spec, text) {
  const element = box(spec, showHidden(text));
  element.dir = "auto";
  return element;
}

/**
 * The heading of a card, which takes the focus after each action.
 *
 * @param {Child[]} children
 */
export const heading = (...children) => h("h1", { tabindex: -1 }, children);

/**
 * @param {string} label Also its `name`, by which it gets the focus back.
 * @param {"primary" | "plain" | "small" | "row"} look
 * @param {(event: MouseEvent) => void} run
 */
export const button = (label, look, run) =>
  h("button", { class: look, name: label, on: { click: run } }, label);

/**
 * A labelled field.
 *
 * @param {"input" | "textarea"} tag
 * @param {string | Node} label
 * @param {string} value
 * @param {string | null} [hint]
 * @param {Props} [props]
 */
export function field(tag, label, value, hint, props) {
  const id = `f${++lastId}`;
  const control = h(tag, {
    id,
    class: "field",
    dir: "auto",
    rows: value.split("\n").length,
    value,
    "aria-describedby": hint && `${id}h`,
    ...props,
  });
  const note = hint && h("p", { id: `${id}h`, class: "soft" }, showHidden(hint));
  return { control, row: box("div.row", h("label", { for: id }, label), note, control) };
}
let lastId = 0;

/**
 * Shows the first lines of a text, and the rest on demand. The card grows: nothing scrolls inside it.
 *
 * @param {HTMLElement} text
 */
export function clamped(text) {
  const all = button("Show all", "small", () => {
    const isShort = text.classList.toggle("clamp");
    all.textContent = isShort ? "Show all" : "Show less";
    if (!isShort) enlarge();
  });
  const measure = () => {
    const isShort = text.classList.contains("clamp");
    const isLong = text.scrollHeight > text.clientHeight + 2;
    text.classList.toggle("faded", isShort && isLong);
    if (isShort) all.hidden = !isLong;
  };
  text.classList.add("text", "clamp");
  text.dir = "auto";
  all.hidden = true;
  new ResizeObserver(measure).observe(text);
  return box("div", text, all);
}
