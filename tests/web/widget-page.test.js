// The widget as a page of the server, `/widget`: the same file, over REST instead of a chat.

import assert from "node:assert/strict";
import { test } from "node:test";

import { checkAccessible, checkReflow, checkTargets } from "./support/checks.js";
import { recordCopies } from "./support/copies.js";
import { call } from "./support/api.js";
import { openApp } from "./support/app.js";
import { ERROR, LONGER_REVIEW, SAVED, TRIP } from "./support/harvest.js";
import { expectFocus, expectSoon, expectText } from "./support/wait.js";

/**
 * @import { Page } from "playwright-core"
 * @import { TestContext } from "node:test"
 * @import { App, AppOptions } from "./support/app.js"
 * @import { Proposal } from "./support/harvest.js"
 */

/**
 * Fills a library, and opens the page.
 *
 * @param {TestContext} t
 * @param {AppOptions} options
 * @param {Proposal[]} candidates
 * @param {string} [path]
 */
async function openWidget(t, options, candidates, path = "/widget") {
  const app = await openApp(t, { ...options, path: "/privacy" });
  for (const prompt of SAVED) await call(app, "POST", "/api/prompts", prompt);
  for (const candidate of candidates.toReversed()) {
    await call(app, "POST", "/api/candidates", { candidates: [candidate] });
  }
  await app.page.goto(path);
  return app;
}

/**
 * @param {Page} page
 * @param {string} name
 */
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();

/**
 * @param {Page} page
 * @param {string} name
 */
const arriveAt = (page, name) =>
  page.getByRole("heading", { level: 1, name, exact: true }).waitFor();

for (const scheme of /** @type {const} */ (["light", "dark"])) {
  for (const viewport of /** @type {const} */ (["desktop", "phone"])) {
    test(`candidates are reviewed and a prompt is copied on a ${viewport} in ${scheme}`, async (t) => {
      const app = await openWidget(t, { viewport, scheme }, [TRIP, LONGER_REVIEW, ERROR]);
      const { page } = app;
      await arriveAt(page, "1 of 3: Plan a trip");
      await checkAccessible(page);
      await press(page, "Edit");
      await page.getByRole("textbox", { name: "Title", exact: true }).fill("A trip by train");
      await checkAccessible(page);
      await page.getByRole("button", { name: "Save", exact: true }).dblclick();
      await arriveAt(page, "2 of 3: Code review with praise");
      await expectText(page.locator("ins"), "+- End with what is good, in one sentence.");
      await checkAccessible(page);
      await checkReflow(page);
      await checkTargets(page);
      await press(page, "Save as version 2");
      await arriveAt(page, "3 of 3: Explain an error");
      await press(page, "Skip");
      await arriveAt(page, "2 saved, 1 skipped");
      await checkAccessible(page);
      assert.equal((await call(app, "GET", "/api/prompts/plan-a-trip")).title, "A trip by train");
      assert.equal((await call(app, "GET", "/api/prompts/code-review")).version, 2);
      assert.deepEqual((await call(app, "GET", "/api/candidates")).candidates, []);

      await press(page, "Library");
      await page.getByRole("searchbox", { name: "Search prompts" }).fill("decline");
      await expectSoon(() => page.getByRole("listitem").count(), 1);
      await checkAccessible(page);
      await checkReflow(page);
      await checkTargets(page);
      await page.getByRole("button", { name: /^Decline politely/ }).click();
      await arriveAt(page, "Decline politely");
      await expectFocus(page, "Decline politely");
      await page.getByRole("textbox", { name: "person" }).fill("Ann");
      await page.getByRole("textbox", { name: "request" }).fill("the talk");
      await checkAccessible(page);
      await checkReflow(page);
      const readCopy = await recordCopies(page);
      await press(page, "Copy");
      await page.getByText("Copied.").waitFor();
      assert.equal(
        await readCopy(),
        "Write a short e-mail to Ann that declines the talk without an excuse.",
      );
      assert.equal(await page.getByRole("button", { name: "Use in chat" }).count(), 0);
    });
  }
}

test("an undo takes a save back, and a conflict is settled as in a chat", async (t) => {
  const app = await openWidget(t, {}, [LONGER_REVIEW, TRIP]);
  const { page } = app;
  app.expectFailures(/^POST \/api\/candidates\/cnd_\w+\/accept 409$/);
  await arriveAt(page, "1 of 2: Code review with praise");
  const elsewhere = { content: "Review {{code}} twice.", expected_version: 1 };
  await call(app, "PUT", "/api/prompts/code-review", elsewhere);
  await press(page, "Save as version 2");
  await press(page, "Save as new version");
  await arriveAt(page, "2 of 2: Plan a trip");
  assert.equal((await call(app, "GET", "/api/prompts/code-review")).version, 3);
  await press(page, "Undo");
  await page.getByText("Taken back").first().waitFor();
  const restored = await call(app, "GET", "/api/prompts/code-review");
  assert.equal(restored.content, elsewhere.content);
});

test("the address of a prompt opens its form", async (t) => {
  const { page } = await openWidget(t, {}, [], "/widget?name=polite-decline");
  await arriveAt(page, "Decline politely");
});

test("a person who is not signed in signs in by a window of its own, and goes on", async (t) => {
  const app = await openApp(t, { signIn: "workos", signedOut: true, path: "/widget" });
  const { page } = app;
  app.expectFailures(/^GET \/api\/candidates\S* 401$/);
  await page.getByRole("alert").filter({ hasText: /./ }).waitFor();
  await checkAccessible(page);
  await signIn(app);
  await page.getByText("Nothing saved yet. Say: save this as a prompt.").first().waitFor();
});

test("a sign-in that ends between two actions costs nothing", async (t) => {
  const app = await openWidget(t, { signIn: "workos" }, [TRIP, ERROR]);
  const { page } = app;
  app.expectFailures(/^POST \/api\/candidates\/cnd_\w+\/accept 401$/);
  await arriveAt(page, "1 of 2: Plan a trip");
  await press(page, "Edit");
  await page.getByRole("textbox", { name: "Title", exact: true }).fill("A trip by train");
  await app.context.clearCookies();
  await press(page, "Save");
  await signIn(app);
  await arriveAt(page, "2 of 2: Explain an error");
  const saved = await call(app, "GET", "/api/prompts/plan-a-trip");
  assert.deepEqual([saved.title, saved.version], ["A trip by train", 1]);
});

/** Signs in by the window that the button opens, which closes by itself. @param {App} app */
async function signIn({ context, page }) {
  const opened = context.waitForEvent("page");
  await press(page, "Sign in");
  const popup = await opened;
  if (!popup.isClosed()) await popup.waitForEvent("close");
}
