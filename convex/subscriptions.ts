/**
 * Customers of Stripe, their subscriptions, and the events that were processed.
 *
 * A user reads and binds their own customer. Deliveries and jobs know a customer and no user; their
 * functions are those of the system, which reach the tables of this file alone.
 */
import { literals } from "convex-helpers/validators";
import { compareValues, v } from "convex/values";

import type { Doc } from "./_generated/dataModel";
import type { DatabaseReader, DatabaseWriter } from "./_generated/server";
import { fail } from "./errors";
import { DAY_MS } from "./expiry";
import {
  systemMutation,
  systemQuery,
  userMutation,
  userQuery,
  type UserQueryCtx,
} from "./functions";
import { CHECK_EVERY_MS, CUSTOMER_WORK, EVENT_DAYS, LEASE_MS, LEASED_MAX } from "./limits";
import { checkCount, checkForm, checkSubscription, isFormOf, subscription } from "./shapes";

type Customer = Doc<"subscriptions">;

const sequence = v.number();
const optionalSubscription = v.union(subscription, v.null());

/** Returns the customer of the user and the subscription that is kept of it; fails after an erasure. */
export const get = userQuery({
  args: {},
  returns: v.union(
    v.object({ customer: v.string(), subscription: optionalSubscription }),
    v.null(),
  ),
  handler: async (ctx) => {
    if (ctx.account?.erasedAt !== undefined) {
      fail({ code: "ACCOUNT_ERASED" });
    }
    const row = await findOwn(ctx);
    return row && { customer: row.customer, subscription: row.subscription ?? null };
  },
});

/**
 * Binds a customer to a user who has none, and returns the customer that is bound. Refuses one that is
 * or was another user's. Idempotent.
 */
export const bind = userMutation({
  args: { customer: v.string() },
  returns: v.string(),
  handler: async (ctx, { customer }) => {
    checkForm("stripeId", "customer", customer);
    if (ctx.account?.erasedAt !== undefined) {
      fail({ code: "ACCOUNT_ERASED" });
    }
    const bound = await findOwn(ctx);
    if (bound !== null) {
      return bound.customer;
    }
    if (await ctx.isCustomerTaken(customer)) {
      fail({ code: "CUSTOMER_TAKEN" });
    }
    const { userId } = ctx;
    const dueAt = Date.now() + CHECK_EVERY_MS;
    const row = { userId, customer, erased: false, dueAt, sequence: 0, keptSequence: 0 };
    await ctx.db.insert("subscriptions", row);
    return customer;
  },
});

/** Returns a sequence number larger than every one before; `null` for an unknown or erased customer. */
export const beginSync = systemMutation({
  args: { customer: v.string() },
  returns: v.union(sequence, v.null()),
  handler: async ({ db }, { customer }) => {
    const row = await findLiving(db, customer);
    if (row === null) {
      return null;
    }
    await db.patch("subscriptions", row._id, { sequence: row.sequence + 1 });
    return row.sequence + 1;
  },
});

/**
 * Keeps a state of a customer unless one of a later sequence is kept, and records the event in either
 * case. `changed` is whether what is kept differs from before. For an unknown or erased customer nothing is
 * kept. Idempotent.
 */
export const finishSync = systemMutation({
  args: {
    customer: v.string(),
    sequence,
    subscription: v.optional(subscription),
    event: v.optional(v.string()),
  },
  returns: v.object({
    owner: v.union(v.string(), v.null()),
    kept: v.boolean(),
    changed: v.boolean(),
  }),
  handler: async ({ db }, { customer, sequence, subscription, event }) => {
    checkCount("sequence", sequence, 0, Number.MAX_SAFE_INTEGER);
    checkSubscription(subscription);
    if (event !== undefined) {
      checkForm("stripeId", "event", event);
    }
    const row = await findLiving(db, customer);
    if (row?.userId === undefined) {
      return { owner: null, kept: false, changed: false };
    }
    const kept = sequence >= row.keptSequence;
    const before = row.subscription;
    const after = kept ? subscription : before;
    if (kept) {
      await db.patch("subscriptions", row._id, {
        keptSequence: sequence,
        dueAt: Date.now() + CHECK_EVERY_MS,
        subscription,
      });
    }
    if (event !== undefined && (await findEvent(db, event)) === null) {
      await db.insert("stripeEvents", { event, at: Date.now() });
    }
    return { owner: row.userId, kept, changed: compareValues(after, before) !== 0 };
  },
});

