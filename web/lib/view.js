// What a screen is to the shell: a view beside, or below, the list it belongs to.

/** @import { KeyBinding } from "./keys.js" */
/** @import { Place } from "./router.js" */

/**
 * @typedef {object} View What a screen shows in the main pane. Its first heading is an `h1`.
 * @property {string} title For the window; `setTitle` changes it later.
 * @property {HTMLElement} element
 * @property {KeyBinding[]} [keys]
 * @property {() => void} [focus] Takes the focus when the view is opened, in place of its heading.
 * @property {(place: Place) => boolean} [update] Takes another query or hash of the same path;
 *   false if the view has to be made anew.
 */
/**
 * @typedef {object} ListPane What stands beside the views of one area, and stays while they change.
 * @property {HTMLElement} element
 * @property {HTMLElement} heading Holds its heading: an `h1`, or an `h2` beside a view.
 * @property {string} title
 * @property {KeyBinding[]} [keys]
 * @property {(place: Place) => void} update Called for each address of the area.
 */
/**
 * @typedef {object} Screen
 * @property {(place: Place) => View | Promise<View>} [open] Absent where the list is the screen.
 * @property {() => ListPane} [list] Screens with the same function share the list.
 */

const PRODUCT = "PromptDB";

/** @param {string} title Of the view. */
export function setTitle(title) {
  document.title = `${title} · ${PRODUCT}`;
}
