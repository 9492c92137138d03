// What a card gets: the bridge, and the ways to the other cards.

/** @import { Bridge } from "./bridge/call.js" */
/**
 * @typedef {object} Card
 * @property {HTMLElement} element
 * @property {() => void} [start] Called once the card is in the page.
 * @property {() => void} [onMode] Called after a change of the display mode.
 */
/**
 * @typedef {object} App
 * @property {Bridge} bridge
 * @property {() => boolean} isLarge Whether the card has the full screen.
 * @property {(card: Card, hasFocus?: boolean) => void} show Replaces the card; `hasFocus` moves the focus to
 * its heading, as after an action.
 * @property {() => Promise<void>} openWaiting Shows what waits for review.
 * @property {(query?: string) => Promise<void>} openLibrary
 * @property {(which: { id?: string, name?: string }) => Promise<void>} openPrompt
 */
export {};
