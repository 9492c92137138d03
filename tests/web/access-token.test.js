// A server for one person: the sign-in with its access token, by keyboard, and the pages behind it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { listWays } from "../../web/lib/ways.js";
import { BINARY, makeEnvironment, makeLibrary, startProcess } from "../clients/harness.js";
import { openContext } from "./support/context.js";
import { formOf } from "./support/editing.js";

/** @import { TestContext } from "node:test" */

const ACCESS_TOKEN = "5f0cbd3a9f9d4ce9b6f1a7f8d3f3c1e2";

/** @param {TestContext} t */
async function openServer(t) {
  const env = { ...makeEnvironment(await makeLibrary(t)), ACCESS_TOKEN };
  const { url } = await startProcess(t, BINARY, ["--port", "0"], env);
  const { context, watch } = await openContext(t, [url]);
  return { page: await context.newPage(), watch, url };
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
  await page.goto("/app/new");
  await page.getByLabel("Access token").fill(ACCESS_TOKEN);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/app/new");
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
  await page.goto("/app/connect");
  await page.getByLabel("Access token").fill(ACCESS_TOKEN);
  await page.keyboard.press("Enter");
  const command = (/** @type {string} */ client) =>
    page.getByText(`promptdb connect ${client} --url ${url} --token-stdin --write`, {
      exact: true,
    });
  await command("cursor").waitFor();
  await page.getByLabel("Or in a terminal, for").selectOption("Codex");
  await command("codex").waitFor();
  await page
    .getByText("connects by OAuth")
    .or(page.getByText("by accounts alone (OAuth)"))
    .first()
    .waitFor();
  assert.ok(!(await page.content()).includes(ACCESS_TOKEN));
});

test("with a token, claude.ai, ChatGPT and Claude Desktop have no way", () => {
  const origin = "https://nas.example";
  const url = `${origin}/mcp`;
  const ways = listWays({ origin, url, isLocal: false, hasSignIn: false, hasToken: true });
  const unreachable = ways.filter((way) => way.unreachable).map(({ app }) => app);
  assert.deepEqual(unreachable, ["claude", "chatgpt", "claude-desktop"]);
  for (const { codes = [], others = [] } of ways) {
    for (const { text } of [...codes, ...others]) {
      assert.match(text, /^promptdb connect [a-z-]+ --url https:\/\/nas\.example\b/);
    }
  }
});
