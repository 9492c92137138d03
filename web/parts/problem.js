// What is shown where something failed: the server's sentence, and what to do next.

import { formatSentence } from "../lib/format.js";
import { fill, h } from "../lib/h.js";
import { Problem } from "../api/problem.js";
import { button, buttonLink } from "./button.js";

/** Milliseconds between two steps of a countdown. */
const TICK_MS = 1000;

/**
 * Returns the sentence for an error. An error of the page's own code has none of its details here.
 *
 * @param {unknown} error
 */
export function describeError(error) {
  if (!(error instanceof Problem)) {
    console.error(error);
    return "Something on this page went wrong. Reload it and try again.";
  }
  const fields = error.errors.map(({ field, message }) => `${field} ${message}`);
  const text = fields.length > 0 ? fields.join("; ") : error.message;
  return formatSentence(text);
}

/**
 * Returns a failure with a button to try again, or to sign in where the server asks for that. After a
 * 429 it counts down until the server takes requests again.
 *
 * @param {unknown} error
 * @param {() => void} [retry]
 */
export function problemBox(error, retry) {
  const box = h("div", { class: "problem", role: "alert" }, h("p", {}, describeError(error)));
  if (error instanceof Problem && error.document.login_url) {
    const { pathname, search } = window.location;
    const login = new URL(error.document.login_url, window.location.origin);
    login.searchParams.set("return_to", pathname + search);
    box.append(buttonLink({ label: "Sign in again" }, login.pathname + login.search));
    return box;
  }
  if (!retry) return box;
  const again = button({ label: "Retry" }, retry);
  box.append(again);
  if (error instanceof Problem && error.retryAt !== undefined) countDown(box, again, error.retryAt);
  return box;
}

/**
 * Shows a failure in a place of the page. Where the server asks for a new sign-in, its link takes the
 * focus: the place may be far from what failed.
 *
 * @param {HTMLElement} place
 * @param {HTMLElement} box
 */
export function showProblem(place, box) {
  fill(place, box);
  box.querySelector("a")?.focus();
}

/**
 * @param {HTMLElement} box
 * @param {HTMLButtonElement} again
 * @param {number} until Milliseconds since 1970
 */
function countDown(box, again, until) {
  // Outside the alert's text: otherwise each second would be announced.
  const rest = h("span", { class: "countdown", "aria-live": "off" });
  box.append(rest);
  const tick = () => {
    const seconds = Math.ceil((until - Date.now()) / TICK_MS);
    again.disabled = seconds > 0;
    rest.textContent = seconds > 0 ? `Retry in ${seconds} s` : "";
    if (seconds <= 0) clearInterval(timer);
  };
  const timer = setInterval(tick, TICK_MS);
  tick();
}
