/** The programs that call for a library. */
import { v } from "convex/values";

import { deleteRows } from "./batches";
import { userMutation, userQuery, type UserQueryCtx } from "./functions";
import { CLIENTS_MAX } from "./limits";
import { channel, checkCount, checkForm } from "./shapes";

const seen = v.object({ name: v.string(), via: channel, at: v.number() });
const client = v.object({
  name: v.string(),
  via: channel,
  firstSeenAt: v.number(),
  lastSeenAt: v.number(),
});

/**
 * Records calls of clients; times in the future become the present. Of more than `CLIENTS_MAX` clients
 * those that were seen last stay. Idempotent, and leaves no audit entry.
 */
export const record = userMutation({
  args: { clients: v.array(seen) },
  returns: v.null(),
  handler: async (ctx, { clients }) => {
    const { account, db, userId } = ctx;
    checkCount("clients", clients.length, 0, CLIENTS_MAX);
    for (const { name, at } of clients) {
      checkForm("client", "clients", name);
      checkCount("clients", at, 0, Number.MAX_SAFE_INTEGER);
    }
    if (account?.erasedAt !== undefined) {
      return null;
    }
    for (const { name, via, at } of clients) {
      const time = Math.min(at, Date.now());
      const row = await db
        .query("clients")
        .withIndex("by_name", (q) => q.eq("userId", userId).eq("name", name).eq("via", via))
        .unique();
      if (row === null) {
        await db.insert("clients", { userId, name, via, firstSeenAt: time, lastSeenAt: time });
      } else if (row.lastSeenAt < time) {
        await db.patch("clients", row._id, { lastSeenAt: time });
      }
    }
    const rows = await latest(ctx, 2 * CLIENTS_MAX);
    await deleteRows(db, "clients", rows.slice(CLIENTS_MAX));
    return null;
  },
});

/** Lists the clients of the user, the latest call first. */
export const list = userQuery({
  args: {},
  returns: v.array(client),
  handler: async (ctx) => {
    const rows = await latest(ctx, CLIENTS_MAX);
    return rows.map(({ name, via, firstSeenAt, lastSeenAt }) => ({
      name,
      via,
      firstSeenAt,
      lastSeenAt,
    }));
  },
});

async function latest({ db, userId }: UserQueryCtx, most: number) {
  return await db
    .query("clients")
    .withIndex("by_time", (q) => q.eq("userId", userId))
    .order("desc")
    .take(most);
}
