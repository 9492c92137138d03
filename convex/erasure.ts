/** Removing the rows of a user, a bounded batch at a time. */
import type { DatabaseWriter } from "./_generated/server";

/** How many rows go at a time: small ones, those with a body, and those with all words of one. */
const BATCH = { small: 500, body: 50, words: 20 };

/** Removes a part of what a user keeps, and says whether there was something to remove. */
export async function eraseBatch(db: DatabaseWriter, userId: string): Promise<boolean> {
  const batches = [
    () =>
      db
        .query("idempotency")
        .withIndex("by_key", (q) => q.eq("userId", userId))
        .take(BATCH.small),
    () =>
      db
        .query("audit")
        .withIndex("by_seq", (q) => q.eq("userId", userId))
        .take(BATCH.small),
    () =>
      db
        .query("listings")
        .withIndex("by_prompt", (q) => q.eq("userId", userId))
        .take(BATCH.small),
    () =>
      db
        .query("candidates")
        .withIndex("by_seq", (q) => q.eq("userId", userId))
        .take(BATCH.body),
    () =>
      db
        .query("words")
        .withIndex("by_prompt", (q) => q.eq("userId", userId))
        .take(BATCH.words),
    () =>
      db
        .query("versions")
        .withIndex("by_version", (q) => q.eq("userId", userId))
        .take(BATCH.body),
    () =>
      db
        .query("prompts")
        .withIndex("by_name", (q) => q.eq("userId", userId))
        .take(BATCH.small),
  ];
  for (const next of batches) {
    const rows = await next();
    if (rows.length > 0) {
      await Promise.all(rows.map((row) => db.delete(row._id)));
      return true;
    }
  }
  return false;
}
