// The review: what chats proposed is accepted, edited or skipped, and nothing is lost or done twice.

import assert from "node:assert/strict";
import { test } from "node:test";

import { call } from "./support/api.js";
import { openApp } from "./support/app.js";
import { checkAccessible, checkReflow, checkTargets } from "./support/checks.js";
import { REVIEW, formOf, saveVersion, seeToast } from "./support/editing.js";
import { TOKEN } from "./support/library.js";
import { SCRIPTS } from "./support/prompts.js";
import {
  expectFocus,
  expectSoon,
  expectText,
  expectValue,
  holdRequests,
  lookAgain,
} from "./support/wait.js";

/**
 * @import { TestContext } from "node:test"
 * @import { Page } from "playwright-core"
 * @import { App, AppOptions } from "./support/app.js"
 */

const TRIP = {
  title: "Plan a trip",
  content: "Plan {{days}} days in {{city}} for a family with two small children, by train only.",
  tags: ["home"],
  why: "You asked for it twice.",
};
const VARIANT = {
  title: "Code review, longer",
  content: `${REVIEW.content}Then name what is good, in a sentence of its own.\n`,
  why: "It ended with praise each time.",
};
const SECRET = {
  title: "Ask the support",
  content: `Write to the support about {{problem}}, in short words. The key is ${TOKEN}, and it does not work.\n${"A line of it.\n".repeat(12)}`,
  why: "It found the right tone.",
};

/**
 * Opens the review with some candidates, in the order of the list.
 *
 * @param {TestContext} t
 * @param {unknown[]} candidates
 * @param {AppOptions} [options]
 */
async function openReview(t, candidates, options) {
  const app = await openApp(t, { ...options, path: "/privacy" });
  await call(app, "POST", "/api/prompts", REVIEW);
  for (const candidate of candidates.toReversed()) {
    await call(app, "POST", "/api/candidates", { candidates: [candidate] });
  }
  await app.page.goto("/app/review");
  return app;
}

/** @param {App} app */
async function waiting(app) {
  const { candidates } = await call(app, "GET", "/api/candidates");
  return /** @type {{ title: string }[]} */ (candidates).map(({ title }) => title);
}

/**
 * @param {Page} page
 * @param {string} name
 */
function press(page, name) {
  return page.getByRole("main").getByRole("button", { name, exact: true }).click();
}

/** @param {Page} page */
function badge(page) {
  return page.getByRole("navigation", { name: "Main" }).locator(".badge");
}

for (const viewport of /** @type {const} */ (["desktop", "phone"])) {
  test(`candidates are listed, shown and accepted on a ${viewport}`, async (t) => {
    const app = await openReview(t, [SECRET, VARIANT, TRIP], { viewport });
    const { page } = app;
    await expectText(badge(page), "3");
    await checkAccessible(page);
    const rows = page.getByRole("list", { name: "Waiting" });
    await expectSoon(() => rows.getByRole("listitem").count(), 3);
    await rows.getByText("Variant of code-review").waitFor();
    if (viewport === "phone") await rows.getByRole("link", { name: "Ask the support" }).click();
    // Beside the list, the first opens by itself.
    await page.getByRole("heading", { level: 1, name: "Ask the support" }).waitFor();
    const notes = page.getByRole("list", { name: "Look at this first" });
    await notes.getByText("1 API key was replaced by a placeholder.").waitFor();
    await page.getByText("It found the right tone.").last().waitFor();
    await page.getByText("expires in 7 days").waitFor();
    assert.equal(await page.getByText(TOKEN).count(), 0);
    await press(page, "Show all");
    await checkAccessible(page);
    await checkReflow(page);
    await checkTargets(page);
    await press(page, "Accept");
    await seeToast(page, "“Ask the support” saved as version 1.");
    await expectFocus(page, "Code review, longer");
    await expectText(badge(page), "2");
    const saved = await call(app, "GET", "/api/prompts/ask-the-support");
    assert.ok(!String(saved.content).includes(TOKEN));
    assert.deepEqual(await waiting(app), ["Code review, longer", "Plan a trip"]);
  });
}

