// The account page: settings of the browser, exports, activity, sessions, and erasure.

import assert from "node:assert/strict";
import { test } from "node:test";

import { readObject, readString } from "../clients/json.js";
import { openApp } from "./support/app.js";
import { openContext } from "./support/context.js";

/**
 * @import { Page } from "playwright-core"
 * @import { TestContext } from "node:test"
 * @import { App } from "./support/app.js"
 */

const PATH = "/app/account";

/** @param {TestContext} t */
const openSignedIn = (t) => openApp(t, { path: PATH, signIn: "workos" });

/**
 * Returns a section of the page.
 *
 * @param {Page} page
 * @param {string} name
 */
function findSection(page, name) {
  return page.getByRole("region", { name, exact: true });
}

/**
 * Types the word, and sends the form.
 *
 * @param {Page} page
 * @param {string} word
 */
async function erase(page, word) {
  await page.getByLabel("Type erase to confirm").fill(word);
  await page.getByRole("button", { name: "Erase everything" }).click();
}

/** Waits for the last page, and returns its text. */
async function readFarewell(/** @type {Page} */ page) {
  await page.getByRole("heading", { name: "Everything is erased" }).waitFor();
  return readString(await page.getByRole("main").textContent());
}

test("a chosen theme stays, and is there before anything is painted", async (t) => {
  const { page } = await openApp(t, { path: PATH });
  const theme = page.getByRole("group", { name: "Theme" });
  assert.equal(await theme.getByRole("radio", { name: "System" }).isChecked(), true);
  await theme.getByRole("radio", { name: "Dark" }).check();
  await page.addInitScript(() => {
    const observer = new MutationObserver(() => {
      if (!Reflect.has(window, "themedAt")) Reflect.set(window, "themedAt", performance.now());
    });
    observer.observe(document, { subtree: true, attributeFilter: ["data-theme"] });
  });
  await page.reload();
  assert.equal(await theme.getByRole("radio", { name: "Dark" }).isChecked(), true);
  assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
  const background = await page.evaluate(
    () => getComputedStyle(document.documentElement).backgroundColor,
  );
  assert.equal(background, "rgb(22, 21, 19)");
  await page.waitForFunction(() => performance.getEntriesByName("first-paint").length > 0);
  const times = await page.evaluate(() => ({
    themed: Number(Reflect.get(window, "themedAt")),
    painted: performance.getEntriesByName("first-paint")[0]?.startTime ?? 0,
  }));
  assert.ok(times.themed <= times.painted, JSON.stringify(times));

  await theme.getByRole("radio", { name: "System" }).check();
  assert.equal(await page.locator("html").getAttribute("data-theme"), null);
});

test("single keys can be switched off, and stay off", async (t) => {
  const { page } = await openApp(t, { path: PATH });
  const keys = page.getByRole("switch", { name: "Keyboard shortcuts" });
  assert.equal(await keys.isChecked(), true);
  await keys.press("Space");
  assert.equal(await keys.isChecked(), false);
  await page.locator("body").press("n");
  assert.match(page.url(), /\/app\/account$/);
  await page.reload();
  await keys.waitFor();
  await page.locator("body").press("n");
  assert.match(page.url(), /\/app\/account$/);
  await keys.check();
  await page.locator("body").press("n");
  assert.match(page.url(), /\/app\/new$/);
});

test("without sign-in there is this computer, and nothing to sign out of", async (t) => {
  const { page, api } = await openApp(t, { path: PATH, viewport: "phone" });
  await page.getByText("This computer", { exact: true }).waitFor();
  await findSection(page, "Plan and use").getByText("No limits").waitFor();
  assert.equal(await page.getByRole("button", { name: /Sign out/ }).count(), 0);
  assert.equal(await findSection(page, "Sessions").count(), 0);
  await api("POST", "/api/prompts", { title: "One", content: "x" });
  await api("DELETE", "/api/prompts/one");
  await page.reload();
  const trash = findSection(page, "Plan and use").getByRole("link", { name: "1 prompt" });
  assert.equal(await trash.getAttribute("href"), "/app/trash");
});

test("everything is exported by plain links, also without a script", async (t) => {
  /** @type {[string, RegExp][]} */
  const formats = [
    ["JSON", /\.json$/],
    ["Markdown", /\.zip$/],
    ["Skills", /\.zip$/],
    ["CSV", /\.csv$/],
  ];
  for (const script of [true, false]) {
    const { page } = await openApp(t, { path: PATH, script });
    for (const [name, pattern] of formats) {
      const downloading = page.waitForEvent("download");
      await page.getByRole("link", { name, exact: true }).click();
      assert.match((await downloading).suggestedFilename(), pattern);
    }
  }
});

