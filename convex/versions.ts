/** The history of a prompt. */
import { v } from "convex/values";

import { isSpent, newAnswer, takeWithin } from "./batches";
import { userQuery } from "./functions";
import { findById, findVersion, toVersion } from "./library";
import { checkLimit, version } from "./shapes";

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
    const query = ctx.db
      .query("versions")
      .withIndex("by_version", (q) => {
        const ofPrompt = q.eq("userId", ctx.userId).eq("promptId", id);
        return ofPrompt.lt("version", after?.version ?? Infinity);
      })
      .order("desc");
    const budget = newAnswer(limit + 1);
    const rows = await takeWithin(query, budget);
    const items = rows.slice(0, limit).map(toVersion);
    // A spent budget means that more rows may follow: the one beyond `limit`, or unread ones.
    const last = isSpent(budget) ? items.at(-1) : undefined;
    return { items, next: last === undefined ? null : { version: last.version } };
  },
});
