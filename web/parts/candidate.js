// What is known of a candidate, in words.

import { h } from "../lib/h.js";

/** @import { Candidate } from "../api/promptdb.js" */

/**
 * New, a variant of something, or saved already.
 *
 * @param {Candidate} candidate
 */
export function verdictBadge({ verdict, similar }) {
  const [closest] = similar;
  if (verdict === "duplicate") return h("span", { class: "badge badge-warning" }, "Already saved");
  if (verdict === "variant" && closest) {
    return h(
      "span",
      { class: "badge badge-variant" },
      "Variant of ",
      h("bdi", {}, closest.name ?? closest.title),
    );
  }
  return h("span", { class: "badge" }, "New");
}

/**
 * What was replaced in it, such as "1 api_key replaced".
 *
 * @param {Candidate["redactions"]} redactions
 */
export function redactionNotes(redactions) {
  return redactions.map(({ kind, count }) => `${count} ${kind} replaced`);
}
