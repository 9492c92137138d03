// Writing a prompt: its fields, its draft, and a save that happens once.

import assert from "node:assert/strict";
import { test } from "node:test";

import { call } from "./support/api.js";
import { openApp } from "./support/app.js";
import { checkAccessible, checkReflow, checkTargets } from "./support/checks.js";
import { REVIEW, formOf, loseAnswers, saveVersion, seeToast, signInAs } from "./support/editing.js";
import { CONTENT_MAX_BYTES, SCRIPTS } from "./support/prompts.js";
import { expectFocus, expectPath, expectSoon, expectText, expectValue } from "./support/wait.js";

/** @import { Page } from "playwright-core" */

/** The address of the prompt that most tests edit. */
const EDIT = "/app/p/code-review/edit";

/**
 * Opens the form of a saved prompt.
 *
 * @param {import("node:test").TestContext} t
 * @param {import("./support/app.js").AppOptions} [options]
 */
async function openEdit(t, options) {
  const app = await openApp(t, { ...options, path: "/privacy" });
  await call(app, "POST", "/api/prompts", REVIEW);
  await app.page.goto(EDIT);
  return { ...app, form: formOf(app.page) };
}

/** @param {Page} page */
function errors(page) {
  return page.locator(".error:visible");
}

for (const viewport of /** @type {const} */ (["desktop", "phone"])) {
  test(`a new prompt is written and saved on a ${viewport}`, async (t) => {
    const app = await openApp(t, { path: "/app/new", viewport });
    const form = formOf(app.page);
    await form.title.fill("Été & Bericht!");
    await expectValue(form.name, "ete-bericht");
    await form.description.fill("For the end of a month");
    await form.tags.fill("Big Data, #Rust,");
    await form.content.fill("Report on {{Topic}} for {{reader}}.\n{{topic}}");
    await app.page.getByRole("textbox", { name: "Description of Topic" }).fill("what it is about");
    await app.page.getByRole("textbox", { name: "Default of reader" }).fill("everyone");
    await expectText(form.preview, "Report on {{Topic}} for everyone. {{topic}}");
    await checkAccessible(app.page);
    await checkReflow(app.page);
    await checkTargets(app.page);
    await form.save.click();
    await seeToast(app.page, "Saved as version 1.");
    await expectPath(app.page, "/app/p/ete-bericht");
    const saved = await call(app, "GET", "/api/prompts/ete-bericht");
    assert.equal(saved.title, "Été & Bericht!");
    assert.equal(saved.description, "For the end of a month");
    assert.deepEqual(saved.tags, ["big-data", "rust"]);
    assert.deepEqual(saved.variables, [
      { name: "Topic", description: "what it is about" },
      { name: "reader", default: "everyone" },
    ]);
  });
}

test("a prompt is written with the keyboard alone", async (t) => {
  const app = await openApp(t, { path: "/app" });
  await call(app, "POST", "/api/prompts", { title: "Other", content: "x", tags: ["writing"] });
  const { keyboard } = app.page;
  await app.page.getByRole("navigation", { name: "Main" }).waitFor();
  await keyboard.press("n");
  await expectPath(app.page, "/app/new");
  await expectFocus(app.page, "New prompt");
  await keyboard.press("Tab");
  await expectFocus(app.page, "Title");
  await keyboard.type("Release notes");
  await keyboard.press("Tab");
  await expectFocus(app.page, "Name");
  await keyboard.press("Tab");
  await expectFocus(app.page, "Description");
  await keyboard.press("Tab");
  await expectFocus(app.page, "Tags");
  await app.page.getByRole("option", { name: "writing" }).waitFor();
  await keyboard.press("ArrowDown");
  await keyboard.press("Enter");
  await keyboard.type("draft");
  await keyboard.press("Enter");
  await keyboard.type("wrong,");
  await expectText(app.page.getByRole("list", { name: "Chosen tags" }), "writing draft wrong");
  await keyboard.press("Backspace");
  await expectFocus(app.page, "Remove wrong");
  await keyboard.press("Delete");
  await expectFocus(app.page, "Remove draft");
  await keyboard.press("ArrowRight");
  await expectFocus(app.page, "Tags");
  await keyboard.press("Tab");
  await expectFocus(app.page, "Content");
  await keyboard.type("List the changes of {{version}}.");
  await keyboard.press("Control+s");
  await seeToast(app.page, "Saved as version 1.");
  await expectFocus(app.page, "Release notes");
  const saved = await call(app, "GET", "/api/prompts/release-notes");
  assert.deepEqual(saved.tags, ["writing", "draft"]);
});

