// Checks that hold for every screen. Each fails with the elements that break it.

import assert from "node:assert/strict";

import axe from "axe-core";

import { parseJson } from "../../clients/json.js";
import { findOverflow, findSmallTargets } from "./layout.js";

/**
 * @import { AxeResults } from "axe-core"
 * @import { Frame, Page } from "playwright-core"
 */

/** The rules of axe that apply: WCAG 2.2 up to AA, and axe's best practices. */
export const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** The least width and height of a target in CSS pixels: WCAG 2.5.8, and on a touch screen 2.5.5. */
const TARGET_MIN_PX = 24;
export const TOUCH_TARGET_MIN_PX = 44;

/** The widest window that is used by touch. */
const TOUCH_WIDTH_MAX_PX = 600;

/** The width at which nothing may need a horizontal scroll (WCAG 1.4.10). */
const REFLOW_WIDTH_PX = 320;

/**
 * Waits until all animations of a page or a frame have ended: a text that fades in has too little contrast.
 *
 * @param {Page | Frame} page
 */
export async function settle(page) {
  await page.evaluate(async () => {
    const animations = document.getAnimations().filter((animation) => {
      const { endTime } = animation.effect?.getComputedTiming() ?? {};
      return endTime !== Infinity;
    });
    await Promise.allSettled(animations.map(({ finished }) => finished));
  });
}

/**
 * Fails on every violation that axe finds. The page's policy stays in force: the browser's debugger runs
 * axe in a world of its own, in which no policy of the page applies.
 *
 * @param {Page} page
 */
export async function checkAccessible(page) {
  await settle(page);
  failOn(describeViolations(await runAxe(page)), `axe at ${page.url()}`);
}

/**
 * Returns what breaks a rule, one element a line.
 *
 * @param {AxeResults} results
 */
export function describeViolations({ violations }) {
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary, any }) => {
      const data = any.map((check) => check.message).join("; ");
      return `${id}: ${help}: ${target.join(" ")}: ${data || failureSummary}`;
    }),
  );
}

/**
 * @param {Page} page
 * @returns {Promise<AxeResults>}
 */
async function runAxe(page) {
  const session = await page.context().newCDPSession(page);
  try {
    const { frameTree } = await session.send("Page.getFrameTree");
    const world = { frameId: frameTree.frame.id, worldName: "axe" };
    const { executionContextId: contextId } = await session.send("Page.createIsolatedWorld", world);
    const options = { runOnly: TAGS, resultTypes: ["violations"] };
    const expression = `${axe.source}; axe.run(document, ${JSON.stringify(options)}).then(JSON.stringify)`;
    const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
      expression,
      contextId,
      awaitPromise: true,
      returnByValue: true,
    });
    assert.equal(exceptionDetails, undefined, exceptionDetails?.exception?.description);
    return /** @type {AxeResults} */ (parseJson(String(result.value)));
  } finally {
    await session.detach();
  }
}

/**
 * Fails if a page of 320 px scrolls horizontally, or an element is wider than the window and is
 * not inside one that scrolls by itself. Leaves the window as it found it.
 *
 * @param {Page} page
 */
export async function checkReflow(page) {
  const before = page.viewportSize();
  assert.ok(before, "the window has no fixed size");
  await page.setViewportSize({ width: REFLOW_WIDTH_PX, height: before.height });
  await settle(page);
  const offenders = await page.evaluate(findOverflow);
  await page.setViewportSize(before);
  failOn(offenders, `too wide at ${page.url()}`);
}

/**
 * Fails on every control that is hit on less than 24 by 24 px, or 44 in a window as wide as a phone.
 * Links inside a line of text are exempt.
 *
 * @param {Page} page
 */
export async function checkTargets(page) {
  const { width } = page.viewportSize() ?? { width: Infinity };
  const min = width <= TOUCH_WIDTH_MAX_PX ? TOUCH_TARGET_MIN_PX : TARGET_MIN_PX;
  await settle(page);
  const offenders = await page.evaluate(findSmallTargets, min);
  failOn(offenders, `too small at ${page.url()}`);
}

/**
 * Fails with a list of faults, one a line, unless it is empty.
 *
 * @param {string[]} faults
 * @param {string} what
 */
export function failOn(faults, what) {
  if (faults.length > 0) assert.fail(`${what}:\n${faults.join("\n")}`);
}
