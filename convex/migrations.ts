/**
 * Migrations of stored rows. `npx convex run migrations:run` starts them or continues where they
 * stopped: they run in order, each once, in batches that the scheduler chains.
 *
 * A migration is idempotent per row, because rows written meanwhile are visited too. Functions must
 * accept rows from before and after it until it is done.
 */
import { v } from "convex/values";

import { internal } from "./_generated/api";
import type { Doc, TableNames } from "./_generated/dataModel";
import { internalMutation, type MutationCtx } from "./_generated/server";
import { BATCH_MAX_BYTES } from "./batches";
import { bodySize } from "./shapes";

/** Maximum rows per batch. A small batch is cheap to repeat when it conflicts with a user's write. */
export const MIGRATION_ROWS = 100;

type State = Doc<"migrations">;

/** One migration. Its name identifies its state and must never change or be used again. */
interface Migration {
  name: string;
  /** Migrates the rows after `cursor`; returns the next cursor, `null` at the end of the table. */
  migrateBatch: (ctx: MutationCtx, cursor: string | null) => Promise<Batch>;
}

interface Batch {
  rows: number;
  cursor: string | null;
}

/** The migrations in the order in which they run; new ones are appended. */
const MIGRATIONS: Migration[] = [migrateRows("fillPromptBytes", "versions", fillPromptBytes)];

/**
 * Sets `bytes` of a prompt from its current version. A page of prompts is cut by this field before
 * their bodies are read; rows written before the field existed lack it.
 *
 * It walks the versions rather than the prompts, because a batch is bounded by the bytes of the rows
 * that it walks. A prompt saved meanwhile already has `bytes`.
 */
async function fillPromptBytes({ db }: MutationCtx, row: Doc<"versions">): Promise<void> {
  const { userId, promptId, version, body } = row;
  const prompt = await db
    .query("prompts")
    .withIndex("by_id_of_user", (q) => q.eq("userId", userId).eq("id", promptId))
    .unique();
  if (prompt?.version === version && prompt.bytes === undefined) {
    await db.patch("prompts", prompt._id, { bytes: bodySize(body) });
  }
}

/** A migration of each row of a table, in order of creation. */
function migrateRows<Table extends TableNames>(
  name: string,
  table: Table,
  migrateRow: (ctx: MutationCtx, row: Doc<Table>) => Promise<void>,
): Migration {
  return {
    name,
    migrateBatch: async (ctx, cursor) => {
      // `maximumBytesRead` ends the page early; the cursor then points behind the last row read.
      const options = { numItems: MIGRATION_ROWS, maximumBytesRead: BATCH_MAX_BYTES, cursor };
      const { page, isDone, continueCursor } = await ctx.db.query(table).paginate(options);
      for (const row of page) {
        await migrateRow(ctx, row);
      }
      return { rows: page.length, cursor: isDone ? null : continueCursor };
    },
  };
}

const progress = v.object({ name: v.string(), rows: v.number(), isDone: v.boolean() });

/**
 * Starts or continues the migrations and returns the progress of each. While a batch is scheduled
 * this only reports.
 */
export const run = internalMutation({
  args: {},
  returns: v.array(progress),
  handler: async (ctx) => {
    if (!(await isScheduled(ctx))) {
      await runOneBatch(ctx);
    }
    return await readProgress(ctx);
  },
});

/** Runs the next batch; scheduled by the batch before it. */
export const runBatch = internalMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    await runOneBatch(ctx);
    return null;
  },
});

/**
 * Runs one batch of the first migration that is not done, records the cursor in the same transaction
 * and schedules the next batch. A batch that fails is rolled back with its cursor and ends the chain.
 */
async function runOneBatch(ctx: MutationCtx): Promise<void> {
  for (const { name, migrateBatch } of MIGRATIONS) {
    const state = (await findState(ctx, name)) ?? (await startMigration(ctx, name));
    if (state.doneAt !== undefined) {
      continue;
    }
    const { rows, cursor } = await migrateBatch(ctx, state.cursor);
    await ctx.db.patch("migrations", state._id, {
      cursor,
      rows: state.rows + rows,
      doneAt: cursor === null ? Date.now() : undefined,
      job: await ctx.scheduler.runAfter(0, internal.migrations.runBatch, {}),
    });
    return;
  }
}

async function startMigration(ctx: MutationCtx, name: string): Promise<State> {
  const state = { name, cursor: null, rows: 0, startedAt: Date.now() };
  const _id = await ctx.db.insert("migrations", state);
  return { ...state, _id, _creationTime: Date.now() };
}

async function findState(ctx: MutationCtx, name: string): Promise<State | null> {
  return await ctx.db
    .query("migrations")
    .withIndex("by_name", (q) => q.eq("name", name))
    .unique();
}

/** Whether a batch waits in the scheduler or runs. */
async function isScheduled(ctx: MutationCtx): Promise<boolean> {
  for (const { name } of MIGRATIONS) {
    const job = (await findState(ctx, name))?.job;
    const scheduled = job && (await ctx.db.system.get("_scheduled_functions", job));
    if (scheduled?.state.kind === "pending" || scheduled?.state.kind === "inProgress") {
      return true;
    }
  }
  return false;
}

async function readProgress(ctx: MutationCtx) {
  return await Promise.all(
    MIGRATIONS.map(async ({ name }) => {
      const state = await findState(ctx, name);
      return { name, rows: state?.rows ?? 0, isDone: state?.doneAt !== undefined };
    }),
  );
}
