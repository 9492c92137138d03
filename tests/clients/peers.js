// The services that a server with sign-in trusts: WorkOS, as the emulator of its own CLI, and an
// authorization server for MCP clients. And Stripe, as the fake of the tests in Rust.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";

import { createEmulator } from "workos/emulate";

import { startAuthorizationServer } from "./authorization-server.js";
import { ROOT, defer, makeEnvironment, makeLibrary, startProcess } from "./harness.js";

/**
 * @import { TestContext } from "node:test"
 * @import { JsonObject } from "./json.js"
 */

export const API_KEY = "sk_test_emulated";
export const WEBHOOK_SECRET = "whsec_emulated";
/** The secret that signs the events of Stripe. */
export const STRIPE_WEBHOOK_SECRET = "whsec_fake";

const FAKE_STRIPE = join(ROOT, "target/debug/examples/fake-stripe");

/**
 * Starts the peers, and returns the environment of a PromptDB that trusts them.
 *
 * @param {TestContext} t
 */
export async function startPeers(t) {
  const users = ["ann", "bob"].map((name) => ({ email: `${name}@example.com`, first_name: name }));
  const emulator = await createEmulator({
    port: 0,
    seed: { apiKeys: { [API_KEY]: { environment: "test" } }, users },
  });
  defer(t, () => emulator.close());
  const authorizationServer = await startAuthorizationServer(t);
  const env = {
    ...makeEnvironment(await makeLibrary(t)),
    WORKOS_CLIENT_ID: "client_emulate",
    WORKOS_API_KEY: API_KEY,
    WORKOS_API_URL: emulator.url,
    AUTHKIT_DOMAIN: authorizationServer.url,
    WORKOS_WEBHOOK_SECRET: WEBHOOK_SECRET,
    COOKIE_SECRET: randomBytes(32).toString("hex"),
  };
  return { workos: emulator.url, authorizationServer, env };
}

/**
 * Calls WorkOS's API with the key of its customer.
 *
 * @param {string} workos
 * @param {string} method
 * @param {string} path
 * @param {JsonObject} [body]
 */
export async function callWorkOs(workos, method, path, body) {
  const headers = { authorization: `Bearer ${API_KEY}`, "content-type": "application/json" };
  return fetch(workos + path, { method, headers, body: body && JSON.stringify(body) });
}

/**
 * Starts a Stripe, and returns its address, the environment of a PromptDB that uses it, and a
 * function that lets something happen there: each command of `tests/stripe/commands.rs`.
 *
 * @param {TestContext} t
 */
export async function startStripe(t) {
  const { url } = await startProcess(t, FAKE_STRIPE, [], {});
  const env = {
    STRIPE_SECRET_KEY: "sk_test_fake",
    STRIPE_WEBHOOK_SECRET,
    STRIPE_PRICE_ID: "price_month",
    STRIPE_PRICE_ID_YEARLY: "price_year",
    STRIPE_API_URL: url,
  };

  /**
   * @param {string} command
   * @param {JsonObject} [options]
   */
  async function command(command, options = {}) {
    const body = JSON.stringify({ command, ...options });
    const response = await fetch(`${url}/control`, { method: "POST", body });
    const result = /** @type {unknown} */ (await response.json());
    assert.ok(response.ok, `${command}: ${JSON.stringify(result)}`);
    return result;
  }

  return { url, env, command };
}
