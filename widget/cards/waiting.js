// What is shown before a result, and instead of one.

import { createActions } from "../parts/actions.js";
import { h, heading } from "../parts/text.js";
import { showHidden } from "../model/words.js";

/** @import { App, Card } from "../app.js" */

/**
 * The outline of a card, until the result is there.
 *
 * @param {string} [title] What is known of it already.
 * @returns {Card}
 */
export function skeletonCard(title) {
  const lines = [1, 2, 3].map((n) => h("div", { class: `bone bone-${n}` }));
  const name = title
    ? heading(h("bdi", {}, showHidden(title)))
    : h("p", { class: "hidden" }, "Loading");
  return { element: h("section", { class: "stack skeleton" }, name, lines) };
}

/**
 * The outline of a card that the work replaces.
 *
 * @param {App} app
 * @param {() => Promise<void>} work
 * @returns {Card}
 */
export function loadingCard(app, work) {
  const { said, load } = createActions(app);
  const { element } = skeletonCard();
  element.tabIndex = -1;
  element.append(said);
  return { element, start: () => void load(element, work) };
}

/**
 * A sentence with ways on.
 *
 * @param {App} app
 * @param {string} text
 * @param {{ detail?: string, again?: () => Promise<void>, isError?: boolean }} [options] `again` replaces
 * the ways into the library.
 * @returns {Card}
 */
export function noticeCard(app, text, { detail, again, isError = false } = {}) {
  const { said, button } = createActions(app);
  const ways = again
    ? [button("Retry", "plain", again)]
    : [
        button("Show what waits", "plain", app.openWaiting),
        button("Library", "small", () => app.openLibrary()),
      ];
  const message = h("div", { class: "stack", role: isError ? "alert" : "status" });
  const body = [heading(showHidden(text)), detail && h("p", { class: "soft" }, detail)];
  const element = h(
    "section",
    { class: "stack" },
    message,
    said,
    h("div", { class: "actions" }, ways),
  );
  // A live region announces what comes into it.
  return { element, start: () => message.append(...body.filter((one) => one instanceof Node)) };
}
