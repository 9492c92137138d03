// What the person and the server do: one action at a time, so that a second click does nothing, and what a
// person reads when it fails.

import { signIn } from "../bridge/rest.js";
import { sentence } from "../model/words.js";
import { button, fill, h, said } from "./elements.js";

/** @import { Child } from "../../web/lib/h.js" */
/** @import { CallError } from "../bridge/call.js" */
/** @typedef {() => unknown} Work */

/** What failed, and what is done: both are announced. They stand below the card. */
export const alerts = h("div", { class: "alert", role: "alert" });
export const status = h("div", { class: "status", role: "status" });

/**
 * Says what is done; without children, nothing any more.
 *
 * @param {Child[]} children
 */
export const say = (...children) => fill(status, ...children);

/** Whether an action runs, which a Retry of one is as well. */
let isActing = false;

/**
 * Makes the button of an action.
 *
 * @param {string} label
 * @param {Parameters<typeof button>[1]} look
 * @param {Work} work
 */
export function action(label, look, work) {
  const element = button(label, look, ({ detail }) => {
    // The second click of a double click may hit what the first has brought here.
    if (detail < 2) void act();
  });
  const act = () => load(element, work, false);
  return element;
}

/**
 * Does work. A failure is shown with a way on.
 *
 * @param {HTMLElement} element Busy meanwhile; a new try begins with the focus on it.
 * @param {Work} work
 * @param {boolean} [isRead] Whether it reads, so that the same work again can help after any failure.
 */
export async function load(element, work, isRead = true) {
  /** @param {"true" | null} value */
  const setBusy = (value) => {
    element.ariaBusy = value;
    // A button that is busy keeps the focus, so it is not `disabled`.
    if (!isRead) element.ariaDisabled = value;
  };
  if (!isRead && isActing) return;
  isActing ||= !isRead;
  fill(alerts);
  setBusy("true");
  try {
    await work();
  } catch (error) {
    showFailure(error, isRead, () => {
      element.focus();
      void load(element, work, isRead);
    });
  }
  setBusy(null);
  if (!isRead) isActing = false;
}

/**
 * @param {unknown} error
 * @param {boolean} isRead
 * @param {() => void} again
 */
function showFailure(error, isRead, again) {
  const { kind, message } = /** @type {Partial<CallError>} */ (error);
  // An error without a kind is a fault of the widget, and its words are for programmers.
  if (!kind) console.error(error);
  const text = said("p", sentence((kind && message) ?? "Something went wrong here"));
  const askToSignIn = async () => {
    if (await signIn()) {
      again();
      return;
    }
    // No window can open: this page goes there and comes back.
    location.href = `/auth/login?return_to=${encodeURIComponent(location.pathname + location.search)}`;
  };
  const retry = isRead || kind === "no-answer" ? button("Retry", "plain", again) : null;
  fill(
    alerts,
    text,
    kind === "signed-out" ? button("Sign in", "plain", () => void askToSignIn()) : retry,
  );
}
