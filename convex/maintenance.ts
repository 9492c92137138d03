/**
 * The work of the system, on behalf of no user: what has expired is purged, a bounded batch at a
 * time. A batch that was full schedules the next one.
 */
import { v } from "convex/values";

import { internal } from "./_generated/api";
import type { Doc } from "./_generated/dataModel";
import { internalMutation, type MutationCtx } from "./_generated/server";
import { candidatesSince } from "./candidates";
import { eraseBatch } from "./erasure";
import { deletedSince } from "./library";
import { DAY_MS } from "./writing";

/** How long the outcome of a write is kept. */
const OUTCOME_DAYS = 2;
/** How long an ended session and an erased account are remembered: longer than any token lives. */
const TOKEN_DAYS = 30;
/** Rows of one batch: large ones (up to 64 KiB and more) and small ones. */
const BATCH = { large: 50, small: 500 };

/** Removes candidates that nobody reviewed in time. */
export const purgeCandidates = internalMutation({
  args: {},
  returns: v.number(),
  handler: async (ctx) => {
    const expired = await ctx.db
      .query("candidates")
      .withIndex("by_age", (q) => q.lte("createdAt", candidatesSince()))
      .take(BATCH.large);
    for (const row of expired) {
      await ctx.db.delete("candidates", row._id);
      await changeAccount(ctx, row.userId, ({ waiting }) => ({ waiting: waiting - 1 }));
    }
    if (expired.length === BATCH.large) {
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
    let [room, purged] = [BATCH.large, 0];
    const expired = await ctx.db
      .query("prompts")
      .withIndex("by_deletion", (q) => q.gt("deletedAt", 0).lte("deletedAt", deletedSince()))
      .take(BATCH.large);
    for (const prompt of expired) {
      room -= await purgeVersions(ctx, prompt, room);
      if (room <= 0) {
        break;
      }
      await purgePrompt(ctx, prompt);
      purged += 1;
      room -= 1;
    }
    if (purged < expired.length || expired.length === BATCH.large) {
      await ctx.scheduler.runAfter(0, internal.maintenance.purgePrompts, {});
    }
    return purged;
  },
});

/** Removes at most `most` versions of a prompt. */
async function purgeVersions(ctx: MutationCtx, prompt: Doc<"prompts">, most: number) {
  const { userId, id } = prompt;
  const versions = await ctx.db
    .query("versions")
    .withIndex("by_version", (q) => q.eq("userId", userId).eq("promptId", id))
    .take(most);
  for (const row of versions) {
    await ctx.db.delete("versions", row._id);
  }
  return versions.length;
}

/** Removes a prompt whose versions are gone. */
async function purgePrompt(ctx: MutationCtx, prompt: Doc<"prompts">) {
  const { userId, id } = prompt;
  for (const table of ["listings", "words"] as const) {
    const rows = await ctx.db
      .query(table)
      .withIndex("by_prompt", (q) => q.eq("userId", userId).eq("promptId", id))
      .collect();
    for (const row of rows) {
      await ctx.db.delete(row._id);
    }
  }
  await ctx.db.delete("prompts", prompt._id);
  await changeAccount(ctx, userId, ({ deleted }) => ({ deleted: deleted - 1 }));
}

/** Removes the outcomes of writes that nobody repeats any more. */
export const purgeOutcomes = internalMutation({
  args: {},
  returns: v.number(),
  handler: async (ctx) => {
    const purged = await purgeOld(ctx, "idempotency", OUTCOME_DAYS);
    if (purged === BATCH.small) {
      await ctx.scheduler.runAfter(0, internal.maintenance.purgeOutcomes, {});
    }
    return purged;
  },
});

/** Forgets ended sessions that no token reaches back to. */
export const purgeSessions = internalMutation({
  args: {},
  returns: v.number(),
  handler: async (ctx) => {
    const purged = await purgeOld(ctx, "endedSessions", TOKEN_DAYS);
    if (purged === BATCH.small) {
      await ctx.scheduler.runAfter(0, internal.maintenance.purgeSessions, {});
    }
    return purged;
  },
});

async function purgeOld(ctx: MutationCtx, table: "idempotency" | "endedSessions", days: number) {
  const old = await ctx.db
    .query(table)
    .withIndex("by_age", (q) => q.lt("at", Date.now() - days * DAY_MS))
    .take(BATCH.small);
  for (const row of old) {
    await ctx.db.delete(row._id);
  }
  return old.length;
}

/** Removes the rows of an account that was erased. */
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

/** Forgets an erased account that no token reaches back to, one a call. */
export const purgeAccounts = internalMutation({
  args: {},
  returns: v.number(),
  handler: async (ctx) => {
    const account = await ctx.db
      .query("accounts")
      .withIndex("by_erasure", (q) =>
        q.gt("erasedAt", 0).lt("erasedAt", Date.now() - TOKEN_DAYS * DAY_MS),
      )
      .first();
    if (account === null) {
      return 0;
    }
    // Its rows are long gone, unless their removal was stopped by a fault.
    if (!(await eraseBatch(ctx.db, account.userId))) {
      await ctx.db.delete("accounts", account._id);
    }
    await ctx.scheduler.runAfter(0, internal.maintenance.purgeAccounts, {});
    return 1;
  },
});

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
