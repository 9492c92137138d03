// The fake of Stripe: a process that a test drives by commands (`tests/stripe/commands.rs`).

import assert from "node:assert/strict";
import { join } from "node:path";

import { ROOT, startProcess } from "../../clients/harness.js";
import { parseJson } from "../../clients/json.js";

/**
 * @import { TestContext } from "node:test"
 */

const FAKE_STRIPE = join(ROOT, "target/debug/examples/fake-stripe");

/** Days after which the period of a month has ended, whatever month it is. */
export const MONTH_DAYS = 32;

const DAY_S = 86_400;

/**
 * Starts the fake, which ends after the test `t`.
 *
 * @param {TestContext} t
 */
export async function startStripe(t) {
  const { url } = await startProcess(t, FAKE_STRIPE, [], {});

  /**
   * Runs a command, and returns its result.
   *
   * @param {string} command
   * @param {Record<string, unknown>} [fields]
   * @returns {Promise<unknown>}
   */
  async function run(command, fields = {}) {
    const body = JSON.stringify({ command, ...fields });
    const response = await fetch(`${url}/control`, { method: "POST", body });
    const text = await response.text();
    assert.ok(response.ok, `${command}: ${text}`);
    return parseJson(text);
  }

  return {
    url,
    run,
    /** The settings of a server that sells at this fake, by the month and by the year. */
    env: {
      STRIPE_API_URL: url,
      STRIPE_SECRET_KEY: "sk_test_fake",
      STRIPE_WEBHOOK_SECRET: "whsec_fake",
      STRIPE_PRICE_ID: "price_month",
      STRIPE_PRICE_ID_YEARLY: "price_year",
      // The server warns of each failure of Stripe.
      RUST_LOG: "error",
    },
    /** Delivers every event at once to a server, by its URL. */
    deliverTo: (/** @type {string} */ server) =>
      run("set_webhook", { url: `${server}/webhooks/stripe`, automatic: true }),
    /** Lets days go by at Stripe. */
    advanceDays: (/** @type {number} */ days) => run("advance", { seconds: days * DAY_S }),
  };
}

/** @typedef {Awaited<ReturnType<typeof startStripe>>} Stripe */
