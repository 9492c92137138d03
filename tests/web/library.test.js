// The library: search, filters and order, rows that are kept in place, and many prompts at once.

import assert from "node:assert/strict";
import { test } from "node:test";

import { readArray, readColumn, readObject } from "../clients/json.js";
import { openApp } from "./support/app.js";
import { SCRIPTS } from "./support/prompts.js";
import { until } from "./support/until.js";

/**
 * @import { Page, Route } from "playwright-core"
 * @import { App } from "./support/app.js"
 */

/** Requests for rows. */
const ROWS = /\/api\/prompts(\?|$)/;
/** Prompts of the full library. */
const ALL = 30;

/** @param {Page} page */
const rowsOf = (page) => page.locator("ul.rows > li");

/** @param {Page} page @param {string} title */
const rowOf = (page, title) =>
  rowsOf(page).filter({ has: page.getByRole("link", { name: title, exact: true }) });

/** @param {Page} page */
const searchOf = (page) => page.getByRole("searchbox", { name: "Search prompts" });

/** @param {Page} page The titles of the rows. */
const titlesOf = (page) => rowsOf(page).getByRole("link").allTextContents();

/** @param {Page} page @param {string} text Waits until that is announced. */
const announced = (page, text) =>
  page.getByRole("status").filter({ hasText: text }).first().waitFor();

/** @param {Page} page */
const queryOf = (page) => new URL(page.url()).search;

/**
 * Creates prompts with the titles `Prompt 0000`, `Prompt 0001` and so on.
 *
 * @param {App} app
 * @param {number} count
 */
async function importMany({ api }, count) {
  const prompts = Array.from({ length: count }, (_, index) => ({
    title: `Prompt ${String(index).padStart(4, "0")}`,
    content: `Text ${index} for {{topic}}.`,
    tags: [index % 2 ? "odd" : "even"],
  }));
  const { status, text } = await api("POST", "/api/import", prompts);
  assert.equal(status, 200, text);
}

/** @param {Page} page Presses "More" until all rows are there. */
async function loadAll(page) {
  const more = page.getByRole("button", { name: "More" });
  while (await more.isVisible()) await more.click({ timeout: 2_000 }).catch(() => undefined);
}

test("a search finds prompts, is announced, and stays over a reload and the way back", async (t) => {
  const { page } = await openApp(t, { library: "full" });
  await announced(page, `${ALL} prompts`);
  await searchOf(page).fill("meeting");
  await until(() => queryOf(page), "?q=meeting");
  await rowOf(page, "Meeting notes").waitFor();
  const found = await titlesOf(page);
  assert.ok(found.length < ALL);
  await announced(page, `${found.length} prompt`);

  await page.reload();
  assert.equal(await searchOf(page).inputValue(), "meeting");
  await until(() => titlesOf(page), found);

  await page.getByRole("link", { name: "Meeting notes" }).click();
  await page.getByRole("heading", { level: 1, name: "Meeting notes" }).waitFor();
  assert.deepEqual(await titlesOf(page), found, "the list beside the prompt is the search");
  await page.reload();
  await until(() => titlesOf(page), found);
  await page.goBack();
  await page.getByRole("heading", { level: 1, name: "Library" }).waitFor();
  assert.equal(await searchOf(page).inputValue(), "meeting");
});

test("only the last of several searches is shown", async (t) => {
  const { page } = await openApp(t, { library: "full" });
  await rowsOf(page).first().waitFor();
  /** @type {Route[]} */
  const held = [];
  await page.route(/query=code/, (route) => void held.push(route));
  await searchOf(page).fill("code");
  await until(() => held.length, 1);
  await searchOf(page).fill("recipe");
  await rowOf(page, "Recipe from what is left").waitFor();
  const titles = await titlesOf(page);
  // The page has ended that request; where it had not, its answer would come now.
  await held[0]?.continue().catch(() => undefined);
  await page.waitForLoadState("networkidle");
  assert.deepEqual(await titlesOf(page), titles);
});

