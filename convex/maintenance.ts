/**
 * The work that runs without a user: purges in bounded batches. A batch that spends its budget
 * schedules the next one.
 */
import { v } from "convex/values";

import { internal } from "./_generated/api";
import type { Doc } from "./_generated/dataModel";
import { internalMutation, type MutationCtx } from "./_generated/server";
import { BATCH_ROWS, deleteRows, isSpent, newBatch, takeWithin, type Budget } from "./batches";
import { candidatesSince } from "./candidates";
import { eraseBatch } from "./erasure";
import { deletedSince } from "./library";
import { ERASURE_DAYS, IDEMPOTENCY_DAYS, SESSION_DAYS } from "./limits";
import { DAY_MS } from "./writing";

/** Removes expired candidates. */
export const purgeCandidates = internalMutation({
  args: {},
  returns: v.number(),
  handler: async (ctx) => {
    const budget = newBatch(BATCH_ROWS.large);
    const query = ctx.db
      .query("candidates")
      .withIndex("by_age", (q) => q.lte("createdAt", candidatesSince()));
    const expired = await takeWithin(query, budget);
    await deleteRows(ctx.db, "candidates", expired);
    for (const { userId } of expired) {
      await changeAccount(ctx, userId, ({ waiting }) => ({ waiting: waiting - 1 }));
    }
    if (isSpent(budget)) {
      await ctx.scheduler.runAfter(0, internal.maintenance.purgeCandidates, {});
    }
    return expired.length;
  },
});

/** Removes prompts that can no longer be restored, with all their versions. */
export const purgePrompts = internalMutation({
  args: {},
  returns: v.number(),
  handler: async (ctx) => {
    const expired = await ctx.db
      .query("prompts")
      .withIndex("by_deletion", (q) => q.gt("deletedAt", 0).lte("deletedAt", deletedSince()))
      .take(BATCH_ROWS.large);
    const budget = newBatch(BATCH_ROWS.large);
    let purged = 0;
    for (const prompt of expired) {
      await purgeVersions(ctx, prompt, budget);
      // The row of the prompt stays until its last version is gone, so that the next batch finds it.
      if (isSpent(budget)) {
        break;
      }
      await purgePrompt(ctx, prompt, budget);
      purged += 1;
    }
    if (purged < expired.length || expired.length === BATCH_ROWS.large) {
      await ctx.scheduler.runAfter(0, internal.maintenance.purgePrompts, {});
    }
    return purged;
  },
});

/** Removes versions of a prompt within the budget. */
async function purgeVersions(ctx: MutationCtx, prompt: Doc<"prompts">, budget: Budget) {
  const { userId, id } = prompt;
  const query = ctx.db
    .query("versions")
    .withIndex("by_version", (q) => q.eq("userId", userId).eq("promptId", id));
  await deleteRows(ctx.db, "versions", await takeWithin(query, budget));
}

/** Removes a prompt that has no versions left. */
async function purgePrompt(ctx: MutationCtx, prompt: Doc<"prompts">, budget: Budget) {
  const { userId, id } = prompt;
  const listings = await ctx.db
    .query("listings")
    .withIndex("by_prompt", (q) => q.eq("userId", userId).eq("promptId", id))
    .collect();
  await deleteRows(ctx.db, "listings", listings);
  const words = ctx.db
    .query("words")
    .withIndex("by_prompt", (q) => q.eq("userId", userId).eq("promptId", id));
  await deleteRows(ctx.db, "words", await takeWithin(words, budget));
  await ctx.db.delete("prompts", prompt._id);
  await changeAccount(ctx, userId, ({ deleted }) => ({ deleted: deleted - 1 }));
}

/** Removes the outcomes of writes that can no longer be repeated. */
export const purgeOutcomes = internalMutation({
  args: {},
  returns: v.number(),
  handler: async (ctx) => {
    const old = await ctx.db
      .query("idempotency")
      .withIndex("by_age", (q) => q.lt("at", Date.now() - IDEMPOTENCY_DAYS * DAY_MS))
      .take(BATCH_ROWS.small);
    await deleteRows(ctx.db, "idempotency", old);
    if (old.length === BATCH_ROWS.small) {
      await ctx.scheduler.runAfter(0, internal.maintenance.purgeOutcomes, {});
    }
    return old.length;
  },
});

/** Removes ended sessions whose tokens have all expired. */
export const purgeSessions = internalMutation({
  args: {},
  returns: v.number(),
  handler: async (ctx) => {
    const old = await ctx.db
      .query("endedSessions")
      .withIndex("by_age", (q) => q.lt("at", Date.now() - SESSION_DAYS * DAY_MS))
      .take(BATCH_ROWS.small);
    await deleteRows(ctx.db, "endedSessions", old);
    if (old.length === BATCH_ROWS.small) {
      await ctx.scheduler.runAfter(0, internal.maintenance.purgeSessions, {});
    }
    return old.length;
  },
});

/** Removes the rows of an erased account. */
export const eraseRows = internalMutation({
  args: { userId: v.string() },
  returns: v.null(),
  handler: async (ctx, { userId }) => {
    if (await eraseBatch(ctx.db, userId)) {
      await ctx.scheduler.runAfter(0, internal.maintenance.eraseRows, { userId });
    }
    return null;
  },
});

/** Removes one erased account whose tokens have all expired. */
export const purgeAccounts = internalMutation({
  args: {},
  returns: v.number(),
  handler: async (ctx) => {
    const account = await ctx.db
      .query("accounts")
      .withIndex("by_erasure", (q) =>
        q.gt("erasedAt", 0).lt("erasedAt", Date.now() - ERASURE_DAYS * DAY_MS),
      )
      .first();
    if (account === null) {
      return 0;
    }
    // Rows are left only if a fault ended their removal; they go before the account does.
    if (!(await eraseBatch(ctx.db, account.userId))) {
      await ctx.db.delete("accounts", account._id);
    }
    await ctx.scheduler.runAfter(0, internal.maintenance.purgeAccounts, {});
    return 1;
  },
});

/** Changes counters of an account; a user without one is ignored. */
async function changeAccount(
  ctx: MutationCtx,
  userId: string,
  change: (account: Doc<"accounts">) => Partial<Doc<"accounts">>,
): Promise<void> {
  const account = await ctx.db
    .query("accounts")
    .withIndex("by_user", (q) => q.eq("userId", userId))
    .unique();
  if (account !== null) {
    await ctx.db.patch("accounts", account._id, change(account));
  }
}
