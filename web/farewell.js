// The last page after an erasure. There is no account any more, so it asks the server for nothing.

import { h } from "./lib/h.js";
import { tab } from "./lib/storage.js";
import { setTitle } from "./lib/view.js";

/** Its address. */
export const FAREWELL = "/app/erased";

const KEY = "promptdb.erased";

/**
 * Remembers for this tab what was erased.
 *
 * @param {boolean} hasSignIn
 */
export function noteErasure(hasSignIn) {
  tab.write(KEY, hasSignIn ? "workos" : "here");
}

/** Shows what was erased where, if this tab has erased something. Returns whether it has. */
export function showFarewell() {
  const what = tab.read(KEY);
  if (window.location.pathname !== FAREWELL || what === null) return false;
  setTitle("Everything is erased");
  const heading = h("h1", { tabindex: "-1" }, "Everything is erased");
  document.body.replaceChildren(
    h(
      "main",
      { class: "farewell stack" },
      heading,
      h(
        "ul",
        { class: "lines" },
        line("This server", "Prompts with all versions, suggestions, activity, connected clients"),
        what === "workos" && line("WorkOS", "Your account: name, e-mail address and every session"),
        line("This browser", "Drafts and settings"),
      ),
      h(
        "p",
        { class: "muted" },
        "Backups of this server that were made before keep what they hold until its operator deletes them. Chats keep what they were given.",
      ),
      h("p", {}, h("a", { href: "/" }, "To the first page")),
    ),
  );
  heading.focus();
  return true;
}

/**
 * @param {string} place
 * @param {string} content
 */
function line(place, content) {
  return h(
    "li",
    {},
    h("div", {}, h("p", { class: "line-title" }, place), h("p", { class: "hint" }, content)),
    h("span", { class: "badge" }, "Erased"),
  );
}
