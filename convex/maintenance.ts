/**
 * The work that runs without a user. A purge walks what is due in bounded batches, each of which
 * schedules the next one.
 *
 * Whatever depends on more than one row is done in a transaction of its own, per prompt or per user. One
 * that fails is rolled back and recorded by Convex among the failed functions and in the log; the others
 * go on, and the next purge schedules it again.
 */
import { v } from "convex/values";

import { internal } from "./_generated/api";
import type { Doc, TableNames } from "./_generated/dataModel";
import { internalMutation, type MutationCtx } from "./_generated/server";
import { BATCH_MAX_BYTES, BATCH_ROWS, deleteRows, isSpent, newBatch, takeWithin } from "./batches";
import { eraseBatch } from "./erasure";
import { candidatesSince, DAY_MS, deletedSince, REMOVED_AT } from "./expiry";
import { AUDIT_DAYS, ERASURE_DAYS, EVENT_DAYS, IDEMPOTENCY_DAYS, SESSION_DAYS } from "./limits";
import { deleteCandidates, hidePrompt, removeRows } from "./removal";

/** Where a walk continues. `until` is fixed at its start, because a cursor belongs to one range. */
const from = v.optional(v.object({ cursor: v.string(), until: v.number() }));

/** Schedules the removal of the expired candidates of each user. Returns the number of users. */
export const purgeCandidates = internalMutation({
  args: { from },
  returns: v.number(),
  handler: async (ctx, { from }) => {
    const until = from?.until ?? candidatesSince();
    const { page, isDone, continueCursor } = await ctx.db
      .query("candidates")
      .withIndex("by_age", (q) => q.lte("createdAt", until))
      .paginate({
        numItems: BATCH_ROWS,
        maximumBytesRead: BATCH_MAX_BYTES,
        cursor: from?.cursor ?? null,
      });
    const users = new Set(page.map(({ userId }) => userId));
    for (const userId of users) {
      await ctx.scheduler.runAfter(0, internal.maintenance.removeCandidates, { userId });
    }
    if (!isDone) {
      const next = { from: { cursor: continueCursor, until } };
      await ctx.scheduler.runAfter(0, internal.maintenance.purgeCandidates, next);
    }
    return users.size;
  },
});

/** Removes the expired candidates of a user. */
export const removeCandidates = internalMutation({
  args: { userId: v.string() },
  returns: v.null(),
  handler: async (ctx, { userId }) => {
    const budget = newBatch();
    const query = ctx.db
      .query("candidates")
      .withIndex("by_user_and_age", (q) =>
        q.eq("userId", userId).lte("createdAt", candidatesSince()),
      );
    const expired = await takeWithin(query, budget);
    await deleteCandidates(ctx.db, expired);
    const account = await findAccount(ctx, userId);
    if (account !== null) {
      const removed = expired.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
      const waiting = account.waiting - expired.length;
      const bytes = (account.bytes ?? 0) - removed;
      await ctx.db.patch("accounts", account._id, { waiting, bytes });
    }
    if (isSpent(budget)) {
      await ctx.scheduler.runAfter(0, internal.maintenance.removeCandidates, { userId });
    }
    return null;
  },
});

/**
 * Schedules the removal of each prompt that can no longer be restored, and of those whose removal a
 * fault ended. Returns their number.
 */
export const purgePrompts = internalMutation({
  args: { from },
  returns: v.number(),
  handler: async (ctx, { from }) => {
    const until = from?.until ?? deletedSince();
    const { page, isDone, continueCursor } = await ctx.db
      .query("prompts")
      .withIndex("by_deletion", (q) => q.gt("deletedAt", 0).lte("deletedAt", until))
      .paginate({ numItems: BATCH_ROWS, cursor: from?.cursor ?? null });
    for (const { _id } of page) {
      await ctx.scheduler.runAfter(0, internal.maintenance.removePrompt, { prompt: _id });
    }
    if (!isDone) {
      const next = { from: { cursor: continueCursor, until } };
      await ctx.scheduler.runAfter(0, internal.maintenance.purgePrompts, next);
    }
    return page.length;
  },
});

/** Removes a prompt that can no longer be restored, with all its rows. */
export const removePrompt = internalMutation({
  args: { prompt: v.id("prompts") },
  returns: v.null(),
  handler: async (ctx, { prompt: _id }) => {
    const prompt = await ctx.db.get("prompts", _id);
    if (prompt === null || (prompt.deletedAt ?? Infinity) > deletedSince()) {
      return null;
    }
    const budget = newBatch();
    if (prompt.deletedAt !== REMOVED_AT) {
      const account = await findAccount(ctx, prompt.userId);
      // A user without an account has no counters to change.
      const counters = account ?? { deleted: 0 };
      await hidePrompt(ctx.db, counters, prompt, budget);
      if (account !== null) {
        const { deleted, bytes } = account;
        await ctx.db.patch("accounts", account._id, { deleted, bytes });
      }
    }
    if (!(await removeRows(ctx.db, prompt, budget))) {
      await ctx.scheduler.runAfter(0, internal.maintenance.removePrompt, { prompt: _id });
    }
    return null;
  },
});