test("the name follows the title until it is written by hand, and again when it is emptied", async (t) => {
  const app = await openApp(t, { path: "/app/new" });
  const form = formOf(app.page);
  await form.title.fill("One");
  await expectValue(form.name, "one");
  await form.name.fill("My Name");
  await form.title.fill("Two");
  await expectValue(form.name, "my-name");
  await form.name.fill("");
  await form.title.fill("Three");
  await expectValue(form.name, "three");
  // Only the server writes it in Latin letters.
  await form.title.fill("北京");
  await expectValue(form.name, "");
  assert.equal(await form.name.getAttribute("placeholder"), "Made from the title");
  await form.content.fill("x");
  await form.save.click();
  await expectPath(app.page, "/app/p/bei-jing");
});

test("a taken name is said at the field, and nothing else is lost", async (t) => {
  const app = await openApp(t, { path: "/app/new" });
  await call(app, "POST", "/api/prompts", REVIEW);
  app.expectFailures(/^POST \/api\/prompts 409$/);
  const form = formOf(app.page);
  await form.title.fill("Code review");
  await form.content.fill("Another one");
  await form.save.click();
  await expectFocus(app.page, "Name");
  await expectText(errors(app.page), "Another prompt has this name; choose a different one.");
  await app.page.keyboard.type("x");
  await expectText(errors(app.page), "");
  await form.name.fill("another-review");
  await form.save.click();
  await expectPath(app.page, "/app/p/another-review");
});

test("what the server refuses stands at its field, and the first has the focus", async (t) => {
  const app = await openEdit(t);
  app.expectFailures(/^PUT \/api\/prompts\/prm_\w+ 422$/);
  await app.form.title.fill("x".repeat(121));
  await app.form.tags.fill(`${"z".repeat(33)},`);
  await app.form.description.fill("y".repeat(1025));
  await expectText(
    app.page.locator(".field .hint", { hasText: "What it is for" }),
    "What it is for and when to use it. 1025 of 1024.",
  );
  await app.form.save.click();
  await expectFocus(app.page, "Title");
  await expectText(
    errors(app.page),
    "Has 121 characters; at most 120 are allowed. | Has 1025 characters; at most 1024 are allowed. | " +
      `${"z".repeat(33)}: must have at most 32 characters, as a-z, 0-9 and -.`,
  );
  assert.equal(await app.form.title.getAttribute("aria-invalid"), "true");
  await checkAccessible(app.page);
});

test("at most ten tags are taken, each with a letter or a digit", async (t) => {
  const app = await openApp(t, { path: "/app/new" });
  const form = formOf(app.page);
  await form.tags.fill("!!!,");
  await expectText(errors(app.page), "A tag needs a letter or a digit.");
  await form.tags.fill(`${Array.from({ length: 11 }, (_, index) => `t${index}`).join(",")},`);
  await expectText(errors(app.page), "A prompt has at most 10 tags. Remove one first.");
  await app.page.getByRole("button", { name: "Remove t9" }).click();
  await expectText(errors(app.page), "");
});

test("a tag of the library is chosen by touch", async (t) => {
  const app = await openApp(t, { path: "/privacy", viewport: "phone" });
  await call(app, "POST", "/api/prompts", { title: "Other", content: "x", tags: ["writing"] });
  await app.page.goto("/app/new");
  const form = formOf(app.page);
  await form.title.tap();
  const count = () => app.watch.requests.filter(({ url }) => url.endsWith("/api/tags")).length;
  assert.equal(count(), 0, "the tags are loaded before they are asked for");
  await form.tags.tap();
  await form.tags.fill("ri");
  await app.page.getByRole("option", { name: "writing" }).tap();
  await expectText(app.page.getByRole("list", { name: "Chosen tags" }), "writing");
  await expectValue(form.tags, "");
  assert.equal(count(), 1);
});