test("the activity is told in words, page by page", async (t) => {
  const app = await openApp(t, { path: PATH });
  const { page, api } = app;
  const activity = findSection(page, "Activity");
  await activity.getByText("Nothing has been written yet.").waitFor();
  await api("POST", "/api/prompts", { title: "<b>Bold</b>", name: "bold", content: "x" });
  await api("PUT", "/api/prompts/bold", { content: "y", expected_version: 1 });
  for (let count = 0; count < 4; count += 1) {
    await api("DELETE", "/api/prompts/bold");
    await api("POST", "/api/prompts/bold/restore", {});
  }
  await api("DELETE", "/api/prompts/bold");
  await page.reload();
  await activity.getByText("You deleted bold").first().waitFor();
  await activity.getByText("You took back the deletion of bold").first().waitFor();
  assert.equal(await activity.getByRole("listitem").count(), 10);
  await activity.getByRole("button", { name: "More" }).click();
  await activity.getByText("You saved a new version of bold (version 2)").waitFor();
  await activity.getByText("You saved bold for the first time").waitFor();
  assert.equal(await activity.getByRole("listitem").count(), 11);
  assert.equal(await activity.getByRole("button", { name: "More" }).count(), 0);
});

test("an erasure wants the word, and ends with a page that asks for nothing", async (t) => {
  const app = await openApp(t, { path: `${PATH}#erase`, library: "full" });
  const { page, api, watch } = app;
  await page.waitForFunction(() => document.activeElement?.id === "erase");
  await findSection(page, "Erase")
    .getByText(/What goes: \d+ prompts with all versions/)
    .waitFor();
  await erase(page, "everything");
  await page.getByText("Type the word erase. Nothing is erased without it.").waitFor();
  assert.equal((await api("GET", "/api/prompts/code-review")).status, 200);
  await page.evaluate(() => sessionStorage.setItem("draft", "secret"));

  await erase(page, "Erase");
  const text = await readFarewell(page);
  assert.match(text, /This server/);
  assert.doesNotMatch(text, /WorkOS/);
  assert.equal((await api("GET", "/api/prompts/code-review")).status, 404);
  assert.equal(await page.evaluate(() => sessionStorage.getItem("draft")), null);

  const before = watch.requests.length;
  await page.reload();
  await readFarewell(page);
  const after = watch.requests.slice(before).map(({ url }) => new URL(url).pathname);
  assert.deepEqual(
    after.filter((path) => !/^\/(app\/|assets\/|favicon)/.test(path)),
    [],
  );
  // In a tab that erased nothing, the address means nothing.
  const tab = await app.openTab("/app/erased");
  await tab.getByRole("heading", { name: "There is no such page" }).waitFor();
});

test("with sign-in, the account has a name, a plan and its limits", async (t) => {
  const { page } = await openSignedIn(t);
  await page.getByText("ann@example.com").waitFor();
  const use = findSection(page, "Plan and use");
  await use.getByText("Free", { exact: true }).waitFor();
  await use.getByText("0 of 25", { exact: true }).waitFor();
  await use.getByText(/^Up to .* in a minute$/).waitFor();
});

