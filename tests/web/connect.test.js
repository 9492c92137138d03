// Connecting a client: the links and commands are the right ones, and a call of the client shows by
// itself.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { listOtherClients } from "../../web/lib/other-clients.js";
import { listUnreachable, listWays } from "../../web/lib/ways.js";
import { BINARY, makeFolder, run } from "../clients/harness.js";
import { readArray, readObject, parseJson, readString } from "../clients/json.js";
import { openApp } from "./support/app.js";
import { recordCopies } from "./support/copies.js";
import { expectSoon, lookAgain } from "./support/wait.js";

/**
 * @import { Page } from "playwright-core"
 * @import { TestContext } from "node:test"
 */

/**
 * Returns the card of a client.
 *
 * @param {Page} page
 * @param {string} name
 */
function findCard(page, name) {
  return page.getByRole("region", { name, exact: true });
}

test("a chat that calls is shown on its card without a reload", async (t) => {
  const app = await openApp(t, { path: "/app/connect" });
  const { page } = app;
  await page.getByText("No chat has called yet.").waitFor();
  assert.equal(await findCard(page, "Cursor").getByText("Connected").isVisible(), false);
  const client = await app.connectClient("cursor");
  await client.callTool({ name: "list_prompts", arguments: {} });
  await findCard(page, "Cursor").getByText("Connected: Cursor, last used just now").waitFor();
  await page.getByRole("status").getByText("Connected: Cursor", { exact: true }).waitFor();
  assert.equal(await findCard(page, "VS Code").getByText("Connected").isVisible(), false);

  const other = await app.connectClient("some-editor");
  await other.callTool({ name: "list_prompts", arguments: {} });
  await findCard(page, "Another client").getByText("Connected: some-editor").waitFor();
});

test("a browser and a program that uses REST are not shown as chats", async (t) => {
  const { page, api } = await openApp(t, { path: "/app/connect" });
  await page.getByText("No chat has called yet.").waitFor();
  const { clients } = (await api("GET", "/api/clients")).body;
  assert.ok(readArray(clients).length > 0);
  await page.reload();
  await page.getByText("No chat has called yet.").waitFor();
});