test("variables keep what is said of them when they leave the text and come back", async (t) => {
  const app = await openEdit(t);
  const described = app.page.getByRole("textbox", { name: "Description of tone" });
  await expectValue(described, "kind or strict");
  await described.fill("how to speak");
  await app.form.content.fill("Review {{code}}. {{a.b}} and {{{c}}} and \\{{d}} stay.");
  await described.waitFor({ state: "detached" });
  await expectText(app.page.locator(".mirror .unknown"), "{{a.b}} | {{{c}}}");
  await expectText(app.page.locator(".mirror .variable"), "{{code}}");
  await app.form.content.fill("Review {{code}}, {{Tone}}.");
  const again = app.page.getByRole("textbox", { name: "Description of Tone" });
  await expectValue(again, "how to speak");
  await app.form.save.click();
  await seeToast(app.page, "Saved as version 2.");
  const saved = await call(app, "GET", "/api/prompts/code-review");
  assert.deepEqual(saved.variables, [
    { name: "code" },
    { name: "Tone", description: "how to speak", default: "kind" },
  ]);
});

test("a draft survives a reload, and can be discarded and taken back", async (t) => {
  const { page, form } = await openEdit(t);
  await form.content.fill("Half of a {{thought}}");
  await form.tags.fill("new-tag");
  await page.reload();
  await expectText(page.locator(".notice p"), "Draft restored.");
  await expectValue(form.content, "Half of a {{thought}}");
  await expectText(page.getByRole("list", { name: "Chosen tags" }), "code new-tag");
  await page.getByRole("link", { name: "Connect", exact: true }).click();
  await expectPath(page, "/app/connect");
  await page.goBack();
  await expectValue(form.content, "Half of a {{thought}}");
  await page.getByRole("button", { name: "Discard draft" }).click();
  await expectValue(form.content, REVIEW.content);
  await page.getByRole("button", { name: "Undo" }).click();
  await expectValue(form.content, "Half of a {{thought}}");
  await page.reload();
  await expectValue(form.content, "Half of a {{thought}}");
});

test("Escape leaves the field, and then the page, and keeps the draft", async (t) => {
  const { page, form } = await openEdit(t);
  await form.content.fill("Half of it");
  await page.keyboard.press("Escape");
  await expectFocus(page, "Edit Code review");
  await expectPath(page, EDIT);
  await page.keyboard.press("Escape");
  await expectPath(page, "/app/p/code-review");
  await page.goto(EDIT);
  await expectValue(form.content, "Half of it");
});

test("cancel drops the draft, and can be undone", async (t) => {
  const { page, form } = await openEdit(t);
  await form.content.fill("Not like this");
  await page.getByRole("button", { name: "Cancel" }).click();
  await expectPath(page, "/app/p/code-review");
  await page.getByRole("button", { name: "Undo" }).click();
  await expectPath(page, EDIT);
  await expectValue(form.content, "Not like this");
  await page.getByRole("button", { name: "Cancel" }).click();
  await expectPath(page, "/app/p/code-review");
  await page.goto(EDIT);
  await expectValue(form.content, REVIEW.content);
});

test("the browser asks before it leaves only where it keeps no drafts", async (t) => {
  const { page, context } = await openEdit(t);
  /** @type {string[]} */
  const asked = [];
  const answer = (/** @type {import("playwright-core").Dialog} */ dialog) => {
    asked.push(dialog.type());
    return dialog.accept();
  };
  page.on("dialog", (dialog) => void answer(dialog));
  await formOf(page).content.click();
  await page.keyboard.type("Kept ");
  await page.reload();
  assert.deepEqual(asked, []);
  await context.addInitScript(() => {
    Storage.prototype.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
  });
  await page.reload();
  await formOf(page).content.click();
  await page.keyboard.type("Lost ");
  await page.reload();
  assert.deepEqual(asked, ["beforeunload"]);
  // Inside the application nothing is lost and nothing is asked.
  await formOf(page).content.fill("In memory");
  await page.getByRole("link", { name: "Connect", exact: true }).click();
  await page.goBack();
  await expectValue(formOf(page).content, "In memory");
  assert.deepEqual(asked, ["beforeunload"]);
});

