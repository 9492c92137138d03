/**
 * Migrations of stored rows. `npx convex run migrations:run` starts them or continues where they
 * stopped: they run in order, each once, in batches that the scheduler chains.
 *
 * A migration is idempotent per row, because rows written meanwhile are visited too. Functions must
 * accept rows from before and after it until it is done. A row that fails is left as it was, and the
 * next `run` after the end visits the table again.
 */
import { v } from "convex/values";

import { internal } from "./_generated/api";
import type { Doc, Id, TableNames } from "./_generated/dataModel";
import { internalMutation, type MutationCtx } from "./_generated/server";
import { BATCH_MAX_BYTES } from "./batches";
import { candidatesSince, REMOVED_AT } from "./expiry";
import { hasFolded, splitWords } from "./folding";
import { bodyBytes, bodySize } from "./shapes";
import { headingsOf, textOf } from "./words";

/** Maximum rows per batch. A small batch is cheap to repeat when it conflicts with a user's write. */
export const MIGRATION_ROWS = 100;
/**
 * The batches of `indexHeadings`. It also reads the body that belongs to a row, up to 890 KB for an old
 * one, and the row once more before it is changed.
 */
const HEADINGS_BATCH = { rows: 8, bytes: 1024 * 1024 };

type State = Doc<"migrations">;

/** One migration. Its name identifies its state and must never change or be used again. */
interface Migration {
  name: string;
  /** Migrates the rows after `cursor`; returns the next cursor, `null` at the end of the table. */
  migrateBatch: (ctx: MutationCtx, cursor: string | null) => Promise<Batch>;
  /** Migrates the row with this id, if it still exists. */
  migrateRow: (ctx: MutationCtx, id: string) => Promise<void>;
}

interface Batch {
  rows: number;
  failed: number;
  cursor: string | null;
}

/** The migrations in the order in which they run; new ones are appended. */
const MIGRATIONS: Migration[] = [
  defineMigration("fillPromptBytes", "versions", fillPromptBytes),
  defineMigration("fillVersionBytes", "versions", fillVersionBytes),
  defineMigration("fillCandidateBytes", "candidates", fillCandidateBytes),
  defineMigration("completeAccounts", "accounts", completeAccount),
  defineMigration("clearAuditNames", "audit", clearAuditName),
  defineMigration("indexHeadings", "words", indexHeadings, HEADINGS_BATCH),
];

/**
 * Sets `bytes` of a prompt from its current version. A page of prompts is cut by this field before
 * their bodies are read; rows written before the field existed lack it.
 *
 * It walks the versions rather than the prompts, because a batch is bounded by the bytes of the rows
 * that it walks. A prompt saved meanwhile already has `bytes`.
 */
async function fillPromptBytes(ctx: MutationCtx, row: Doc<"versions">): Promise<void> {
  const prompt = await findPrompt(ctx, row);
  if (prompt?.version === row.version && prompt.bytes === undefined) {
    await ctx.db.patch("prompts", prompt._id, { bytes: bodySize(row.body) });
  }
}

/**
 * Sets `bytes` of a version and adds it to its prompt and its account. A row that has `bytes` is in
 * their sums already, so the sums hold at any time for the rows that were visited or written since. A
 * version whose prompt is gone, or is removed, counts nowhere.
 */
async function fillVersionBytes(ctx: MutationCtx, row: Doc<"versions">): Promise<void> {
  if (row.bytes !== undefined) {
    return;
  }
  const bytes = bodyBytes(row.body);
  const prompt = await findPrompt(ctx, row);
  await ctx.db.patch("versions", row._id, { bytes });
  if (prompt !== null && !isRemoved(prompt)) {
    const totalBytes = (prompt.totalBytes ?? 0) + bytes;
    await ctx.db.patch("prompts", prompt._id, { totalBytes });
    await addBytes(ctx, row.userId, bytes);
  }
}

/** Sets `bytes` of a candidate and adds it to its account. */
async function fillCandidateBytes(ctx: MutationCtx, row: Doc<"candidates">): Promise<void> {
  if (row.bytes !== undefined) {
    return;
  }
  const bytes = bodyBytes(row.body);
  await ctx.db.patch("candidates", row._id, { bytes });
  await addBytes(ctx, row.userId, bytes);
}

/** Declares the bytes of an account complete. Fails while one of its rows is not counted. */
async function completeAccount({ db }: MutationCtx, account: Doc<"accounts">): Promise<void> {
  const { userId } = account;
  const version = await db
    .query("versions")
    .withIndex("by_size", (q) => q.eq("userId", userId).eq("bytes", undefined))
    .first();
  const candidate = await db
    .query("candidates")
    .withIndex("by_size", (q) => q.eq("userId", userId).eq("bytes", undefined))
    .first();
  if (version !== null || candidate !== null) {
    throw new Error("a row of this account has no bytes");
  }
  await db.patch("accounts", account._id, { counted: true });
}

/**
 * Empties the name in an entry about a prompt that was purged, or about a candidate that was rejected or
 * has expired since. Now every removal does that.
 */
async function clearAuditName(ctx: MutationCtx, row: Doc<"audit">): Promise<void> {
  const { userId, promptId } = row;
  const isGone =
    promptId === undefined
      ? row.action === "rejected" || row.at <= candidatesSince()
      : isRemoved(await findPrompt(ctx, { userId, promptId }));
  if (isGone) {
    await ctx.db.patch("audit", row._id, { name: "" });
  }
}

