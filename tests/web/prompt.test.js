// The page of a prompt: what it shows, how it is filled in and used, and what is there when it is gone.

import assert from "node:assert/strict";
import { test } from "node:test";

import { readString } from "../clients/json.js";
import { openApp } from "./support/app.js";
import { recordCopies } from "./support/copies.js";
import { SCRIPTS } from "./support/prompts.js";
import { ALL, announced, rowOf } from "./support/rows.js";
import { expectFocus, expectSoon } from "./support/wait.js";

/**
 * @import { Locator, Page } from "playwright-core"
 */

const REVIEW = "/app/p/code-review";

/** @param {Page} page */
const articleOf = (page) => page.getByRole("article");

/**
 * @param {Page} page
 * @param {string} name
 */
const fieldOf = (page, name) => articleOf(page).getByRole("textbox", { name });

/** @param {Page} page */
const previewOf = (page) => page.getByRole("region", { name: "Preview" });

test("a prompt shows what it is, and its variables in their colours", async (t) => {
  const { page } = await openApp(t, { library: "full", path: REVIEW });
  const article = articleOf(page);
  await article.getByRole("heading", { level: 1, name: "Code review" }).waitFor();
  for (const text of ["A strict review of one file", "version 3", "code-review prompt"]) {
    await article.getByText(text).first().waitFor();
  }
  const tag = article.getByRole("link", { name: "coding" });
  assert.equal(await tag.getAttribute("href"), "/app?tag=coding");
  const text = article.getByRole("region", { name: "Text" });
  assert.match((await text.textContent()) ?? "", /Leave \\\{\{this\}\} alone/);
  const colours = (/** @type {Locator} */ spans) =>
    spans.evaluateAll((all) =>
      all.map((span) => [...span.classList].find((name) => /-\d$/.test(name))),
    );
  const expected = ["variable-1", "variable-2", "variable-3"];
  assert.deepEqual(await colours(text.locator(".variable")), expected);
  assert.deepEqual(await colours(article.locator("label .variable")), expected);
  assert.deepEqual(await colours(previewOf(page).locator(".variable")), expected);
  await article.getByText("Version 2", { exact: true }).waitFor();
});

test("Use asks for what is missing, then copies the filled text and counts", async (t) => {
  const { page, api } = await openApp(t, { library: "full", path: REVIEW });
  const copied = await recordCopies(page);
  const use = articleOf(page).getByRole("button", { name: "Use", exact: true });
  await use.click();
  await expectFocus(page, "code required");
  await page.keyboard.insertText("let a = {{tone}};\nlet b;");
  await use.click();
  await expectFocus(page, "reader required");
  assert.equal(await fieldOf(page, "tone").inputValue(), "kind");
  await fieldOf(page, "reader").fill("<b>Ada</b>");

  const values = { code: "let a = {{tone}};\nlet b;", tone: "kind", reader: "<b>Ada</b>" };
  const { body } = await api("POST", "/api/prompts/code-review/render", { arguments: values });
  assert.equal(await previewOf(page).textContent(), body.text);
  await use.click();
  await announced(page, "Copied.");
  assert.equal(await copied(), body.text);
  // Twice before, and once above by the test itself, which the page has not counted.
  await articleOf(page)
    .getByText(/^used \d+ times$/)
    .waitFor();
});

test("a default can be changed and taken away", async (t) => {
  const { page } = await openApp(t, { library: "full", path: REVIEW });
  await fieldOf(page, "tone").fill("strict");
  await previewOf(page).getByText("strict").waitFor();
  await fieldOf(page, "tone").fill("");
  assert.match((await previewOf(page).textContent()) ?? "", /in a  tone/);
  await page.getByRole("button", { name: "Clear the fields" }).click();
  assert.match((await previewOf(page).textContent()) ?? "", /in a kind tone/);
});

test("what was typed is still there after a visit to another screen", async (t) => {
  const { page } = await openApp(t, { library: "full", path: REVIEW });
  await fieldOf(page, "code").fill("half a thought");
  await articleOf(page).getByRole("button", { name: "Edit" }).click();
  await page.waitForURL(/\/edit/);
  await page.goBack();
  await expectSoon(() => fieldOf(page, "code").inputValue(), "half a thought");
});

test("links open the filled text in a chat, unless it is too long for a link", async (t) => {
  const { page, context } = await openApp(t, { library: "full", path: "/app/p/polite-decline" });
  await fieldOf(page, "person").fill("Ann & Bob");
  const text = "Write a short e-mail to Ann & Bob that declines {{request}} without an excuse.";
  for (const [name, address] of [
    ["Open in ChatGPT", "https://chatgpt.com/?q="],
    ["Open in Claude", "https://claude.ai/new?q="],
  ]) {
    const link = page.getByRole("link", { name });
    assert.equal(await link.getAttribute("href"), `${address ?? ""}${encodeURIComponent(text)}`);
    assert.equal(await link.getAttribute("target"), "_blank");
    assert.equal(await link.getAttribute("rel"), "noopener");
  }
  assert.equal(context.pages().length, 1);
  await page.goto("/app/p/largest");
  await page.getByText("too long for a link").waitFor();
  assert.equal(await page.getByRole("link", { name: "Open in Claude" }).count(), 0);
});