test("favourites and tags filter the rows, and Back takes a filter away", async (t) => {
  const { page } = await openApp(t, { library: "full" });
  const chips = page.getByRole("group", { name: "Filters" });
  await chips.getByRole("button", { name: "coding" }).click();
  await announced(page, "4 prompts");
  assert.equal(queryOf(page), "?tag=coding");
  await chips.getByRole("button", { name: "Favourites" }).click();
  await until(() => titlesOf(page), ["Code review"]);
  assert.equal(queryOf(page), "?tag=coding&favorite=true");
  await page.goBack();
  await announced(page, "4 prompts");
  await page.goBack();
  await announced(page, `${ALL} prompts`);
  await page.goForward();
  await announced(page, "4 prompts");
  await chips.getByRole("button", { name: "coding", pressed: true }).click();
  await announced(page, `${ALL} prompts`);
});

test("rows come by name, by use or with the latest first", async (t) => {
  const { page, api } = await openApp(t, { library: "full" });
  await announced(page, `${ALL} prompts`);
  for (const [label, sort] of [
    ["By name", "name"],
    ["Most used", "used"],
    ["Latest first", "recent"],
  ]) {
    await page.getByRole("combobox", { name: "Order" }).selectOption({ label });
    const { body } = await api("GET", `/api/prompts?limit=50&sort=${sort}`);
    await until(() => titlesOf(page), readColumn(body.prompts, "title").map(String));
  }
  // With words, the best match comes first unless another order is chosen.
  await searchOf(page).fill("review");
  await page.getByRole("option", { name: "Best match" }).waitFor({ state: "attached" });
});

test("where nothing fits, the words are named, and the trash can be searched", async (t) => {
  const { page } = await openApp(t, { library: "full", path: "/app?q=xylophone" });
  await page.getByText("No prompt has “xylophone”").waitFor();
  await announced(page, "0 prompts");
  const trash = page.getByRole("link", { name: "Search in trash" });
  assert.equal(await trash.getAttribute("href"), "/app/trash?q=xylophone");
  await page.getByRole("button", { name: "Clear", exact: true }).click();
  await announced(page, `${ALL} prompts`);
  assert.equal(await searchOf(page).inputValue(), "");
  assert.equal(queryOf(page), "");
});

test("a row says what its prompt is, and shows titles as text", async (t) => {
  const { page } = await openApp(t, { library: "full" });
  const row = rowOf(page, "Code review");
  await row.waitFor();
  for (const text of ["code-review", "A strict review of one file", "3 variables", "version 3"]) {
    await row.getByText(text).waitFor();
  }
  await row.getByText(/^used \d+ times$/).waitFor();
  await row.getByText("coding", { exact: true }).waitFor();
  for (const title of Object.values(SCRIPTS)) {
    await page.getByRole("link", { name: title, exact: true }).waitFor();
  }
  const hebrew = page.getByRole("link", { name: "סיכום פגישה" });
  assert.equal(await hebrew.evaluate((link) => getComputedStyle(link).direction), "rtl");
  assert.equal(await rowsOf(page).locator("img, script, svg[onload]").count(), 0);
});

test("the star of a row marks a favourite without a new version", async (t) => {
  const { page, api } = await openApp(t, { library: "full" });
  const star = rowOf(page, "Commit message").getByRole("button", { name: "Favourite" });
  await star.click();
  await until(() => star.getAttribute("aria-pressed"), "true");
  await until(async () => (await api("GET", "/api/prompts/commit-message")).body.favorite, true);
  const { body } = await api("GET", "/api/prompts/commit-message");
  assert.equal(body.version, 1);
  await star.click();
  await until(async () => (await api("GET", "/api/prompts/commit-message")).body.favorite, false);
});

test("Copy of a row copies the text as it is saved", async (t) => {
  const { page, api } = await openApp(t, { library: "full" });
  await rowOf(page, "Code review").getByRole("button", { name: "Copy" }).click();
  await announced(page, "“Code review” was copied.");
  const { body } = await api("GET", "/api/prompts/code-review");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), body.content);
});

