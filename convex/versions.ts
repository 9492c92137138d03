/** The history of a prompt. */
import { v } from "convex/values";

import { deleteRows, isSpent, newBatch, newPage, takeRoom, takeWithin } from "./batches";
import { userMutation, userQuery, type UserQueryCtx } from "./functions";
import { findById, findVersion, requireLiving, toVersion } from "./library";
import { clearVersion } from "./removal";
import {
  checkCount,
  checkLimit,
  checkWrite,
  removed,
  version,
  write,
  type Version,
} from "./shapes";
import { closeAccount, openAccount, removeOnce, writeAudit } from "./writing";

/** Returns one version of a prompt. */
export const get = userQuery({
  args: { id: v.string(), version: v.number() },
  returns: v.union(version, v.null()),
  handler: async (ctx, { id, version }) => {
    const prompt = await findById(ctx, id);
    const found = prompt && (await findVersion(ctx, id, version));
    return found && toVersion(found);
  },
});

const position = v.object({ version: v.number() });

/** Lists the versions of a prompt, newest first. A page of large versions is shorter than `limit`. */
export const list = userQuery({
  args: { id: v.string(), limit: v.number(), after: v.optional(position) },
  returns: v.union(
    v.object({ items: v.array(version), next: v.union(position, v.null()) }),
    v.null(),
  ),
  handler: async (ctx, { id, limit, after }) => {
    checkLimit(limit);
    if ((await findById(ctx, id)) === null) {
      return null;
    }
    const rows = versionsBefore(ctx, id, after?.version ?? Infinity).order("desc");
    const room = newPage(limit);
    const items: Version[] = [];
    for await (const row of rows) {
      const item = toVersion(row);
      if (!takeRoom(room, item)) {
        return { items, next: { version: items.at(-1)?.version ?? row.version } };
      }
      items.push(item);
    }
    return { items, next: null };
  },
});

/**
 * Removes a batch of the versions before `before` of a living prompt, oldest first, and never the
 * current one. Call it again, under another key, while `hasMore`.
 */
export const prune = userMutation({
  args: { id: v.string(), before: v.number(), write },
  returns: removed,
  handler: async (ctx, { id, before, write }) => {
    checkCount("before", before, 0, Number.MAX_SAFE_INTEGER);
    checkWrite(write);
    return await removeOnce(ctx, "versions:prune", write, async () => {
      const prompt = await requireLiving(ctx, id);
      const old = versionsBefore(ctx, id, Math.min(before, prompt.version));
      const names = newBatch();
      const rows = [];
      for (const row of await takeWithin(old, newBatch())) {
        await clearVersion(ctx.db, row, names);
        // Otherwise the version stays for the next call, which goes on with its names.
        if (isSpent(names)) {
          break;
        }
        rows.push(row);
      }
      const newest = rows.at(-1);
      if (newest === undefined) {
        return { count: 0, hasMore: isSpent(names) };
      }
      await deleteRows(ctx.db, "versions", rows);
      const bytes = rows.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
      await ctx.db.patch("prompts", prompt._id, {
        totalBytes: (prompt.totalBytes ?? 0) - bytes,
        prunedChange: newest.change,
      });
      const account = await openAccount(ctx);
      account.bytes -= bytes;
      const { name, version } = prompt;
      const { client } = write;
      await writeAudit(ctx, account, { action: "pruned", promptId: id, name, version, client });
      await closeAccount(ctx, account, write);
      const left = await versionsBefore(ctx, id, Math.min(before, prompt.version)).first();
      return { count: rows.length, hasMore: left !== null };
    });
  },
});

/** The versions of a prompt before a number. */
function versionsBefore({ db, userId }: UserQueryCtx, id: string, before: number) {
  return db
    .query("versions")
    .withIndex("by_version", (q) =>
      q.eq("userId", userId).eq("promptId", id).lt("version", before),
    );
}
