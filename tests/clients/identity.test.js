// Sign-in with real peers: browsers by the emulator of WorkOS's own CLI, MCP clients by a real OAuth
// server, and what each user then sees through every door.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

// The command hides it, and its package exports it nowhere.
import { createEmulator } from "../../node_modules/workos/dist/emulate/index.js";

import { startAuthorizationServer } from "./authorization-server.js";
import { BINARY, afterwards, environment, makeLibrary, startProcess } from "./harness.js";
import { REDIRECT_URI, openPython, openSse, openTypeScript } from "./lanes/oauth.js";
import { installPython } from "./lanes/python.js";
import { Person } from "./person.js";

const API_KEY = "sk_test_emulated";
const WEBHOOK_SECRET = "whsec_emulated";
/** How long anything that must come about may take. */
const PATIENCE_MS = 30_000;

before(installPython);

/** PromptDB, and a WorkOS and an authorization server that it trusts. */
async function start(t) {
  const { workos, authorizationServer, env } = await startPeers(t);
  const server = await startProcess(t, BINARY, ["--port", "0"], env);
  return { url: server.url, workos, authorizationServer };
}

/** The peers, and the environment of a PromptDB that trusts them. */
async function startPeers(t) {
  const users = ["ann", "bob"].map((name) => ({ email: `${name}@example.com`, first_name: name }));
  const emulator = await createEmulator({
    port: 0,
    seed: { apiKeys: { [API_KEY]: { environment: "test" } }, users },
  });
  afterwards(t, () => emulator.close());
  const authorizationServer = await startAuthorizationServer(t);
  const env = {
    ...environment(await makeLibrary(t)),
    WORKOS_CLIENT_ID: "client_emulate",
    WORKOS_API_KEY: API_KEY,
    WORKOS_API_URL: emulator.url,
    AUTHKIT_DOMAIN: authorizationServer.url,
    WORKOS_WEBHOOK_SECRET: WEBHOOK_SECRET,
    COOKIE_SECRET: randomBytes(32).toString("hex"),
  };
  return { workos: emulator.url, authorizationServer, env };
}

/** Asks WorkOS as its customer does. */
async function askWorkOs(workos, method, path, body) {
  const headers = { authorization: `Bearer ${API_KEY}`, "content-type": "application/json" };
  const response = await fetch(workos + path, {
    method,
    headers,
    body: body && JSON.stringify(body),
  });
  return {
    status: response.status,
    answer: response.status === 204 ? null : await response.json(),
  };
}

/** Signs a person in by their browser, and returns the last URL before they are at home. */
async function signIn(person, url, workos) {
  let callback;
  const login = await person.ask(`${url}/auth/login?return_to=/api/me`);
  assert.equal(login.status, 303);
  const page = new URL(login.headers.get("location"));
  assert.equal(page.origin, workos);
  page.searchParams.set("login_hint", `${person.login}@example.com`);
  const home = await person.travel(page, (next) => {
    if (next.includes("/auth/callback")) callback = next;
    return next.endsWith("/api/me");
  });
  assert.equal(home, `${url}/api/me`);
  return callback;
}

/** Calls until `isDone` takes the answer. */
async function until(call, isDone) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await call();
    if (isDone(answer)) return answer;
    assert.ok(Date.now() < deadline, `still ${JSON.stringify(answer)}`);
    await delay(100);
  }
}

function namesIn({ isError, content, structuredContent }) {
  assert.notEqual(isError, true, JSON.stringify(content));
  return structuredContent.prompts.map(({ name }) => name).sort();
}

test("people sign in by browser, see their own library alone, and leave", async (t) => {
  const { url, workos } = await start(t);
  const [ann, bob] = [new Person("ann"), new Person("bob")];
  const callback = await signIn(ann, url, workos);
  await signIn(bob, url, workos);

  const json = { accept: "application/json", "content-type": "application/json" };
  const write = (person, method, path, body) =>
    person.ask(url + path, {
      method,
      headers: { ...json, origin: url },
      body: body && JSON.stringify(body),
    });
  const read = async (person, path) => (await person.ask(url + path, { headers: json })).json();

  const created = await write(ann, "POST", "/api/prompts", { content: "Of Ann", name: "mine" });
  assert.equal(created.status, 201);
  const stranger = { method: "POST", headers: { ...json, origin: "https://evil.example" } };
  assert.equal((await ann.ask(`${url}/api/prompts`, stranger)).status, 403);
  assert.deepEqual(
    (await read(ann, "/api/prompts")).prompts.map(({ name }) => name),
    ["mine"],
  );
  assert.deepEqual((await read(bob, "/api/prompts")).prompts, []);
  assert.equal((await read(bob, "/api/prompts/mine")).status, 404);
  const { user_id: annId, plan } = await read(ann, "/api/me");
  assert.equal(plan, "free");

  const replayed = await ann.ask(callback);
  assert.equal(replayed.status, 400);
  assert.match(await replayed.text(), /start again/);

  // Bob's browser leaves by WorkOS and comes back; his cookie opens nothing any more.
  const stolen = bob.cookieFor(url);
  const logout = await bob.ask(`${url}/auth/logout`, { method: "POST", headers: { origin: url } });
  assert.equal(logout.status, 303);
  assert.match(logout.headers.get("location"), /\/user_management\/sessions\/logout\?session_id=/);
  const back = await bob.ask(logout.headers.get("location"));
  assert.equal(back.headers.get("location"), `${url}/`);
  assert.equal(bob.cookieFor(url), "");
  const replay = await fetch(`${url}/api/me`, { headers: { cookie: stolen } });
  assert.equal(replay.status, 401);

  const gone = await write(ann, "DELETE", "/api/account");
  assert.equal(gone.status, 204);
  const atWorkOs = await askWorkOs(workos, "GET", `/user_management/users/${annId}`);
  assert.equal(atWorkOs.status, 404);
});