/**
 * Sets `headings` of a prompt's words from its current version. Where a text has characters that words
 * are indexed without, splits its words again: they were indexed in pieces. A row written meanwhile
 * already has `headings`.
 */
async function indexHeadings(ctx: MutationCtx, row: Doc<"words">): Promise<void> {
  if (row.headings !== undefined) {
    return;
  }
  const { userId, promptId } = row;
  const prompt = await findPrompt(ctx, row);
  const version =
    prompt &&
    (await ctx.db
      .query("versions")
      .withIndex("by_version", (q) =>
        q.eq("userId", userId).eq("promptId", promptId).eq("version", prompt.version),
      )
      .unique());
  if (!version) {
    return;
  }
  const { title, description, content, tags } = version.body;
  const headings = headingsOf(prompt.name, title, tags);
  const texts = [title, description, content];
  const text = texts.some(hasFolded)
    ? textOf(prompt.name, tags, texts.flatMap(splitWords).join(" "))
    : row.text;
  await ctx.db.patch("words", row._id, { headings, text });
}

function isRemoved(prompt: Doc<"prompts"> | null): boolean {
  return prompt === null || prompt.deletedAt === REMOVED_AT;
}

async function findPrompt(
  { db }: MutationCtx,
  { userId, promptId }: Pick<Doc<"versions">, "userId" | "promptId">,
) {
  return await db
    .query("prompts")
    .withIndex("by_id_of_user", (q) => q.eq("userId", userId).eq("id", promptId))
    .unique();
}

async function addBytes({ db }: MutationCtx, userId: string, added: number): Promise<void> {
  const account = await db
    .query("accounts")
    .withIndex("by_user", (q) => q.eq("userId", userId))
    .unique();
  if (account !== null) {
    await db.patch("accounts", account._id, { bytes: (account.bytes ?? 0) + added });
  }
}

/** A migration of each row of a table, in order of creation. */
function defineMigration<Table extends TableNames>(
  name: string,
  table: Table,
  migrateRow: (ctx: MutationCtx, row: Doc<Table>) => Promise<void>,
  most = { rows: MIGRATION_ROWS, bytes: BATCH_MAX_BYTES },
): Migration {
  return {
    name,
    migrateBatch: async (ctx, cursor) => {
      // `maximumBytesRead` ends the page early; the cursor then points behind the last row read.
      const options = { numItems: most.rows, maximumBytesRead: most.bytes, cursor };
      const { page, isDone, continueCursor } = await ctx.db.query(table).paginate(options);
      let failed = 0;
      for (const { _id: id } of page) {
        // The inner mutation is rolled back where it fails, and the batch goes on.
        await ctx.runMutation(internal.migrations.migrateRow, { name, id }).catch(() => {
          failed += 1;
          // The cause could quote the row.
          console.error(`migration ${name} failed for the row ${id} of ${table}`);
        });
      }
      return { rows: page.length, failed, cursor: isDone ? null : continueCursor };
    },
    migrateRow: async (ctx, id) => {
      const row = await ctx.db.get(table, id as Id<Table>);
      if (row !== null) {
        await migrateRow(ctx, row);
      }
    },
  };
}

/** Migrates one row; called by the batch that contains it. */
export const migrateRow = internalMutation({
  args: { name: v.string(), id: v.string() },
  returns: v.null(),
  handler: async (ctx, { name, id }) => {
    await MIGRATIONS.find((migration) => migration.name === name)?.migrateRow(ctx, id);
    return null;
  },
});

const progress = v.object({
  name: v.string(),
  rows: v.number(),
  failed: v.number(),
  isDone: v.boolean(),
});

/**
 * Starts or continues the migrations and returns the progress of each; one that is done but failed for
 * some rows starts again. While a batch is scheduled this only reports.
 */
export const run = internalMutation({
  args: {},
  returns: v.array(progress),
  handler: async (ctx) => {
    if (!(await isScheduled(ctx))) {
      await restartFailed(ctx);
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
 * and schedules the next batch. A batch that fails as a whole is rolled back with its cursor and ends
 * the chain.
 */
async function runOneBatch(ctx: MutationCtx): Promise<void> {
  for (const { name, migrateBatch } of MIGRATIONS) {
    const state = (await findState(ctx, name)) ?? (await startMigration(ctx, name));
    if (state.doneAt !== undefined) {
      continue;
    }
    const { rows, failed, cursor } = await migrateBatch(ctx, state.cursor);
    await ctx.db.patch("migrations", state._id, {
      cursor,
      rows: state.rows + rows,
      failed: (state.failed ?? 0) + failed,
      doneAt: cursor === null ? Date.now() : undefined,
      job: await ctx.scheduler.runAfter(0, internal.migrations.runBatch, {}),
    });
    return;
  }
}

/** Takes the migrations that failed for some rows back to their beginning. */
async function restartFailed(ctx: MutationCtx): Promise<void> {
  for (const { name } of MIGRATIONS) {
    const state = await findState(ctx, name);
    if (state?.doneAt !== undefined && (state.failed ?? 0) > 0) {
      const fresh = { cursor: null, rows: 0, failed: 0, doneAt: undefined };
      await ctx.db.patch("migrations", state._id, fresh);
    }
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
      const { rows = 0, failed = 0, doneAt } = state ?? {};
      return { name, rows, failed, isDone: doneAt !== undefined };
    }),
  );
}
