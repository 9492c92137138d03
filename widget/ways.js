// The ways from card to card. `main.js` sets them, so that no card imports another one.

/**
 * @typedef {object} Ways
 * @property {(card: HTMLElement, hasFocus: boolean, onMode?: () => void) => void} show Replaces the card. `hasFocus`
 * moves the focus into it, as after an action; `onMode` is called when its room changes.
 * @property {() => Promise<void>} openWaiting Shows what waits for review.
 * @property {() => void} openLibrary
 * @property {(which: { id?: string, name?: string }) => Promise<void>} openPrompt
 */

/** @type {Ways["show"]} */
export let show;
/** @type {Ways["openWaiting"]} */
export let openWaiting;
/** @type {Ways["openLibrary"]} */
export let openLibrary;
/** @type {Ways["openPrompt"]} */
export let openPrompt;

/** @param {Ways} ways */
export function setWays(ways) {
  ({ show, openWaiting, openLibrary, openPrompt } = ways);
}
