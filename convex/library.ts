/** Finding prompts of a user, reading pages of them, and finishing a write to one. */
import type { Doc } from "./_generated/dataModel";
import { newPage, SEARCH_MAX_BYTES, takeRoom, type Room } from "./batches";
import { fail } from "./errors";
import { indexVector } from "./embeddings";
import { deletedSince } from "./expiry";
import type { UserMutationCtx, UserQueryCtx } from "./functions";
import { BODY_MAX_BYTES } from "./limits";
import { updateListings, type Entry } from "./listings";
import {
  bodyBytes,
  bodySize,
  type AuditAction,
  type Embedding,
  type Outcome,
  type Prompt,
  type Saved,
  type Version,
  type Write,
} from "./shapes";
import { indexWords } from "./words";
import { closeAccount, findDone, nextSeq, once, writeAudit, type Account } from "./writing";

/** Size of the largest body that the limits of its parts allow. */
const OLD_BODY_MAX_BYTES = 7 * BODY_MAX_BYTES;

export type PromptRow = Doc<"prompts">;

/** Finds the prompt with this id, even one that can no longer be restored. */
export async function findRow(ctx: UserQueryCtx, id: string): Promise<PromptRow | null> {
  const { db, userId } = ctx;
  return await db
    .query("prompts")
    .withIndex("by_id_of_user", (q) => q.eq("userId", userId).eq("id", id))
    .unique();
}

/** Finds the living or restorable prompt with this id. */
export async function findById(ctx: UserQueryCtx, id: string): Promise<PromptRow | null> {
  const row = await findRow(ctx, id);
  return row !== null && (row.deletedAt ?? Infinity) > deletedSince() ? row : null;
}

/** Returns the living prompt with this id, or fails with `NOT_FOUND`. */
export async function requireLiving(ctx: UserQueryCtx, id: string): Promise<PromptRow> {
  const row = await findById(ctx, id);
  return row?.deletedAt === undefined && row !== null ? row : fail({ code: "NOT_FOUND" });
}

/** Finds the living prompt with this name. */
export async function findLivingByName(ctx: UserQueryCtx, name: string): Promise<PromptRow | null> {
  const { db, userId } = ctx;
  return await db
    .query("prompts")
    .withIndex("by_name", (q) => q.eq("userId", userId).eq("name", name).eq("deletedAt", undefined))
    .unique();
}

/** Finds the restorable prompt with this name; of several, the one deleted last. */
export async function findDeletedByName(
  ctx: UserQueryCtx,
  name: string,
): Promise<PromptRow | null> {
  const { db, userId } = ctx;
  return await db
    .query("prompts")
    .withIndex("by_name", (q) =>
      q.eq("userId", userId).eq("name", name).gt("deletedAt", deletedSince()),
    )
    .order("desc")
    .first();
}

export async function findVersion(
  ctx: UserQueryCtx,
  promptId: string,
  version: number,
): Promise<Doc<"versions"> | null> {
  const { db, userId } = ctx;
  return await db
    .query("versions")
    .withIndex("by_version", (q) =>
      q.eq("userId", userId).eq("promptId", promptId).eq("version", version),
    )
    .unique();
}

/** Returns a version that must exist: the current one of a prompt, or one that a write recorded. */
async function requireVersion(
  ctx: UserQueryCtx,
  promptId: string,
  version: number,
): Promise<Doc<"versions">> {
  return (await findVersion(ctx, promptId, version)) ?? fail({ code: "NOT_FOUND" });
}

/**
 * Reads the prompts with these ids in order, as many as `room` holds. Unknown ids, and prompts without
 * their current version, are skipped. `read` is the number of ids that were read.
 */
export async function readPrompts(
  ctx: UserQueryCtx,
  ids: string[],
  room: Room,
): Promise<{ prompts: Prompt[]; read: number }> {
  const rows = await Promise.all(ids.map((id) => findById(ctx, id)));
  const fitting = takeFitting(rows, room);
  const found = await Promise.all(fitting.map(async (row) => row && (await tryRead(ctx, row))));
  const prompts: Prompt[] = [];
  for (const [index, prompt] of found.entries()) {
    // JSON can be larger than the stored size, by which the rows were taken.
    if (prompt !== null && !takeRoom(room, prompt)) {
      return { prompts, read: index };
    }
    prompts.push(...(prompt === null ? [] : [prompt]));
  }
  return { prompts, read: found.length };
}

/**
 * Takes the first prompts whose bodies fit into an answer, and at least one: a hundred bodies can
 * exceed what a transaction may read, and `bytes` is known before they are read.
 */
function takeFitting(rows: (PromptRow | null)[], room: Room): (PromptRow | null)[] {
  let bytes = 0;
  const end = rows.findIndex((row, index) => {
    // A row without `bytes` is from before their migration, when bodies had up to 890 KB. A hundred
    // small ones are worth a slower listing until it has run.
    bytes += row === null ? 0 : (row.bytes ?? OLD_BODY_MAX_BYTES);
    return index > 0 && bytes > room.bytes;
  });
  return end === -1 ? rows : rows.slice(0, end);
}

/**
 * Reads a page from its entries. `entries` holds one more than `limit` if more follow. A page of large
 * prompts is shorter than `limit`.
 */
export async function readPage<Position>(
  ctx: UserQueryCtx,
  entries: Entry<Position>[],
  limit: number,
): Promise<{ items: Prompt[]; next: Position | null }> {
  const ids = entries.slice(0, limit).map(({ promptId }) => promptId);
  const { prompts, read } = await readPrompts(ctx, ids, newPage(limit));
  const last = entries.length > read ? entries[read - 1] : undefined;
  return { items: prompts, next: last?.position ?? null };
}

