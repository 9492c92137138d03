/** The history of a prompt. */
import { v } from "convex/values";

import { userQuery } from "./functions";
import { findById, findVersion, toVersion } from "./library";
import { checkLimit, version } from "./shapes";

/** One version of a prompt. */
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

/** The versions of a prompt, the newest first. */
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
    const rows = await ctx.db
      .query("versions")
      .withIndex("by_version", (q) => {
        const ofPrompt = q.eq("userId", ctx.userId).eq("promptId", id);
        return ofPrompt.lt("version", after?.version ?? Infinity);
      })
      .order("desc")
      .take(limit + 1);
    const items = rows.slice(0, limit).map(toVersion);
    const last = rows.length > limit ? items.at(-1) : undefined;
    return { items, next: last === undefined ? null : { version: last.version } };
  },
});
