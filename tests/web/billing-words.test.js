// What a subscription is worth in words, for every state that the server can report.

import assert from "node:assert/strict";
import { test } from "node:test";

import { describeDebt, describeSubscription } from "../../web/lib/billing.js";
import { formatBytes, formatPrice } from "../../web/lib/format.js";

/**
 * @import { Billing } from "../../web/api/promptdb.js"
 */

const NOW = Date.parse("2026-11-29T12:00:00Z");
const PRICE = { amount: 500, currency: "usd", interval: "month" };
const BEFORE = "2026-11-26T12:00:00Z";
const SOON = "2026-12-06T12:00:00Z";
const LATER = "2026-12-19T12:00:00Z";

/**
 * @param {Partial<Billing>} fields
 * @returns {Billing}
 */
function billing(fields) {
  return { plan: "free", status: "none", can_manage: true, can_buy: true, offers: [], ...fields };
}

/** @type {[Partial<Billing>, string][]} */
const SUBSCRIPTIONS = [
  [{}, "You have no subscription."],
  [
    { plan: "pro", status: "active", price: PRICE, renews_at: LATER },
    "Your subscription renews on December 19, 2026, at $5 a month.",
  ],
  [
    { plan: "pro", status: "trialing", price: PRICE, renews_at: LATER },
    "The trial ends on December 19, 2026. Then it costs $5 a month.",
  ],
  [
    { plan: "pro", status: "active", price: PRICE, ends_at: LATER },
    "Your subscription ends on December 19, 2026 and does not renew. After that the limits of the free plan apply, and nothing is deleted.",
  ],
  // The end has come, and Stripe has not reported it yet.
  [
    { status: "active", price: PRICE, ends_at: BEFORE },
    "Your subscription ended on November 26, 2026.",
  ],
  [
    { status: "canceled", price: PRICE, ends_at: BEFORE },
    "Your subscription ended on November 26, 2026.",
  ],
  [{ status: "canceled", price: PRICE }, "Your subscription has ended."],
  [{ plan: "pro", status: "past_due", price: PRICE }, "Your subscription costs $5 a month."],
  [{ status: "unpaid", price: PRICE }, "Your subscription costs $5 a month."],
  [
    { status: "paused", price: PRICE },
    "Your subscription is paused, so the limits of the free plan apply. Continue it in Manage billing.",
  ],
  [{ status: "incomplete", price: PRICE }, "Your first payment is not confirmed yet."],
  [
    { status: "incomplete_expired", price: PRICE },
    "Your first payment was not made in time, so there is no subscription.",
  ],
  [
    { status: "active", price: PRICE, renews_at: LATER },
    "Your subscription is at a price that is not sold here any more, so the limits of the free plan apply.",
  ],
];

test("each state of a subscription has its sentence", () => {
  for (const [fields, sentence] of SUBSCRIPTIONS) {
    assert.equal(describeSubscription(billing(fields), NOW), sentence, JSON.stringify(fields));
  }
});

test("a debt is named with the date until which the plan stays, and after it", () => {
  /** @type {[Partial<Billing>, string | undefined][]} */
  const cases = [
    [{ plan: "pro", status: "active" }, undefined],
    [{ status: "none" }, undefined],
    [
      { plan: "pro", status: "past_due", grace_until: SOON },
      "Your last payment failed. Your plan stays until December 6, 2026. Update your payment in Manage billing.",
    ],
    // A planned end that comes before that of the grace, and one that comes after it.
    [
      { plan: "pro", status: "past_due", grace_until: LATER, ends_at: SOON },
      "Your last payment failed. Your plan stays until December 6, 2026. Update your payment in Manage billing.",
    ],
    [
      { plan: "pro", status: "past_due", grace_until: SOON, ends_at: LATER },
      "Your last payment failed. Your plan stays until December 6, 2026. Update your payment in Manage billing.",
    ],
    [
      { status: "past_due", grace_until: BEFORE },
      "Your last payment failed, and the limits of the free plan apply since November 26, 2026. Update your payment in Manage billing.",
    ],
    [
      { status: "past_due" },
      "Your last payment failed, and the limits of the free plan apply. Update your payment in Manage billing.",
    ],
    [
      { status: "unpaid" },
      "Your payments failed, so the limits of the free plan apply. Update your payment in Manage billing.",
    ],
  ];
  for (const [fields, sentence] of cases) {
    assert.equal(describeDebt(billing(fields)), sentence, JSON.stringify(fields));
  }
});

test("prices are in the minor units that Stripe counts in", () => {
  /** @type {[number, string, string][]} */
  const cases = [
    [500, "usd", "$5 a month"],
    [499, "usd", "$4.99 a month"],
    [123_450, "eur", "€1,234.50 a month"],
    [500, "jpy", "¥500 a month"],
    [5000, "kwd", "KWD\u{a0}5 a month"],
    // Where Stripe does not count as ISO 4217 does.
    [5000, "isk", "ISK\u{a0}50 a month"],
    [5000, "ugx", "UGX\u{a0}50 a month"],
    [5000, "mga", "MGA\u{a0}5,000 a month"],
  ];
  for (const [amount, currency, text] of cases) {
    assert.equal(formatPrice({ amount, currency, interval: "month" }), text);
  }
});

test("sizes reach from a byte to gigabytes", () => {
  const sizes = [1, 1024, 20 * 1024 ** 2, 1024 ** 3, 1.5 * 1024 ** 3];
  assert.deepEqual(sizes.map(formatBytes), ["1 byte", "1 KB", "20 MB", "1 GB", "1.5 GB"]);
});
