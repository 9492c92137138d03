// Every screen of the application, as the general tests and the pictures open it.

import { openApp } from "./app.js";
import { settle } from "./checks.js";

/**
 * @import { Page } from "playwright-core"
 * @import { TestContext } from "node:test"
 * @import { AppOptions } from "./app.js"
 */

/**
 * @typedef {object} Screen
 * @property {string} name of its pictures
 * @property {string} path
 * @property {"empty" | "full"} library
 * @property {"workos"} [signIn]
 * @property {RegExp} [failures] requests that fail on it: see `Watch.expectFailures`
 * @property {(page: Page) => Promise<void>} [prepare] what a person does before it is there
 */

/** Screens of the application itself, behind its navigation. @type {Screen[]} */
export const APP_SCREENS = [
  { name: "library-empty", path: "/app", library: "empty" },
  { name: "library-full", path: "/app", library: "full" },
  { name: "library-search", path: "/app?q=review", library: "full" },
  { name: "library-no-match", path: "/app?q=xylophone", library: "full" },
  { name: "prompt", path: "/app/p/code-review", library: "full" },
  { name: "prompt-arabic", path: "/app/p/arabic", library: "full" },
  { name: "prompt-long-word", path: "/app/p/long-word", library: "full" },
  { name: "prompt-script", path: "/app/p/script-image", library: "full" },
  {
    name: "prompt-missing",
    path: "/app/p/no-such-prompt",
    library: "full",
    failures: /^GET \/api\/prompts\/no-such-prompt\S* 404$/,
  },
  { name: "edit", path: "/app/p/code-review/edit", library: "full" },
  { name: "new", path: "/app/new", library: "full" },
  { name: "history", path: "/app/p/code-review/history?a=1&b=3", library: "full" },
  { name: "review", path: "/app/review", library: "full" },
  { name: "review-empty", path: "/app/review", library: "empty" },
  { name: "trash", path: "/app/trash", library: "full" },
  { name: "trash-empty", path: "/app/trash", library: "empty" },
  { name: "connect", path: "/app/connect", library: "full" },
  { name: "connect-never", path: "/app/connect", library: "empty" },
  { name: "import", path: "/app/import", library: "empty" },
  { name: "account", path: "/app/account", library: "full" },
  { name: "account-signed-in", path: "/app/account", library: "empty", signIn: "workos" },
  { name: "export", path: "/app/account#export", library: "full" },
  { name: "erase", path: "/app/account#erase", library: "full" },
  { name: "missing", path: "/app/no/such/page", library: "empty" },
];

/** Pages without a script. @type {Screen[]} */
export const STATIC_SCREENS = [
  { name: "landing", path: "/", library: "empty" },
  { name: "privacy", path: "/privacy", library: "empty" },
  { name: "terms", path: "/terms", library: "empty" },
];

/** The page of an address outside the application. */
const MISSING_PAGE = /** @type {Screen} */ ({
  name: "missing-page",
  path: "/no-such-page",
  library: "empty",
  failures: /^GET \/no-such-page 404$/,
});

export const SCREENS = [...APP_SCREENS, ...STATIC_SCREENS, MISSING_PAGE];

/**
 * Opens a screen, and waits until it shows everything.
 *
 * @param {TestContext} t
 * @param {Screen} screen
 * @param {AppOptions} [options]
 */
export async function openScreen(t, screen, options = {}) {
  const { path, library, signIn } = screen;
  const app = await openApp(t, { ...options, path, library, ...(signIn && { signIn }) });
  if (screen.failures) app.expectFailures(screen.failures);
  await showScreen(app.page, screen);
  return app;
}

/**
 * Waits until a page that is at the address of a screen shows everything.
 *
 * @param {Page} page
 * @param {Screen} screen
 */
export async function showScreen(page, screen) {
  await waitUntilShown(page);
  await screen.prepare?.(page);
  await waitUntilShown(page);
}

/**
 * Waits until a page has a main heading, and no part of it waits for the server.
 *
 * @param {Page} page
 */
export async function waitUntilShown(page) {
  await page.getByRole("heading", { level: 1 }).first().waitFor();
  await page.waitForLoadState("networkidle");
  await page.locator("[aria-busy=true]").first().waitFor({ state: "detached" });
  await settle(page);
}
