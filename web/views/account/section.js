// A section of the account page: its heading and its contents.

import { h } from "../../lib/h.js";

/** @import { Child } from "../../lib/h.js" */

/**
 * @param {string} id The hash of its address.
 * @param {string} title
 * @param {...(Child | Child[])} content
 */
export function section(id, title, ...content) {
  const heading = h("h2", { id: `${id}-title` }, title);
  return h(
    "section",
    { class: "stack", id, "aria-labelledby": `${id}-title` },
    heading,
    ...content,
  );
}
