// Short messages at the edge of the page, such as "Deleted" with an Undo.

import { h } from "../lib/h.js";
import { button } from "./button.js";

/**
 * @typedef {object} ToastAction
 * @property {string} label
 * @property {() => void} run
 * @property {() => void} [expire] Called once the message is gone and the action was not chosen.
 */

/** How long a message stays, in milliseconds. It stays longer while it is pointed at or focused. */
const SHOWN_MS = 8000;

/** How many messages stand at a time. */
const STACK_MAX = 3;

/** The messages that are shown, the oldest first. @type {{ hasAction: boolean, remove: () => void }[]} */
let stack = [];

/** Screen readers announce what is added here, so it exists from the beginning. */
const region = h("div", { class: "toasts", role: "status", "aria-live": "polite" });

/** The region of the messages, which the shell puts into the page once. */
export function toastRegion() {
  return region;
}

/**
 * Shows a message below those that can still be answered. One without an action makes room for it.
 *
 * @param {string} text
 * @param {ToastAction} [action]
 */
export function showToast(text, action) {
  const toast = h("div", { class: "toast" }, h("p", {}, text));
  let isGone = false;
  const end = (/** @type {(() => void) | undefined} */ next) => {
    if (isGone) return;
    isGone = true;
    stack = stack.filter((other) => other !== entry);
    const hadFocus = toast.contains(document.activeElement);
    toast.remove();
    if (hadFocus) document.querySelector("h1")?.focus({ preventScroll: true });
    next?.();
  };
  const remove = () => end(action?.expire);
  const entry = { hasAction: action !== undefined, remove };
  if (action) {
    toast.append(button({ label: action.label, look: "quiet" }, () => end(action.run)));
  }
  toast.append(
    button({ label: "Dismiss", icon: "close", look: "quiet", isIconOnly: true }, remove),
  );
  removeLater(toast, remove);
  for (const other of stack.filter(({ hasAction }) => !hasAction)) other.remove();
  stack = [...stack, entry];
  region.append(toast);
  if (stack.length > STACK_MAX) stack[0]?.remove();
}

/**
 * @param {HTMLElement} toast
 * @param {() => void} remove
 */
function removeLater(toast, remove) {
  let timer = setTimeout(remove, SHOWN_MS);
  let isPointedAt = false;
  let hasFocus = false;
  const wait = () => {
    clearTimeout(timer);
    if (!isPointedAt && !hasFocus) timer = setTimeout(remove, SHOWN_MS);
  };
  const listen = (/** @type {string} */ type, /** @type {() => void} */ note) =>
    toast.addEventListener(type, () => {
      note();
      wait();
    });
  listen("pointerenter", () => (isPointedAt = true));
  listen("pointerleave", () => (isPointedAt = false));
  listen("focusin", () => (hasFocus = true));
  listen("focusout", () => (hasFocus = false));
}
