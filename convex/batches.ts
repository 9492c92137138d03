/** Reading and deleting within the limits of a transaction, which may read 16 MiB. */
import { getDocumentSize, type Value } from "convex/values";

import type { Doc, TableNames } from "./_generated/dataModel";
import type { DatabaseWriter } from "./_generated/server";

/** Rows per batch: small rows, and rows with a body of up to 1 MiB. */
export const BATCH_ROWS = { small: 500, large: 50 };
/**
 * Bytes after which a batch ends. Deleting a row reads it again, and the last row may exceed the
 * limit by its own size, so a batch reads at most twice this and 2 MiB.
 */
export const BATCH_MAX_BYTES = 5 * 1024 * 1024;
/** Bytes of bodies in one answer; a page of larger ones has fewer items. Holds 100 large contents. */
export const ANSWER_MAX_BYTES = 7 * 1024 * 1024;

/** What a transaction may still read. */
export interface Budget {
  rows: number;
  bytes: number;
}

/** The budget of a batch of at most `rows` rows that are deleted. */
export function newBatch(rows: number): Budget {
  return { rows, bytes: BATCH_MAX_BYTES };
}

/** The budget of an answer of at most `rows` rows. */
export function newAnswer(rows: number): Budget {
  return { rows, bytes: ANSWER_MAX_BYTES };
}

/** Takes one row off a budget. */
export function charge(budget: Budget, row: object): void {
  budget.rows -= 1;
  budget.bytes -= getDocumentSize(row as Record<string, Value>);
}

/** Whether reading has to end. */
export function isSpent({ rows, bytes }: Budget): boolean {
  return rows <= 0 || bytes <= 0;
}

/** Takes rows in order until there are no more or the budget is spent, and charges the budget. */
export async function takeWithin<Row extends object>(
  rows: AsyncIterable<Row>,
  budget: Budget,
): Promise<Row[]> {
  const taken: Row[] = [];
  if (isSpent(budget)) {
    return taken;
  }
  for await (const row of rows) {
    taken.push(row);
    charge(budget, row);
    if (isSpent(budget)) {
      break;
    }
  }
  return taken;
}

/** Deletes rows of one table. */
export async function deleteRows<Table extends TableNames>(
  db: DatabaseWriter,
  table: Table,
  rows: Doc<Table>[],
): Promise<void> {
  await Promise.all(rows.map((row) => db.delete(table, row._id)));
}
