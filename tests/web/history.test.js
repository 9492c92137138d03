// The versions of a prompt: their list, their differences, and their return.

import assert from "node:assert/strict";
import { test } from "node:test";

import { call } from "./support/api.js";
import { openApp } from "./support/app.js";
import { checkAccessible, checkReflow, checkTargets } from "./support/checks.js";
import { REVIEW, saveVersion, seeToast } from "./support/editing.js";
import { CONTENT_MAX_BYTES, SCRIPTS } from "./support/prompts.js";
import { expectPath, expectSoon, expectText } from "./support/wait.js";

/**
 * @import { TestContext } from "node:test"
 * @import { AppOptions } from "./support/app.js"
 */

const HISTORY = "/app/p/code-review/history";

/**
 * Opens the history of a prompt with three versions.
 *
 * @param {TestContext} t
 * @param {AppOptions} [options]
 */
async function openHistory(t, options) {
  const app = await openApp(t, { ...options, path: "/privacy" });
  await call(app, "POST", "/api/prompts", REVIEW);
  await saveVersion(app, "code-review", 1, {
    content: REVIEW.content.replace("worst fault", "worst two faults"),
  });
  await saveVersion(app, "code-review", 2, {
    title: "Strict review",
    description: "Finds all faults",
    tags: ["quality"],
    content:
      "Review {{code}} in a {{tone}} tone, for {{reader}}.\nName the worst two faults first.\n",
    variables: [{ name: "tone", description: "kind or strict", default: "strict" }],
  });
  await app.page.goto(options?.path ?? HISTORY);
  return app;
}

/** @param {import("./support/app.js").App} app */
async function versions(app) {
  const page = await call(app, "GET", "/api/prompts/code-review/versions?limit=100");
  return /** @type {{ version: number, title: string }[]} */ (page.versions);
}

for (const viewport of /** @type {const} */ (["desktop", "phone"])) {
  test(`versions are listed and compared on a ${viewport}`, async (t) => {
    const app = await openHistory(t, { viewport });
    const { page } = app;
    const rows = page.getByRole("list", { name: "Versions" }).getByRole("listitem");
    await expectSoon(() => rows.count(), 3);
    await rows.first().getByText("Version 3").waitFor();
    await page.getByRole("heading", { name: "From version 2 to version 3" }).waitFor();
    const changes = page.locator(".changes");
    await changes.getByText("Title").waitFor();
    await changes.getByText("Tags").waitFor();
    await changes.getByText("Description").waitFor();
    await changes.getByText("Variables").waitFor();
    await expectText(page.locator(".diff ins"), ", for {{reader}}");
    await page.getByRole("radio", { name: "Compare from version 1" }).check();
    await page.getByRole("radio", { name: "Compare to version 2" }).check();
    await page.getByRole("heading", { name: "From version 1 to version 2" }).waitFor();
    await expectText(page.locator(".diff del"), "fault");
    await expectText(page.locator(".diff ins"), "two | faults");
    await expectText(page.locator(".diff .diff-sign:visible"), "| − | +");
    assert.equal(new URL(page.url()).search, "?a=1&b=2");
    const [before, after] = await page
      .locator(".diff-old, .diff-new")
      .evaluateAll((cells) => cells.map((cell) => cell.getBoundingClientRect().top));
    assert.equal(before === after, viewport === "desktop", "side by side on a desktop alone");
    await checkAccessible(page);
    await checkReflow(page);
    await checkTargets(page);
    await page.reload();
    await page.getByRole("heading", { name: "From version 1 to version 2" }).waitFor();
  });
}

test("an old version is restored as a new one, and the former comes back by Undo", async (t) => {
  const app = await openHistory(t);
  await app.page.getByRole("button", { name: "Restore version 1" }).click();
  await seeToast(app.page, "Version 1 is back, as version 4.");
  await app.page.getByRole("heading", { name: "From version 3 to version 4" }).waitFor();
  await app.page.getByRole("button", { name: "Undo" }).click();
  await seeToast(app.page, "Version 3 is back, as version 5.");
  const titles = (await versions(app)).map(({ title }) => title);
  assert.deepEqual(titles, [
    "Strict review",
    "Code review",
    "Strict review",
    "Code review",
    "Code review",
  ]);
});

test("Undo does not overwrite a version that was saved meanwhile", async (t) => {
  const app = await openHistory(t);
  app.expectFailures(/^POST \/api\/prompts\/prm_\w+\/restore 412$/);
  await app.page.getByRole("button", { name: "Restore version 1" }).click();
  await seeToast(app.page, "Version 1 is back, as version 4.");
  await saveVersion(app, "code-review", 4, { title: "Theirs" });
  await app.page.getByRole("button", { name: "Undo" }).click();
  await seeToast(app.page, "Version 5 was saved meanwhile. Nothing was undone.");
  assert.equal((await versions(app))[0]?.title, "Theirs");
});

