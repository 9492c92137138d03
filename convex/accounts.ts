/** Accounts: creation, counts, erasure. */
import { v } from "convex/values";

import { internal } from "./_generated/api";
import { deleteRows } from "./batches";
import { eraseBatch } from "./erasure";
import { userMutation, userQuery } from "./functions";
import { countOverdue } from "./expiry";
import { LOCAL_USER } from "./limits";
import { subscription } from "./shapes";
import { disown, findOwn } from "./subscriptions";
import { NO_ROWS, openAccount } from "./writing";

/** Maximum ended sessions that an erasure removes; the purge of sessions removes the rest. */
const SESSIONS_MAX = 1000;

/**
 * What the library holds: living prompts, restorable deleted ones, waiting candidates, bytes. `bytes`
 * is null until a migration has counted the rows from before the counter.
 */
export const counts = userQuery({
  args: {},
  returns: v.object({
    prompts: v.number(),
    deleted: v.number(),
    candidates: v.number(),
    bytes: v.union(v.number(), v.null()),
  }),
  handler: async (ctx) => {
    if (ctx.account === null) {
      return { prompts: 0, deleted: 0, candidates: 0, bytes: 0 };
    }
    const { living, deleted, waiting, bytes = 0, counted } = ctx.account;
    const overdue = await countOverdue(ctx);
    return {
      prompts: living,
      deleted: Math.max(0, deleted - overdue.deleted),
      candidates: Math.max(0, waiting - overdue.candidates),
      bytes: counted === true ? Math.max(0, bytes - overdue.bytes) : null,
    };
  },
});

/** Returns the account, with the user's subscription, and creates it at the first call. Idempotent. */
export const ensure = userMutation({
  args: {},
  returns: v.object({
    createdAt: v.number(),
    created: v.boolean(),
    subscription: v.union(subscription, v.null()),
  }),
  handler: async (ctx) => {
    const { createdAt } = await openAccount(ctx);
    const customer = await findOwn(ctx);
    const created = ctx.account === null;
    return { createdAt, created, subscription: customer?.subscription ?? null };
  },
});

/**
 * Erases the user's data. After the first call no row can be read and none can be added; scheduled
 * batches remove the rows. The local user starts anew, and their sessions that ended stay ended: each
 * call removes one batch of rows, and `more` is true until none is left.
 */
export const erase = userMutation({
  args: {},
  returns: v.object({ more: v.boolean() }),
  handler: async (ctx) => {
    const { account, db, userId } = ctx;
    await disown(ctx);
    if (userId === LOCAL_USER) {
      const more = await eraseBatch(db, userId);
      if (!more && account !== null) {
        await db.delete("accounts", account._id);
      }
      return { more };
    }
    const sessions = await db
      .query("endedSessions")
      .withIndex("by_session", (q) => q.eq("userId", userId))
      .take(SESSIONS_MAX);
    await deleteRows(db, "endedSessions", sessions);
    if (account?.erasedAt === undefined) {
      const now = Date.now();
      const row = { userId, createdAt: now, erasedAt: now, seq: 0, ...NO_ROWS };
      await (account === null
        ? db.insert("accounts", row)
        : db.replace("accounts", account._id, row));
      await ctx.scheduler.runAfter(0, internal.maintenance.eraseRows, { userId });
    }
    return { more: false };
  },
});
