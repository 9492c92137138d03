// Importing a file: the dry run, the import, stopping it, taking it back, and files that are no import.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openApp } from "./support/app.js";
import { expectSoon, holdRequests, lookAgain } from "./support/wait.js";
import { makeZip } from "./support/zip.js";

/**
 * @import { Page, Route } from "playwright-core"
 * @import { App } from "./support/app.js"
 */

/** The requests that write. */
const WRITES = "**/api/import?dry_run=false*";

/**
 * @param {number} count
 * @param {number} [from]
 */
function makeItems(count, from = 1) {
  return Array.from({ length: count }, (_, index) => {
    const number = index + from;
    return { title: `Prompt ${number}`, content: `Write {{count}} words about ${number}.` };
  });
}

/**
 * Chooses a file.
 *
 * @param {Page} page
 * @param {string} name
 * @param {string | Buffer | object[]} content
 */
async function choose(page, name, content) {
  const isRaw = typeof content === "string" || Buffer.isBuffer(content);
  const buffer = Buffer.from(isRaw ? content : JSON.stringify(content));
  const file = { name, mimeType: "application/octet-stream", buffer };
  await page.getByLabel(/^Choose (another )?file$/).setInputFiles(file);
}

/**
 * Drops a file onto the page.
 *
 * @param {Page} page
 * @param {string} name
 * @param {object[]} content
 */
async function drop(page, name, content) {
  const file = { name, text: JSON.stringify(content) };
  const dataTransfer = await page.evaluateHandle((dropped) => {
    const data = new DataTransfer();
    data.items.add(new File([dropped.text], dropped.name));
    return data;
  }, file);
  await page.getByRole("heading", { level: 1 }).dispatchEvent("drop", { dataTransfer });
}

/** @param {App} app */
async function countPrompts({ api }) {
  const { use } = (await api("GET", "/api/me")).body;
  return /** @type {{ prompts: number }} */ (use).prompts;
}

/**
 * Stops the request of an import after a part of the file is in the library, as a slow server does.
 *
 * @param {App} app
 * @param {object[]} part
 */
async function holdAfter({ page, api }, part) {
  /** @type {Route | undefined} */
  let held;
  await page.route(WRITES, async (route) => {
    const { status } = await api("POST", "/api/import", part);
    assert.equal(status, 200);
    held = route;
  });
  return { release: () => page.unroute(WRITES), isHeld: () => held !== undefined };
}

test("a dry run writes nothing, an import writes, and Undo takes it back, by keyboard", async (t) => {
  const app = await openApp(t, { path: "/app/import" });
  const { page } = app;
  const items = [...makeItems(60), { title: "", content: "" }];
  await choose(page, "list.json", items);
  const table = page.getByRole("table");
  await page.getByText("60 items of 61 would change the library.").waitFor();
  assert.equal(await countPrompts(app), 0);
  assert.equal(await table.getByRole("row").count(), 51);
  await page.getByRole("button", { name: "More" }).press("Enter");
  assert.equal(await table.getByRole("row").count(), 62);
  // The button is gone, and the next row has its place.
  const focused = table.locator("tr:focus");
  await focused.getByText("prompt-51").waitFor();
  await page.getByRole("button", { name: "Refused 1" }).press("Enter");
  await table.getByText("Content must not be empty.").waitFor();
  assert.equal(await table.getByRole("row").count(), 2);

  await page.getByRole("button", { name: "Import", exact: true }).press("Enter");
  await page.getByText("Imported: 60 of 61 items changed the library.").waitFor();
  assert.equal(await countPrompts(app), 60);
  const href = await table
    .getByRole("link", { name: "prompt-1", exact: true })
    .getAttribute("href");
  assert.equal(href, "/app/p/prompt-1");

  await page.getByRole("button", { name: "Undo" }).press("Enter");
  await page.getByText("Deleted 60 prompts that the import had created.").waitFor();
  assert.equal(await countPrompts(app), 0);
  assert.equal((await app.api("GET", "/api/trash?limit=100")).status, 200);
});

