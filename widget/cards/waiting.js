// What is shown before a result, and instead of one.

import { action, load } from "../parts/actions.js";
import { box, h, heading, isolated } from "../parts/elements.js";
import { openLibrary, openWaiting, show } from "../ways.js";

/**
 * Shows the outline of a card until another one replaces it, which is what the work does where there is any.
 *
 * @param {() => unknown} [work]
 * @param {string} [title] What is known already.
 */
export function showSkeleton(work = () => new Promise(() => undefined), title) {
  const name = title ? heading(isolated(title)) : box("h1.hidden", "Loading");
  const card = h(
    "section",
    { class: "stack bones", tabindex: -1 },
    name,
    [1, 2, 3].map(() => box("i")),
  );
  show(card, false);
  void load(card, work);
}

/**
 * Shows a sentence with ways on.
 *
 * @param {string} text
 * @param {{ role?: string, again?: () => void }} [options] `again` replaces the ways into the library.
 */
export function showNotice(text, { role = "status", again } = {}) {
  const message = h("p", { role });
  const ways = again
    ? action("Retry", "plain", again)
    : [action("Show what waits", "plain", openWaiting), action("Library", "small", openLibrary)];
  show(box("section.stack", box("h1.hidden", "Prompts"), message, box("div.actions", ways)), false);
  // What comes into a live region is announced.
  message.append(isolated(text));
}