test("an answer that was read before a use does not take it back", async (t) => {
  const { page } = await openApp(t, { library: "full", path: "/app/p/no-variables" });
  await articleOf(page).getByText("never used").waitFor();
  /** @type {() => void} */
  let release = () => undefined;
  const released = new Promise((resolve) => (release = () => resolve(undefined)));
  let held = 0;
  // The rows, and the prompt with what is like it. The page reads both when it is opened.
  await page.route(/\/api\/prompts(\?|\/[^?]*\?similar)/, async (route) => {
    const response = await route.fetch();
    held += 1;
    await released;
    await route.fulfill({ response });
  });
  await page.reload();
  await expectSoon(() => held, 2);
  await articleOf(page).getByRole("button", { name: "Use", exact: true }).click();
  await articleOf(page).getByText("used once").waitFor();
  release();
  await rowOf(page, "Shorten the last answer").getByText("used once").waitFor();
  await page.waitForLoadState("networkidle");
  assert.equal(await articleOf(page).getByText("never used").count(), 0);
});

test("a prompt without variables has no form, and Use copies it", async (t) => {
  const { page, api } = await openApp(t, { library: "full", path: "/app/p/no-variables" });
  const copied = await recordCopies(page);
  const article = articleOf(page);
  await article.getByText("never used").waitFor();
  assert.equal(await article.getByRole("textbox").count(), 0);
  await article.getByRole("button", { name: "Use", exact: true }).click();
  await article.getByText("used once").waitFor();
  const { body } = await api("GET", "/api/prompts/no-variables");
  assert.equal(await copied(), body.content);
  await rowOf(page, "Shorten the last answer").getByText("used once").waitFor();
  await expectSoon(async () => (await api("GET", "/api/prompts/no-variables")).body.use_count, 1);
});

test("the largest text is shown and copied whole", async (t) => {
  const { page, api } = await openApp(t, { library: "full", path: "/app/p/largest" });
  const copied = await recordCopies(page);
  const content = readString((await api("GET", "/api/prompts/largest")).body.content);
  const text = page.getByRole("region", { name: "Text" });
  assert.equal(await text.textContent(), content);
  await articleOf(page).getByRole("button", { name: "Copy", exact: true }).click();
  await announced(page, "was copied");
  assert.equal(await copied(), content);
});

test("titles, texts and hints that look like markup are text", async (t) => {
  const { page } = await openApp(t, { library: "full", path: "/app/p/script-image" });
  await page.getByRole("heading", { level: 1, name: SCRIPTS.image }).waitFor();
  assert.equal(await fieldOf(page, "input").inputValue(), SCRIPTS.end);
  assert.match((await previewOf(page).textContent()) ?? "", /<\/script><script>alert\(2\)/);
  assert.equal(await articleOf(page).locator("img, script, svg[onload]").count(), 0);
});

test("what to say in a chat can be copied", async (t) => {
  const { page } = await openApp(t, { library: "full", path: REVIEW });
  const copied = await recordCopies(page);
  await page.getByRole("button", { name: "Copy what to say" }).click();
  await announced(page, "Copied.");
  assert.equal(await copied(), "Use my code-review prompt");
});

test("the star keeps the focus, and a newer version is no conflict", async (t) => {
  const { page, api } = await openApp(t, { library: "full", path: REVIEW });
  await articleOf(page).getByRole("heading", { level: 1 }).waitFor();
  const next = { content: "Another text.", expected_version: 3 };
  assert.equal((await api("PUT", "/api/prompts/code-review", next)).status, 200);
  const star = articleOf(page).getByRole("button", { name: "Favourite" });
  await star.focus();
  await page.keyboard.press("Enter");
  await expectSoon(() => star.getAttribute("aria-pressed"), "false");
  await expectSoon(async () => (await api("GET", "/api/prompts/code-review")).body.favorite, false);
  assert.equal(await star.evaluate((button) => button === document.activeElement), true);
  // The answer brought the newer text along.
  await page.getByRole("region", { name: "Text" }).getByText("Another text.").waitFor();
});

test("a deletion leads to the list, and Undo takes it back", async (t) => {
  const { page, api } = await openApp(t, { library: "full", path: "/app/p/weekly-plan" });
  await articleOf(page).getByRole("button", { name: "Delete" }).click();
  await announced(page, "“Plan my week” was deleted.");
  await page.getByRole("heading", { level: 1, name: "Library" }).waitFor();
  await announced(page, `${ALL - 1} prompts`);
  assert.equal(await rowOf(page, "Plan my week").count(), 0);
  assert.equal((await api("GET", "/api/prompts/weekly-plan")).status, 404);
  await page.getByRole("button", { name: "Undo" }).click();
  await rowOf(page, "Plan my week").waitFor();
  assert.equal((await api("GET", "/api/prompts/weekly-plan")).status, 200);
});

