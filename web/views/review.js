import { h } from "../lib/h.js";
import { viewHeading } from "../parts/heading.js";

/** @import { ListPane, View } from "../lib/view.js" */

/** @returns {ListPane} */
export function reviewList() {
  const heading = h("div", {});
  return { element: h("div", {}, heading), heading, title: "Review", update: () => undefined };
}

/** @returns {View} */
export function openCandidate() {
  return { title: "Candidate", element: h("div", {}, viewHeading("Candidate")) };
}
