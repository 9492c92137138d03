/** Accounts: the first sight of a user, how much they keep, and their erasure. */
import { v } from "convex/values";

import { internal } from "./_generated/api";
import { eraseBatch } from "./erasure";
import { userMutation, userQuery } from "./functions";
import { deletedSince } from "./library";
import { openAccount } from "./writing";

/** The one user without a sign-in that could end: an erasure lets them start anew. */
const LOCAL_USER = "local";
/** Most ended sessions of one user. */
const SESSIONS_MAX = 1000;

/** Most deletions past their time that are looked at between two purges. */
const OVERDUE_MAX = 1000;

/** How much the user keeps. */
export const counts = userQuery({
  args: {},
  returns: v.object({ prompts: v.number(), deleted: v.number() }),
  handler: async (ctx) => {
    if (ctx.account === null) {
      return { prompts: 0, deleted: 0 };
    }
    const { living, deleted } = ctx.account;
    // The account counts deletions until they are purged; those past their time are taken off.
    const overdue = await ctx.db
      .query("prompts")
      .withIndex("by_user_and_deletion", (q) =>
        q.eq("userId", ctx.userId).gt("deletedAt", 0).lte("deletedAt", deletedSince()),
      )
      .take(OVERDUE_MAX);
    return { prompts: living, deleted: Math.max(0, deleted - overdue.length) };
  },
});

/** The account, made if the user is seen for the first time. Doing it twice changes nothing. */
export const ensure = userMutation({
  args: {},
  returns: v.object({ createdAt: v.number(), created: v.boolean() }),
  handler: async (ctx) => {
    const { createdAt } = await openAccount(ctx);
    return { createdAt, created: ctx.account === null };
  },
});

/**
 * Erases everything that is kept of the user. From the first call on nothing of it can be reached,
 * and nothing can be added; the rows go in the background. Those of the local user go here, a batch
 * a call; `more` says that something is left.
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
    await Promise.all(sessions.map((row) => db.delete("endedSessions", row._id)));
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
