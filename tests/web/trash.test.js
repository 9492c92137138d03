// The trash: deleted prompts come back, or go for good.

import assert from "node:assert/strict";
import { test } from "node:test";

import { call } from "./support/api.js";
import { openApp } from "./support/app.js";
import { checkAccessible, checkReflow, checkTargets } from "./support/checks.js";
import { REVIEW, seeToast } from "./support/editing.js";
import { SCRIPTS } from "./support/prompts.js";
import { expectPath, expectSoon, expectText, holdRequests } from "./support/wait.js";

/**
 * @import { TestContext } from "node:test"
 * @import { Page } from "playwright-core"
 * @import { App, AppOptions } from "./support/app.js"
 */

/**
 * Opens the trash with prompts of these titles, the last deleted first.
 *
 * @param {TestContext} t
 * @param {string[]} titles
 * @param {AppOptions} [options]
 */
async function openTrash(t, titles, options) {
  const app = await openApp(t, { ...options, path: "/privacy" });
  for (const title of titles) {
    const { id } = await call(app, "POST", "/api/prompts", { title, content: `Text of ${title}` });
    await call(app, "DELETE", `/api/prompts/${String(id)}`);
  }
  await app.page.goto("/app/trash");
  return app;
}

/** @param {Page} page */
function deletedRowsOf(page) {
  return page.getByRole("list", { name: "Deleted prompts" }).getByRole("listitem");
}

/** @param {App} app */
async function titles(app) {
  const { prompts } = await call(app, "GET", "/api/trash");
  return /** @type {{ title: string }[]} */ (prompts).map(({ title }) => title);
}

for (const viewport of /** @type {const} */ (["desktop", "phone"])) {
  test(`deleted prompts are listed, found and restored on a ${viewport}`, async (t) => {
    const app = await openTrash(t, ["Old plan", SCRIPTS.image, "תוכנית"], { viewport });
    const { page } = app;
    await expectSoon(() => deletedRowsOf(page).count(), 3);
    await deletedRowsOf(page).first().getByText("30 days left").waitFor();
    await page.getByRole("heading", { name: SCRIPTS.image }).waitFor();
    await checkAccessible(page);
    await checkReflow(page);
    await checkTargets(page);
    await page.getByRole("searchbox", { name: "Search the trash" }).fill("text PLAN");
    await expectSoon(() => deletedRowsOf(page).count(), 1);
    await expectText(page.getByRole("main").getByRole("status"), "1 prompt");
    assert.equal(new URL(page.url()).search, "?q=text+PLAN");
    await page.reload();
    await expectSoon(() => deletedRowsOf(page).count(), 1);
    await page.getByRole("button", { name: "Restore" }).click();
    await seeToast(page, "“Old plan” is back in the library.");
    await page.getByText("Nothing in the trash has “text PLAN”").waitFor();
    await page.getByRole("button", { name: "Clear" }).click();
    await expectSoon(() => deletedRowsOf(page).count(), 2);
    assert.equal((await app.api("GET", "/api/prompts/old-plan")).status, 200);
  });
}

test("a prompt is deleted for ever after a question", async (t) => {
  const app = await openTrash(t, ["One", "Two"]);
  const button = deletedRowsOf(app.page).first().getByRole("button", { name: "Delete for ever" });
  const dialog = app.page.getByRole("dialog", { name: "Delete for ever?" });
  await button.click();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  assert.equal((await titles(app)).length, 2);
  await button.click();
  await dialog.getByRole("button", { name: "Delete for ever" }).click();
  await seeToast(app.page, "“Two” is removed for good.");
  await expectSoon(() => deletedRowsOf(app.page).count(), 1);
  assert.deepEqual(await titles(app), ["One"]);
});

