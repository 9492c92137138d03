// A server for one person: the sign-in with its access token, by keyboard, and the pages behind it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { BINARY, makeEnvironment, makeLibrary, startProcess } from "../clients/harness.js";
import { openContext } from "./support/context.js";
import { formOf } from "./support/editing.js";

/**
 * @import { Page } from "playwright-core"
 * @import { TestContext } from "node:test"
 */

const ACCESS_TOKEN = "5f0cbd3a9f9d4ce9b6f1a7f8d3f3c1e2";

/** @param {TestContext} t */
async function openServer(t) {
  const env = { ...makeEnvironment(await makeLibrary(t)), ACCESS_TOKEN };
  const { url } = await startProcess(t, BINARY, ["--port", "0"], env);
  const { context, watch } = await openContext(t, [url]);
  return { page: await context.newPage(), watch, url };
}

/**
 * Opens a page, and signs in on the way.
 *
 * @param {Page} page
 * @param {string} path
 */
async function signIn(page, path) {
  await page.goto(path);
  await page.getByLabel("Access token").fill(ACCESS_TOKEN);
  await page.keyboard.press("Enter");
  await page.waitForURL(`**${path}`);
}

test("the token is entered once, by keyboard, and the page that was wanted opens", async (t) => {
  const { page, watch } = await openServer(t);
  watch.expectFailures(/\/auth\/login/);
  await page.goto("/app/account#export");
  assert.match(page.url(), /\/auth\/login\?return_to=%2Fapp%2Faccount#export$/);

  await page.keyboard.type("not the token");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("That is not the access token").waitFor();
  const field = page.getByLabel("Access token");
  assert.equal(await field.inputValue(), "");
  assert.equal(await field.getAttribute("aria-invalid"), "true");

  await page.keyboard.type(ACCESS_TOKEN);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/app/account*");
  await page.getByText("Your own server").waitFor();
  assert.equal(await page.getByRole("heading", { name: "Sessions" }).count(), 0);
  assert.equal(await page.getByText("WorkOS").count(), 0);

  await page.getByRole("button", { name: "Sign out" }).press("Enter");
  await page.waitForURL("**/auth/login");
  await page.goto("/app");
  assert.match(page.url(), /\/auth\/login/);
});

test("a prompt is saved, and everything is erased after a sign-in", async (t) => {
  const { page } = await openServer(t);
  await signIn(page, "/app/new");
  const form = formOf(page);
  await form.title.fill("Explain a topic");
  await form.content.fill("Explain {{topic}}.");
  await form.save.click();
  await page.waitForURL("**/app/p/**");

  await page.goto("/app/account");
  await page.getByLabel("Type erase to confirm").fill("erase");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Everything is erased" }).waitFor();
  assert.equal(await page.getByText("WorkOS").count(), 0);
});

test("the page names the clients that can send the token, and shows it nowhere", async (t) => {
  const { page, url } = await openServer(t);
  await signIn(page, "/app/connect");
  const command = (/** @type {string} */ client) =>
    page.getByText(`promptdb connect ${client} --url ${url} --token-stdin --write`, {
      exact: true,
    });
  await command("cursor").waitFor();
  await page.getByLabel("Client", { exact: true }).selectOption("Codex");
  await command("codex").waitFor();
  for (const name of ["Claude", "Claude Desktop", "ChatGPT"]) {
    const card = page.getByRole("region", { name, exact: true });
    await card.getByText("needs sign-in by accounts (OAuth)").waitFor();
  }
  assert.equal(await page.getByText("Only programs on this computer").count(), 0);
  assert.ok(!(await page.content()).includes(ACCESS_TOKEN));
});

test("a page whose session has ended keeps what was written, and goes on after a sign-in", async (t) => {
  const { page, watch } = await openServer(t);
  watch.expectFailures(/ 401$/);
  await signIn(page, "/app/new");
  const form = formOf(page);
  await form.title.fill("Explain a topic");
  await form.content.fill("Explain {{topic}}.");
  await page.context().clearCookies();
  await form.save.click();
  const dialog = page.getByRole("dialog", { name: "Your session has ended" });
  const opened = page.waitForEvent("popup");
  await dialog.getByRole("button", { name: "Sign in" }).press("Enter");
  const popup = await opened;
  const closed = popup.waitForEvent("close");
  await popup.getByLabel("Access token").fill(ACCESS_TOKEN);
  await popup.keyboard.press("Enter");
  await closed;
  await page.waitForURL("**/app/p/explain-a-topic");
});

/** What an old session may not do. @type {[what: string, path: string, request: string, act: (page: Page) => Promise<void>][]} */
const GUARDED = [
  [
    "emptying the trash",
    "/app/trash",
    "/api/trash",
    async (page) => {
      await page.getByRole("button", { name: "Empty trash" }).press("Enter");
      await page.getByRole("dialog").getByRole("button", { name: "Empty trash" }).press("Enter");
    },
  ],
  [
    "deleting a prompt for good",
    "/app/trash",
    "/api/prompts/*?permanently=true",
    async (page) => {
      await page.getByRole("button", { name: "Delete for ever" }).press("Enter");
      await page
        .getByRole("dialog")
        .getByRole("button", { name: "Delete for ever" })
        .press("Enter");
    },
  ],
  [
    "removing older versions",
    "/app/p/kept/history",
    "/api/prompts/*/versions?before=2",
    async (page) => {
      await page.getByRole("button", { name: "Remove older versions" }).press("Enter");
      await page
        .getByRole("dialog")
        .getByRole("button", { name: "Remove older versions" })
        .press("Enter");
    },
  ],
  [
    "erasing everything",
    "/app/account#erase",
    "/api/account",
    async (page) => {
      await page.getByLabel("Type erase to confirm").fill("erase");
      await page.keyboard.press("Enter");
    },
  ],
];

for (const [what, path, request, act] of GUARDED) {
  test(`${what} asks an old session to sign in again, and comes back`, async (t) => {
    const { page, watch } = await openServer(t);
    watch.expectFailures(/ 403$/);
    await signIn(page, "/app");
    const { request: api } = page.context();
    const headers = { origin: new URL(page.url()).origin };
    const kept = { data: { title: "Kept", content: "One." }, headers };
    for (const data of [kept.data, { ...kept.data, title: "Gone" }]) {
      assert.ok((await api.post("/api/prompts", { data, headers })).ok());
    }
    const second = { data: { ...kept.data, content: "Two.", expected_version: 1 }, headers };
    assert.ok((await api.put("/api/prompts/kept", second)).ok());
    assert.ok((await api.delete("/api/prompts/gone", { headers })).ok());
    // A session of the last 10 minutes is never refused, so the refusal is the server's in its form alone.
    await page.route(`**${request}`, (route) =>
      route.request().method() === "DELETE"
        ? route.fulfill({
            status: 403,
            json: {
              type: "urn:promptdb:problem:reauthentication-required",
              title: "Recent sign-in required",
              status: 403,
              detail: "sign in again, at most 10 minutes before",
              login_url: "/auth/login?reauth=1&return_to=%2Fapp%2Faccount",
            },
          })
        : route.continue(),
    );
    await page.goto(path);
    await act(page);
    const again = page.getByRole("link", { name: "Sign in again" });
    await again.waitFor();
    await page.waitForFunction(() => document.activeElement?.textContent === "Sign in again");
    await page.keyboard.press("Enter");
    await page.getByLabel("Access token").fill(ACCESS_TOKEN);
    await page.keyboard.press("Enter");
    await page.waitForURL(`**${path}`);
  });
}

test("the first steps name clients that can be connected", async (t) => {
  const { page } = await openServer(t);
  await signIn(page, "/app");
  await page.getByRole("link", { name: "Claude Code, Cursor and others" }).press("Enter");
  await page.waitForURL("**/app/connect");
});