test("what an import updates leads to its history, and Undo leaves it", async (t) => {
  const app = await openApp(t, { path: "/app/import", viewport: "phone" });
  const { page, api } = app;
  await api("POST", "/api/prompts", { title: "Kept", content: "Before." });
  await choose(page, "list.json", [
    { title: "Kept", content: "After." },
    { title: "New", content: "New, like [TOPIC]." },
  ]);
  await page.getByText("2 items of 2 would change the library.").waitFor();
  await page.getByText("[TOPIC] is kept as plain text").waitFor();
  const table = page.getByRole("table");
  await table.getByText("New", { exact: true }).waitFor();
  await table.getByText("Changed", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Import", exact: true }).click();
  const link = page.getByRole("link", { name: "kept", exact: true });
  assert.equal(await link.getAttribute("href"), "/app/p/kept/history");
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByText("Deleted 1 prompt").waitFor();
  await page.getByText("The changes of 1 prompt stay.").waitFor();
  const history = page.getByRole("link", { name: "History of kept" });
  assert.equal(await history.getAttribute("href"), "/app/p/kept/history");
  assert.equal((await api("GET", "/api/prompts/new")).status, 404);
  assert.equal((await api("GET", "/api/prompts/kept")).body.content, "After.");
});

test("a file that cannot be read names the place once, and asks for another", async (t) => {
  const { page, expectFailures } = await openApp(t, { path: "/app/import" });
  expectFailures(/^POST \/api\/import\S* 400$/);
  await page
    .getByLabel("Choose file")
    .setInputFiles({ name: "bad.json", mimeType: "application/json", buffer: Buffer.from("{x") });
  const alert = page.getByRole("alert");
  await alert.getByText("Line 1, column 2: invalid JSON").waitFor();
  assert.doesNotMatch((await alert.textContent()) ?? "", /at line/);
  assert.equal(await alert.getByRole("button", { name: "Retry" }).count(), 0);
  await page.getByLabel("Choose another file").waitFor();
});

test("an import that is stopped says what is there, goes on, and can be undone as one", async (t) => {
  const app = await openApp(t, { path: "/app/import" });
  const { page } = app;
  const held = await holdAfter(app, makeItems(12));
  await choose(page, "list.json", makeItems(30));
  await page.getByRole("button", { name: "Import", exact: true }).click();
  // The bar follows the library.
  await page.getByText("12 of 30 new prompts imported").waitFor();
  assert.ok(held.isHeld());
  const bar = page.getByRole("progressbar", { name: "Import" });
  assert.equal(await bar.getAttribute("value"), "12");
  await page.getByRole("button", { name: "Stop" }).press("Enter");
  await page.getByText("Stopped: 12 of 30 items changed the library.").waitFor();
  await page.getByRole("button", { name: "Not imported 18" }).waitFor();

  await held.release();
  await page.getByRole("button", { name: "Import the rest" }).click();
  await page.getByText("Imported: 30 of 30 items changed the library.").waitFor();
  assert.equal(await countPrompts(app), 30);
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByText("Deleted 30 prompts").waitFor();
  assert.equal(await countPrompts(app), 0);
});

test("an import that the server ends early goes on by itself", async (t) => {
  const app = await openApp(t, { path: "/app/import" });
  const { page, api } = app;
  let requests = 0;
  await page.route(WRITES, async (route) => {
    requests += 1;
    if (requests > 1) return route.continue();
    const { body } = await api("POST", "/api/import", makeItems(5));
    const broken = { at: "after [4]", reason: "the import took longer than 120 s" };
    return route.fulfill({ json: { ...body, complete: false, broken } });
  });
  await choose(page, "list.json", makeItems(9));
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.getByText("Imported: 9 of 9 items changed the library.").waitFor();
  assert.equal(requests, 2);
  assert.equal(await countPrompts(app), 9);
});

test("after too many requests it counts down, and then goes on where it was", async (t) => {
  const app = await openApp(t, { path: "/app/import" });
  const { page } = app;
  app.expectFailures(/^POST \/api\/import\?dry_run=false\S* 429$/);
  await page.clock.install();
  let isRefused = false;
  await page.route(WRITES, (route) => {
    if (isRefused) return route.continue();
    isRefused = true;
    const detail = "too many imports at a time; try again in a moment";
    const json = { type: "urn:promptdb:problem:too-many-imports", status: 429, detail };
    return route.fulfill({ status: 429, headers: { "retry-after": "5" }, json });
  });
  await choose(page, "list.json", makeItems(3));
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.getByText(/^Too many imports at a time/).waitFor();
  await page.locator("h2:focus").waitFor();
  const retry = page.getByRole("button", { name: "Retry" });
  await page.getByText(/^Retry in \d s$/).waitFor();
  assert.equal(await retry.isDisabled(), true);
  await page.clock.runFor(6000);
  await retry.click();
  await page.getByText("Imported: 3 of 3 items changed the library.").waitFor();
});

test("a page that imports asks before it is left, and goes on behind other screens", async (t) => {
  const app = await openApp(t, { path: "/app/import" });
  const { page } = app;
  const held = await holdAfter(app, makeItems(2));
  await choose(page, "list.json", makeItems(4));
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.getByText("2 of 4 new prompts imported").waitFor();

  const asked = page.waitForEvent("dialog");
  const reload = page.reload().catch(() => undefined);
  const dialog = await asked;
  assert.equal(dialog.type(), "beforeunload");
  await dialog.dismiss();
  await reload;

  await page.getByRole("link", { name: "Account" }).click();
  await page.getByRole("heading", { name: "Account" }).waitFor();
  await lookAgain(page);
  await page.goBack();
  await page.getByText("2 of 4 new prompts imported").waitFor();
  assert.ok(held.isHeld());
  await app.api("POST", "/api/import", makeItems(3));
  await page.getByText("3 of 4 new prompts imported").waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("Stopped: 3 of 4 items changed the library.").waitFor();
  // Nothing runs any more, so nothing asks.
  await page.reload();
  await page.getByText("Drop a file here").waitFor();
});

test("a file that is dropped while another is read takes its place", async (t) => {
  const { page } = await openApp(t, { path: "/app/import" });
  const held = await holdRequests(page, "**/api/import?dry_run=true*");
  await choose(page, "slow.json", makeItems(3));
  await page.getByText("Reading slow.json").waitFor();
  await expectSoon(held.count, 1);
  const isEnded = page.waitForEvent("requestfailed");
  await drop(page, "quick.json", makeItems(2));
  await isEnded;
  held.release();
  await page.getByText("2 items of 2 would change the library.").waitFor();
  await page.getByRole("heading", { name: "quick.json" }).waitFor();
});

test("a file that is no import says what is taken, and nothing is sent", async (t) => {
  const { page, watch } = await openApp(t, { path: "/app/import" });
  const refusal = page.getByRole("alert");
  await choose(page, "photo.png", Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 3]));
  await refusal.getByText("This file is not understood. PromptDB takes its own exports").waitFor();
  await choose(page, "empty.json", "");
  await refusal.getByText("This file is empty.").waitFor();
  await choose(page, "large.csv", Buffer.alloc(16 * 1024 * 1024 + 1, "a"));
  await refusal.getByText("This file has more than 16 MB.").waitFor();
  assert.deepEqual(
    watch.requests.filter(({ method }) => method === "POST"),
    [],
  );
});