test("a variant is compared, and saved as the next version of its prompt", async (t) => {
  const app = await openReview(t, [VARIANT]);
  await press(app.page, "Compare");
  await expectText(
    app.page.locator(".diff ins"),
    "Then name what is good, in a sentence of its own.",
  );
  await checkAccessible(app.page);
  await app.page.getByRole("button", { name: "Accept" }).getByText("Save as version 2").click();
  await seeToast(app.page, "“Code review, longer” saved as version 2.");
  await app.page.getByText("Nothing waits.").waitFor();
  await app.page.getByText("In any chat: review this session for prompts.").waitFor();
  await checkAccessible(app.page);
  const saved = await call(app, "GET", "/api/prompts/code-review");
  assert.equal(saved.version, 2);
  assert.equal(saved.content, VARIANT.content);
});

test("a variant whose prompt was changed meanwhile is shown again before it is saved", async (t) => {
  const app = await openReview(t, [VARIANT]);
  app.expectFailures(/^POST \/api\/candidates\/cnd_\w+\/accept 409$/);
  await app.page.getByText("Save as version 2").waitFor();
  await saveVersion(app, "code-review", 1, { description: "Changed elsewhere" });
  await app.page.getByText("Save as version 2").click();
  await app.page.getByText("The prompt was changed meanwhile.").waitFor();
  await app.page.locator(".diff ins").first().waitFor();
  assert.equal((await call(app, "GET", "/api/prompts/code-review")).version, 2);
  // The difference stays open when it happens again.
  await saveVersion(app, "code-review", 2, { description: "Changed once more" });
  await app.page.getByText("Save as version 3").click();
  await app.page.getByText("Save as version 4").waitFor();
  await app.page.locator(".diff ins").first().waitFor();
  await app.page.getByText("Save as version 4").click();
  await seeToast(app.page, "“Code review, longer” saved as version 4.");
});

test("a candidate is edited and accepted, under another name as a new prompt", async (t) => {
  const app = await openReview(t, [VARIANT]);
  await press(app.page, "Edit");
  const form = formOf(app.page);
  await expectFocus(app.page, "Title");
  await expectValue(form.name, "code-review");
  await form.title.fill("Kind review");
  await form.content.fill("Review {{code}} kindly.");
  await form.tags.fill("kind,");
  // Half of an edit survives a reload.
  await app.page.reload();
  await expectValue(form.title, "Kind review");
  await form.name.fill("kind-review");
  await press(app.page, "Accept");
  await seeToast(app.page, "“Kind review” saved as version 1.");
  const saved = await call(app, "GET", "/api/prompts/kind-review");
  assert.equal(saved.content, "Review {{code}} kindly.");
  assert.deepEqual(saved.tags, ["kind"]);
  assert.equal((await call(app, "GET", "/api/prompts/code-review")).version, 1);
});

test("a taken name and faults of fields are said in the form", async (t) => {
  const app = await openReview(t, [TRIP]);
  app.expectFailures(/^POST \/api\/candidates\/cnd_\w+\/accept 409$/);
  app.expectFailures(/^POST \/api\/candidates\/cnd_\w+\/accept 422$/);
  await press(app.page, "Edit");
  const form = formOf(app.page);
  await form.name.fill("code-review");
  await press(app.page, "Accept");
  await expectFocus(app.page, "Name");
  await app.page.getByText("Another prompt has this name; choose a different one.").waitFor();
  await form.name.fill("a-trip");
  await form.content.fill("");
  await press(app.page, "Accept");
  await expectFocus(app.page, "Content");
  await app.page.getByText("Must not be empty.").waitFor();
  await press(app.page, "Back");
  await expectFocus(app.page, "Edit");
  await press(app.page, "Accept");
  await seeToast(app.page, "“Plan a trip” saved as version 1.");
});

test("a skip can be undone while its message stands, and is sent when it goes", async (t) => {
  const app = await openReview(t, [SECRET, TRIP]);
  await press(app.page, "Skip");
  await seeToast(app.page, "“Ask the support” skipped.");
  await expectFocus(app.page, "Plan a trip");
  await expectText(badge(app.page), "1");
  assert.equal((await waiting(app)).length, 2);
  await app.page.getByRole("button", { name: "Undo" }).click();
  await expectFocus(app.page, "Ask the support");
  await expectText(badge(app.page), "2");
  await press(app.page, "Skip");
  await expectFocus(app.page, "Plan a trip");
  await app.page.getByRole("button", { name: "Dismiss" }).click();
  await expectSoon(() => waiting(app), ["Plan a trip"]);
});

