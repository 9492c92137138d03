/** Sessions that ended before their tokens expire. */
import { v } from "convex/values";

import { userMutation, userQuery, type UserQueryCtx } from "./functions";
import { checkLength } from "./shapes";

/** Maximum bytes of a session id. */
const SESSION_ID_MAX_BYTES = 1024;

/** Records that a session has ended. Idempotent. */
export const end = userMutation({
  args: { sessionId: v.string() },
  returns: v.null(),
  handler: async (ctx, { sessionId }) => {
    checkLength("sessionId", sessionId, 1, SESSION_ID_MAX_BYTES);
    if (!(await hasEnded(ctx, sessionId))) {
      await ctx.db.insert("endedSessions", { userId: ctx.userId, sessionId, at: Date.now() });
    }
    return null;
  },
});

/** Returns whether a session of this user has ended. */
export const isEnded = userQuery({
  args: { sessionId: v.string() },
  returns: v.boolean(),
  handler: async (ctx, { sessionId }) => await hasEnded(ctx, sessionId),
});

async function hasEnded(ctx: UserQueryCtx, sessionId: string): Promise<boolean> {
  const row = await ctx.db
    .query("endedSessions")
    .withIndex("by_session", (q) => q.eq("userId", ctx.userId).eq("sessionId", sessionId))
    .first();
  return row !== null;
}
