// The application by the keyboard alone: single keys, the palette, and the list of keys.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openApp } from "./support/app.js";
import { checkAccessible } from "./support/checks.js";
import { recordCopies } from "./support/copies.js";
import { ALL, announced, rowOf, rowsOf, searchOf } from "./support/rows.js";
import { expectFocus, expectSoon } from "./support/wait.js";

/**
 * @import { Page } from "playwright-core"
 * @import { TestContext } from "node:test"
 */

/** @param {Page} page */
const paletteOf = (page) => page.getByRole("combobox", { name: "Search prompts and commands" });

/**
 * Opens the full library.
 *
 * @param {TestContext} t
 * @param {string} [path]
 */
async function openLibrary(t, path) {
  const app = await openApp(t, { library: "full", ...(path && { path }) });
  await rowsOf(app.page).first().waitFor();
  return app;
}

/**
 * @param {Page} page
 * @param {string[]} keys
 */
async function press(page, ...keys) {
  for (const key of keys) await page.keyboard.press(key);
}

test("a prompt is found, filled in and used without a mouse", async (t) => {
  const { page, api } = await openLibrary(t);
  const copied = await recordCopies(page);
  await press(page, "/");
  await page.keyboard.type("interview");
  await expectSoon(() => rowsOf(page).count(), 1);
  await press(page, "ArrowDown", "Enter");
  await page.getByRole("heading", { level: 1, name: "Interview questions" }).waitFor();
  await expectFocus(page, "Interview questions");
  await press(page, "u");
  await page.keyboard.type("gardener");
  await press(page, "Control+Enter");
  await announced(page, "Copied.");
  const { body } = await api("POST", "/api/prompts/interview-questions/render", {
    arguments: { role: "gardener" },
  });
  assert.equal(await copied(), body.text);
  await press(page, "Escape");
  await expectFocus(page, "Interview questions");
  await press(page, "Escape");
  await page.getByRole("heading", { level: 1, name: "Library" }).waitFor();
  assert.equal(await searchOf(page).inputValue(), "interview");
});

test("j and k move, and c, f, e, # act on the row that has the focus", async (t) => {
  const { page, api } = await openLibrary(t, "/app?sort=name");
  const copied = await recordCopies(page);
  const titles = await page.locator("ul.rows > li a").allTextContents();
  await press(page, "j", "j", "j", "k");
  await expectFocus(page, titles[1] ?? "");
  const { body } = await api("GET", "/api/prompts?sort=name&limit=2");
  const [, second] = /** @type {{ name: string, content: string, favorite: boolean }[]} */ (
    body.prompts
  );
  assert.ok(second);

  await press(page, "c");
  await announced(page, "was copied");
  assert.equal(await copied(), second.content);
  await press(page, "f");
  const favorite = async () => (await api("GET", `/api/prompts/${second.name}`)).body.favorite;
  await expectSoon(favorite, !second.favorite);
  await expectFocus(page, titles[1] ?? "");

  await press(page, "#");
  await announced(page, "was deleted");
  await announced(page, `${ALL - 1} prompts`);
  await expectFocus(page, titles[2] ?? "");
  await page.getByRole("button", { name: "Undo" }).focus();
  await press(page, "Enter");
  await announced(page, `${ALL} prompts`);

  await press(page, "j", "e");
  await page.waitForURL(/\/app\/p\/[^/]+\/edit/);
});

test("a message stays while its button has the focus, wherever the pointer is", async (t) => {
  const { page } = await openLibrary(t, "/app?sort=name");
  await page.clock.install();
  await press(page, "j", "#");
  await announced(page, "was deleted");
  const undo = page.getByRole("button", { name: "Undo" });
  await undo.focus();
  await undo.hover();
  await page.mouse.move(0, 0);
  await page.clock.runFor(9000);
  await press(page, "Enter");
  await announced(page, `${ALL} prompts`);
});

