// Something to copy: a command, an address or a sentence, with its button.

import { h } from "../lib/h.js";
import { button } from "./button.js";
import { copyText } from "./copy.js";

/**
 * @param {string} text
 * @param {string} what Completes the name of the button, such as "the address".
 * @param {{ isSpoken?: boolean }} [options] `isSpoken` for a sentence to say in a chat.
 */
export function copyable(text, what, { isSpoken = false } = {}) {
  const label = { label: "Copy", icon: /** @type {const} */ ("copy") };
  const props = { "aria-label": `Copy ${what}` };
  return h(
    "div",
    { class: `copyable${isSpoken ? " spoken" : ""}` },
    isSpoken ? h("q", {}, text) : h("code", {}, wordsOf(text)),
    button({ ...label, look: "quiet", props }, () => void copyText(text)),
  );
}

/**
 * Splits a command into its words, and JSON in it after its signs, so that a line breaks there.
 *
 * @param {string} text
 */
function wordsOf(text) {
  return text
    .split(/(\s+|(?<=[{,])(?=\S))/)
    .map((part) => (/\S/.test(part) ? h("span", {}, part) : part));
}
