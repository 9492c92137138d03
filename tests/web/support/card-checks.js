// Checks that hold for every card, at every width of a conversation and in both themes.

import assert from "node:assert/strict";

import axe from "axe-core";

import { parseJson } from "../../clients/json.js";
import { TAGS, TOUCH_TARGET_MIN_PX, describeViolations, failOn, settle } from "./checks.js";
import { findOverflow, findSmallTargets } from "./layout.js";
import { expectSoon } from "./wait.js";

/**
 * @import { AxeResults } from "axe-core"
 * @import { Frame } from "playwright-core"
 * @import { Theme } from "../hosts/profiles.js"
 * @import { ChatUnderTest } from "./chat.js"
 */

/** The widths of conversations: a narrow side panel, a phone, a desktop. */
export const WIDTHS_PX = [280, 375, 720];

/** The most height that a card takes inline. */
export const INLINE_MAX_HEIGHT_PX = 500;

/**
 * Returns the frame that holds the card's document.
 *
 * @param {ChatUnderTest} chat
 */
export function findCardFrame(chat) {
  const frame = chat.page.frames().findLast((one) => one.name() === "card");
  assert.ok(frame, "the chat shows no card");
  return frame;
}

/**
 * Fails on every violation that axe finds in the card. The card is transparent, and axe looks at one
 * document alone, so the card is painted in the colour of the host first.
 *
 * @param {ChatUnderTest} chat
 * @param {Theme} theme
 */
export async function checkCardAccessible(chat, theme) {
  await chat.controls.evaluate((self, name) => {
    self.setTheme(name);
  }, theme);
  const frame = findCardFrame(chat);
  await expectSoon(() => frame.evaluate(() => document.documentElement.dataset.theme), theme);
  const color = chat.profile.colors[theme].card;
  await frame.evaluate((value) => {
    document.documentElement.style.setProperty("background", value, "important");
  }, color);
  await settle(frame);
  const violations = await runAxe(frame);
  await frame.evaluate(() => document.documentElement.style.removeProperty("background"));
  failOn(violations, `axe in ${chat.host}, ${theme}`);
}

/** @param {Frame} frame */
async function runAxe(frame) {
  const isThere = await frame.evaluate(() => Reflect.has(window, "axe"));
  // The policy of the hosts lets inline scripts run.
  if (!isThere) await frame.addScriptTag({ content: axe.source });
  const text = await frame.evaluate(async (tags) => {
    const global = /** @type {unknown} */ (Reflect.get(window, "axe"));
    const { run } = /** @type {typeof import("axe-core")} */ (global);
    const results = await run(document, { runOnly: tags, resultTypes: ["violations"] });
    return JSON.stringify(results);
  }, TAGS);
  return describeViolations(/** @type {AxeResults} */ (parseJson(text)));
}

/**
 * Fails unless the card fits into a conversation of each width: nothing is too wide or needs a scroll, and
 * each control is large enough for a finger.
 *
 * @param {ChatUnderTest} chat
 * @param {number} [maxHeight] in pixels
 */
export async function checkFits(chat, maxHeight = Infinity) {
  const frame = findCardFrame(chat);
  for (const width of WIDTHS_PX) {
    await chat.controls.evaluate((self, pixels) => {
      self.setWidth(pixels);
    }, width);
    await expectSoon(() => frame.evaluate(() => innerWidth), width);
    await waitForHeight(chat);
    const where = `${chat.host} at ${width} px`;
    failOn(await frame.evaluate(findOverflow), `too wide in ${where}`);
    failOn(await frame.evaluate(findSmallTargets, TOUCH_TARGET_MIN_PX), `too small in ${where}`);
    const height = await frame.evaluate(measureHeight);
    assert.ok(height <= maxHeight, `${height} px high in ${where}, more than ${maxHeight}`);
  }
}

/**
 * Waits until the frame is as high as its content, or as high as the host lets it be. On the full screen,
 * the frame has the height of the window; before the card has asked for a height, it has that of the host.
 *
 * @param {ChatUnderTest} chat
 */
export async function waitForHeight(chat) {
  const frame = findCardFrame(chat);
  const { maxHeight = Infinity } = chat.profile;
  const look = async () => {
    const mode = await chat.page.locator(".card").last().getAttribute("data-mode");
    const isSized = await chat.controls.evaluate((self) =>
      self.log.some(({ method }) => method === "ui/notifications/size-changed"),
    );
    if (mode !== "inline" || !isSized) return "fits";
    const [content, given] = [
      await frame.evaluate(measureHeight),
      await frame.evaluate(() => innerHeight),
    ];
    return given === Math.min(content, maxHeight) ? "fits" : `${content} px in ${given}`;
  };
  await expectSoon(look, "fits");
}

/** Returns the height of a document, in whole pixels. Runs in the card. */
function measureHeight() {
  return Math.ceil(document.documentElement.getBoundingClientRect().height);
}
