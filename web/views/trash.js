import { h } from "../lib/h.js";
import { viewHeading } from "../parts/heading.js";

/** @import { View } from "../lib/view.js" */

/** @returns {View} */
export function openTrash() {
  return { title: "Trash", element: h("div", {}, viewHeading("Trash")) };
}