test("a save whose answer is lost is finished by Retry, and happens once", async (t) => {
  const app = await openEdit(t);
  app.expectFailures(/^PUT \/api\/prompts\/prm_\w+ net::/);
  await loseAnswers(app.page, "PUT", /\/api\/prompts\/prm_/);
  await app.form.content.fill("Second");
  await app.form.save.click();
  await expectText(
    app.page.locator(".problem p"),
    "The server does not answer. Check your connection and try again.",
  );
  assert.equal((await call(app, "GET", "/api/prompts/code-review")).version, 2);
  await app.page.getByRole("button", { name: "Retry" }).click();
  await seeToast(app.page, "Saved as version 2.");
  const { versions } = await call(app, "GET", "/api/prompts/code-review/versions");
  assert.equal(/** @type {unknown[]} */ (versions).length, 2);
});

test("a new prompt whose answer is lost is there once, also after a reload and with another text", async (t) => {
  const app = await openApp(t, { path: "/app/new" });
  app.expectFailures(/^POST \/api\/prompts net::/);
  await loseAnswers(app.page, "POST", /\/api\/prompts$/, 2);
  const form = formOf(app.page);
  await form.title.fill("Only one");
  await form.content.fill("First");
  await form.save.click();
  await app.page.getByRole("button", { name: "Retry" }).click();
  await app.page.locator(".problem p").waitFor();
  await app.page.reload();
  await expectText(app.page.locator(".notice p"), "Draft restored.");
  await form.content.fill("Second");
  await form.save.click();
  await seeToast(app.page, "Saved as version 2.");
  const { prompts } = await call(app, "GET", "/api/prompts");
  assert.deepEqual(
    /** @type {{ name: string, content: string }[]} */ (prompts).map(({ name, content }) => [
      name,
      content,
    ]),
    [["only-one", "Second"]],
  );
});

test("a save that fails after its page was left is said, with a way back", async (t) => {
  const app = await openEdit(t);
  app.expectFailures(/^PUT \/api\/prompts\/prm_\w+ net::/);
  /** @type {() => void} */
  let fail = () => undefined;
  const failed = new Promise((resolve) => (fail = () => resolve(undefined)));
  await app.page.route(/\/api\/prompts\/prm_/, async (route) => {
    if (route.request().method() !== "PUT") return route.fallback();
    await failed;
    return route.abort();
  });
  await app.form.content.fill("Left behind");
  await app.form.save.click();
  await app.page.getByRole("link", { name: "Connect", exact: true }).click();
  await expectPath(app.page, "/app/connect");
  fail();
  await seeToast(app.page, "“Code review” is not saved. Its draft is kept.");
  await app.page.getByRole("button", { name: "Open" }).click();
  await expectPath(app.page, EDIT);
  await expectValue(app.form.content, "Left behind");
});

test("a server that is gone keeps the text, and takes it when it is back", async (t) => {
  const app = await openEdit(t);
  app.expectFailures(/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/);
  await app.form.content.fill("While it was away");
  await app.stop();
  await app.form.save.click();
  const retry = app.page.getByRole("main").getByRole("button", { name: "Retry" });
  await retry.waitFor();
  await app.restart();
  await retry.click();
  await seeToast(app.page, "Saved as version 2.");
});

test("a draft opens although the server is gone, and Retry reads its prompt", async (t) => {
  const app = await openEdit(t);
  app.expectFailures(/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/);
  const row = app.page.locator(".list-pane").getByRole("link", { name: "Code review" });
  await row.waitFor();
  await app.form.content.fill("While it was away");
  await app.stop();
  await row.click();
  await app.page.getByRole("heading", { level: 1, name: "Code review" }).waitFor();
  await app.page.goBack();
  const editor = app.page.locator(".editor");
  await editor.getByRole("alert").getByText("The server does not answer.").waitFor();
  await expectValue(app.form.content, "While it was away");
  await app.restart();
  await editor.getByRole("button", { name: "Retry" }).click();
  await editor.getByRole("alert").waitFor({ state: "detached" });
  await expectValue(app.form.content, "While it was away");
});

test("a session that ends while typing is signed in again, and the save is finished", async (t) => {
  const app = await openApp(t, { signIn: "workos", path: "/app/new" });
  const form = formOf(app.page);
  await form.title.fill("Long work");
  await form.content.fill("Written for an hour");
  // A request of the page itself would ask for a new sign-in before the save does.
  await app.page.waitForLoadState("networkidle");
  await app.context.clearCookies();
  app.expectFailures(/^POST \/api\/prompts 401$/);
  await form.save.click();
  const dialog = app.page.getByRole("dialog", { name: "Your session has ended" });
  await dialog.getByRole("button", { name: "Sign in" }).click();
  await seeToast(app.page, "Saved as version 1.");
  await expectPath(app.page, "/app/p/long-work");
});

