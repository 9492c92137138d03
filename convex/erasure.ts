/** Removing the rows of a user, a bounded batch at a time. */
import type { TableNames } from "./_generated/dataModel";
import type { DatabaseWriter } from "./_generated/server";

/**
 * The tables with contents, the index that finds the rows of a user in each, and how many go at a
 * time: few where rows are large.
 */
const CONTENTS = [
  ["idempotency", "by_key", 200],
  ["audit", "by_seq", 200],
  ["listings", "by_prompt", 200],
  ["candidates", "by_seq", 20],
  ["words", "by_prompt", 20],
  ["versions", "by_version", 50],
  ["prompts", "by_name", 200],
] as const satisfies [TableNames, string, number][];

/** Removes a part of what a user keeps, and says whether something is left. */
export async function eraseBatch(db: DatabaseWriter, userId: string): Promise<boolean> {
  for (const [table, index, batch] of CONTENTS) {
    const rows = await db
      .query(table)
      .withIndex(index as never, (q) => q.eq("userId" as never, userId as never))
      .take(batch);
    await Promise.all(rows.map((row) => db.delete(table, row._id as never)));
    if (rows.length === batch) {
      return true;
    }
  }
  return false;
}