test("a skip is sent when its message makes room, and when the page is left", async (t) => {
  const [talk, soup] = [
    { title: "Prepare a talk", content: "Outline a talk about {{subject}} for people who hurry." },
    { title: "Cook a soup", content: "Name a soup that needs {{vegetables}} and half an hour." },
  ].map((candidate) => ({ ...candidate, why: "It worked." }));
  const app = await openReview(t, [SECRET, VARIANT, TRIP, talk, soup]);
  const { page } = app;
  for (const next of ["Code review, longer", "Plan a trip", "Prepare a talk"]) {
    await press(page, "Skip");
    await expectFocus(page, next);
  }
  // Each can still be undone.
  await expectSoon(() => page.getByRole("button", { name: "Undo" }).count(), 3);
  await expectText(badge(page), "2");
  assert.equal((await waiting(app)).length, 5);
  await press(page, "Skip");
  await expectFocus(page, "Cook a soup");
  await expectSoon(
    () => waiting(app),
    ["Code review, longer", "Plan a trip", "Prepare a talk", "Cook a soup"],
  );
  await expectText(badge(page), "1");
  await page.goto("/privacy");
  await expectSoon(() => waiting(app), ["Cook a soup"]);
});

test("a skip that cannot be sent waits again", async (t) => {
  const app = await openReview(t, [SECRET, TRIP]);
  app.expectFailures(/^DELETE \/api\/candidates\/cnd_\w+ net::/);
  await app.page.route(/\/api\/candidates\/cnd_\w+$/, (route) =>
    route.request().method() === "DELETE" ? route.abort() : route.fallback(),
  );
  await press(app.page, "Skip");
  await app.page.getByRole("button", { name: "Dismiss" }).click();
  await seeToast(
    app.page,
    "“Ask the support” waits again: The server does not answer. Check your connection and try again.",
  );
  await expectText(badge(app.page), "2");
  await app.page.getByRole("link", { name: "Ask the support" }).waitFor();
});

test("an accept whose answer is lost is finished by Retry, and happens once", async (t) => {
  const app = await openReview(t, [TRIP]);
  app.expectFailures(/^POST \/api\/candidates\/cnd_\w+\/accept net::/);
  app.expectFailures(/^POST \/api\/candidates\/cnd_\w+\/accept 404$/);
  await app.page.route(
    /\/accept$/,
    async (route) => {
      await route.fetch();
      await route.abort();
    },
    { times: 1 },
  );
  await press(app.page, "Accept");
  await press(app.page, "Retry");
  await seeToast(app.page, "“Plan a trip” saved as version 1.");
  const { prompts } = await call(app, "GET", "/api/prompts");
  assert.equal(/** @type {unknown[]} */ (prompts).length, 2);
});

test("an accept that fails after its screen was left is said, with a way back", async (t) => {
  const app = await openReview(t, [TRIP]);
  const { page } = app;
  app.expectFailures(/^POST \/api\/candidates\/cnd_\w+\/accept net::/);
  await page.route(/\/accept$/, (route) => route.abort());
  const held = await holdRequests(page, /\/accept$/);
  await press(page, "Accept");
  await page.getByRole("link", { name: "Connect" }).click();
  await page.getByRole("heading", { level: 1, name: "Connect" }).waitFor();
  held.release();
  await seeToast(
    page,
    "“Plan a trip” was not accepted: The server does not answer. Check your connection and try again.",
  );
  await page.getByRole("button", { name: "Open" }).click();
  await expectFocus(page, "Plan a trip");
});

test("a page that comes after an accept does not bring its candidate back", async (t) => {
  const topics = ["tea", "rain", "chess", "bread", "maps", "owls", "glass", "trams", "ink", "snow"];
  const many = topics.flatMap((topic) => [
    { title: `Explain ${topic}`, content: `Explain ${topic} to {{reader}}.`, why: "It worked." },
    { title: `Sell ${topic}`, content: `Write ten lines that sell ${topic}.`, why: "It worked." },
  ]);
  const app = await openReview(t, [TRIP, ...many]);
  const { page } = app;
  const rows = page.getByRole("list", { name: "Waiting" }).getByRole("listitem");
  await expectSoon(() => rows.count(), 20);
  const held = await holdRequests(page, /\/api\/candidates\?.*cursor=/);
  await page.getByRole("button", { name: "More" }).click();
  await page.keyboard.press("a");
  await seeToast(page, "“Plan a trip” saved as version 1.");
  await expectFocus(page, "Explain tea");
  held.release();
  await expectSoon(() => rows.count(), 20);
  await page.getByRole("button", { name: "More" }).waitFor({ state: "hidden" });
  await page.getByRole("link", { name: "Plan a trip" }).waitFor({ state: "detached" });
});