test("keys act on the prompt that is edited", async (t) => {
  const { page } = await openLibrary(t, "/app?sort=name");
  const titles = await page.locator("ul.rows > li a").allTextContents();
  await press(page, "j", "Enter");
  await page.getByRole("heading", { level: 1, name: titles[0] ?? "", exact: true }).waitFor();
  await expectFocus(page, titles[0] ?? "");
  await press(page, "j", "e");
  await page.getByRole("heading", { level: 1, name: `Edit ${titles[1]}`, exact: true }).waitFor();
  await expectFocus(page, `Edit ${titles[1]}`);
  await press(page, "c");
  await announced(page, `“${titles[1]}” was copied.`);
});

test("j goes on from the row that was opened, and a key that is held deletes once", async (t) => {
  const { page } = await openLibrary(t, "/app?sort=name");
  const titles = await page.locator("ul.rows > li a").allTextContents();
  await press(page, "j", "j", "j", "Enter");
  await page.getByRole("heading", { level: 1, name: titles[2] ?? "", exact: true }).waitFor();
  await expectFocus(page, titles[2] ?? "");
  await press(page, "Escape");
  await expectFocus(page, "Library");
  await press(page, "j");
  await expectFocus(page, titles[3] ?? "");

  for (let repeats = 0; repeats < 3; repeats += 1) await page.keyboard.down("#");
  await page.keyboard.up("#");
  await announced(page, `${ALL - 1} prompts`);
  // Each deletion keeps its own Undo.
  await press(page, "#");
  await announced(page, `${ALL - 2} prompts`);
  assert.equal(await page.getByRole("button", { name: "Undo" }).count(), 2);
});

test("an address with a malformed hash opens", async (t) => {
  await openLibrary(t, "/app#%E0");
});

test("u copies a prompt without variables, and opens the form of another", async (t) => {
  const { page, api } = await openLibrary(t);
  const copied = await recordCopies(page);
  await rowOf(page, "Shorten the last answer").getByRole("link").focus();
  await press(page, "u");
  await announced(page, "Copied.");
  assert.equal(await copied(), (await api("GET", "/api/prompts/no-variables")).body.content);
  await rowOf(page, "Decline politely").getByRole("link").focus();
  await press(page, "u");
  await page.getByRole("heading", { level: 1, name: "Decline politely" }).waitFor();
  await expectSoon(() => page.evaluate(() => document.activeElement?.id), "fill-0");
});

test("n and g lead to other screens", async (t) => {
  const { page } = await openLibrary(t);
  const focused = () => page.evaluate(() => document.activeElement?.tagName);
  for (const [keys, path, focus] of /** @type {const} */ ([
    // The first candidate opens by itself.
    ["g r", /^\/app\/review\/./, "H1"],
    ["g c", /^\/app\/connect$/, "H1"],
    ["g l", /^\/app$/, "H1"],
    ["n", /^\/app\/new$/, "H1"],
  ])) {
    // Both within the page, for the second may come only so much later, and a busy machine is slow.
    await page.evaluate((pressed) => {
      for (const key of pressed) {
        const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
        document.activeElement?.dispatchEvent(event);
      }
    }, keys.split(" "));
    await expectSoon(() => path.test(new URL(page.url()).pathname), true);
    // The focus moves once the screen is open. Until then single keys do nothing.
    await expectSoon(focused, focus);
  }
});

test("keys write in fields, and do nothing where they are switched off", async (t) => {
  const { page } = await openLibrary(t);
  await searchOf(page).focus();
  await page.keyboard.type("njk");
  assert.equal(await searchOf(page).inputValue(), "njk");
  assert.equal(new URL(page.url()).pathname, "/app");
  await press(page, "Escape");
  assert.equal(await searchOf(page).inputValue(), "");

  await page.evaluate(() => localStorage.setItem("promptdb.single-keys", "off"));
  await page.evaluate(
    () => document.activeElement instanceof HTMLElement && document.activeElement.blur(),
  );
  await press(page, "j", "n", "?");
  assert.equal(await page.evaluate(() => document.activeElement === document.body), true);
  assert.equal(new URL(page.url()).pathname, "/app");
  await press(page, "Control+k");
  await paletteOf(page).waitFor();
});

