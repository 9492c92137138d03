// Browser contexts for tests: one a test, in one of four sizes, watched from its first page to its end.

import { after } from "node:test";

import { defer } from "../../clients/harness.js";
import { openChromium } from "./chromium.js";
import { Watch } from "./watch.js";

/**
 * @import { Browser, BrowserContext } from "playwright-core"
 * @import { TestContext } from "node:test"
 */

export const VIEWPORTS = {
  desktop: { width: 1280, height: 800 },
  tablet: { width: 900, height: 1000 },
  phone: { width: 390, height: 844 },
  narrow: { width: 320, height: 640 },
};

/** The longest wait for an element or a page. */
const PATIENCE_MS = 20_000;

/**
 * @typedef {object} ContextOptions
 * @property {keyof typeof VIEWPORTS} [viewport] the size of the window; `desktop` by default
 * @property {"light" | "dark"} [scheme] the system's colour scheme; `light` by default
 * @property {boolean} [reducedMotion]
 * @property {boolean} [forcedColors]
 * @property {BrowserContext} [like] a context whose cookies and storage the new one begins with
 * @property {boolean} [script] whether pages may run scripts; they do by default
 */

/** @type {Promise<Browser> | undefined} */
let browser;

after(async () => (await browser)?.close());

/** Returns the browser of this process. */
function getBrowser() {
  return (browser ??= openChromium(process.env.BROWSER_ADDRESS));
}

/**
 * Opens a context, which is closed after the test `t`. The test fails if anything goes wrong on its
 * pages that `Watch` reports.
 *
 * @param {TestContext} t
 * @param {[string, ...string[]]} origins of the product, then of other servers that it may use
 * @param {ContextOptions} [options]
 */
export async function openContext(t, origins, options = {}) {
  const { viewport = "desktop", scheme = "light", script = true } = options;
  const isTouched = viewport === "phone" || viewport === "narrow";
  const context = await (
    await getBrowser()
  ).newContext({
    baseURL: origins[0],
    viewport: VIEWPORTS[viewport],
    hasTouch: isTouched,
    colorScheme: scheme,
    reducedMotion: options.reducedMotion ? "reduce" : "no-preference",
    forcedColors: options.forcedColors ? "active" : "none",
    javaScriptEnabled: script,
    ...(options.like && { storageState: await options.like.storageState() }),
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    permissions: ["clipboard-read", "clipboard-write"],
    acceptDownloads: true,
  });
  defer(t, () => context.close());
  context.setDefaultTimeout(PATIENCE_MS);
  const watch = await Watch.start(context, origins);
  defer(t, () => watch.assertClean());
  return { context, watch };
}
