// A chat that shows cards as one of the hosts does. Tests drive it by `window.chat`.

import { PROFILES } from "../profiles.js";
import { Card } from "./card.js";
import { Talk } from "./talk.js";

/**
 * @import { CallToolResult } from "@modelcontextprotocol/client"
 * @import { McpUiDisplayMode, McpUiToolInputPartialNotification } from "@modelcontextprotocol/ext-apps/app-bridge"
 * @import { HostName, Theme } from "../profiles.js"
 * @import { Opening } from "./card.js"
 */

const parameters = new URLSearchParams(location.search);
const host = /** @type {HostName} */ (parameters.get("host"));
const sandbox = String(parameters.get("sandbox"));

class Chat {
  #talk = new Talk();

  /** @type {Theme} */
  #theme = "light";

  /** @type {Card[]} */
  #cards = [];

  constructor() {
    this.setTheme(/** @type {Theme} */ (parameters.get("theme") ?? "light"));
  }

  /** The last card. */
  get card() {
    const card = this.#cards.at(-1);
    if (!card) throw new Error("the chat has no card");
    return card;
  }

  /**
   * Shows the card of a call of a tool.
   *
   * @param {Opening} opening
   */
  open(opening) {
    const card = new Card(host, this.#talk, this.#theme, sandbox, opening);
    this.#cards.push(card);
    return card.mount();
  }

  /**
   * Adds a message.
   *
   * @param {"user" | "assistant"} role
   * @param {string} text
   */
  post(role, text) {
    this.#talk.post(role, text);
  }

  /** Loads the card anew, as on reopening the chat: with the result that the tool returned then. */
  async reopen() {
    await this.card.unmount();
    await this.card.mount();
  }

  /** @param {CallToolResult} result */
  sendResult(result) {
    return this.card.bridge.sendToolResult(result);
  }

  /** @param {McpUiToolInputPartialNotification["params"]} input */
  sendPartialInput(input) {
    return this.card.bridge.sendToolInputPartial(input);
  }

  /** Asks the card to end, and resolves with its answer. */
  tearDown() {
    return this.card.bridge.teardownResource({});
  }

  /** @param {Theme} theme */
  setTheme(theme) {
    const { page, card, text } = PROFILES[host].colors[theme];
    const root = document.documentElement;
    root.dataset.theme = theme;
    root.style.setProperty("--page", page);
    root.style.setProperty("--card", card);
    root.style.setProperty("--text", text);
    this.#theme = theme;
    for (const card of this.#cards) card.setTheme(theme);
  }

  /** @param {McpUiDisplayMode} mode */
  setMode(mode) {
    this.card.setMode(mode);
  }

  /**
   * Sets the width of the conversation.
   *
   * @param {number} pixels
   */
  setWidth(pixels) {
    document.documentElement.style.setProperty("--width", `${pixels}px`);
  }

  /** The messages between the chat and the last card, in their order. */
  get log() {
    return this.logs.at(-1) ?? [];
  }

  /** The messages of each card, and of each time that it was loaded. */
  get logs() {
    return this.#cards.flatMap(({ wires }) => wires.map(({ log }) => log));
  }

  /** What the card asked the chat for, beside calls of the server. */
  get requests() {
    return this.card.requests;
  }
}

/** @typedef {Chat} ChatPage */

Reflect.set(window, "chat", new Chat());