test("many prompts are tagged, untagged, deleted and brought back", async (t) => {
  const { page, api } = await openApp(t, { library: "full" });
  const titles = ["Meeting notes", "Plan my week", "Interview questions"];
  await page.getByRole("button", { name: "Select", exact: true }).click();
  for (const title of titles) {
    await page.getByRole("checkbox", { name: `Select ${title}` }).check();
  }
  await announced(page, "3 selected");

  await page.getByRole("button", { name: "Tag", exact: true }).click();
  await page.getByLabel("Name of the tag").fill("Team Blue");
  await page.getByRole("button", { name: "Tag the selection" }).click();
  await announced(page, "3 prompts tagged.");
  const tagged = async () =>
    readArray((await api("GET", "/api/prompts?tag=team-blue")).body.prompts);
  await until(async () => (await tagged()).length, 3);

  await page.getByRole("button", { name: "Untag", exact: true }).click();
  await page.getByRole("combobox", { name: "Tag" }).selectOption("team-blue");
  await page.getByRole("button", { name: "Remove the tag" }).click();
  await announced(page, "3 prompts untagged.");
  await until(async () => (await tagged()).length, 0);

  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await announced(page, "3 prompts deleted.");
  await announced(page, `${ALL - 3} prompts`);
  assert.equal(await rowOf(page, "Plan my week").count(), 0);
  await page.getByRole("button", { name: "Undo" }).click();
  await announced(page, "3 prompts restored.");
  await announced(page, `${ALL} prompts`);
  for (const title of titles) await rowOf(page, title).waitFor();
});

test("a prompt that is refused is named, and stops no other", async (t) => {
  const { page, api } = await openApp(t, { library: "full" });
  await page.getByRole("button", { name: "Select", exact: true }).click();
  await page.getByRole("checkbox", { name: "Select Meeting notes" }).check();
  await page.getByRole("checkbox", { name: "Select Plan my week" }).check();
  await api("DELETE", "/api/prompts/meeting-notes");
  await page.getByRole("button", { name: "Tag", exact: true }).click();
  await page.getByLabel("Name of the tag").fill("late");
  await page.keyboard.press("Enter");
  const alert = page.getByRole("alert");
  await alert.getByText("1 prompt could not be changed").waitFor();
  await alert.getByText(/^Meeting notes: /).waitFor();
  const { body } = await api("GET", "/api/prompts?tag=late");
  assert.deepEqual(readColumn(body.prompts, "title"), ["Plan my week"]);
});

test("more than a request takes are changed in several", async (t) => {
  const app = await openApp(t);
  await importMany(app, 130);
  const { page, watch, api } = app;
  await page.reload();
  await loadAll(page);
  await page.getByRole("button", { name: "Select", exact: true }).click();
  await page.getByRole("button", { name: "Select all" }).click();
  await announced(page, "130 selected");
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await announced(page, "130 prompts deleted.");
  const requests = watch.requests.filter(({ url }) => url.endsWith("/api/prompts/bulk"));
  assert.equal(requests.length, 2);
  await page.getByText("No prompts yet").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await until(async () => readObject((await api("GET", "/api/me")).body.use).prompts, 130);
});

test("a thousand prompts come by More, and a reload finds rows and place again", async (t) => {
  const app = await openApp(t);
  await importMany(app, 1000);
  const { page } = app;
  await page.reload();
  await announced(page, "1,000 prompts");
  assert.ok((await rowsOf(page).count()) < 1000);
  await loadAll(page);
  await until(() => rowsOf(page).count(), 1000);
  assert.equal(new Set(await titlesOf(page)).size, 1000);

  const titles = await titlesOf(page);
  const target = page.getByRole("link", { name: titles[700] ?? "", exact: true });
  await target.scrollIntoViewIfNeeded();
  const scroll = () =>
    page.locator(".list-pane").evaluate((pane) => Math.round(pane.scrollTop / 100));
  const place = await scroll();
  assert.ok(place > 100);
  await page.reload();
  await until(() => rowsOf(page).count(), 1000);
  await until(scroll, place);

  // What is opened and changed beside the list moves nothing in it.
  await target.click();
  await page.getByRole("heading", { level: 1, name: titles[700] ?? "" }).waitFor();
  assert.equal(await target.getAttribute("aria-current"), "page");
  const before = await scroll();
  await page.locator(".main-pane").getByRole("button", { name: "Favourite" }).click();
  await rowOf(page, titles[700] ?? "")
    .getByRole("button", { name: "Favourite", pressed: true })
    .waitFor();
  assert.equal(await scroll(), before);
});

