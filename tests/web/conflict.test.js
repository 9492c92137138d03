// Two writers of one prompt: nothing is overwritten without a choice.

import assert from "node:assert/strict";
import { test } from "node:test";

import { call } from "./support/api.js";
import { openApp } from "./support/app.js";
import { checkAccessible, checkReflow, checkTargets } from "./support/checks.js";
import { REVIEW, formOf, loseAnswers, saveVersion, seeToast } from "./support/editing.js";
import { expectFocus, expectPath, expectText, expectValue } from "./support/wait.js";

/**
 * @import { TestContext } from "node:test"
 * @import { AppOptions } from "./support/app.js"
 */

const EDIT = "/app/p/code-review/edit";
const STALE = /^PUT \/api\/prompts\/prm_\w+ 412$/;
const HEADING = "“Code review” was saved meanwhile";

/**
 * Opens the form, lets another client save, and tries to save.
 *
 * @param {TestContext} t
 * @param {AppOptions} [options]
 */
async function openConflict(t, options) {
  const app = await openApp(t, { ...options, path: "/privacy" });
  app.expectFailures(STALE);
  await call(app, "POST", "/api/prompts", REVIEW);
  await app.page.goto(EDIT);
  const form = formOf(app.page);
  await form.content.fill(REVIEW.content.replace("worst", "three worst"));
  await form.title.fill("Code review of mine");
  await saveVersion(app, "code-review", 1, {
    content: `${REVIEW.content}Be kind.\n`,
    tags: ["code", "kind"],
  });
  await form.save.click();
  await expectFocus(app.page, HEADING);
  const column = (/** @type {string} */ name) =>
    app.page.getByRole("region", { name, exact: true });
  return { ...app, form, column };
}

/** @param {import("./support/app.js").App} app */
async function contents(app) {
  const { versions } = await call(app, "GET", "/api/prompts/code-review/versions");
  return /** @type {{ content: string }[]} */ (versions).map(({ content }) => content);
}

for (const viewport of /** @type {const} */ (["desktop", "phone"])) {
  test(`a conflict shows mine, theirs and the base on a ${viewport}`, async (t) => {
    const app = await openConflict(t, { viewport });
    await expectText(app.column("Mine").locator("ins").first(), "of mine");
    await expectText(app.column("Mine").locator(".diff ins"), "three");
    await expectText(app.column("Theirs").locator(".diff ins"), "Be kind.");
    await expectText(app.column("Theirs").locator(".changes ins"), "kind");
    await expectText(
      app.column("Base").locator("pre"),
      REVIEW.content.replaceAll("\n", " ").trim(),
    );
    // Signs say it without the colours.
    await expectText(app.column("Theirs").locator(".diff-new .diff-sign"), "+");
    await checkAccessible(app.page);
    await checkReflow(app.page);
    await checkTargets(app.page);
    const tops = await app.page
      .locator(".conflict-column")
      .evaluateAll((columns) => columns.map((column) => column.getBoundingClientRect().top));
    assert.equal(new Set(tops).size, viewport === "phone" ? 3 : 1);
    assert.equal((await contents(app)).length, 2);
  });
}

test("save mine adds a version above theirs", async (t) => {
  const app = await openConflict(t);
  await app.page.getByRole("button", { name: "Save mine" }).click();
  await seeToast(app.page, "Saved as version 3.");
  await expectPath(app.page, "/app/p/code-review");
  assert.deepEqual(await contents(app), [
    REVIEW.content.replace("worst", "three worst"),
    `${REVIEW.content}Be kind.\n`,
    REVIEW.content,
  ]);
});

test("a double click saves once, and chooses nothing in what comes after it", async (t) => {
  const app = await openConflict(t);
  await app.page.getByRole("button", { name: "Save mine" }).dblclick();
  await seeToast(app.page, "Saved as version 3.");
  await expectPath(app.page, "/app/p/code-review");
  assert.equal((await contents(app)).length, 3);
});

test("a third save in between is another conflict", async (t) => {
  const app = await openConflict(t);
  await saveVersion(app, "code-review", 2, { content: "A third one" });
  await app.page.getByRole("button", { name: "Save mine" }).click();
  await expectText(app.column("Theirs").locator("header .hint"), "Version 3");
  await expectText(
    app.column("Base").locator("pre"),
    `${REVIEW.content}Be kind.`.replaceAll("\n", " "),
  );
  assert.equal((await contents(app)).length, 3);
});

test("take theirs drops mine, and can be undone", async (t) => {
  const app = await openConflict(t);
  await app.page.getByRole("button", { name: "Take theirs" }).click();
  await expectPath(app.page, "/app/p/code-review");
  await app.page.getByRole("button", { name: "Undo" }).click();
  await expectPath(app.page, EDIT);
  await expectValue(app.form.title, "Code review of mine");
  assert.equal((await contents(app)).length, 2);
});

