// The library with many rows, and many prompts changed at once.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { makeFolder } from "../clients/harness.js";
import { readArray, readColumn, readObject } from "../clients/json.js";
import { openApp } from "./support/app.js";
import { ALL, announced, rowOf, rowsOf, titlesOf } from "./support/rows.js";
import { expectSoon } from "./support/wait.js";

/**
 * @import { Page } from "playwright-core"
 * @import { App } from "./support/app.js"
 */

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

/**
 * Presses "More" until all rows are there.
 *
 * @param {Page} page
 * @param {number} count
 */
async function loadAll(page, count) {
  const press = () => {
    const more = document.querySelector(".list-more button:not([hidden])");
    if (more instanceof HTMLElement) more.click();
    return document.querySelectorAll("ul.rows > li").length;
  };
  await expectSoon(() => page.evaluate(press), count);
}

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
  await expectSoon(async () => (await tagged()).length, 3);

  await page.getByRole("button", { name: "Untag", exact: true }).click();
  await page.getByRole("combobox", { name: "Tag" }).selectOption("team-blue");
  await page.getByRole("button", { name: "Remove the tag" }).click();
  await announced(page, "3 prompts untagged.");
  await expectSoon(async () => (await tagged()).length, 0);

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
  await loadAll(page, 130);
  await page.getByRole("button", { name: "Select", exact: true }).click();
  await page.getByRole("button", { name: "Select all" }).click();
  await announced(page, "130 selected");
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await announced(page, "130 prompts deleted.");
  const requests = watch.requests.filter(({ url }) => url.endsWith("/api/prompts/bulk"));
  assert.equal(requests.length, 2);
  await page.getByText("Three steps to begin").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await expectSoon(async () => readObject((await api("GET", "/api/me")).body.use).prompts, 130);
});

test("Select all loads the rows that are missing", async (t) => {
  const app = await openApp(t);
  await importMany(app, 130);
  const { page } = app;
  // The rows below come only by the button.
  await page.addInitScript(() => {
    window.IntersectionObserver.prototype.observe = () => undefined;
  });
  await page.reload();
  await announced(page, "130 prompts");
  await page.getByRole("button", { name: "Select", exact: true }).click();
  await announced(page, "0 of 130 selected");
  await page.getByRole("button", { name: "Select all" }).click();
  await expectSoon(() => page.locator(".bulk-count").textContent(), "130 selected");
  assert.equal(await rowsOf(page).count(), 130);
});

test("a selection is exported in each form", async (t) => {
  const { page } = await openApp(t, { library: "full" });
  const folder = await makeFolder(t);
  await page.getByRole("button", { name: "Select", exact: true }).click();
  await page.getByRole("checkbox", { name: "Select Meeting notes" }).check();
  await page.getByRole("checkbox", { name: "Select Plan my week" }).check();
  await page.getByRole("button", { name: "Export", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Export 2 prompts" });
  for (const name of ["JSON", "Markdown", "Skills", "CSV"]) {
    const download = page.waitForEvent("download");
    await dialog.getByRole("link", { name, exact: true }).click();
    const file = join(folder, name);
    await (await download).saveAs(file);
    const text = await readFile(file, "latin1");
    if (name === "Markdown") assert.match(text, /meeting-notes\.md/);
    else if (name === "Skills") assert.match(text, /meeting-notes\/SKILL\.md/);
    else assert.match(text, /Meeting notes/);
    assert.doesNotMatch(text, /code-review/);
  }
});

test("a tag of a prompt filters the list, also where no row has it yet", async (t) => {
  const app = await openApp(t);
  const oldest = { title: "Oldest", content: "Rare.", tags: ["rare-tag"] };
  await app.api("POST", "/api/prompts", oldest);
  await importMany(app, 60);
  const { page } = app;
  await page.goto("/app/p/oldest");
  await rowsOf(page).first().waitFor();
  await page.getByRole("article").getByRole("link", { name: "rare-tag" }).click();
  await expectSoon(() => titlesOf(page), ["Oldest"]);
  await page.getByRole("button", { name: "rare-tag", pressed: true }).click();
  await announced(page, "61 prompts");
});

test("a thousand prompts come by More, and a reload finds rows and place again", async (t) => {
  const app = await openApp(t);
  await importMany(app, 1000);
  const { page } = app;
  await page.reload();
  await announced(page, "1,000 prompts");
  assert.ok((await rowsOf(page).count()) < 1000);
  await loadAll(page, 1000);
  assert.equal(new Set(await titlesOf(page)).size, 1000);

  const titles = await titlesOf(page);
  const target = page.locator("ul.rows a", { hasText: titles[700] ?? "" });
  await target.scrollIntoViewIfNeeded();
  const scroll = () =>
    page.locator(".list-pane").evaluate((pane) => Math.round(pane.scrollTop / 100));
  const place = await scroll();
  assert.ok(place > 100);
  await page.reload();
  await expectSoon(() => rowsOf(page).count(), 1000);
  await expectSoon(scroll, place);

  // What is opened and changed beside the list moves nothing in it.
  await target.click();
  await page.getByRole("heading", { level: 1, name: titles[700] ?? "" }).waitFor();
  assert.equal(await target.getAttribute("aria-current"), "page");
  const before = await scroll();
  await page.locator(".main-pane").getByRole("button", { name: "Favourite" }).click();
  const row = rowsOf(page).filter({ hasText: titles[700] ?? "" });
  await row.locator("button[aria-pressed=true]").waitFor();
  assert.equal(await scroll(), before);
});

test("a search says that it shows the best matches, and a tag how many prompts have it", async (t) => {
  const app = await openApp(t);
  await importMany(app, 130);
  const { page } = app;
  await page.goto("/app?q=text");
  await announced(page, "The 50 best matches");
  await page.goto("/app?tag=odd");
  await announced(page, "65 prompts");
});
