/** Reading and deleting within the limits of a transaction, which may read 16 MiB. */
import { getDocumentSize, type Value } from "convex/values";

import type { Doc, TableNames } from "./_generated/dataModel";
import type { DatabaseWriter } from "./_generated/server";
import { PAGE_MAX_BYTES } from "./limits";
import { byteLength } from "./shapes";

/** Maximum rows of a batch. A transaction may scan 32,000 and run 4,096 queries. */
export const BATCH_ROWS = 500;
/**
 * Bytes after which a batch ends. The last row may exceed the limit by its own size, up to 1 MiB, and
 * the row-level security and Convex itself each read a row again before it is changed or deleted. So a
 * batch reads at most three times this and 3 MiB, which is below the limit of a transaction.
 */
export const BATCH_MAX_BYTES = 4 * 1024 * 1024;
/** Bytes of rows that an answer may read beside those that it returns, such as expired ones. */
export const SKIPPED_MAX_BYTES = 7 * 1024 * 1024;
/**
 * Bytes of JSON that a search returns to the server for ranking: room for `MATCHES_MAX` prompts with a
 * content of the largest size.
 */
export const SEARCH_MAX_BYTES = 4 * 1024 * 1024;

/** What a batch may still read. */
export interface Budget {
  rows: number;
  bytes: number;
}

/** The budget of a batch of rows that are changed or deleted. */
export function newBatch(): Budget {
  return { rows: BATCH_ROWS, bytes: BATCH_MAX_BYTES };
}

/** The budget of the rows that an answer reads and does not return. */
export function newSkipping(): Budget {
  return { rows: Infinity, bytes: SKIPPED_MAX_BYTES };
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

/** The items of an answer that still fit, by number and by bytes of JSON. */
export interface Room {
  items: number;
  bytes: number;
  isEmpty: boolean;
}

/** The room of a page of at most `limit` items. */
export function newPage(limit: number): Room {
  return { items: limit, bytes: PAGE_MAX_BYTES, isEmpty: true };
}

/** Takes the room of an item, and returns whether there was enough. The first item always fits. */
export function takeRoom(room: Room, item: object): boolean {
  const size = byteLength(JSON.stringify(item));
  const fits = room.items > 0 && (room.isEmpty || size <= room.bytes);
  if (fits) {
    room.items -= 1;
    room.bytes -= size;
    room.isEmpty = false;
  }
  return fits;
}

/** Deletes rows of one table. */
export async function deleteRows<Table extends TableNames>(
  db: DatabaseWriter,
  table: Table,
  rows: Doc<Table>[],
): Promise<void> {
  await Promise.all(rows.map((row) => db.delete(table, row._id)));
}
