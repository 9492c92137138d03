/** The audit trail. */
import { v } from "convex/values";

import { userQuery } from "./functions";
import { auditAction, checkLimit } from "./shapes";

const position = v.object({ seq: v.number() });
const entry = v.object({
  action: auditAction,
  promptId: v.union(v.string(), v.null()),
  candidateId: v.union(v.string(), v.null()),
  name: v.string(),
  version: v.union(v.number(), v.null()),
  client: v.string(),
  at: v.number(),
});

/**
 * Returns a number that differs after each write of the user; 0 before the first one. Reads no more
 * than the account, for it is polled every few seconds.
 */
export const mark = userQuery({
  args: {},
  returns: v.number(),
  handler: (ctx) => Promise.resolve(ctx.account?.seq ?? 0),
});

/** Lists the entries of the user, newest first. */
export const list = userQuery({
  args: { limit: v.number(), after: v.optional(position) },
  returns: v.object({ items: v.array(entry), next: v.union(position, v.null()) }),
  handler: async (ctx, { limit, after }) => {
    checkLimit(limit);
    const rows = await ctx.db
      .query("audit")
      .withIndex("by_seq", (q) => q.eq("userId", ctx.userId).lt("seq", after?.seq ?? Infinity))
      .order("desc")
      .take(limit + 1);
    const page = rows.slice(0, limit);
    const last = rows.length > limit ? page.at(-1) : undefined;
    const items = page.map(({ action, promptId, candidateId, name, version, client, at }) => ({
      action,
      promptId: promptId ?? null,
      candidateId: candidateId ?? null,
      name,
      version: version ?? null,
      client,
      at,
    }));
    return { items, next: last === undefined ? null : { seq: last.seq } };
  },
});