test("the last page takes the focus of More, and a new count leaves the navigation its own", async (t) => {
  const many = Array.from({ length: 21 }, (_, index) => ({
    title: `Idea ${index + 1}`,
    content: `Idea ${index + 1}: ${"abcdefghijklmnopqrstu"[index]} ${index * 7919}.`,
    why: "It worked.",
  }));
  const app = await openReview(t, many);
  const { page } = app;
  const rows = page.getByRole("list", { name: "Waiting" }).getByRole("listitem");
  await expectSoon(() => rows.count(), 20);
  await page.getByRole("button", { name: "More" }).press("Enter");
  await expectSoon(() => rows.count(), 21);
  await expectFocus(page, (await rows.last().textContent()) ?? "");
  await page.getByRole("link", { name: "Review" }).focus();
  await call(app, "POST", "/api/candidates", { candidates: [TRIP] });
  await lookAgain(page);
  await expectText(badge(page), "22");
  await expectFocus(page, "Review22 waiting");
});

test("a candidate that another tab took away is said, and the next is shown", async (t) => {
  const app = await openReview(t, [SECRET, TRIP]);
  app.expectFailures(/^POST \/api\/candidates\/cnd_\w+\/accept 404$/);
  await app.page.getByRole("heading", { level: 1, name: "Ask the support" }).waitFor();
  await call(app, "DELETE", `/api/candidates/${app.page.url().split("/").at(-1)}`);
  await press(app.page, "Accept");
  await seeToast(app.page, "“Ask the support” was accepted or skipped elsewhere.");
  await expectFocus(app.page, "Plan a trip");
});

test("the review works with the keyboard alone", async (t) => {
  const app = await openReview(t, [SECRET, VARIANT, TRIP]);
  const { page } = app;
  await page.getByRole("heading", { level: 1, name: "Ask the support" }).waitFor();
  await page.keyboard.press("j");
  await expectFocus(page, "Code review, longer");
  await page.keyboard.press("j");
  await expectFocus(page, "Plan a trip");
  await page.keyboard.press("k");
  await expectFocus(page, "Code review, longer");
  await page.keyboard.press("s");
  await expectFocus(page, "Plan a trip");
  await page.keyboard.press("e");
  await expectFocus(page, "Title");
  // Keys write in a field.
  await page.keyboard.press("End");
  await page.keyboard.type(" as a set");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Escape");
  await expectFocus(page, "Edit");
  await page.keyboard.press("a");
  await seeToast(page, "“Plan a trip” saved as version 1.");
  await expectFocus(page, "Ask the support");
});

test("a candidate that arrives while nothing waits appears by itself", async (t) => {
  const app = await openReview(t, []);
  await app.page.getByText("Nothing waits.").waitFor();
  await call(app, "POST", "/api/candidates", { candidates: [TRIP] });
  await app.page.getByRole("heading", { level: 1, name: "Plan a trip" }).waitFor();
  await expectText(badge(app.page), "1");
});

test("a candidate that is gone has a page with a way on", async (t) => {
  const app = await openReview(t, [TRIP]);
  app.expectFailures(/^GET \/api\/candidates\/cnd_\w+ 404$/);
  await app.page.goto(`/app/review/cnd_${"0".repeat(32)}`);
  await app.page
    .getByRole("heading", { level: 1, name: "This candidate does not wait any more" })
    .waitFor();
  await app.page.getByRole("link", { name: "What waits" }).click();
  await app.page.getByRole("heading", { level: 1, name: "Plan a trip" }).waitFor();
});

test("texts that look like markup, and those from right to left, stay text", async (t) => {
  const words = "and a sentence that is long enough to keep for later";
  const app = await openReview(t, [
    { title: SCRIPTS.image, content: `${SCRIPTS.end} ${words}`, why: SCRIPTS.end },
    {
      title: "شرح المفهوم",
      content: "اشرح {{المفهوم}} لطفل في العاشرة بمثال من الحياة اليومية.",
      why: "طلبته",
    },
  ]);
  await app.page.getByRole("heading", { level: 1, name: SCRIPTS.image }).waitFor();
  await app.page.getByRole("main").getByText(words).waitFor();
  await app.page.keyboard.press("j");
  await expectFocus(app.page, "شرح المفهوم");
  await checkReflow(app.page);
});
