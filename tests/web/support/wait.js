// Waits for what a page shows. Each fails with what it shows instead.

import assert from "node:assert/strict";

/**
 * @import { Locator, Page } from "playwright-core"
 */

/** The longest wait. */
const PATIENCE_MS = 20_000;

/** The time between two looks. */
const LOOK_MS = 50;

/**
 * Repeats a look until it is as expected.
 *
 * @template T
 * @param {() => T | Promise<T>} look
 * @param {T} expected
 */
export async function expectSoon(look, expected) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const seen = await look();
    try {
      assert.deepEqual(seen, expected);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/**
 * Waits until an element has a text.
 *
 * @param {Locator} locator
 * @param {string} text
 */
export async function expectText(locator, text) {
  const look = async () => {
    const texts = await locator.allInnerTexts();
    return texts.join(" | ").replaceAll(/\s+/g, " ").trim();
  };
  await expectSoon(look, text);
}

/**
 * Waits until a field has a value.
 *
 * @param {Locator} field
 * @param {string} value
 */
export async function expectValue(field, value) {
  await expectSoon(() => field.inputValue(), value);
}

/**
 * Waits until the element with the focus has a name: its label, its text, or that of its label.
 *
 * @param {Page} page
 * @param {string} name
 */
export async function expectFocus(page, name) {
  const look = () =>
    page.evaluate(() => {
      const element = document.activeElement;
      const labels =
        element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement
          ? element.labels
          : null;
      return (
        element?.getAttribute("aria-label") ??
        labels?.[0]?.textContent ??
        element?.textContent ??
        ""
      );
    });
  await expectSoon(look, name);
}

/**
 * Dispatches `visibilitychange`, on which the page asks the server for what it follows.
 *
 * @param {Page} page
 */
export function lookAgain(page) {
  return page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
}

/**
 * Holds the requests of a page whose address fits, until `release` is called.
 *
 * @param {Page} page
 * @param {string | RegExp} pattern
 */
export async function holdRequests(page, pattern) {
  let count = 0;
  /** @type {() => void} */
  let release = () => undefined;
  /** @type {Promise<void>} */
  const released = new Promise((resolve) => (release = resolve));
  await page.route(pattern, async (route) => {
    count += 1;
    await released;
    await route.fallback();
  });
  return { release: () => release(), count: () => count };
}

/**
 * Waits until the page is at a path.
 *
 * @param {Page} page
 * @param {string} path
 */
export async function expectPath(page, path) {
  await expectSoon(() => new URL(page.url()).pathname, path);
}
