// What holds for every screen: it opens without a fault, has a title and a main heading of its own,
// lies in landmarks, and is accessible in both schemes, at 320 px and by touch.

import assert from "node:assert/strict";
import { test } from "node:test";

import { checkAccessible, checkReflow, checkTargets } from "./support/checks.js";
import { APP_SCREENS, SCREENS, STATIC_SCREENS, openScreen, showScreen } from "./support/screens.js";

/**
 * @import { Page } from "playwright-core"
 */

/** The links of the navigation. */
const AREAS = ["Library", "Review", "Connect", "Account"];

/** Screens by the title of their page, with the path that has it. @type {Map<string, string>} */
const titles = new Map();

/**
 * Checks the title, the headings and the landmarks of a page.
 *
 * @param {Page} page
 */
async function checkStructure(page) {
  const headings = page.getByRole("heading", { level: 1 });
  assert.deepEqual(await headings.count(), 1, (await headings.allTextContents()).join(" | "));
  assert.equal(await page.getByRole("main").count(), 1);
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  const title = await page.title();
  const { pathname } = new URL(page.url());
  assert.equal(titles.get(title) ?? pathname, pathname, `two pages are named "${title}"`);
  titles.set(title, pathname);
}

for (const screen of SCREENS) {
  test(`${screen.name} is accessible in both schemes, at 320 px and by touch`, async (t) => {
    const app = await openScreen(t, screen);
    const { page } = app;
    await checkStructure(page);
    await checkAccessible(page);
    await checkTargets(page);
    await checkReflow(page);
    await page.emulateMedia({ colorScheme: "dark" });
    await checkAccessible(page);

    const phone = await app.openWindow({ viewport: "phone" });
    if (screen.failures) phone.expectFailures(screen.failures);
    await showScreen(phone.page, screen);
    await checkAccessible(phone.page);
    await checkTargets(phone.page);
  });
}

for (const screen of APP_SCREENS.filter(({ name }) => ["library-full", "account"].includes(name))) {
  test(`${screen.name} has the navigation, and marks where it is`, async (t) => {
    const { page } = await openScreen(t, screen);
    const navigation = page.getByRole("navigation", { name: "Main" });
    for (const area of AREAS) {
      await navigation.getByRole("link", { name: area }).waitFor();
    }
    assert.equal(await navigation.locator("[aria-current=page]").count(), 1);
  });
}

for (const screen of STATIC_SCREENS) {
  test(`${screen.name} needs no script`, async (t) => {
    const { page, watch } = await openScreen(t, screen, { script: false });
    await checkStructure(page);
    assert.deepEqual(
      watch.requests.filter(({ type }) => type === "script"),
      [],
    );
  });
}

test("forced colours and reduced motion change nothing that a person needs", async (t) => {
  const [, library] = APP_SCREENS;
  assert.ok(library);
  const { page } = await openScreen(t, library, { forcedColors: true, reducedMotion: true });
  await checkAccessible(page);
  const moving = await page.evaluate(() => document.getAnimations().length);
  assert.equal(moving, 0);
});
