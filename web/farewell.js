// The last page after an erasure. There is no account any more, so it asks the server for nothing.

import { h } from "./lib/h.js";
import { tab } from "./lib/storage.js";
import { setTitle } from "./lib/view.js";

/** Its address. */
export const FAREWELL = "/app/erased";

const KEY = "promptdb.erased";

const STRIPE = "Your customer record, if you subscribed: subscription and means of payment";

/**
 * Remembers for this tab what was erased.
 *
 * @param {{ hasAccount: boolean, stripe: "now" | "later" | false }} what When Stripe erases it, where
 *   subscriptions are sold.
 */
export function noteErasure({ hasAccount, stripe }) {
  tab.write(KEY, `${hasAccount ? "workos" : "here"} stripe-${stripe || "never"}`);
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
        what.startsWith("workos") &&
          line("WorkOS", "Your account: name, e-mail address and every session"),
        what.endsWith("stripe-now") && line("Stripe", STRIPE),
        what.endsWith("stripe-later") &&
          line("Stripe", `${STRIPE}. It is deleted later, and you need not do anything`, "Pending"),
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
 * @param {string} [state]
 */
function line(place, content, state = "Erased") {
  return h(
    "li",
    {},
    h("div", {}, h("p", { class: "line-title" }, place), h("p", { class: "hint" }, content)),
    h("span", { class: "badge" }, state),
  );
}
