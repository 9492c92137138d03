// The client of Stripe against what others made: its requests by Stripe's own description of the
// API, its check of signatures by the deliveries of localstripe.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { BINARY, ROOT, collectText, defer, listen, startProcess } from "./harness.js";
import { parseJson, readArray, readObject, readString } from "./json.js";
import { installEnvironment, locateEnvironment } from "./lanes/environment.js";
import {
  STRIPE_DESCRIPTION,
  installStripeDescription,
  readStripeDescription,
} from "./lanes/stripe-description.js";
import { STRIPE_WEBHOOK_SECRET, startPeers, startStripe } from "./peers.js";

/**
 * @import { TestContext } from "node:test"
 * @import { JsonObject } from "./json.js"
 */

/**
 * A request of the client, as the snapshot of the tests in Rust has it.
 *
 * @typedef {{ method: string, path: string, params: [string, string][] }} StripeRequest
 */

const SNAPSHOT = join(ROOT, "tests/it/stripe/snapshots/it__stripe__requests__stripe_requests.snap");
const STEADY = join(ROOT, "node_modules/@stdy/cli/steady.js");
/** The longest wait for a peer. */
const PATIENCE_MS = 60_000;

before(async () => {
  await installEnvironment("localstripe");
  await installStripeDescription();
});

/** Reads the requests of the snapshot. */
async function readRequests() {
  const [, , json = ""] = (await readFile(SNAPSHOT, "utf8")).split(/^---$/m);
  return readArray(parseJson(json)).map((value) => {
    const { method, path, params } = readObject(value);
    const pairs = readArray(params).map((pair) => {
      const [name, text] = readArray(pair);
      return /** @type {[string, string]} */ ([readString(name), readString(text)]);
    });
    return { method: readString(method), path: readString(path), params: pairs };
  });
}

/** Returns a port that is free now. */
async function findPort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  assert.ok(address !== null && typeof address === "object", "the server has no port");
  return address.port;
}

/**
 * Starts a peer that serves HTTP until the test `t` ends, and waits until it answers.
 *
 * @param {TestContext} t
 * @param {string} program
 * @param {(port: number) => string[]} makeArgs
 */
async function startPeer(t, program, makeArgs) {
  const port = await findPort();
  // A group of its own, because a peer may be a script that starts the program.
  const child = spawn(program, makeArgs(port), {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const { pid } = child;
  const output = [collectText(child.stdout), collectText(child.stderr)];
  const exit = once(child, "exit");
  assert.ok(pid, `${program} cannot be started`);
  defer(t, async () => {
    process.kill(-pid, "SIGKILL");
    await exit;
  });
  const url = `http://127.0.0.1:${port}`;
  await waitFor(async () => {
    const log = output.map(({ text }) => text).join("");
    assert.equal(child.exitCode, null, `${program} ended: ${log}`);
    return fetch(url).then(
      () => true,
      () => undefined,
    );
  });
  return url;
}

/**
 * Repeats a call until it returns something.
 *
 * @template T
 * @param {() => Promise<T | undefined>} call
 */
async function waitFor(call) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const result = await call();
    if (result !== undefined) return result;
    assert.ok(Date.now() < deadline, "it takes too long");
    await delay(100);
  }
}

/** @param {TestContext} t */
function startSteady(t) {
  const brackets = ["query-array", "form-array", "form-object"].map(
    (what) => `--validator-${what}-format=brackets`,
  );
  return startPeer(t, process.execPath, (port) => [
    ...[STEADY, "--quiet", "--host", "127.0.0.1", "--port", `${port}`],
    ...[...brackets, STRIPE_DESCRIPTION],
  ]);
}

/**
 * Sends a request as the client does, and returns the status and the text of the answer.
 *
 * @param {string} url
 * @param {StripeRequest} request
 */
async function send(url, { method, path, params }) {
  const form = new URLSearchParams(params).toString();
  const isPost = method === "POST";
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const response = await fetch(isPost || form === "" ? url + path : `${url}${path}?${form}`, {
    method,
    ...(isPost ? { headers, body: form } : {}),
  });
  return { status: response.status, text: await response.text() };
}

/**
 * Returns whether a schema takes a parameter at `keys`, such as `line_items`, `0`, `price`.
 *
 * @param {JsonObject} schema
 * @param {string[]} keys
 * @returns {boolean}
 */
function takes(schema, [key = "", ...rest]) {
  const variants = [schema, ...readArray(schema.anyOf ?? []).map(readObject)];
  return variants.some(({ type, items, properties, additionalProperties: others }) => {
    const isIndex = type === "array" && /^\d*$/.test(key);
    const named = readObject(properties ?? {})[key] ?? others;
    const next = isIndex ? items : named;
    return Boolean(next) && (rest.length === 0 || takes(readObject(next), rest));
  });
}

/**
 * Returns the names of parameters that the description lacks, at any depth. steady reports only those
 * at the top of a body.
 *
 * @param {JsonObject} description
 * @param {StripeRequest} request
 */
function findUnknown(description, { method, path, params }) {
  const parts = path.split("/");
  const paths = Object.entries(readObject(description.paths));
  const found = paths.find(([template]) => {
    const wanted = template.split("/");
    const isSame = (/** @type {string} */ part, /** @type {number} */ index) =>
      part.startsWith("{") || part === parts[index];
    return wanted.length === parts.length && wanted.every(isSame);
  });
  const operation = readObject(readObject(found?.[1])[method.toLowerCase()]);
  /** @type {JsonObject} */
  let schema;
  if (method === "POST") {
    const content = readObject(readObject(operation.requestBody).content);
    schema = readObject(readObject(content["application/x-www-form-urlencoded"]).schema);
  } else {
    const parameters = readArray(operation.parameters).map(readObject);
    const properties = parameters.map(({ name, schema }) => [readString(name), schema]);
    schema = { properties: Object.fromEntries(properties) };
  }
  const names = params.map(([name]) => name);
  return names.filter((name) => !takes(schema, name.replaceAll("]", "").split("[")));
}