test("without a new sign-in the draft stays, for the same person alone", async (t) => {
  const app = await openApp(t, { signIn: "workos", path: "/app/new" });
  const form = formOf(app.page);
  await form.content.fill("Mine");
  // A request of the page itself would ask for a new sign-in before the save does.
  await app.page.waitForLoadState("networkidle");
  await app.context.clearCookies();
  app.expectFailures(/ 401$/);
  await form.save.click();
  await app.page.getByRole("button", { name: "Not now" }).click();
  await expectValue(form.content, "Mine");
  await signInAs(app, "bob");
  await app.page.reload();
  await expectValue(form.content, "");
  await signInAs(app, "ann");
  await app.page.reload();
  await expectValue(form.content, "Mine");
});

test("64 KB are edited, and one byte more is refused at the field", async (t) => {
  const app = await openApp(t, { path: "/app/new" });
  app.expectFailures(/^POST \/api\/prompts 422$/);
  const form = formOf(app.page);
  const text = "{{word}} and 7 ".repeat(CONTENT_MAX_BYTES).slice(0, CONTENT_MAX_BYTES);
  await form.content.fill(text);
  await expectText(app.page.locator(".byte-count"), "65,536 of 65,536 bytes");
  assert.equal(await app.page.locator(".byte-count").getAttribute("data-state"), "near");
  await form.content.press("Control+End");
  await app.page.keyboard.type("x");
  await expectText(app.page.locator(".byte-count"), "65,537 of 65,536 bytes");
  await form.save.click();
  await expectText(errors(app.page), "Has 65537 bytes; at most 65536 are allowed.");
  await app.page.keyboard.press("Backspace");
  await form.title.fill("The largest");
  await form.save.click();
  await expectPath(app.page, "/app/p/the-largest");
});

test("titles and contents that look like markup, and those from right to left, stay text", async (t) => {
  const app = await openApp(t, { path: "/app/new" });
  const form = formOf(app.page);
  for (const [name, title] of [...Object.entries(SCRIPTS), ["arabic", "مراجعة {{النص}}"]]) {
    await app.page.goto("/app/new");
    await form.title.fill(title ?? "");
    await form.name.fill(`text-${name}`);
    await form.description.fill(title ?? "");
    await form.content.fill(`${title} {{النص}}`);
    await form.save.click();
    await expectPath(app.page, `/app/p/text-${name}`);
    await app.page.goto(`/app/p/text-${name}/edit`);
    await expectText(app.page.getByRole("heading", { level: 1 }), `Edit ${title}`);
    await expectValue(form.content, `${title} {{النص}}`);
  }
  await checkReflow(app.page);
});

test("notes and similar prompts are shown after a save", async (t) => {
  const app = await openApp(t, { path: "/app/new" });
  await call(app, "POST", "/api/prompts", REVIEW);
  const form = formOf(app.page);
  await form.title.fill("Twice");
  await form.content.fill(`${REVIEW.content} {topic}`);
  await form.save.click();
  const notes = app.page.getByRole("complementary", { name: "About this save" });
  await notes.getByText("{topic}").waitFor();
  const similar = app.page.locator(".notice", { hasText: "This resembles" });
  await similar.getByRole("link", { name: "Code review" }).waitFor();
});

test("a prompt that does not exist has a way on", async (t) => {
  const app = await openApp(t, { path: "/app/p/no-such/edit" });
  app.expectFailures(/^GET \/api\/prompts\/no-such 404$/);
  await app.page
    .getByRole("heading", { level: 1, name: "This prompt was moved or deleted" })
    .waitFor();
  await app.page.getByRole("link", { name: "Search in trash" }).click();
  await expectPath(app.page, "/app/trash");
});

test("a renamed prompt is found under its new name", async (t) => {
  const app = await openEdit(t);
  await app.form.name.fill("Strict Review");
  await app.form.save.click();
  await expectPath(app.page, "/app/p/strict-review");
  await saveVersion(app, "strict-review", 1, { content: "Again" });
  await expectSoon(async () => (await app.api("GET", "/api/prompts/code-review")).status, 404);
});
