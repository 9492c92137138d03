/** Removing deleted prompts for good, at the wish of their owner. */
import { v } from "convex/values";

import { internal } from "./_generated/api";
import { isSpent, newBatch, type Budget } from "./batches";
import { fail } from "./errors";
import { deletedSince } from "./expiry";
import { userMutation, type UserMutationCtx } from "./functions";
import { findById, type PromptRow } from "./library";
import { hidePrompt } from "./removal";
import { checkWrite, removed, write, type Write } from "./shapes";
import { closeAccount, once, openAccount, removeOnce, writeAudit, type Account } from "./writing";

/** Removes a deleted prompt. A living one fails with `NOT_DELETED`. */
export const purge = userMutation({
  args: { id: v.string(), write },
  returns: v.null(),
  handler: async (ctx, { id, write }) => {
    checkWrite(write);
    return await once(
      ctx,
      "trash:purge",
      write,
      async () => {
        const row = (await findById(ctx, id)) ?? fail({ code: "NOT_FOUND" });
        if (row.deletedAt === undefined) {
          fail({ code: "NOT_DELETED" });
        }
        const account = await openAccount(ctx);
        await removePrompt(ctx, account, row, write, newBatch());
        await closeAccount(ctx, account, write);
        return { answer: null, outcome: { kind: "done" } };
      },
      () => Promise.resolve(null),
    );
  },
});

/** Removes a batch of the deleted prompts. Call it again, under another key, while `hasMore`. */
export const empty = userMutation({
  args: { write },
  returns: removed,
  handler: async (ctx, { write }) => {
    checkWrite(write);
    return await removeOnce(ctx, "trash:empty", write, async () => {
      const account = await openAccount(ctx);
      const budget = newBatch();
      let count = 0;
      let row = await findDeleted(ctx);
      while (row !== null && !isSpent(budget)) {
        await removePrompt(ctx, account, row, write, budget);
        count += 1;
        row = await findDeleted(ctx);
      }
      await closeAccount(ctx, account, write);
      return { count, hasMore: row !== null };
    });
  },
});

/** Finds a prompt that can be restored. */
async function findDeleted({ db, userId }: UserMutationCtx): Promise<PromptRow | null> {
  return await db
    .query("prompts")
    .withIndex("by_user_and_deletion", (q) =>
      q.eq("userId", userId).gt("deletedAt", deletedSince()),
    )
    .first();
}

/** Hides a prompt for good with an audit entry, and schedules the removal of its rows. */
async function removePrompt(
  ctx: UserMutationCtx,
  account: Account,
  row: PromptRow,
  { client }: Write,
  budget: Budget,
): Promise<void> {
  await hidePrompt(ctx.db, account, row, budget);
  const { id: promptId, version } = row;
  await writeAudit(ctx, account, { action: "purged", promptId, name: "", version, client });
  await ctx.scheduler.runAfter(0, internal.maintenance.removePrompt, { prompt: row._id });
}