test("what the server does not understand is shown in its words", async (t) => {
  const app = await openApp(t, { path: "/app/import" });
  const { page } = app;
  app.expectFailures(/^POST \/api\/import\?dry_run=true\S* 400$/);
  await choose(page, "broken.json", '[{"title": ]');
  await page
    .getByRole("alert")
    .getByText(/invalid JSON/)
    .waitFor();
  await choose(page, "list.json", makeItems(1));
  await page.getByText("1 item of 1 would change the library.").waitFor();
});

test("the kind of a file is found by what it holds, and a text without a title has its file's", async (t) => {
  const app = await openApp(t, { path: "/app/import" });
  const { page, api } = app;
  /** @type {[name: string, content: string, prompt: string][]} */
  const files = [
    ["Meeting notes.txt", "Write notes on {{meeting}}.", "meeting-notes"],
    ["draft.md", "---\ndescription: A draft\n---\n\nDraft {{x}}.\n", "draft"],
    ["other.md", '---\ntitle: "Its own"\n---\n\nText.\n', "its-own"],
    ["list", "title,content\nFrom a table,Text of it.\n", "from-a-table"],
    ["data.txt", '[{"title": "From a list", "content": "Text of it."}]', "from-a-list"],
    ["fix.prompt.md", "Fix ${input:what}.", "fix"],
    ["base.yml", "matches:\n  - trigger: ':yes'\n    replace: Yes.\n", "yes"],
    ["lines.jsonl", '{"title":"A line","prompt":"x"}\n', "a-line"],
  ];
  for (const [name, content, prompt] of files) {
    await choose(page, name, content);
    await page.getByRole("table").getByText(prompt, { exact: true }).waitFor();
    await page.getByRole("button", { name: "Import", exact: true }).click();
    await page.getByText("Imported: 1 of 1 item changed the library.").waitFor();
    const saved = await api("GET", `/api/prompts/${prompt}`);
    assert.equal(saved.status, 200, name);
  }
  assert.equal((await api("GET", "/api/prompts/draft")).body.content, "Draft {{x}}.");
});

