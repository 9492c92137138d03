/** Accounts: the first sight of a user, how much they keep, and their erasure. */
import { v } from "convex/values";

import type { TableNames } from "./_generated/dataModel";
import { userMutation, userQuery } from "./functions";
import { deletedSince } from "./library";
import { findAccount, openAccount } from "./writing";

/** Most deletions past their time that are looked at between two purges. */
const OVERDUE_MAX = 1000;

/** How much the user keeps. */
export const counts = userQuery({
  args: {},
  returns: v.object({ prompts: v.number(), deleted: v.number() }),
  handler: async (ctx) => {
    const account = await findAccount(ctx);
    if (account === null) {
      return { prompts: 0, deleted: 0 };
    }
    // The account counts deletions until they are purged; those past their time are taken off.
    const overdue = await ctx.db
      .query("prompts")
      .withIndex("by_user_and_deletion", (q) =>
        q.eq("userId", ctx.userId).gt("deletedAt", 0).lte("deletedAt", deletedSince()),
      )
      .take(OVERDUE_MAX);
    return { prompts: account.living, deleted: Math.max(0, account.deleted - overdue.length) };
  },
});

/** The account, made if the user is seen for the first time. Doing it twice changes nothing. */
export const ensure = userMutation({
  args: {},
  returns: v.object({ plan: v.string(), createdAt: v.number(), created: v.boolean() }),
  handler: async (ctx) => {
    const created = (await findAccount(ctx)) === null;
    const { plan, createdAt } = await openAccount(ctx);
    return { plan, createdAt, created };
  },
});

/**
 * Every table with the index that finds the rows of a user and how many go at a time, few where
 * rows are large. The account goes last: while it is there, something is left.
 */
const ERASURE = [
  ["idempotency", "by_key", 200],
  ["audit", "by_seq", 200],
  ["listings", "by_prompt", 200],
  ["candidates", "by_seq", 20],
  ["words", "by_prompt", 20],
  ["versions", "by_version", 50],
  ["prompts", "by_name", 200],
  ["accounts", "by_user", 1],
] as const satisfies [TableNames, string, number][];

/** Erases a part of everything that is kept of the user; `more` says that something is left. */
export const erase = userMutation({
  args: {},
  returns: v.object({ more: v.boolean() }),
  handler: async (ctx) => {
    const { db, userId } = ctx;
    for (const [table, index, batch] of ERASURE) {
      const rows = await db
        .query(table)
        .withIndex(index as never, (q) => q.eq("userId" as never, userId as never))
        .take(batch);
      await Promise.all(rows.map((row) => db.delete(table, row._id as never)));
      if (rows.length === batch && table !== "accounts") {
        return { more: true };
      }
    }
    return { more: false };
  },
});
