// Looks at the server again and again, only while a person can see what it is for.

import { Problem } from "../api/problem.js";

/** The time between two looks without another setting, in milliseconds. */
const EVERY_MS = 3000;

/**
 * Calls `look` now and then while `element` is in the page and the page is visible. It ends when the
 * element is not in the page, or a request fails for a reason that does not pass by itself.
 *
 * @param {HTMLElement} element
 * @param {() => Promise<void>} look
 * @param {{ every?: number, isKept?: boolean }} [options] `every` is the time between two looks, in
 *   milliseconds. An element that `isKept` may come back into the page: without it the looks pause.
 * @returns {() => void} Ends it.
 */
export function pollWhileShown(element, look, { every = EVERY_MS, isKept = false } = {}) {
  let isLooking = false;
  let pausedUntil = 0;
  const end = () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", tick);
  };
  const tick = () => {
    if (!element.isConnected && !isKept) end();
    const isVisible = element.isConnected && document.visibilityState === "visible";
    if (!isVisible || isLooking || Date.now() < pausedUntil) return;
    isLooking = true;
    look()
      .catch((/** @type {unknown} */ error) => {
        if (!(error instanceof Problem)) console.error(error);
        if (!(error instanceof Problem && error.isTemporary)) end();
        else pausedUntil = error.retryAt ?? 0;
      })
      .finally(() => (isLooking = false));
  };
  const timer = setInterval(tick, every);
  document.addEventListener("visibilitychange", tick);
  // The element is put into the page after this.
  setTimeout(tick);
  return end;
}