test("what is changed on the way is shown before and after the import", async (t) => {
  const app = await openApp(t, { path: "/app/import" });
  const { page, api } = app;
  await choose(page, "prompts.csv", "act,prompt,for_devs\nGuide,Guide me in ${City:Paris}.,TRUE\n");
  const table = page.getByRole("table");
  const notes = [
    'The column "for_devs" was passed over.',
    "${City:Paris} became {{City}}.",
    "Variables: City",
  ];
  for (const note of notes) await table.getByText(note).waitFor();
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.getByText("Imported: 1 of 1 item changed the library.").waitFor();
  for (const note of notes) await table.getByText(note).waitFor();
  assert.equal((await api("GET", "/api/prompts/guide")).body.content, "Guide me in {{City}}.");
});

test("what is passed over in an archive is named before and after the import", async (t) => {
  const { page } = await openApp(t, { path: "/app/import" });
  const files = { "Guide.md": "Guide me.", "prompts.csv": "title,content\na,b\n" };
  await choose(page, "vault.zip", makeZip(files));
  await page.getByText("1 item of 1 would change the library.").waitFor();
  const note = page.getByText(/prompts\.csv/);
  await note.waitFor();
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.getByText("Imported: 1 of 1 item changed the library.").waitFor();
  await note.waitFor();
});

test("items with notes are shown by themselves, where others have none", async (t) => {
  const { page } = await openApp(t, { path: "/app/import" });
  await choose(page, "list.json", [
    ...makeItems(2),
    { title: "Tagged", content: "x", tags: ["two words"] },
  ]);
  const table = page.getByRole("table");
  await page.getByRole("button", { name: "With notes 1" }).press("Enter");
  assert.equal(await table.getByRole("row").count(), 2);
  assert.equal(await table.locator("code").first().textContent(), "two words");
  await page.getByRole("button", { name: "All 3" }).press("Enter");
  assert.equal(await table.getByRole("row").count(), 4);
  await choose(page, "list.json", makeItems(2));
  await page.getByRole("heading", { name: "list.json" }).waitFor();
  await page.getByText("2 items of 2 would change the library.").waitFor();
  assert.equal(await page.getByRole("button", { name: /^With notes/ }).count(), 0);
});

test("a dropped file is checked as a chosen one", async (t) => {
  const { page } = await openApp(t, { path: "/app/import" });
  await drop(page, "dropped.json", [{ title: "Dropped", content: "x" }]);
  await page.getByText("1 item of 1 would change the library.").waitFor();
});
