// Copying text where the chat lets a card do that.

import { h } from "./text.js";

/**
 * Copies a text; resolves to whether it is copied.
 *
 * @param {string} text
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelection(text);
  }
}

/**
 * The older way, which needs no permission: it copies what is selected.
 *
 * @param {string} text
 */
function copySelection(text) {
  const focused = document.activeElement;
  const area = h("textarea", {
    class: "hidden",
    readonly: true,
    value: text,
    "aria-hidden": "true",
  });
  document.body.append(area);
  area.select();
  try {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- A frame without permission has nothing else.
    return document.execCommand("copy");
  } finally {
    area.remove();
    if (focused instanceof HTMLElement) focused.focus();
  }
}