/** Returns whether an event was recorded within the last `EVENT_DAYS`. */
export const isProcessed = systemQuery({
  args: { event: v.string() },
  returns: v.boolean(),
  handler: async ({ db }, { event }) => {
    const row = await findEvent(db, event);
    return row !== null && row.at >= Date.now() - EVENT_DAYS * DAY_MS;
  },
});

/**
 * Leases the customers that wait the longest for a comparison, or for their deletion at Stripe. A
 * customer whose work is not finished within `LEASE_MS` waits again.
 */
export const lease = systemMutation({
  args: { work: literals(...CUSTOMER_WORK), limit: v.number() },
  returns: v.array(v.object({ customer: v.string(), sequence })),
  handler: async ({ db }, { work, limit }) => {
    checkCount("limit", limit, 1, LEASED_MAX);
    const now = Date.now();
    const waiting = await db
      .query("subscriptions")
      .withIndex("by_work", (q) => q.eq("erased", work === "erase").lte("dueAt", now))
      .take(limit);
    const leased = waiting.map(async ({ _id, customer, sequence: last }) => {
      const sequence = last + 1;
      await db.patch("subscriptions", _id, { dueAt: now + LEASE_MS, sequence });
      return { customer, sequence };
    });
    return await Promise.all(leased);
  },
});

/** Returns whether a customer of an erased user waits for its deletion at Stripe, leased or not. */
export const hasCustomersToErase = systemQuery({
  args: {},
  returns: v.boolean(),
  handler: async ({ db }) => {
    const row = await db
      .query("subscriptions")
      .withIndex("by_work", (q) => q.eq("erased", true))
      .first();
    return row !== null;
  },
});

/** Removes what is kept of a customer that Stripe has deleted. Idempotent. */
export const forget = systemMutation({
  args: { customer: v.string() },
  returns: v.null(),
  handler: async ({ db }, { customer }) => {
    const row = await findCustomer(db, customer);
    if (row !== null) {
      await db.delete("subscriptions", row._id);
    }
    return null;
  },
});

/** Returns the row of the user's customer. */
export async function findOwn({ db, userId }: UserQueryCtx): Promise<Customer | null> {
  return await db
    .query("subscriptions")
    .withIndex("by_user", (q) => q.eq("userId", userId))
    .unique();
}

/**
 * Takes the customer of a user who is erased: what is left names neither a user nor a subscription, and
 * its deletion at Stripe is due.
 */
export async function disown(ctx: UserQueryCtx & { db: DatabaseWriter }): Promise<void> {
  const row = await findOwn(ctx);
  if (row !== null) {
    const { customer, sequence, keptSequence } = row;
    const left = { customer, sequence, keptSequence, erased: true, dueAt: Date.now() };
    await ctx.db.replace("subscriptions", row._id, left);
  }
}

/** The row of a customer; a malformed id is an unknown one. */
async function findCustomer(db: DatabaseReader, customer: string): Promise<Customer | null> {
  if (!isFormOf("stripeId", customer)) {
    return null;
  }
  return await db
    .query("subscriptions")
    .withIndex("by_customer", (q) => q.eq("customer", customer))
    .unique();
}

async function findLiving(db: DatabaseReader, customer: string): Promise<Customer | null> {
  const row = await findCustomer(db, customer);
  return row === null || row.erased ? null : row;
}

async function findEvent(db: DatabaseReader, event: string) {
  return await db
    .query("stripeEvents")
    .withIndex("by_event", (q) => q.eq("event", event))
    .unique();
}