test("a page that is hidden asks the server for nothing", async (t) => {
  const { page, watch } = await openApp(t, { path: "/app/connect" });
  await page.getByText("No chat has called yet.").waitFor();
  await page.clock.install();
  await page.reload();
  const count = () => watch.requests.filter(({ url }) => url.endsWith("/api/clients")).length;
  await page.getByText("No chat has called yet.").waitFor();

  const before = count();
  const asked = page.waitForResponse("**/api/clients");
  await page.clock.runFor(3000);
  await asked;
  assert.equal(count(), before + 1);

  await page.evaluate(() => {
    Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
  });
  await page.clock.runFor(60_000);
  assert.equal(count(), before + 1, "a hidden page has asked");

  const again = page.waitForResponse("**/api/clients");
  await page.evaluate(() => {
    Object.defineProperty(document, "visibilityState", { value: "visible", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await again;

  await page.getByRole("link", { name: "Account" }).click();
  await page.getByRole("heading", { name: "Account" }).waitFor();
  const left = count();
  await page.clock.runFor(60_000);
  assert.equal(count(), left, "a page that was left has asked");
});

test("the links of Cursor and VS Code name this server", async (t) => {
  const { page, url } = await openApp(t, { path: "/app/connect" });
  const mcp = `${new URL(url).origin}/mcp`;
  const cursor = page.getByRole("link", { name: "Add to Cursor" });
  const link = new URL(readString(await cursor.getAttribute("href")));
  assert.equal(link.protocol, "cursor:");
  assert.equal(link.host + link.pathname, "anysphere.cursor-deeplink/mcp/install");
  assert.equal(link.searchParams.get("name"), "promptdb");
  const config = Buffer.from(link.searchParams.get("config") ?? "", "base64").toString();
  assert.deepEqual(parseJson(config), { url: mcp });

  const vsCode = page.getByRole("link", { name: "Add to VS Code" });
  const [place, json = ""] = readString(await vsCode.getAttribute("href")).split("?");
  assert.equal(place, "vscode:mcp/install");
  const entry = readObject(parseJson(decodeURIComponent(json)));
  assert.deepEqual(entry, { name: "promptdb", type: "http", url: mcp });
});

test("commands and the address are copied", async (t) => {
  const { page, url } = await openApp(t, { path: "/app/connect" });
  const mcp = `${new URL(url).origin}/mcp`;
  const copied = await recordCopies(page);
  await page.getByRole("button", { name: "Copy the address" }).click();
  await page.getByText("Copied.").waitFor();
  assert.equal(await copied(), mcp);

  await findCard(page, "Claude Code").getByRole("button", { name: "Copy" }).press("Enter");
  await expectSoon(copied, `claude mcp add --transport http --scope user promptdb ${mcp}`);
  await page.getByRole("button", { name: "Copy “Use my code-review prompt.”" }).click();
  await expectSoon(copied, "Use my code-review prompt.");
});

test("Claude and ChatGPT cannot reach this computer, and say what to do instead", async (t) => {
  const { page } = await openApp(t, { path: "/app/connect", viewport: "phone" });
  const reason = "cannot reach a server on your computer.";
  const claude = findCard(page, "Claude").getByText(reason);
  await claude.getByText("Use Claude Desktop or Claude Code here").waitFor();
  await findCard(page, "ChatGPT").getByText(reason).getByText("public https address").waitFor();
  await findCard(page, "Claude Desktop").getByText("promptdb connect claude-desktop").waitFor();
});

test("the help opens where its link leads, by keyboard", async (t) => {
  const { page } = await openApp(t);
  await page.getByRole("link", { name: "Help" }).press("Enter");
  await page.waitForURL("**/app/connect#help");
  await page.waitForFunction(() => document.activeElement?.id === "help");
  const question = page.getByText("The client says that it cannot connect");
  await question.press("Enter");
  await page.getByText("it ends in /mcp").waitFor();
});

/** A server with a public address and sign-in, and the same one as others have it. */
const ORIGIN = "https://prompts.example.com";
const HOSTED = {
  origin: ORIGIN,
  url: `${ORIGIN}/mcp`,
  isLocal: false,
  hasSignIn: true,
  hasToken: false,
};
const LOCAL = { ...HOSTED, isLocal: true, hasSignIn: false };
const WITH_TOKEN = { ...HOSTED, hasSignIn: false, hasToken: true };

/**
 * Runs `promptdb connect` for a user without any files, and returns what it prints with blanks made one.
 *
 * @param {TestContext} t
 * @param {string[]} args
 * @param {Record<string, string>} [env]
 */
async function runConnect(t, args, env = {}) {
  const home = await makeFolder(t);
  const { stdout } = await run(BINARY, ["connect", ...args], { env: { HOME: home, ...env } });
  return flatten(stdout.replaceAll(home, "~"));
}

/** @param {string} text */
const flatten = (text) => text.replaceAll(/\s+/g, " ");

test("every client that the command connects is on the page", async (t) => {
  const help = await runConnect(t, ["--help"]);
  const [, known = ""] = /\[possible values: ([^\]]+)\]/.exec(help) ?? [];
  const clients = known.split(", ");
  assert.ok(clients.length > 15, help);
  const shown = [...listWays(HOSTED), ...listOtherClients(HOSTED)].map(({ app }) => app);
  assert.deepEqual(shown.sort(), [...clients, "claude"].sort());
});

test("what the page says of a client with a server elsewhere, the command prints", async (t) => {
  for (const { app, codes, note = "" } of listOtherClients(HOSTED)) {
    if (app === "other") continue;
    const printed = await runConnect(t, [app, "--url", ORIGIN]);
    const places = codes.map(({ label }) => /^Put this into (\S+)/.exec(label)?.[1] ?? "");
    for (const text of [...places, ...codes.map((code) => code.text), note]) {
      // The command keeps a list of JSON on one line.
      const expected = flatten(text).replaceAll(/(?<=\[) | (?=\])/g, "");
      assert.ok(printed.includes(expected), `${app}: ${expected}\n${printed}`);
    }
  }
});

test("what the page says of a client that starts PromptDB itself, the command prints", async (t) => {
  for (const { app, title, steps: [place = ""] = [], codes, note } of listOtherClients(LOCAL)) {
    if (app === "other") continue;
    const [command] = codes;
    assert.ok(command?.text.startsWith(`promptdb connect ${app}`));
    const printed = await runConnect(t, [app]);
    const started = `${title} starts PromptDB itself; no server needs to run.`;
    const restart = note?.replace(started, "").trim() ?? "";
    for (const text of [started, restart, place]) {
      assert.ok(printed.includes(text), `${app}: ${text}\n${printed}`);
    }
  }
});

test("a client is on the page of a server with a token if its file takes one", async (t) => {
  const clients = [...listWays(WITH_TOKEN), ...listOtherClients(WITH_TOKEN)];
  const folder = await makeFolder(t);
  for (const { app, codes: [command] = [] } of clients) {
    if (app === "other") continue;
    const shown = `promptdb connect ${app} --url ${ORIGIN} --token-stdin --write`;
    assert.equal(command?.text, shown);
    const flags = ["--url", ORIGIN, "--token-env", "--write", "--file", join(folder, app)];
    await runConnect(t, [app, ...flags], { ACCESS_TOKEN: "a-token" });
    assert.match(await readFile(join(folder, app), "utf8"), /Bearer a-token/, app);
  }
  const shown = new Set(clients.map(({ app }) => app));
  const others = [...listWays(HOSTED), ...listOtherClients(HOSTED)].map(({ app }) => app);
  assert.deepEqual(
    others.filter((app) => !shown.has(app)),
    ["claude", "chatgpt", "claude-desktop", "jetbrains"],
  );
  const printed = await runConnect(t, ["jetbrains", "--http"], { ACCESS_TOKEN: "a-token" });
  assert.match(printed, /takes no access token/);
});

test("with a public address and sign-in, every client has a way to connect", () => {
  const ways = listWays(HOSTED);
  assert.deepEqual(
    ways.map(({ app }) => app),
    ["claude", "chatgpt", "claude-code", "claude-desktop", "cursor", "vscode"],
  );
  for (const { title, steps = [], codes = [], note = "" } of [
    ...ways,
    ...listOtherClients(HOSTED),
  ]) {
    assert.ok(steps.length > 0 || codes.length > 0, `${title} has no way`);
    assert.match([...steps, note].join(" "), /[Ss]ign|OAuth/, `${title} has no sign-in`);
  }
  assert.deepEqual(listUnreachable(HOSTED), []);
  const local = { ...HOSTED, isLocal: true };
  const apps = listWays(local).map(({ app }) => app);
  assert.deepEqual(apps, ["claude-code", "cursor", "vscode"]);
  const [claude, chatgpt] = listUnreachable(local);
  assert.match(claude?.reason ?? "", /^Claude on the web .* Use Claude Code here/);
  assert.match(chatgpt?.reason ?? "", /^ChatGPT .* public https address/);
});

test("a further client is chosen by keyboard, and its command copied", async (t) => {
  const { page } = await openApp(t, { path: "/app/connect", viewport: "phone" });
  const copied = await recordCopies(page);
  const card = findCard(page, "Another client");
  await card.getByLabel("Client").focus();
  await page.keyboard.type("goose");
  await card.getByText("goose starts PromptDB itself").waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expectSoon(copied, "promptdb connect goose --write");
});

test("the library is not read again while another area is shown", async (t) => {
  const { page, watch } = await openApp(t);
  await page.getByRole("region", { name: "Three steps to begin" }).waitFor();
  await page.clock.install();
  await page.getByRole("link", { name: "Connect", exact: true }).click();
  await page.getByText("No chat has called yet.").waitFor();
  const before = watch.requests.length;
  await page.clock.runFor(11_000);
  const asked = page.waitForResponse("**/api/clients");
  await lookAgain(page);
  await asked;
  const after = watch.requests.slice(before).map(({ url }) => new URL(url).pathname);
  assert.ok(after.length > 0);
  assert.ok(!after.includes("/api/prompts"));
});

test("the first steps are ticked after another area was shown", async (t) => {
  const app = await openApp(t);
  const { page } = app;
  const steps = page.getByRole("region", { name: "Three steps to begin" });
  await steps.getByRole("link", { name: "Claude, ChatGPT and others" }).click();
  await page.getByText("No chat has called yet.").waitFor();
  await lookAgain(page);
  await page.getByRole("link", { name: "Library", exact: true }).click();
  await steps.waitFor();
  const client = await app.connectClient("cursor");
  await client.callTool({ name: "list_prompts", arguments: {} });
  await steps.getByText("Connected: Cursor, just now").waitFor();
});

test("the first three steps are ticked as a chat does them", async (t) => {
  const app = await openApp(t);
  const { page } = app;
  const steps = page.getByRole("region", { name: "Three steps to begin" });
  await steps.getByRole("link", { name: "Add to Cursor" }).waitFor();
  const copied = await recordCopies(page);
  await steps.getByRole("button", { name: "Copy the sentence" }).first().click();
  const content = "Summarize {{text}} in three sentences.";
  await expectSoon(copied, `Save this as a prompt called short summary: ${content}`);

  const client = await app.connectClient("cursor");
  await client.callTool({ name: "list_prompts", arguments: {} });
  await steps.getByText("Connected: Cursor, just now").waitFor();
  await client.callTool({ name: "save_prompt", arguments: { title: "Short summary", content } });
  await steps.getByText("Saved: Short summary").waitFor();
  await steps.getByText("Use my short-summary prompt").waitFor();
  const call = { name: "short-summary", arguments: { text: "It rains." } };
  await client.callTool({ name: "get_prompt", arguments: call });
  await steps.getByText("Used.").waitFor();
  assert.equal(await steps.getByRole("status").getByText("done").count(), 3);
});
