// Where a version was saved.

import { h } from "../lib/h.js";

/**
 * What follows "saved": " in the browser", or " by" the client.
 *
 * @param {string} source
 */
export function savedBy(source) {
  if (source === "browser") return " in the browser";
  return h("span", {}, " by ", h("bdi", {}, source));
}
