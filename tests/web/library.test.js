// The library: search, filters and order, and what a row says and does.

import assert from "node:assert/strict";
import { test } from "node:test";

import { readColumn } from "../clients/json.js";
import { openApp } from "./support/app.js";
import { recordCopies } from "./support/copies.js";
import { VIEWPORTS } from "./support/context.js";
import { SCRIPTS } from "./support/prompts.js";
import { ALL, announced, rowOf, rowsOf, searchOf, titlesOf } from "./support/rows.js";
import { expectSoon } from "./support/wait.js";

/**
 * @import { Page } from "playwright-core"
 */

/** @param {Page} page */
const queryOf = (page) => new URL(page.url()).search;

test("a search finds prompts, is announced, and stays over a reload and the way back", async (t) => {
  const { page } = await openApp(t, { library: "full" });
  await announced(page, `${ALL} prompts`);
  await searchOf(page).fill("meeting");
  await expectSoon(() => queryOf(page), "?q=meeting");
  await rowOf(page, "Meeting notes").waitFor();
  const found = await titlesOf(page);
  assert.ok(found.length < ALL);
  await announced(page, `${found.length} prompt`);

  await page.reload();
  assert.equal(await searchOf(page).inputValue(), "meeting");
  await expectSoon(() => titlesOf(page), found);

  await page.getByRole("link", { name: "Meeting notes" }).click();
  await page.getByRole("heading", { level: 1, name: "Meeting notes" }).waitFor();
  assert.deepEqual(await titlesOf(page), found, "the list beside the prompt is the search");
  await page.reload();
  await expectSoon(() => titlesOf(page), found);
  await page.goBack();
  await page.getByRole("heading", { level: 1, name: "Library" }).waitFor();
  assert.equal(await searchOf(page).inputValue(), "meeting");
});

test("favourites and tags filter the rows, and Back takes a filter away", async (t) => {
  const { page } = await openApp(t, { library: "full" });
  const chips = page.getByRole("group", { name: "Filters" });
  await chips.getByRole("button", { name: "coding" }).click();
  await announced(page, "4 prompts");
  assert.equal(queryOf(page), "?tag=coding");
  await chips.getByRole("button", { name: "Favourites" }).click();
  await expectSoon(() => titlesOf(page), ["Code review"]);
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

test("a filter that is chosen begins at the top, and the way back finds its place", async (t) => {
  const { page } = await openApp(t, { library: "full" });
  await announced(page, `${ALL} prompts`);
  const scroll = () => page.locator(".list-pane").evaluate((pane) => pane.scrollTop);
  const order = page.getByRole("combobox", { name: "Order" });
  await page.locator(".list-pane").evaluate((pane) => pane.scrollTo(0, 600));
  await expectSoon(scroll, 600);
  await order.selectOption({ label: "By name" });
  await expectSoon(() => page.locator("ul.rows a").first().textContent(), "مراجعة نص عربي");
  await expectSoon(scroll, 0);
  await page.goBack();
  await expectSoon(() => page.locator("ul.rows a").last().textContent(), "Code review");
  await expectSoon(scroll, 600);
  await order.selectOption({ label: "By name" });
  await expectSoon(scroll, 0);
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
    await expectSoon(() => titlesOf(page), readColumn(body.prompts, "title").map(String));
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
  await expectSoon(() => star.getAttribute("aria-pressed"), "true");
  await expectSoon(
    async () => (await api("GET", "/api/prompts/commit-message")).body.favorite,
    true,
  );
  const { body } = await api("GET", "/api/prompts/commit-message");
  assert.equal(body.version, 1);
  await star.click();
  await expectSoon(
    async () => (await api("GET", "/api/prompts/commit-message")).body.favorite,
    false,
  );
});

test("Copy of a row copies the text as it is saved", async (t) => {
  const { page, api } = await openApp(t, { library: "full" });
  const copied = await recordCopies(page);
  await rowOf(page, "Code review").getByRole("button", { name: "Copy" }).click();
  await announced(page, "“Code review” was copied.");
  const { body } = await api("GET", "/api/prompts/code-review");
  assert.equal(await copied(), body.content);
});

test("on a phone the list is found where it was left", async (t) => {
  const { page } = await openApp(t, { library: "full" });
  // A window of this size with a mouse: the browser ends its emulation of touch, and with it the large
  // targets, before a page that is reloaded can remember its scroll.
  await page.setViewportSize(VIEWPORTS.phone);
  const row = page.getByRole("link", { name: "Decline politely" });
  await row.scrollIntoViewIfNeeded();
  const place = await page.evaluate(() => window.scrollY);
  assert.ok(place > 0);
  // A click of the test would scroll the row from under the navigation.
  await row.evaluate((link) => link instanceof HTMLElement && link.click());
  await page.getByRole("heading", { level: 1, name: "Decline politely" }).waitFor();
  await page.evaluate(() => window.scrollTo(0, 40));
  await page.goBack();
  await page.getByRole("heading", { level: 1, name: "Library" }).waitFor();
  await expectSoon(() => page.evaluate(() => window.scrollY), place);
  await page.goForward();
  await page.getByRole("heading", { level: 1, name: "Decline politely" }).waitFor();
  await expectSoon(() => page.evaluate(() => window.scrollY), 40);
  await page.goBack();
  await expectSoon(() => page.evaluate(() => window.scrollY), place);
  await page.reload();
  await expectSoon(() => page.evaluate(() => window.scrollY), place);
});

test("what a chat saved is there when the library is looked at again", async (t) => {
  const { page, api } = await openApp(t);
  await page.getByText("Three steps to begin").waitFor();
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