test("go on editing decides nothing: the next save asks again", async (t) => {
  const app = await openConflict(t);
  await app.page.getByRole("button", { name: "Go on editing" }).click();
  await expectValue(app.form.title, "Code review of mine");
  await app.page.keyboard.press("Control+s");
  await expectFocus(app.page, HEADING);
  assert.equal((await contents(app)).length, 2);
});

test("the second of two tabs is asked, and its draft survives a reload", async (t) => {
  const app = await openApp(t, { path: "/privacy" });
  app.expectFailures(STALE);
  await call(app, "POST", "/api/prompts", REVIEW);
  await app.page.goto(EDIT);
  const other = await app.openTab(EDIT);
  await formOf(app.page).content.fill("First tab");
  await formOf(other).content.fill("Second tab");
  await formOf(app.page).save.click();
  await seeToast(app.page, "Saved as version 2.");
  await formOf(other).save.click();
  await expectFocus(other, HEADING);
  await other.reload();
  await expectText(
    other.locator(".notice p"),
    "Draft restored. It began with version 1; version 2 was saved meanwhile.",
  );
  await formOf(other).save.click();
  await expectFocus(other, HEADING);
  await expectText(
    other.getByRole("region", { name: "Theirs" }).locator(".diff ins"),
    "First | tab",
  );
  assert.equal((await contents(app)).length, 2);
});

test("a save whose answer was lost is not taken for another person's", async (t) => {
  const app = await openApp(t, { path: "/privacy" });
  app.expectFailures(/^PUT \/api\/prompts\/prm_\w+ net::/);
  await call(app, "POST", "/api/prompts", REVIEW);
  await app.page.goto(EDIT);
  await loseAnswers(app.page, "PUT", /\/api\/prompts\/prm_/);
  const form = formOf(app.page);
  await form.content.fill("Mine, first");
  await form.save.click();
  await app.page.locator(".problem p").waitFor();
  await form.content.fill("Mine, second");
  await form.save.click();
  await seeToast(app.page, "Saved as version 3.");
  assert.deepEqual(await contents(app), ["Mine, second", "Mine, first", REVIEW.content]);
});

/**
 * Opens the form, lets another client delete the prompt, and tries to save.
 *
 * @param {TestContext} t
 * @param {(app: import("./support/app.js").App) => Promise<unknown>} remove
 */
async function openDeleted(t, remove) {
  const app = await openApp(t, { path: "/privacy" });
  app.expectFailures(/^PUT \/api\/prompts\/prm_\w+ 404$/);
  await call(app, "POST", "/api/prompts", REVIEW);
  await app.page.goto(EDIT);
  const form = formOf(app.page);
  await form.content.fill("Still here");
  await remove(app);
  await form.save.click();
  await expectFocus(app.page, "Restore and save");
  return { ...app, form };
}

test("a prompt deleted meanwhile is restored and saved", async (t) => {
  const app = await openDeleted(t, (one) => call(one, "DELETE", "/api/prompts/code-review"));
  await app.page.keyboard.press("Enter");
  await seeToast(app.page, "Saved as version 2.");
  assert.deepEqual(await contents(app), ["Still here", REVIEW.content]);
});

test("a prompt saved and deleted meanwhile is a conflict once it is restored", async (t) => {
  const app = await openDeleted(t, async (one) => {
    await saveVersion(one, "code-review", 1, { content: "Theirs" });
    await call(one, "DELETE", "/api/prompts/code-review");
  });
  await app.page.keyboard.press("Enter");
  await expectFocus(app.page, HEADING);
  assert.deepEqual(await contents(app), ["Theirs", REVIEW.content]);
});

test("a prompt removed for good can be saved as a new one, also after a reload", async (t) => {
  const app = await openDeleted(t, async (one) => {
    await call(one, "DELETE", "/api/prompts/code-review");
    await call(one, "DELETE", "/api/trash");
  });
  app.expectFailures(/^POST \/api\/prompts\/prm_\w+\/restore 404$/);
  app.expectFailures(/^GET \/api\/prompts\/code-review 404$/);
  await app.page.reload();
  await expectValue(app.form.content, "Still here");
  await app.page.getByRole("button", { name: "Restore and save" }).click();
  await expectText(
    app.page.locator(".notice .error:visible"),
    "It was removed for good. Save your text as a new prompt.",
  );
  await app.page.getByRole("button", { name: "Save as new prompt" }).click();
  await seeToast(app.page, "Saved as version 1.");
  assert.deepEqual(await contents(app), ["Still here"]);
});
