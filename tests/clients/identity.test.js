// Sign-in with real peers: browsers use the emulator of WorkOS's own CLI, MCP clients a real OAuth
// server. Each user then has the same library over MCP, REST and HTTP+SSE.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { Browser } from "./browser.js";
import { BINARY, collectText, defer, readUrl, startProcess } from "./harness.js";
import { readArray, readBody, readColumn, readObject, readString } from "./json.js";
import { REDIRECT_URI, openPython, openSse, openTypeScript } from "./lanes/oauth.js";
import { installPython } from "./lanes/script.js";
import { API_KEY, WEBHOOK_SECRET, callWorkOs, startPeers } from "./peers.js";

/**
 * @import { TestContext } from "node:test"
 * @import { JsonObject } from "./json.js"
 * @import { SignedInClient } from "./lanes/oauth.js"
 */

/** The longest wait for an effect. */
const PATIENCE_MS = 30_000;

before(installPython);

/**
 * Starts PromptDB, and a WorkOS and an authorization server that it trusts.
 *
 * @param {TestContext} t
 */
async function start(t) {
  const { workos, authorizationServer, env } = await startPeers(t);
  const server = await startProcess(t, BINARY, ["--port", "0"], env);
  return { url: server.url, workos, authorizationServer };
}

/**
 * Signs a user in by browser, and returns the URL of the callback.
 *
 * @param {Browser} browser
 * @param {string} url
 * @param {string} workos
 */
async function signIn(browser, url, workos) {
  let callback = "";
  const login = await browser.fetch(`${url}/auth/login?return_to=/api/me`);
  assert.equal(login.status, 303);
  const page = new URL(readString(login.headers.get("location")));
  assert.equal(page.origin, workos);
  page.searchParams.set("login_hint", `${browser.login}@example.com`);
  const home = await browser.travel(page.href, (next) => {
    if (next.includes("/auth/callback")) callback = next;
    return next.endsWith("/api/me");
  });
  assert.equal(home, `${url}/api/me`);
  return callback;
}

/**
 * Requests JSON from the REST API.
 *
 * @param {Browser} browser
 * @param {string} url
 */
function fetchJson(browser, url) {
  return browser.fetch(url, { headers: { accept: "application/json" } });
}

/**
 * Sends a request that writes, as a page of PromptDB would.
 *
 * @param {Browser} browser
 * @param {string} url
 * @param {{ method: string, origin?: string, body?: JsonObject }} request
 */
function write(browser, url, { method, origin = new URL(url).origin, body }) {
  const json = { accept: "application/json", "content-type": "application/json" };
  return browser.fetch(url, {
    method,
    headers: { ...json, origin },
    body: body && JSON.stringify(body),
  });
}

/**
 * Repeats a call until its result satisfies `isDone`.
 *
 * @template T
 * @param {() => Promise<T>} call
 * @param {(result: T) => boolean} isDone
 */
async function waitUntil(call, isDone) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const result = await call();
    if (isDone(result)) return;
    assert.ok(Date.now() < deadline, `still ${JSON.stringify(result)}`);
    await delay(100);
  }
}

/**
 * Returns the names of a client's prompts.
 *
 * @param {SignedInClient} client
 */
async function listNames(client) {
  const { isError, content, structuredContent } = await client.callTool("list_prompts", {});
  assert.notEqual(isError, true, JSON.stringify(content));
  return readColumn(readObject(structuredContent).prompts, "name").sort();
}

test("users sign in by browser, read only their own library, and sign out", async (t) => {
  const { url, workos } = await start(t);
  const [ann, bob] = [new Browser("ann"), new Browser("bob")];
  const callback = await signIn(ann, url, workos);
  await signIn(bob, url, workos);

  const prompts = `${url}/api/prompts`;
  const body = { content: "Of Ann", name: "mine" };
  assert.equal((await write(ann, prompts, { method: "POST", body })).status, 201);
  const foreign = await write(ann, prompts, { method: "POST", origin: "https://evil.example" });
  assert.equal(foreign.status, 403);
  const listOf = async (/** @type {Browser} */ browser) =>
    readColumn((await readBody(await fetchJson(browser, prompts))).prompts, "name");
  assert.deepEqual(await listOf(ann), ["mine"]);
  assert.deepEqual(await listOf(bob), []);
  assert.equal((await readBody(await fetchJson(bob, `${prompts}/mine`))).status, 404);
  const { id: annId, plan } = await readBody(await fetchJson(ann, `${url}/api/me`));
  assert.equal(plan, "free");

  const replayed = await ann.fetch(callback);
  assert.equal(replayed.status, 400);
  assert.match(await replayed.text(), /start again/);

  // Bob's browser signs out at WorkOS and returns; a copy of his cookie is no longer valid.
  const stolen = bob.getCookieHeader(url);
  const logout = await bob.fetch(`${url}/auth/logout`, {
    method: "POST",
    headers: { origin: url },
  });
  assert.equal(logout.status, 303);
  const exit = readString(logout.headers.get("location"));
  assert.match(exit, /\/user_management\/sessions\/logout\?session_id=/);
  const back = await bob.fetch(exit);
  assert.equal(back.headers.get("location"), `${url}/`);
  assert.equal(bob.getCookieHeader(url), "");
  const replay = await fetch(`${url}/api/me`, { headers: { cookie: stolen } });
  assert.equal(replay.status, 401);

  const account = `${url}/api/account`;
  assert.equal((await write(ann, account, { method: "DELETE" })).status, 422, "unconfirmed");
  const gone = await write(ann, account, { method: "DELETE", body: { confirm: "erase" } });
  assert.equal(gone.status, 204);
  const atWorkOs = await callWorkOs(workos, "GET", `/user_management/users/${readString(annId)}`);
  assert.equal(atWorkOs.status, 404);
});

