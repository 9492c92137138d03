import { h } from "../lib/h.js";
import { viewHeading } from "../parts/heading.js";

/** @import { View } from "../lib/view.js" */

/** @returns {View} */
export function openEdit() {
  return { title: "Edit", element: h("div", {}, viewHeading("Edit")) };
}

/** @returns {View} */
export function openNew() {
  return { title: "New prompt", element: h("div", {}, viewHeading("New prompt")) };
}
