// Modal dialogs. The browser keeps the focus inside, and returns it afterwards.

import { h } from "../lib/h.js";
import { button } from "./button.js";

/** @import { Child } from "../lib/h.js" */

/**
 * Opens a dialog that `close` ends; Escape ends it as well, with `undefined`.
 *
 * @template T
 * @param {string} title
 * @param {(close: (result?: T) => void) => (Child | Child[])[]} build Its contents below the title.
 * @returns {Promise<T | undefined>}
 */
export function openDialog(title, build) {
  const heading = h("h2", { id: "dialog-title" }, title);
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title" }, heading);
  return new Promise((resolve) => {
    /** @type {T | undefined} */
    let outcome;
    const close = (/** @type {T | undefined} */ result) => {
      outcome = result;
      dialog.close();
    };
    dialog.append(...build(close).flat().filter(isNode));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(outcome);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/**
 * Asks whether to do something that cannot be undone.
 *
 * @param {{ title: string, text: string, action: string }} question `action` labels the button that does it.
 * @returns {Promise<boolean>}
 */
export async function confirmAction({ title, text, action }) {
  const answer = await openDialog(title, (/** @type {(result?: boolean) => void} */ close) => [
    h("p", {}, text),
    h(
      "div",
      { class: "actions" },
      button({ label: action, look: "danger" }, () => close(true)),
      button({ label: "Cancel" }, () => close(false)),
    ),
  ]);
  return answer === true;
}

/**
 * @param {Child} child
 * @returns {child is Node}
 */
function isNode(child) {
  return child instanceof Node;
}