test("on a phone the list is found where it was left", async (t) => {
  const { page } = await openApp(t, { library: "full", viewport: "phone" });
  const row = page.getByRole("link", { name: "Decline politely" });
  await row.scrollIntoViewIfNeeded();
  const place = await page.evaluate(() => window.scrollY);
  assert.ok(place > 0);
  await row.click();
  await page.getByRole("heading", { level: 1, name: "Decline politely" }).waitFor();
  await page.goBack();
  await page.getByRole("heading", { level: 1, name: "Library" }).waitFor();
  await until(() => page.evaluate(() => window.scrollY), place);
  await page.reload();
  await until(() => page.evaluate(() => window.scrollY), place);
});

test("after too many requests a countdown leads to the next try", async (t) => {
  const { page, expectFailures } = await openApp(t, { library: "full" });
  await announced(page, `${ALL} prompts`);
  expectFailures(/^GET \/api\/prompts\S* 429$/);
  const detail = "too many requests; try again later";
  const problem = {
    type: "urn:promptdb:problem:rate-limited",
    title: "Too many requests",
    status: 429,
    detail,
  };
  await page.route(ROWS, (route) =>
    route.fulfill({
      status: 429,
      headers: { "retry-after": "2" },
      contentType: "application/problem+json",
      json: problem,
    }),
  );
  await searchOf(page).fill("meeting");
  const retry = page.getByRole("alert").getByRole("button", { name: "Retry" });
  await page.getByText(/Possible in \d s/).waitFor();
  assert.equal(await retry.isDisabled(), true);
  assert.equal(await rowsOf(page).count(), ALL, "the old rows stay");
  await page.unroute(ROWS);
  await retry.click();
  await rowOf(page, "Meeting notes").waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
});

test("without an answer the rows stay, and Retry goes on", async (t) => {
  const app = await openApp(t, { library: "full" });
  const { page } = app;
  await announced(page, `${ALL} prompts`);
  app.expectFailures(/^GET \/api\/\S+ net::ERR_/);
  await app.stop();
  await searchOf(page).fill("meeting");
  const alert = page.getByRole("alert");
  await alert.getByText("The server does not answer.").waitFor();
  assert.equal(await rowsOf(page).count(), ALL);
  await app.restart();
  await alert.getByRole("button", { name: "Retry" }).click();
  await rowOf(page, "Meeting notes").waitFor();
  assert.equal(await alert.count(), 0);
});

test("rows that are slow to come have their places marked", async (t) => {
  const { page } = await openApp(t, { library: "full" });
  await announced(page, `${ALL} prompts`);
  /** @type {Route[]} */
  const held = [];
  await page.route(ROWS, (route) => void held.push(route));
  await page.reload();
  await page.getByRole("img", { name: "Loading" }).waitFor();
  await until(() => held.length, 1);
  await held[0]?.continue();
  await rowOf(page, "Code review").waitFor();
  assert.equal(await page.getByRole("img", { name: "Loading" }).count(), 0);
});

test("what a chat saved is there when the library is looked at again", async (t) => {
  const { page, api } = await openApp(t);
  await page.getByText("No prompts yet").waitFor();
  await page.getByRole("link", { name: "Connect" }).first().click();
  await api("POST", "/api/prompts", { title: "From a chat", content: "Say it again." });
  await page.getByRole("link", { name: "Library", exact: true }).click();
  await rowOf(page, "From a chat").waitFor();
  await announced(page, "1 prompt");
});

test("the way from the library leads to new, import, export and trash", async (t) => {
  const { page } = await openApp(t, { library: "full" });
  await announced(page, `${ALL} prompts`);
  for (const [name, href] of [
    ["New prompt", "/app/new"],
    ["Import", "/app/import"],
    ["Export", "/app/account#export"],
    ["Trash", "/app/trash"],
  ]) {
    const link = page.getByRole("link", { name, exact: true });
    assert.equal(await link.getAttribute("href"), href);
  }
});