test("the trash is emptied after a question with the count", async (t) => {
  const app = await openTrash(t, ["One", "Two"]);
  await app.page.getByRole("button", { name: "Empty trash" }).click();
  const dialog = app.page.getByRole("dialog", { name: "Empty the trash?" });
  await dialog.getByText("2 prompts and all their versions are removed for good.").waitFor();
  await checkAccessible(app.page);
  await dialog.getByRole("button", { name: "Empty trash" }).click();
  await seeToast(app.page, "2 prompts removed for good.");
  await app.page.getByText("The trash is empty").waitFor();
  await checkAccessible(app.page);
  assert.deepEqual(await titles(app), []);
});

test("a prompt whose name is taken is saved as a new one, and stays in the trash", async (t) => {
  const app = await openTrash(t, ["Code review"]);
  app.expectFailures(/^POST \/api\/prompts\/prm_\w+\/restore 409$/);
  app.expectFailures(/^POST \/api\/prompts 409$/);
  await call(app, "POST", "/api/prompts", REVIEW);
  await app.page.getByRole("button", { name: "Restore" }).click();
  const dialog = app.page.getByRole("dialog", { name: "The name is taken" });
  await checkAccessible(app.page);
  const name = dialog.getByRole("textbox", { name: "Name" });
  await name.fill("code-review");
  await name.press("Enter");
  await dialog.getByText("This name is taken as well.").waitFor();
  await name.fill("old review");
  await dialog.getByRole("button", { name: "Save as new prompt" }).click();
  await seeToast(app.page, "Saved as old-review. The deleted prompt stays in the trash.");
  assert.equal((await titles(app)).length, 1);
  const saved = await call(app, "GET", "/api/prompts/old-review");
  assert.equal(saved.content, "Text of Code review");
});

test("from a taken name a link leads to the other prompt, to rename it", async (t) => {
  const app = await openTrash(t, ["Code review"]);
  app.expectFailures(/^POST \/api\/prompts\/prm_\w+\/restore 409$/);
  await call(app, "POST", "/api/prompts", REVIEW);
  await app.page.getByRole("button", { name: "Restore" }).click();
  await app.page.getByRole("link", { name: "Rename the other" }).click();
  await expectPath(app.page, "/app/p/code-review/edit");
});

test("more than a page is loaded on demand, and a search looks through all pages", async (t) => {
  const names = Array.from({ length: 55 }, (_, index) => `Plan ${index + 1}`);
  const app = await openTrash(t, names);
  await expectSoon(() => deletedRowsOf(app.page).count(), 50);
  await app.page.getByRole("searchbox", { name: "Search the trash" }).fill("Plan 1");
  await expectSoon(() => deletedRowsOf(app.page).count(), 15);
  await app.page.getByRole("searchbox", { name: "Search the trash" }).fill("");
  await expectSoon(() => deletedRowsOf(app.page).count(), 55);
  await app.page.reload();
  await app.page.getByRole("button", { name: "More" }).click();
  await expectSoon(() => deletedRowsOf(app.page).count(), 55);
});

test("a page that is asked for by each key is loaded once", async (t) => {
  const names = Array.from({ length: 55 }, (_, index) => `Plan ${index + 1}`);
  const app = await openTrash(t, names);
  await expectSoon(() => deletedRowsOf(app.page).count(), 50);
  const held = await holdRequests(app.page, /\/api\/trash\?.*cursor=/);
  const search = app.page.getByRole("searchbox", { name: "Search the trash" });
  await search.pressSequentially("Plan 12");
  held.release();
  await expectSoon(() => deletedRowsOf(app.page).count(), 1);
  await search.fill("");
  await expectSoon(() => deletedRowsOf(app.page).count(), 55);
  assert.equal(held.count(), 1);
});

test("a failure is said with a way to try again", async (t) => {
  const app = await openTrash(t, ["One"]);
  await expectSoon(() => deletedRowsOf(app.page).count(), 1);
  app.expectFailures(/^POST \/api\/prompts\/prm_\w+\/restore net::/);
  await app.page.route(/\/restore$/, (route) => route.abort(), { times: 1 });
  await app.page.getByRole("button", { name: "Restore" }).click();
  await app.page.getByRole("button", { name: "Retry" }).click();
  await seeToast(app.page, "“One” is back in the library.");
});
