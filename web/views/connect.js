import { h } from "../lib/h.js";
import { viewHeading } from "../parts/heading.js";

/** @import { View } from "../lib/view.js" */

/** @returns {View} */
export function openConnect() {
  return { title: "Connect", element: h("div", {}, viewHeading("Connect")) };
}
