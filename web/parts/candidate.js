// What is known of a candidate, in words.

import { h } from "../lib/h.js";
import { formatCount } from "../lib/format.js";

/** @import { Candidate } from "../state/review.js" */

/** What is replaced, in words; of the others, the name of the server has the words. @type {Map<string, string>} */
const KINDS = new Map([
  ["api_key", "API key"],
  ["jwt", "JSON web token"],
  ["email", "e-mail address"],
  ["iban", "IBAN"],
  ["ip_address", "IP address"],
  ["phone", "phone number"],
]);

/**
 * New, near to something, a variant of it, or saved already.
 *
 * @param {Candidate} candidate
 */
export function verdictBadge({ verdict, similar }) {
  const [closest] = similar;
  if (verdict === "duplicate") return h("span", { class: "badge badge-warning" }, "Already saved");
  if (verdict === "variant" && closest) {
    const name = h("bdi", {}, closest.name ?? closest.title);
    return h("span", { class: "badge badge-variant" }, h("span", {}, "Variant of ", name));
  }
  if (verdict === "related" && closest) {
    const name = h("bdi", {}, closest.name ?? closest.title);
    return h("span", { class: "badge" }, h("span", {}, "Related to ", name));
  }
  return h("span", { class: "badge" }, "New");
}

/**
 * What was replaced in it, such as "1 API key was replaced by a placeholder.".
 *
 * @param {Candidate["redactions"]} redactions
 */
export function redactionNotes(redactions) {
  return redactions.map(({ kind, count }) => {
    const name = KINDS.get(kind) ?? kind.replaceAll("_", " ");
    const things = formatCount(count, name, name.endsWith("s") ? `${name}es` : `${name}s`);
    return `${things} ${count === 1 ? "was replaced by a placeholder." : "were replaced by placeholders."}`;
  });
}