test("every request of the client is one that Stripe describes", async (t) => {
  const [url, description, requests] = await Promise.all([
    startSteady(t),
    readStripeDescription(),
    readRequests(),
  ]);
  const kinds = new Set(
    requests.map(({ method, path }) => `${method} ${path}`.replace(/\/\w*_.*/, "")),
  );
  assert.ok(kinds.size >= 8, [...kinds].join(", "));
  for (const request of requests) {
    const { status, text } = await send(url, request);
    assert.equal(status, 200, `${request.method} ${request.path}: ${text}`);
    assert.deepEqual(findUnknown(description, request), [], request.path);
  }

  // The same requests with one mistake are refused.
  const checkout = requests.find(({ path }) => path === "/v1/checkout/sessions");
  assert.ok(checkout, "there is a checkout");
  /** @type {[string, string][]} */
  const mistakes = [
    ["mode", "gift"],
    ["line_items[0][quantity]", "one"],
    ["price", "price_month"],
  ];
  for (const [name, text] of mistakes) {
    const others = checkout.params.filter(([own]) => own !== name);
    const { status } = await send(url, { ...checkout, params: [...others, [name, text]] });
    assert.equal(status, 400, name);
  }
  for (const name of ["line_items[0][prices]", "line_items[x][price]", "expand"]) {
    const params = [/** @type {[string, string]} */ ([name, "x"])];
    const isKnown = name === "expand";
    const unknown = findUnknown(description, { ...checkout, params });
    assert.deepEqual(unknown, isKnown ? [] : [name]);
  }
});

/**
 * Calls localstripe, as its customer.
 *
 * @param {string} url
 * @param {string} method
 * @param {string} path
 * @param {Record<string, string>} [params]
 */
async function callLocalStripe(url, method, path, params) {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: "Bearer sk_test_local" },
    ...(params ? { body: new URLSearchParams(params) } : {}),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${text}`);
  return text;
}

/**
 * Starts a relay to the webhook of a server, which passes a delivery on byte by byte and records the
 * type of its event and the status of the answer.
 *
 * @param {TestContext} t
 * @param {string} target
 */
async function startRelay(t, target) {
  /** @type {{ event: string, status: number }[]} */
  const received = [];
  const relay = createServer((request, response) => {
    void (async () => {
      const body = await collectBody(request);
      const signature = readString(request.headers["stripe-signature"]);
      const headers = { "content-type": "application/json", "stripe-signature": signature };
      const { status } = await fetch(target, { method: "POST", headers, body });
      const event = readString(readObject(parseJson(body.toString("utf8"))).type);
      received.push({ event, status });
      response.writeHead(status).end();
    })();
  });
  return { url: `http://127.0.0.1:${await listen(t, relay)}`, received };
}

/**
 * Reads a body to its end.
 *
 * @param {import("node:stream").Readable} request
 */
async function collectBody(request) {
  /** @type {Buffer[]} */
  const parts = [];
  request.on("data", (/** @type {Buffer} */ part) => parts.push(part));
  await once(request, "end");
  return Buffer.concat(parts);
}

test("the webhook accepts what localstripe signs, and nothing with another secret", async (t) => {
  const [{ env }, stripe] = await Promise.all([startPeers(t), startStripe(t)]);
  const server = await startProcess(t, BINARY, ["--port", "0"], { ...env, ...stripe.env });
  const { url: relay, received } = await startRelay(t, `${server.url}/webhooks/stripe`);
  const { locateProgram } = locateEnvironment("localstripe");
  const url = await startPeer(t, locateProgram("localstripe"), (port) => [
    ...["--port", `${port}`, "--from-scratch"],
  ]);
  const hook = { url: relay, secret: STRIPE_WEBHOOK_SECRET };
  await callLocalStripe(url, "POST", "/_config/webhooks/first", hook);

  const readId = (/** @type {string} */ text) => readString(readObject(parseJson(text)).id);
  const plan = { id: "pro", amount: "0", currency: "usd", interval: "month" };
  await callLocalStripe(url, "POST", "/v1/plans", { ...plan, "product[name]": "Pro" });
  const email = "ann@example.com";
  const customer = readId(await callLocalStripe(url, "POST", "/v1/customers", { email }));
  const items = { customer, "items[0][plan]": "pro" };
  const subscription = readId(await callLocalStripe(url, "POST", "/v1/subscriptions", items));
  await callLocalStripe(url, "DELETE", `/v1/subscriptions/${subscription}`);

  const isLast = (/** @type {{ event: string }} */ { event }) =>
    event === "customer.subscription.deleted";
  await waitFor(() => Promise.resolve(received.some(isLast) || undefined));
  for (const { status, event } of received) assert.equal(status, 200, event);
  const events = received.map(({ event }) => event);
  for (const event of ["customer.created", "customer.subscription.created", "invoice.created"]) {
    assert.ok(events.includes(event), `${event} is missing: ${events.join(", ")}`);
  }

  const foreign = { ...hook, secret: "whsec_foreign" };
  await callLocalStripe(url, "POST", "/_config/webhooks/first", foreign);
  await callLocalStripe(url, "POST", "/v1/customers", { email });
  const refused = await waitFor(() => Promise.resolve(received[events.length]));
  assert.deepEqual(refused, { event: "customer.created", status: 400 });
});