/** Removes audit entries that are no longer kept. */
export const purgeAudit = internalMutation({
  args: {},
  returns: v.number(),
  handler: async (ctx) => {
    const old = ctx.db
      .query("audit")
      .withIndex("by_age", (q) => q.lt("at", Date.now() - AUDIT_DAYS * DAY_MS));
    const { count, isDone } = await removeOld(ctx, "audit", old);
    if (!isDone) {
      await ctx.scheduler.runAfter(0, internal.maintenance.purgeAudit, {});
    }
    return count;
  },
});

/** Removes the outcomes of writes that can no longer be repeated. */
export const purgeOutcomes = internalMutation({
  args: {},
  returns: v.number(),
  handler: async (ctx) => {
    const old = ctx.db
      .query("idempotency")
      .withIndex("by_age", (q) => q.lt("at", Date.now() - IDEMPOTENCY_DAYS * DAY_MS));
    const { count, isDone } = await removeOld(ctx, "idempotency", old);
    if (!isDone) {
      await ctx.scheduler.runAfter(0, internal.maintenance.purgeOutcomes, {});
    }
    return count;
  },
});

/** Removes ended sessions whose tokens have all expired. */
export const purgeSessions = internalMutation({
  args: {},
  returns: v.number(),
  handler: async (ctx) => {
    const old = ctx.db
      .query("endedSessions")
      .withIndex("by_age", (q) => q.lt("at", Date.now() - SESSION_DAYS * DAY_MS));
    const { count, isDone } = await removeOld(ctx, "endedSessions", old);
    if (!isDone) {
      await ctx.scheduler.runAfter(0, internal.maintenance.purgeSessions, {});
    }
    return count;
  },
});

/** Removes processed events that Stripe repeats no more. */
export const purgeEvents = internalMutation({
  args: {},
  returns: v.number(),
  handler: async (ctx) => {
    const old = ctx.db
      .query("stripeEvents")
      .withIndex("by_age", (q) => q.lt("at", Date.now() - EVENT_DAYS * DAY_MS));
    const { count, isDone } = await removeOld(ctx, "stripeEvents", old);
    if (!isDone) {
      await ctx.scheduler.runAfter(0, internal.maintenance.purgeEvents, {});
    }
    return count;
  },
});

/**
 * Removes a batch of rows of one table. No other row is read, so nothing that is wrong with one of them
 * can make the batch fail.
 */
async function removeOld<Table extends TableNames>(
  ctx: MutationCtx,
  table: Table,
  query: AsyncIterable<Doc<Table>>,
): Promise<{ count: number; isDone: boolean }> {
  const budget = newBatch();
  const old = await takeWithin(query, budget);
  await deleteRows(ctx.db, table, old);
  return { count: old.length, isDone: !isSpent(budget) };
}

/**
 * Schedules `eraseRows` for each erased account that has rows left, which happens where a fault ended
 * their removal, or whose tokens have all expired. Returns the number of these accounts.
 */
export const purgeAccounts = internalMutation({
  args: { from },
  returns: v.number(),
  handler: async (ctx, { from }) => {
    const until = from?.until ?? Date.now();
    const { page, isDone, continueCursor } = await ctx.db
      .query("accounts")
      .withIndex("by_erasure", (q) => q.gt("erasedAt", 0).lte("erasedAt", until))
      .paginate({ numItems: BATCH_ROWS, cursor: from?.cursor ?? null });
    const due = page.filter((account) => account.emptied !== true || isForgettable(account));
    for (const { userId } of due) {
      await ctx.scheduler.runAfter(0, internal.maintenance.eraseRows, { userId });
    }
    if (!isDone) {
      const next = { from: { cursor: continueCursor, until } };
      await ctx.scheduler.runAfter(0, internal.maintenance.purgeAccounts, next);
    }
    return due.length;
  },
});

/** Removes the rows of an erased account, and once its tokens have all expired the account itself. */
export const eraseRows = internalMutation({
  args: { userId: v.string() },
  returns: v.null(),
  handler: async (ctx, { userId }) => {
    const account = await findAccount(ctx, userId);
    // Of two calls for one account the later one may find that the user has started anew.
    if (account?.erasedAt === undefined) {
      return null;
    }
    if (await eraseBatch(ctx.db, userId)) {
      await ctx.scheduler.runAfter(0, internal.maintenance.eraseRows, { userId });
    } else if (isForgettable(account)) {
      await ctx.db.delete("accounts", account._id);
    } else {
      await ctx.db.patch("accounts", account._id, { emptied: true });
    }
    return null;
  },
});

/** Whether no token of an erased account is valid any more. */
function isForgettable({ erasedAt }: Doc<"accounts">): boolean {
  return erasedAt !== undefined && erasedAt < Date.now() - ERASURE_DAYS * DAY_MS;
}

async function findAccount(ctx: MutationCtx, userId: string): Promise<Doc<"accounts"> | null> {
  return await ctx.db
    .query("accounts")
    .withIndex("by_user", (q) => q.eq("userId", userId))
    .unique();
}
