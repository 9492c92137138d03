// Texts of prompts: eight lines of them, then all.

import { fill, h } from "../../web/lib/h.js";
import { showHidden } from "../model/words.js";
import { button } from "./actions.js";

/** @import { Child } from "../../web/lib/h.js" */
/** @import { App } from "../app.js" */

/**
 * Shows the first lines of a text, and the rest on demand. The card grows: nothing scrolls inside it.
 *
 * @param {App} app
 * @param {HTMLElement} text
 */
export function clamped(app, text) {
  const all = button("Show all", "small", () => {
    const isOpen = !text.classList.toggle("clamp");
    all.textContent = isOpen ? "Show less" : "Show all";
    all.setAttribute("aria-expanded", String(isOpen));
    // The text is shown in any case.
    if (isOpen) app.bridge.enlarge().catch(() => undefined);
  });
  all.setAttribute("aria-expanded", "false");
  all.hidden = true;
  text.classList.add("clamp");
  new ResizeObserver(() => {
    if (text.classList.contains("clamp")) all.hidden = text.scrollHeight <= text.clientHeight + 1;
  }).observe(text);
  return h("div", { class: "stack" }, text, all);
}

/** @param {Child[]} children */
export function textBox(...children) {
  return h("pre", { class: "text", dir: "auto" }, children);
}

/** @param {string} text */
export const isolated = (text) => h("bdi", {}, showHidden(text));

/**
 * The heading of a card, which takes the focus after each action.
 *
 * @param {Child[]} children
 */
export const heading = (...children) => h("h1", { tabindex: "-1" }, children);

export { fill, h };
