/** Removing the rows of a user in bounded batches. */
import type { Doc, TableNames } from "./_generated/dataModel";
import type { DatabaseWriter } from "./_generated/server";
import { BATCH_ROWS, deleteRows, newBatch, takeWithin } from "./batches";

/** Removes one batch of the rows of a user. Returns whether there was one. */
export async function eraseBatch(db: DatabaseWriter, userId: string): Promise<boolean> {
  const { small, large } = BATCH_ROWS;
  const outcomes = db.query("idempotency").withIndex("by_key", (q) => q.eq("userId", userId));
  const entries = db.query("audit").withIndex("by_seq", (q) => q.eq("userId", userId));
  const listings = db.query("listings").withIndex("by_prompt", (q) => q.eq("userId", userId));
  const candidates = db.query("candidates").withIndex("by_seq", (q) => q.eq("userId", userId));
  const words = db.query("words").withIndex("by_prompt", (q) => q.eq("userId", userId));
  const versions = db.query("versions").withIndex("by_version", (q) => q.eq("userId", userId));
  const prompts = db.query("prompts").withIndex("by_name", (q) => q.eq("userId", userId));
  // Each operand reads only if the tables before it are empty.
  return (
    (await removeSome(db, "idempotency", outcomes, small)) ||
    (await removeSome(db, "audit", entries, small)) ||
    (await removeSome(db, "listings", listings, small)) ||
    (await removeSome(db, "candidates", candidates, large)) ||
    (await removeSome(db, "words", words, large)) ||
    (await removeSome(db, "versions", versions, large)) ||
    (await removeSome(db, "prompts", prompts, small))
  );
}

/** Removes one batch of rows of a table. Returns whether there was one. */
async function removeSome<Table extends TableNames>(
  db: DatabaseWriter,
  table: Table,
  query: AsyncIterable<Doc<Table>>,
  most: number,
): Promise<boolean> {
  const rows = await takeWithin(query, newBatch(most));
  await deleteRows(db, table, rows);
  return rows.length > 0;
}