test("the palette finds a prompt and uses it, and returns the focus", async (t) => {
  const { page } = await openLibrary(t);
  await searchOf(page).focus();
  await press(page, "Control+k");
  await page.keyboard.type("vocabulary");
  await page.getByRole("option", { name: "Learn vocabulary", selected: true }).waitFor();
  const active = () =>
    paletteOf(page).evaluate((input) => {
      const id = input.getAttribute("aria-activedescendant");
      return document.getElementById(id ?? "")?.textContent;
    });
  assert.match((await active()) ?? "", /^Learn vocabulary/);
  await checkAccessible(page);
  await press(page, "Escape");
  await expectSoon(
    () => searchOf(page).evaluate((input) => input === document.activeElement),
    true,
  );

  await press(page, "Control+k");
  await page.keyboard.type("vocabulary");
  await page.getByRole("option", { name: "Learn vocabulary" }).waitFor();
  await press(page, "Enter");
  await page.getByRole("heading", { level: 1, name: "Learn vocabulary" }).waitFor();
  await expectSoon(() => page.evaluate(() => document.activeElement?.id), "fill-0");
});

test("the palette copies, goes, and sets the theme", async (t) => {
  const { page, api } = await openLibrary(t);
  const copied = await recordCopies(page);
  await press(page, "Control+k");
  await page.keyboard.type("polite-decline");
  // Enter comes before the answer.
  await press(page, "Control+Enter");
  await announced(page, "“Decline politely” was copied.");
  assert.equal(await copied(), (await api("GET", "/api/prompts/polite-decline")).body.content);

  await press(page, "Control+k");
  await page.keyboard.type("theme");
  await press(page, "ArrowDown", "ArrowDown", "ArrowUp", "Enter");
  await expectSoon(() => page.evaluate(() => document.documentElement.dataset.theme), "dark");

  await press(page, "Control+k");
  await page.keyboard.type("trash");
  await press(page, "Enter");
  await expectSoon(() => new URL(page.url()).pathname, "/app/trash");
});

test("? lists the keys of the screen, each once", async (t) => {
  const { page } = await openLibrary(t);
  await press(page, "?");
  const dialog = page.getByRole("dialog", { name: "Keys" });
  await dialog.waitFor();
  const keys = await dialog.locator("dt").allTextContents();
  for (const key of [
    "/",
    "j",
    "k",
    "c",
    "u",
    "e",
    "f",
    "#",
    "n",
    "gl",
    "gr",
    "gc",
    "?",
    "Ctrl+K",
  ]) {
    assert.equal(keys.filter((name) => name === key).length, 1, key);
  }
  await checkAccessible(page);
  await press(page, "Escape");
  await dialog.waitFor({ state: "detached" });
});

test("the row with the focus is not hidden under the head of the list", async (t) => {
  const { page } = await openLibrary(t);
  await press(page, ...Array.from({ length: ALL }, () => "j"));
  await press(page, ...Array.from({ length: ALL - 2 }, () => "k"));
  const [row, head] = await Promise.all([
    page.evaluate(() => document.activeElement?.closest("li")?.getBoundingClientRect().top),
    page.evaluate(() => document.querySelector(".list-head")?.getBoundingClientRect().bottom),
  ]);
  assert.ok(row !== undefined && head !== undefined && row >= head - 1, `${row} ${head}`);
});

test("the palette ticks the theme that the page has, and says where nothing fits", async (t) => {
  const { page } = await openLibrary(t);
  await press(page, "Control+k");
  await page.keyboard.type("theme");
  const ticked = page.getByRole("option").filter({ has: page.locator(".icon-check") });
  await expectSoon(() => ticked.allTextContents(), ["Theme: as the system has itcurrent"]);
  await paletteOf(page).fill("qqqzzz");
  const none = page.locator(".palette").getByText("No prompt or command has these words");
  await none.waitFor();
  const box = await none.boundingBox();
  assert.ok(box && box.height > 10, "it can be seen");
});
