import { h } from "../lib/h.js";
import { viewHeading } from "../parts/heading.js";

/** @import { View } from "../lib/view.js" */

/** @returns {View} */
export function openAccount() {
  return { title: "Account", element: h("div", {}, viewHeading("Account")) };
}
