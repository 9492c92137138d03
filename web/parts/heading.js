// The heading of a view, which takes the focus when the view is opened.

import { h } from "../lib/h.js";

/** @import { Child } from "../lib/h.js" */

/**
 * @param {string} text
 * @param {...Child} beside What stands in the same line, such as buttons.
 */
export function viewHeading(text, ...beside) {
  return h("header", { class: "view-header" }, h("h1", { tabindex: "-1" }, text), ...beside);
}

/** Rows that stand where a list is being loaded. They appear after a moment only. */
export function skeleton(count = 6) {
  const rows = Array.from({ length: count }, () => h("div", { class: "skeleton-row" }));
  return h(
    "div",
    { class: "skeleton", "aria-busy": "true", "aria-label": "Loading", role: "img" },
    rows,
  );
}

/**
 * What stands where there is nothing to list.
 *
 * @param {string} title
 * @param {...(Child | Child[])} rest
 */
export function emptyState(title, ...rest) {
  return h("div", { class: "empty" }, h("p", { class: "empty-title" }, title), ...rest);
}
