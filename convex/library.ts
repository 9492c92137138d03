/** Finding prompts of a user, and concluding a write to one. */
import type { Doc } from "./_generated/dataModel";
import { fail } from "./errors";
import type { UserMutationCtx, UserQueryCtx } from "./functions";
import { place } from "./listings";
import type { Body, Outcome, Prompt, Saved, Version, Write } from "./shapes";
import { indexWords } from "./words";
import { closeAccount, DAY_MS, findDone, nextSeq, once, writeAudit, type Account } from "./writing";

/** How long a deleted prompt can be restored. */
const RESTORABLE_DAYS = 30;

export type PromptRow = Doc<"prompts">;

/** Deletions before or at this moment can no longer be restored. */
export function deletedSince(): number {
  return Date.now() - RESTORABLE_DAYS * DAY_MS;
}

/** The prompt with this id, also one that waits for its purge. */
export async function findRow(ctx: UserQueryCtx, id: string): Promise<PromptRow | null> {
  const { db, userId } = ctx;
  return await db
    .query("prompts")
    .withIndex("by_id_of_user", (q) => q.eq("userId", userId).eq("id", id))
    .unique();
}

/** The prompt with this id if it lives or can be restored. */
export async function findById(ctx: UserQueryCtx, id: string): Promise<PromptRow | null> {
  const row = await findRow(ctx, id);
  return row !== null && (row.deletedAt ?? Infinity) > deletedSince() ? row : null;
}

/** The living prompt with this id; a write fails without it. */
export async function needLiving(ctx: UserQueryCtx, id: string): Promise<PromptRow> {
  const row = await findById(ctx, id);
  return row?.deletedAt === undefined && row !== null ? row : fail({ code: "NOT_FOUND" });
}

/** The living prompt with this name. */
export async function findLivingByName(ctx: UserQueryCtx, name: string): Promise<PromptRow | null> {
  const { db, userId } = ctx;
  return await db
    .query("prompts")
    .withIndex("by_name", (q) => q.eq("userId", userId).eq("name", name).eq("deletedAt", undefined))
    .unique();
}

/** Of the prompts with this name that can be restored, the one that was deleted last. */
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

/** The version that every prompt has: its current one, or one that was recorded of a write. */
export async function needVersion(
  ctx: UserQueryCtx,
  promptId: string,
  version: number,
): Promise<Doc<"versions">> {
  return (await findVersion(ctx, promptId, version)) ?? fail({ code: "NOT_FOUND" });
}

/** Reads the prompts with these ids; those that are gone are passed over. */
export async function readPrompts(ctx: UserQueryCtx, ids: string[]): Promise<Prompt[]> {
  const read = async (id: string) => {
    const row = await findById(ctx, id);
    return row === null ? [] : [await readPrompt(ctx, row)];
  };
  return (await Promise.all(ids.map(read))).flat();
}

export async function readPrompt(ctx: UserQueryCtx, row: PromptRow): Promise<Prompt> {
  return toPrompt(row, await needVersion(ctx, row.id, row.version));
}

/** A prompt as it read at a version. */
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

/** Does a write to a prompt once; a repetition answers with the version that the write made. */
export async function saveOnce(
  ctx: UserMutationCtx,
  path: string,
  write: Write,
  work: () => Promise<Saved>,
): Promise<Saved> {
  const record = async () => {
    const answer = await work();
    const { id: promptId, version } = answer.prompt;
    const outcome: Outcome = { kind: "saved", promptId, version, changed: answer.changed };
    return { answer, outcome };
  };
  return await once(ctx, path, write, record, (outcome) => replaySaved(ctx, outcome));
}

/** The outcome of the write to a prompt that was done under a key, if one was. */
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
  const version = await needVersion(ctx, row.id, outcome.version);
  return { prompt: toPrompt(row, version), changed: outcome.changed };
}

/** Refuses a name that another living prompt has. */
export async function checkNameIsFree(ctx: UserQueryCtx, name: string): Promise<void> {
  const holder = await findLivingByName(ctx, name);
  if (holder !== null) {
    fail({ code: "NAME_TAKEN", name, currentVersion: holder.version });
  }
}

/** Refuses one more living prompt than the quota. */
export function checkQuota(account: Account, quota: number | undefined): void {
  if (quota !== undefined && account.living >= quota) {
    fail({ code: "QUOTA_EXCEEDED", limit: quota });
  }
}

/** Refuses another version than the caller has seen. */
export function checkVersion(row: PromptRow, expected: number | undefined): void {
  if (expected !== undefined && expected !== row.version) {
    fail({ code: "VERSION_CONFLICT", currentVersion: row.version });
  }
}

/** Appends a version and returns the number of this save; the prompt's row is yet to be told. */
export async function appendVersion(
  ctx: UserMutationCtx,
  account: Account,
  promptId: string,
  version: Version,
): Promise<number> {
  const change = nextSeq(account);
  await ctx.db.insert("versions", { userId: ctx.userId, promptId, change, ...version });
  return change;
}

/**
 * Concludes a write that changed a prompt: its places, its words (new ones, if given), the audit
 * entry and the account.
 */
export async function conclude(
  ctx: UserMutationCtx,
  account: Account,
  id: string,
  action: string,
  write: Write,
  words?: string,
): Promise<Saved> {
  const row = (await findById(ctx, id)) ?? fail({ code: "NOT_FOUND" });
  const prompt = await readPrompt(ctx, row);
  const body: Body = prompt.body;
  await place(ctx, row, body.tags);
  await indexWords(ctx, row, body, words);
  await writeAudit(ctx, account, {
    action,
    promptId: id,
    candidateId: write.accepts,
    name: row.name,
    version: row.version,
    client: write.client,
  });
  await closeAccount(ctx, account);
  return { prompt, changed: true };
}