test("a user sees their sessions, ends one of them, and signs out everywhere", async (t) => {
  const { url, workos } = await start(t);
  const [ann, phone, bob] = [new Browser("ann"), new Browser("ann"), new Browser("bob")];
  for (const browser of [ann, phone, bob]) await signIn(browser, url, workos);
  const sessions = `${url}/api/sessions`;
  const list = async (/** @type {Browser} */ browser) =>
    readArray((await readBody(await fetchJson(browser, sessions))).sessions).map(readObject);
  const end = async (/** @type {Browser} */ browser, /** @type {string} */ path) =>
    (await write(browser, sessions + path, { method: "DELETE" })).status;
  const statusOf = async (/** @type {Browser} */ browser) =>
    (await fetchJson(browser, `${url}/api/me`)).status;

  const anns = await list(ann);
  assert.deepEqual(anns.map(({ current }) => current).sort(), [false, true]);
  for (const { created_at } of anns) assert.ok(Date.parse(readString(created_at)) > 0);
  const [bobs, ...others] = await list(bob);
  assert.deepEqual([bobs?.current, others], [true, []]);

  assert.equal(await end(ann, `/${readString(bobs?.id)}`), 404);
  assert.equal(await statusOf(bob), 200);
  const ofPhone = `/${readString(anns.find(({ current }) => current === false)?.id)}`;
  assert.equal(await end(ann, ofPhone), 204);
  assert.deepEqual([await statusOf(phone), await statusOf(ann)], [401, 200]);
  assert.equal((await list(ann)).length, 1);
  assert.equal(await end(ann, ofPhone), 404, "the emulator lists it no longer");

  await signIn(phone, url, workos);
  const { id } = await readBody(await fetchJson(ann, `${url}/api/me`));
  assert.equal(await end(ann, ""), 204);
  assert.equal(ann.getCookieHeader(url), "");
  assert.deepEqual(
    [await statusOf(phone), await statusOf(ann), await statusOf(bob)],
    [401, 401, 200],
  );
  const left = await callWorkOs(workos, "GET", `/user_management/users/${readString(id)}/sessions`);
  assert.deepEqual((await readBody(left)).data, []);

  // The script of a page gets the URL of the sign-out, and goes there.
  const stolen = bob.getCookieHeader(url);
  const logout = await write(bob, `${url}/auth/logout`, { method: "POST" });
  assert.equal(logout.status, 200);
  const back = await bob.fetch(readString((await readBody(logout)).url));
  assert.equal(back.headers.get("location"), `${url}/`);
  const replay = await fetch(`${url}/api/me`, { headers: { cookie: stolen } });
  assert.equal(replay.status, 401);
  const again = await write(bob, `${url}/auth/logout`, { method: "POST" });
  assert.deepEqual(await readBody(again), { url: "/" });
});