test("what ends at WorkOS ends here", async (t) => {
  const { url, workos } = await start(t);
  const endpoint = { endpoint_url: `${url}/webhooks/workos`, secret: WEBHOOK_SECRET, events: [] };
  assert.equal((await askWorkOs(workos, "POST", "/webhook_endpoints", endpoint)).status, 201);
  const [ann, bob] = [new Person("ann"), new Person("bob")];
  for (const person of [ann, bob]) await signIn(person, url, workos);
  const me = (person) => person.ask(`${url}/api/me`, { headers: { accept: "application/json" } });
  const idOf = async (person) => (await (await me(person)).json()).user_id;
  const isOut = (status) => status === 401;

  const deleted = await askWorkOs(workos, "DELETE", `/user_management/users/${await idOf(ann)}`);
  assert.ok(deleted.status < 300, `${deleted.status}`);
  await until(async () => (await me(ann)).status, isOut);

  const path = `/user_management/users/${await idOf(bob)}/sessions`;
  const [session] = (await askWorkOs(workos, "GET", path)).answer.data;
  const body = { session_id: session.id };
  await askWorkOs(workos, "POST", "/user_management/sessions/revoke", body);
  await until(async () => (await me(bob)).status, isOut);
  await signIn(bob, url, workos);
  assert.equal((await me(bob)).status, 200, "in a new session");
});

test("nothing of a credential reaches the log", async (t) => {
  const { workos, env } = await startPeers(t);
  const server = spawn(BINARY, ["--port", "0"], { env: { ...env, RUST_LOG: "trace" } });
  afterwards(t, () => server.kill());
  let log = "";
  server.stderr.setEncoding("utf8").on("data", (text) => (log += text));
  const [line] = await once(createInterface({ input: server.stdout }), "line");
  const url = line.match(/http:\S+$/)[0];

  const ann = new Person("ann");
  const callback = new URL(await signIn(ann, url, workos));
  const [, cookie] = ann.cookieFor(url).split(/=(.*)/s);
  const token = `${randomBytes(30).toString("hex")}.${randomBytes(30).toString("hex")}`;
  const headers = { authorization: `Bearer ${token}` };
  const asked = await fetch(`${url}/api/me`, { headers });
  const inQuery = await fetch(`${url}/mcp?access_token=${token}`, { method: "POST" });
  assert.deepEqual([asked.status, inQuery.status], [401, 400]);
  server.kill("SIGTERM");
  await once(server, "exit");

  assert.match(log, /request/);
  const secrets = [...callback.searchParams.values(), cookie, token, API_KEY, env.COOKIE_SECRET];
  for (const secret of secrets) assert.ok(!log.includes(secret), secret);
});

test("MCP clients sign in by themselves, from the 401 to a refresh, each as their own user", async (t) => {
  const { url, authorizationServer } = await start(t);
  const signInAs = (login) => (page) =>
    new Person(login).travel(page, (next) => next.startsWith(REDIRECT_URI));
  const clients = {
    ann: await openTypeScript(url, signInAs("ann")),
    bob: await openPython(url, signInAs("bob")),
  };
  for (const client of Object.values(clients)) afterwards(t, () => client.close());

  for (const [user, client] of Object.entries(clients)) {
    const saved = await client.callTool("save_prompt", { name: `of-${user}`, content: "x" });
    assert.notEqual(saved.isError, true, JSON.stringify(saved.content));
  }
  const list = (client) => client.callTool("list_prompts", {}).then(namesIn);
  const listAll = async () => [await list(clients.ann), await list(clients.bob)];
  assert.deepEqual(await listAll(), [["of-ann"], ["of-bob"]]);

  const { issued } = authorizationServer;
  const refreshed = () => {
    const refreshes = issued.filter(({ grant }) => grant === "refresh_token");
    return new Set(refreshes.map(({ client }) => client)).size === 2;
  };
  await until(listAll, refreshed);
  assert.deepEqual(await listAll(), [["of-ann"], ["of-bob"]], "after a refresh");

  const token = clients.ann.accessToken();
  const bySse = await openSse(url, token);
  afterwards(t, () => bySse.close());
  assert.deepEqual(await list(bySse), ["of-ann"], "by HTTP+SSE");
  const authorization = `Bearer ${token}`;
  const byRest = await fetch(`${url}/api/prompts`, { headers: { authorization } });
  assert.deepEqual(
    (await byRest.json()).prompts.map(({ name }) => name),
    ["of-ann"],
    "by REST",
  );
  for (const { audience } of issued) assert.equal(audience, `${url}/mcp`);

  const atSse = await openTypeScript(url, signInAs("ann"), "/sse");
  afterwards(t, () => atSse.close());
  assert.deepEqual(await list(atSse), ["of-ann"], "signed in at HTTP+SSE itself");
  assert.equal(issued.at(-1).audience, `${url}/sse`);
});
