/** Accounts: creation, counts, erasure. */
import { v } from "convex/values";

import { internal } from "./_generated/api";
import { deleteRows } from "./batches";
import { eraseBatch } from "./erasure";
import { userMutation, userQuery } from "./functions";
import { deletedSince } from "./library";
import { LOCAL_USER } from "./limits";
import { openAccount } from "./writing";

/** Maximum ended sessions that an erasure removes; the purge of sessions removes the rest. */
const SESSIONS_MAX = 1000;
/** Maximum expired deletions that `counts` subtracts before they are purged. */
const OVERDUE_MAX = 1000;

/** What the library holds: living prompts, restorable deleted ones, waiting candidates, bytes. */
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
      return { prompts: 0, deleted: 0, candidates: 0, bytes: null };
    }
    const { living, deleted } = ctx.account;
    // The account counts deletions until they are purged, so the expired ones are subtracted here.
    const overdue = await ctx.db
      .query("prompts")
      .withIndex("by_user_and_deletion", (q) =>
        q.eq("userId", ctx.userId).gt("deletedAt", 0).lte("deletedAt", deletedSince()),
      )
      .take(OVERDUE_MAX);
    return {
      prompts: living,
      deleted: Math.max(0, deleted - overdue.length),
      candidates: ctx.account.waiting,
      bytes: null,
    };
  },
});

/** Returns the account and creates it at the first call. Idempotent. */
export const ensure = userMutation({
  args: {},
  returns: v.object({ createdAt: v.number(), created: v.boolean() }),
  handler: async (ctx) => {
    const { createdAt } = await openAccount(ctx);
    return { createdAt, created: ctx.account === null };
  },
});

/**
 * Erases the user's data. After the first call no row can be read and none can be added; scheduled
 * batches remove the rows. The local user has no sign-in that could end and starts anew: each call
 * removes one batch of rows, and `more` is true until none is left.
 */
export const erase = userMutation({
  args: {},
  returns: v.object({ more: v.boolean() }),
  handler: async (ctx) => {
    const { account, db, userId } = ctx;
    const sessions = await db
      .query("endedSessions")
      .withIndex("by_session", (q) => q.eq("userId", userId))
      .take(SESSIONS_MAX);
    await deleteRows(db, "endedSessions", sessions);
    if (userId === LOCAL_USER) {
      const more = await eraseBatch(db, userId);
      if (!more && account !== null) {
        await db.delete("accounts", account._id);
      }
      return { more };
    }
    if (account?.erasedAt === undefined) {
      const now = Date.now();
      const row = {
        userId,
        createdAt: now,
        erasedAt: now,
        seq: 0,
        living: 0,
        deleted: 0,
        waiting: 0,
      };
      await (account === null
        ? db.insert("accounts", row)
        : db.replace("accounts", account._id, row));
      await ctx.scheduler.runAfter(0, internal.maintenance.eraseRows, { userId });
    }
    return { more: false };
  },
});