test("a user deleted or a session revoked at WorkOS is signed out here", async (t) => {
  const { url, workos } = await start(t);
  const endpoint = { endpoint_url: `${url}/webhooks/workos`, secret: WEBHOOK_SECRET, events: [] };
  const created = await callWorkOs(workos, "POST", "/webhook_endpoints", endpoint);
  assert.equal(created.status, 201);
  const [ann, bob] = [new Browser("ann"), new Browser("bob")];
  for (const browser of [ann, bob]) await signIn(browser, url, workos);
  const fetchMe = (/** @type {Browser} */ browser) => fetchJson(browser, `${url}/api/me`);
  const pathOf = async (/** @type {Browser} */ browser) => {
    const { id } = await readBody(await fetchMe(browser));
    return `/user_management/users/${readString(id)}`;
  };
  const waitUntilSignedOut = (/** @type {Browser} */ browser) =>
    waitUntil(
      async () => (await fetchMe(browser)).status,
      (status) => status === 401,
    );

  const deleted = await callWorkOs(workos, "DELETE", await pathOf(ann));
  assert.ok(deleted.ok, `${deleted.status}`);
  await waitUntilSignedOut(ann);

  const sessions = await callWorkOs(workos, "GET", `${await pathOf(bob)}/sessions`);
  const session = readObject(readArray((await readBody(sessions)).data)[0]);
  const path = "/user_management/sessions/revoke";
  await callWorkOs(workos, "POST", path, { session_id: session.id });
  await waitUntilSignedOut(bob);
  await signIn(bob, url, workos);
  assert.equal((await fetchMe(bob)).status, 200, "in a new session");
});

test("no part of a credential is logged", async (t) => {
  const { workos, env } = await startPeers(t);
  const server = spawn(BINARY, ["--port", "0"], { env: { ...env, RUST_LOG: "trace" } });
  defer(t, () => server.kill());
  const log = collectText(server.stderr);
  const url = await readUrl(server.stdout);

  const ann = new Browser("ann");
  const callback = new URL(await signIn(ann, url, workos));
  const [, cookie = ""] = ann.getCookieHeader(url).split(/=(.*)/s);
  const token = `${randomBytes(30).toString("hex")}.${randomBytes(30).toString("hex")}`;
  const headers = { authorization: `Bearer ${token}` };
  const inHeader = await fetch(`${url}/api/me`, { headers });
  const inQuery = await fetch(`${url}/mcp?access_token=${token}`, { method: "POST" });
  assert.deepEqual([inHeader.status, inQuery.status], [401, 400]);
  server.kill("SIGTERM");
  await once(server, "exit");

  assert.match(log.text, /request/);
  assert.notEqual(cookie, "");
  const secrets = [...callback.searchParams.values(), cookie, token, API_KEY, env.COOKIE_SECRET];
  for (const secret of secrets) assert.ok(!log.text.includes(secret), secret);
});

test("MCP clients sign in by themselves, from the 401 to a refresh, each as their own user", async (t) => {
  const { url, authorizationServer } = await start(t);
  const signInAs = (/** @type {string} */ login) => (/** @type {string} */ page) =>
    new Browser(login).travel(page, (next) => next.startsWith(REDIRECT_URI));
  const ann = await openTypeScript(url, signInAs("ann"));
  defer(t, () => ann.close());
  const bob = await openPython(url, signInAs("bob"));
  defer(t, () => bob.close());

  for (const [user, client] of Object.entries({ ann, bob })) {
    const saved = await client.callTool("save_prompt", { name: `of-${user}`, content: "x" });
    assert.notEqual(saved.isError, true, JSON.stringify(saved.content));
  }
  const listBoth = async () => [await listNames(ann), await listNames(bob)];
  assert.deepEqual(await listBoth(), [["of-ann"], ["of-bob"]]);

  const { issued } = authorizationServer;
  await waitUntil(listBoth, () => {
    const refreshes = issued.filter(({ grant }) => grant === "refresh_token");
    return new Set(refreshes.map(({ client }) => client)).size === 2;
  });
  assert.deepEqual(await listBoth(), [["of-ann"], ["of-bob"]], "after a refresh");

  const token = ann.getAccessToken();
  const bySse = await openSse(url, token);
  defer(t, () => bySse.close());
  assert.deepEqual(await listNames(bySse), ["of-ann"], "by HTTP+SSE");
  const authorization = `Bearer ${token}`;
  const byRest = await fetch(`${url}/api/prompts`, { headers: { authorization } });
  assert.deepEqual(readColumn((await readBody(byRest)).prompts, "name"), ["of-ann"], "by REST");
  for (const { audience } of issued) assert.equal(audience, `${url}/mcp`);

  const atSse = await openTypeScript(url, signInAs("ann"), "/sse");
  defer(t, () => atSse.close());
  assert.deepEqual(await listNames(atSse), ["of-ann"], "signed in at HTTP+SSE itself");
  assert.equal(issued.at(-1)?.audience, `${url}/sse`);

  for (const open of [openTypeScript, openPython]) {
    const withSlash = await open(url, signInAs("ann"), "/mcp/");
    defer(t, () => withSlash.close());
    assert.deepEqual(await listNames(withSlash), ["of-ann"], "with a slash after the path");
    assert.equal(issued.at(-1)?.audience, `${url}/mcp/`);
  }
});
