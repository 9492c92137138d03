/** Removing the rows of a user in bounded batches. */
import type { Doc, TableNames } from "./_generated/dataModel";
import type { DatabaseWriter } from "./_generated/server";
import { deleteRows, newBatch, takeWithin } from "./batches";

/** Removes one batch of the rows of a user. Returns whether there was one. */
export async function eraseBatch(db: DatabaseWriter, userId: string): Promise<boolean> {
  const outcomes = db.query("idempotency").withIndex("by_key", (q) => q.eq("userId", userId));
  const entries = db.query("audit").withIndex("by_seq", (q) => q.eq("userId", userId));
  const clients = db.query("clients").withIndex("by_time", (q) => q.eq("userId", userId));
  const listings = db.query("listings").withIndex("by_prompt", (q) => q.eq("userId", userId));
  const candidates = db.query("candidates").withIndex("by_seq", (q) => q.eq("userId", userId));
  const words = db.query("words").withIndex("by_prompt", (q) => q.eq("userId", userId));
  const vectors = db.query("vectors").withIndex("by_prompt", (q) => q.eq("userId", userId));
  const versions = db.query("versions").withIndex("by_version", (q) => q.eq("userId", userId));
  const prompts = db.query("prompts").withIndex("by_name", (q) => q.eq("userId", userId));
  // Each operand reads only if the tables before it are empty.
  return (
    (await removeSome(db, "idempotency", outcomes)) ||
    (await removeSome(db, "audit", entries)) ||
    (await removeSome(db, "clients", clients)) ||
    (await removeSome(db, "listings", listings)) ||
    (await removeSome(db, "candidates", candidates)) ||
    (await removeSome(db, "words", words)) ||
    (await removeSome(db, "vectors", vectors)) ||
    (await removeSome(db, "versions", versions)) ||
    (await removeSome(db, "prompts", prompts))
  );
}

/** Removes one batch of rows of a table. Returns whether there was one. */
async function removeSome<Table extends TableNames>(
  db: DatabaseWriter,
  table: Table,
  query: AsyncIterable<Doc<Table>>,
): Promise<boolean> {
  const rows = await takeWithin(query, newBatch());
  await deleteRows(db, table, rows);
  return rows.length > 0;
}