test("a prompt that was deleted can be restored where it was", async (t) => {
  const { page, expectFailures } = await openApp(t, { library: "full" });
  expectFailures(/^GET \/api\/prompts\/old-review\S* 404$/);
  await page.goto("/app/p/old-review");
  await page.getByRole("heading", { level: 1, name: "This prompt was moved or deleted" }).waitFor();
  const trash = page.getByRole("link", { name: "Search in trash" });
  assert.equal(await trash.getAttribute("href"), "/app/trash?q=old-review");
  await page.getByText("Old code review was deleted").waitFor();
  await page.getByRole("button", { name: "Restore" }).click();
  await page.getByRole("heading", { level: 1, name: "Old code review" }).waitFor();
  await rowOf(page, "Old code review").waitFor();
});

test("a prompt that another client deletes leaves the list when it is opened", async (t) => {
  const { page, api, expectFailures } = await openApp(t, { library: "full" });
  await rowOf(page, "Plan my week").waitFor();
  await api("DELETE", "/api/prompts/weekly-plan");
  expectFailures(/^GET \/api\/prompts\/\S+ 404$/);
  await page.getByRole("link", { name: "Plan my week" }).click();
  await page.getByRole("heading", { level: 1, name: "This prompt was moved or deleted" }).waitFor();
  await page.getByText("Plan my week was deleted").waitFor();
  assert.equal(await rowOf(page, "Plan my week").count(), 0);
});

test("a prompt that another client deletes while it is open leaves its page and the list", async (t) => {
  const { page, api, expectFailures } = await openApp(t, { library: "full" });
  await page.getByRole("link", { name: "Plan my week" }).click();
  await page.getByRole("heading", { level: 1, name: "Plan my week" }).waitFor();
  await page.waitForLoadState("networkidle");
  await api("DELETE", "/api/prompts/weekly-plan");
  expectFailures(/^(GET|PUT) \/api\/prompts\/\S+ 404$/);
  await page.locator(".main-pane").getByRole("button", { name: "Favourite" }).click();
  await page.getByRole("heading", { level: 1, name: "This prompt was moved or deleted" }).waitFor();
  assert.equal(await rowOf(page, "Plan my week").count(), 0);
});

test("a renamed prompt opens by its id, and its old name leads on", async (t) => {
  const { page, api, expectFailures } = await openApp(t, { library: "full" });
  const { body } = await api("GET", "/api/prompts/code-review");
  await api("PUT", "/api/prompts/code-review", { name: "strict-review", expected_version: 3 });
  await page.goto(`/app/p/${readString(body.id)}`);
  await page.getByRole("heading", { level: 1, name: "Code review" }).waitFor();
  await articleOf(page).getByText("use my strict-review prompt").waitFor();
  expectFailures(/^GET \/api\/prompts\/code-review\S* 404$/);
  await page.goto(REVIEW);
  await page.getByRole("link", { name: "Open the library" }).click();
  await rowOf(page, "Code review").waitFor();
});

test("a prompt whose text is saved elsewhere says so", async (t) => {
  const { page, api } = await openApp(t, { library: "full" });
  const { body } = await api("GET", "/api/prompts/no-variables");
  await api("POST", "/api/prompts", { title: "Half as long", content: body.content });
  await page.goto("/app/p/half-as-long");
  await page.getByText("The same text is saved as").waitFor();
  const link = articleOf(page).getByRole("link", { name: "Shorten the last answer" });
  assert.equal(await link.getAttribute("href"), "/app/p/no-variables");
});

test("on a phone Use stays in reach above the navigation, and Back leads to the list", async (t) => {
  const { page } = await openApp(t, {
    library: "full",
    path: "/app/p/many-variables",
    viewport: "phone",
  });
  const use = articleOf(page).getByRole("button", { name: "Use", exact: true });
  await use.waitFor();
  await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
  const button = await use.boundingBox();
  const bar = await page.getByRole("navigation", { name: "Main" }).boundingBox();
  assert.ok(button && bar && button.y + button.height <= bar.y && button.y > 0);
  // What lies at the end of the page is not covered by it.
  const end = page.getByRole("button", { name: "Copy what to say" });
  const last = await end.boundingBox();
  assert.ok(last && last.y + last.height <= button.y);
  await page.getByRole("link", { name: "Library" }).first().click();
  await page.getByRole("heading", { level: 1, name: "Library" }).waitFor();
});

test("on a phone the link back finds the list where it was left", async (t) => {
  const { page } = await openApp(t, { library: "full", viewport: "phone" });
  await announced(page, "30 prompts");
  await rowOf(page, "Plan my week").scrollIntoViewIfNeeded();
  await page.evaluate(() => window.scrollBy(0, 400));
  const top = await page.evaluate(() => Math.round(window.scrollY));
  assert.ok(top > 0);
  await page.evaluate(() => {
    const links = [...document.querySelectorAll("ul.rows a")];
    const seen = links.find((link) => link.getBoundingClientRect().top > 100);
    if (seen instanceof HTMLElement) seen.click();
  });
  await page.locator(".prompt .back-link").click();
  await page.getByRole("heading", { level: 1, name: "Library" }).waitFor();
  await page.waitForFunction((place) => Math.round(window.scrollY) === place, top);
});
