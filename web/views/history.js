import { h } from "../lib/h.js";
import { viewHeading } from "../parts/heading.js";

/** @import { View } from "../lib/view.js" */

/** @returns {View} */
export function openHistory() {
  return { title: "History", element: h("div", {}, viewHeading("History")) };
}