test("a session elsewhere is revoked, and all of them end at once", async (t) => {
  const app = await openSignedIn(t);
  const { page, url, workos } = app;
  assert.ok(workos);
  const other = await openContext(t, [url, workos.url]);
  await other.context.request.get(`${url}/auth/login?return_to=/api/me`);
  await page.reload();
  const sessions = findSection(page, "Sessions");
  await sessions.getByRole("listitem").nth(1).waitFor();
  assert.equal(await sessions.getByText("This browser").count(), 1);
  await sessions.getByRole("button", { name: /^Revoke/ }).click();
  await sessions.getByRole("button", { name: /^Revoke/ }).waitFor({ state: "detached" });
  assert.equal(await sessions.getByRole("listitem").count(), 1);
  const headers = { accept: "application/json" };
  assert.equal((await other.context.request.get(`${url}/api/me`, { headers })).status(), 401);
  assert.equal((await app.api("GET", "/api/me")).status, 200);

  await sessions.getByRole("button", { name: "Sign out everywhere" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Sign out everywhere" }).click();
  await page.waitForURL(`${url}/`);
  assert.equal((await app.api("GET", "/api/me")).status, 401);
});

test("signing out ends the session here and at WorkOS", async (t) => {
  const app = await openSignedIn(t);
  const { page, url } = app;
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.waitForURL(`${url}/`);
  await page.getByRole("link", { name: "Open your library" }).waitFor();
  assert.equal((await app.api("GET", "/api/me")).status, 401);
});

/**
 * Answers the next erasure with a problem.
 *
 * @param {App} app
 * @param {number} status
 * @param {Record<string, unknown>} problem
 */
async function refuseErasure({ page, expectFailures }, status, problem) {
  expectFailures(new RegExp(`^DELETE /api/account ${status}$`));
  const json = { title: "Refused", status, request_id: "0", ...problem };
  await page.route("**/api/account", (route) => route.fulfill({ status, json }), { times: 1 });
}

test("an erasure after an old sign-in leads through a new one, and back to the word", async (t) => {
  const app = await openSignedIn(t);
  const { page, url, workos, api } = app;
  assert.ok(workos);
  const id = readString(readObject((await api("GET", "/api/me")).body).id);
  await refuseErasure(app, 403, {
    type: "urn:promptdb:problem:reauthentication-required",
    detail: "erasing an account needs a sign-in of the last 10 minutes",
    login_url: "/auth/login?reauth=1&return_to=/app/account",
  });
  await erase(page, "erase");
  const link = page.getByRole("link", { name: "Sign in again" });
  const target = new URL(readString(await link.getAttribute("href")), url);
  assert.equal(target.pathname, "/auth/login");
  assert.equal(target.searchParams.get("reauth"), "1");
  await link.click();
  await page.waitForURL(`${url}/app/account#erase`);
  await page.waitForFunction(() => document.activeElement?.id === "erase");

  await erase(page, "erase");
  assert.match(await readFarewell(page), /WorkOS/);
  assert.equal((await api("GET", "/api/me")).status, 401);
  assert.equal((await workos.call("GET", `/user_management/users/${id}`)).status, 404);
});

test("an erasure that did not finish says what remains, and is repeated", async (t) => {
  const app = await openSignedIn(t);
  const { page } = app;
  await refuseErasure(app, 503, {
    type: "urn:promptdb:problem:erasure-incomplete",
    detail: "everything here was erased, but your sign-in at WorkOS could not be deleted",
    erased: ["promptdb"],
    remaining: ["workos"],
  });
  await erase(page, "erase");
  await page
    .getByRole("alert")
    .getByText("Erased: this server. Still there: your sign-in at WorkOS.")
    .waitFor();
  await page.getByRole("button", { name: "Try again" }).click();
  await readFarewell(page);
});

test("what Stripe may still hold is named on the last page, also after another sign-in", async (t) => {
  for (const isLeft of [true, false]) {
    const app = await openSignedIn(t);
    const { page } = app;
    const problem = {
      type: "urn:promptdb:problem:erasure-incomplete",
      detail: "everything here was erased, but your sign-in at WorkOS could not be deleted",
      erased: ["promptdb"],
      remaining: ["workos", "stripe"],
    };
    await refuseErasure(app, 503, problem);
    await erase(page, "erase");
    await page.getByRole("alert").getByText("your customer record at Stripe").waitFor();
    await page.reload();

    // Nothing is sold here, so that the first answer alone names Stripe where the second does not.
    if (isLeft) await refuseErasure(app, 503, { ...problem, remaining: ["stripe"] });
    await erase(page, "erase");
    const line = /Stripe\s*Your customer record[^]*?(Erased|Pending)/.exec(
      await readFarewell(page),
    );
    assert.equal(line?.[1], isLeft ? "Pending" : "Erased");
  }
});

test("an account that is erased here can still be erased at WorkOS", async (t) => {
  const app = await openSignedIn(t);
  const { page, expectFailures } = app;
  expectFailures(/^GET \/api\/me 401$/);
  const problem = {
    type: "urn:promptdb:problem:account-erased",
    title: "Account erased",
    status: 401,
    detail: "the account was erased here",
    login_url: "/auth/login?reauth=1&return_to=/app/account",
    request_id: "0",
  };
  await page.route("**/api/me", (route) => route.fulfill({ status: 401, json: problem }));
  await page.reload();
  await page.getByText("If your sign-in at WorkOS remains, erase it, too.").waitFor();
  await erase(page, "erase");
  assert.match(await readFarewell(page), /WorkOS/);
});
