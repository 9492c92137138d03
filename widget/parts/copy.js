// Copying where the chat lets a card do that.

import { field } from "./elements.js";

/**
 * Makes a text area with a text, all of it selected.
 *
 * @param {HTMLElement} place
 * @param {string} text
 */
export function selectIn(place, text) {
  const { control, row } = field("textarea", "Copy it into your message", text, null, {
    readonly: true,
  });
  place.replaceChildren(row);
  control.focus();
  control.select();
}

/**
 * Copies a text, or shows it selected in `place`; resolves to whether it is copied.
 *
 * @param {string} text
 * @param {HTMLElement} place
 */
export async function copy(text, place) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    selectIn(place, text);
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- A frame without permission has nothing else.
    return document.execCommand("copy");
  }
}
