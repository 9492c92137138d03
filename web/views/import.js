import { h } from "../lib/h.js";
import { viewHeading } from "../parts/heading.js";

/** @import { View } from "../lib/view.js" */

/** @returns {View} */
export function openImport() {
  return { title: "Import", element: h("div", {}, viewHeading("Import")) };
}