/** Reads the prompts that a search found, as many as its answer may hold. */
export async function readFound(ctx: UserQueryCtx, ids: string[]): Promise<Prompt[]> {
  const room = { ...newPage(ids.length), bytes: SEARCH_MAX_BYTES };
  return (await readPrompts(ctx, ids, room)).prompts;
}

/** Reads a prompt; `null` where its current version is missing, so that it hides no other prompt. */
async function tryRead(ctx: UserQueryCtx, row: PromptRow): Promise<Prompt | null> {
  const version = await findVersion(ctx, row.id, row.version);
  return version && toPrompt(row, version);
}

export async function readPrompt(ctx: UserQueryCtx, row: PromptRow): Promise<Prompt> {
  return toPrompt(row, await requireVersion(ctx, row.id, row.version));
}

/** Combines the unversioned fields of a prompt with one of its versions. */
function toPrompt(row: PromptRow, version: Doc<"versions">): Prompt {
  return {
    id: row.id,
    name: row.name,
    body: version.body,
    version: version.version,
    source: version.source,
    favorite: row.favorite,
    createdAt: row.createdAt,
    updatedAt: version.createdAt,
    deletedAt: row.deletedAt ?? null,
    useCount: row.useCount,
    lastUsedAt: row.lastUsedAt ?? null,
  };
}

export function toVersion({ version, body, source, createdAt }: Doc<"versions">): Version {
  return { version, body, source, createdAt };
}

/** Runs a write to a prompt once; a repetition returns the version that the write made. */
export async function saveOnce(
  ctx: UserMutationCtx,
  path: string,
  write: Write,
  work: () => Promise<Saved>,
): Promise<Saved> {
  return await once(
    ctx,
    path,
    write,
    async () => {
      const answer = await work();
      const { id: promptId, version } = answer.prompt;
      return { answer, outcome: { kind: "saved", promptId, version, changed: answer.changed } };
    },
    (outcome) => replaySaved(ctx, outcome),
  );
}

/** Returns the outcome of the write to a prompt that was recorded under a key, if any. */
export async function recallSaved(
  ctx: UserQueryCtx,
  { key, fingerprint }: Pick<Write, "key" | "fingerprint">,
): Promise<Saved | null> {
  const done = await findDone(ctx, key);
  if (done === null) {
    return null;
  }
  if (done.fingerprint !== fingerprint) {
    fail({ code: "IDEMPOTENCY_MISMATCH" });
  }
  return await replaySaved(ctx, done.outcome);
}

async function replaySaved(ctx: UserQueryCtx, outcome: Outcome): Promise<Saved> {
  if (outcome.kind !== "saved") {
    return fail({ code: "IDEMPOTENCY_MISMATCH" });
  }
  const row = (await findById(ctx, outcome.promptId)) ?? fail({ code: "NOT_FOUND" });
  const version = await requireVersion(ctx, row.id, outcome.version);
  return { prompt: toPrompt(row, version), changed: outcome.changed };
}

/** Refuses the name of a living prompt. */
export async function checkNameIsFree(ctx: UserQueryCtx, name: string): Promise<void> {
  const holder = await findLivingByName(ctx, name);
  if (holder !== null) {
    fail({ code: "NAME_TAKEN", name, currentVersion: holder.version });
  }
}

/** Refuses another living prompt when the quota is used up. */
export function checkQuota(account: Account, quota: number | undefined): void {
  if (quota !== undefined && account.living >= quota) {
    fail({ code: "QUOTA_EXCEEDED", limit: quota });
  }
}

/** Refuses a write that expects another version than the current one. */
export function checkVersion(row: PromptRow, expected: number | undefined): void {
  if (expected !== undefined && expected !== row.version) {
    fail({ code: "VERSION_CONFLICT", currentVersion: row.version });
  }
}

/** Appends a version. Returns the fields of the prompt that the caller stores with it. */
export async function appendVersion(
  ctx: UserMutationCtx,
  account: Account,
  { id: promptId, totalBytes = 0 }: { id: string; totalBytes?: number },
  version: Version,
): Promise<{ version: number; change: number; bytes: number; totalBytes: number }> {
  const change = nextSeq(account);
  const bytes = bodyBytes(version.body);
  await ctx.db.insert("versions", { userId: ctx.userId, promptId, change, bytes, ...version });
  account.bytes += bytes;
  return {
    version: version.version,
    change,
    bytes: bodySize(version.body),
    totalBytes: totalBytes + bytes,
  };
}

/**
 * Finishes a write that changed a prompt: updates its listings, its words and its vector, adds the audit
 * entry and stores the account. A write that appended a version gives its words, and its vector if that is
 * known.
 */
export async function finishWrite(
  ctx: UserMutationCtx,
  account: Account,
  id: string,
  action: AuditAction,
  write: Write,
  { words, embedding }: { words?: string; embedding?: Embedding } = {},
): Promise<Saved> {
  const row = (await findById(ctx, id)) ?? fail({ code: "NOT_FOUND" });
  const prompt = await readPrompt(ctx, row);
  await updateListings(ctx, row, prompt.body.tags);
  await indexWords(ctx, row, prompt.body, words);
  await indexVector(ctx, row, embedding);
  await writeAudit(ctx, account, {
    action,
    promptId: id,
    candidateId: write.accepts,
    name: row.name,
    version: row.version,
    client: write.client,
  });
  await closeAccount(ctx, account, write);
  return { prompt, changed: true };
}