test("older versions are removed after a question, and one version says so", async (t) => {
  const app = await openHistory(t);
  const remove = app.page.getByRole("button", { name: "Remove older versions" });
  await remove.click();
  const dialog = app.page.getByRole("dialog", { name: "Remove older versions?" });
  await dialog.getByRole("button", { name: "Cancel" }).click();
  assert.equal((await versions(app)).length, 3);
  await remove.click();
  await dialog.getByRole("button", { name: "Remove older versions" }).click();
  await seeToast(app.page, "2 versions removed.");
  await app.page.getByText("There is only version 3").waitFor();
  await checkAccessible(app.page);
});

test("more versions than a page are loaded on demand, and an address may name any", async (t) => {
  const app = await openApp(t, { path: "/privacy" });
  await call(app, "POST", "/api/prompts", { ...REVIEW, content: "Text 1", variables: [] });
  for (let version = 1; version < 25; version += 1) {
    await saveVersion(app, "code-review", version, { content: `Text ${version + 1}` });
  }
  await app.page.goto(`${HISTORY}?a=1&b=25`);
  await app.page.getByRole("heading", { name: "From version 1 to version 25" }).waitFor();
  await expectText(app.page.locator(".diff ins"), "25");
  const rows = app.page.getByRole("list", { name: "Versions" }).getByRole("listitem");
  await expectSoon(() => rows.count(), 20);
  await app.page.getByRole("button", { name: "More" }).click();
  await expectSoon(() => rows.count(), 25);
  await app.page.goto(`${HISTORY}?a=99&b=x`);
  await app.page.getByRole("heading", { name: "From version 24 to version 25" }).waitFor();
});

test("a second click while the history opens does not keep the page before", async (t) => {
  const { page } = await openHistory(t, { path: "/app/p/code-review" });
  await page.getByRole("button", { name: "History" }).evaluate((button) => {
    for (let clicks = 0; clicks < 2; clicks += 1) button.dispatchEvent(new MouseEvent("click"));
  });
  await page.getByRole("heading", { level: 1, name: "History of Strict review" }).waitFor();
  await expectPath(page, HISTORY);
});

test("two texts of 64 KB without anything in common are compared without holding the page", async (t) => {
  const app = await openApp(t, { path: "/privacy" });
  const text = (/** @type {string} */ word) =>
    Array.from({ length: 20_000 }, (_, index) => `${word}${(index * 7919) % 10_007}`)
      .join(word === "a" ? "\n" : " ")
      .slice(0, CONTENT_MAX_BYTES);
  await call(app, "POST", "/api/prompts", { ...REVIEW, content: text("a"), variables: [] });
  await saveVersion(app, "code-review", 1, { content: text("b") });
  await app.page.goto(HISTORY);
  await app.page.locator(".diff[aria-busy]").waitFor({ state: "detached" });
  await app.page.locator(".diff del").first().waitFor();
  await app.page.locator(".diff ins").first().waitFor();
});

test("long stretches without changes open on demand", async (t) => {
  const app = await openApp(t, { path: "/privacy" });
  const lines = Array.from({ length: 50 }, (_, index) => `Line ${index + 1}`);
  await call(app, "POST", "/api/prompts", { ...REVIEW, content: lines.join("\n"), variables: [] });
  await saveVersion(app, "code-review", 1, { content: [...lines, "The end"].join("\n") });
  await app.page.goto(HISTORY);
  const diff = app.page.locator(".diff");
  await diff.getByText("Line 48").waitFor();
  assert.equal(await diff.getByText("Line 20").count(), 0);
  await diff.getByRole("button", { name: /lines without changes/ }).click();
  await diff.getByText("Line 20").waitFor();
});

test("the history of a prompt that does not exist has a way on", async (t) => {
  const app = await openApp(t, { path: "/app/p/no-such/history" });
  app.expectFailures(/^GET \/api\/prompts\/no-such 404$/);
  await app.page
    .getByRole("heading", { level: 1, name: "This prompt was moved or deleted" })
    .waitFor();
  await app.page.getByRole("link", { name: "Search in trash" }).waitFor();
});

test("versions that look like markup stay text", async (t) => {
  const app = await openApp(t, { path: "/privacy" });
  await call(app, "POST", "/api/prompts", {
    ...REVIEW,
    title: SCRIPTS.image,
    content: SCRIPTS.end,
    variables: [],
  });
  await saveVersion(app, "code-review", 1, { title: SCRIPTS.end, content: SCRIPTS.image });
  await app.page.goto(HISTORY);
  await app.page.getByRole("heading", { level: 1, name: `History of ${SCRIPTS.end}` }).waitFor();
  await app.page.locator(".diff del").first().waitFor();
  await expectPath(app.page, HISTORY);
});
