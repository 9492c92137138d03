// A person in front of a card, with a mouse or with the keyboard alone.

import assert from "node:assert/strict";

import { waitForHeight } from "./card-checks.js";
import { expectSoon } from "./wait.js";

/**
 * @import { Locator } from "playwright-core"
 * @import { ChatUnderTest } from "./chat.js"
 */

/** @typedef {"mouse" | "keyboard"} Input */

/** More controls than any card has, those of the chat around it included. */
const TABS_MAX = 60;

export class Person {
  /** @type {ChatUnderTest} */
  #chat;

  /** @type {Input} */
  #input;

  /**
   * @param {ChatUnderTest} chat
   * @param {Input} input
   */
  constructor(chat, input) {
    this.#chat = chat;
    this.#input = input;
  }

  /** @param {string} name */
  button(name) {
    return this.#chat.card.getByRole("button", { name, exact: true });
  }

  /** @param {string} name */
  field(name) {
    return this.#chat.card.getByRole("textbox", { name, exact: true });
  }

  /**
   * Presses a button once, by the mouse or with Enter.
   *
   * @param {string | Locator} target
   */
  async press(target) {
    const button = typeof target === "string" ? this.button(target) : target;
    if (this.#input === "mouse") {
      await button.waitFor();
      // A frame that grows or shrinks would move the button away from the pointer.
      await waitForHeight(this.#chat);
      await button.click();
      return;
    }
    await this.#tabTo(button);
    await this.#chat.page.keyboard.press("Enter");
  }

  /**
   * Presses a button twice, faster than the server answers.
   *
   * @param {string} name
   */
  async pressTwice(name) {
    const button = this.button(name);
    if (this.#input === "mouse") {
      await button.dblclick();
      return;
    }
    await this.#tabTo(button);
    await this.#chat.page.keyboard.press("Space");
    await this.#chat.page.keyboard.press("Enter");
  }

  /**
   * Replaces the text of a field.
   *
   * @param {Locator} field
   * @param {string} text
   */
  async type(field, text) {
    if (this.#input === "mouse") await field.click();
    else await this.#tabTo(field);
    await this.#chat.page.keyboard.press("ControlOrMeta+A");
    await this.#chat.page.keyboard.insertText(text);
  }

  /**
   * Waits for the heading of the card, which must have the focus.
   *
   * @param {string} text
   */
  async arriveAt(text) {
    const heading = this.#chat.card.getByRole("heading", { level: 1, name: text, exact: true });
    await heading.waitFor();
    await expectSoon(() => hasFocus(heading), true);
  }

  /** Fails if the focus is nowhere in the card, as after an action that removed its own control. */
  async assertFocus() {
    const name = await this.#chat.card
      .locator("body")
      .evaluate(() => document.activeElement?.localName);
    assert.notEqual(name, "body", "the focus is lost");
  }

  /**
   * Moves the focus to a control by the tab key alone.
   *
   * @param {Locator} control
   */
  async #tabTo(control) {
    await control.waitFor();
    for (let tabs = 0; tabs < TABS_MAX; tabs += 1) {
      const place = await control.evaluate((element) => {
        const focused = document.activeElement ?? document.body;
        if (element === focused) return "here";
        const isBefore =
          focused !== document.body &&
          (element.compareDocumentPosition(focused) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;
        return isBefore ? "before" : "after";
      });
      if (place === "here") return;
      await this.#chat.page.keyboard.press(place === "before" ? "Shift+Tab" : "Tab");
    }
    assert.fail(`no tab reaches ${String(control)}`);
  }
}

/** @param {Locator} locator */
const hasFocus = (locator) => locator.evaluate((element) => element === document.activeElement);
