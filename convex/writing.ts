/** What every write shares: the account's counters, the audit trail, idempotency. */
import type { Doc } from "./_generated/dataModel";
import { countOverdue, REMOVED_AT } from "./expiry";
import type { UserMutationCtx, UserQueryCtx } from "./functions";
import { fail } from "./errors";
import type { Outcome, Removed, Write } from "./shapes";

/** The account row in memory. A write changes its counters, and [`closeAccount`] stores them. */
export interface Account extends Doc<"accounts"> {
  bytes: number;
}

/** The counters of an account without rows. */
export const NO_ROWS = { living: 0, deleted: 0, waiting: 0, bytes: 0, counted: true };

/**
 * Returns a copy of the user's account and creates the account at the first write. Fails if it was
 * erased.
 */
export async function openAccount(ctx: UserMutationCtx): Promise<Account> {
  const { account, db, userId } = ctx;
  if (account !== null) {
    const { bytes = 0 } = account;
    return account.erasedAt === undefined
      ? { ...account, bytes }
      : fail({ code: "ACCOUNT_ERASED" });
  }
  const row = { userId, createdAt: Date.now(), seq: 0, ...NO_ROWS };
  const _id = await db.insert("accounts", row);
  return { ...row, _id, _creationTime: row.createdAt };
}

/**
 * Stores the counters of an account. Every write that opened it ends with this, so that none adds bytes
 * past the quota (`BYTES_EXCEEDED`).
 */
export async function closeAccount(
  ctx: UserMutationCtx,
  account: Account,
  { byteQuota }: Pick<Write, "byteQuota">,
): Promise<void> {
  const { seq, living, deleted, waiting, bytes } = account;
  const added = bytes - (ctx.account?.bytes ?? 0);
  if (byteQuota !== undefined && account.counted === true && added > 0 && bytes > byteQuota) {
    const overdue = await countOverdue(ctx);
    if (bytes - overdue.bytes > byteQuota) {
      fail({ code: "BYTES_EXCEEDED", limit: byteQuota });
    }
  }
  await ctx.db.patch("accounts", account._id, { seq, living, deleted, waiting, bytes });
}

/** Takes the next number of the user's writes. */
export function nextSeq(account: Account): number {
  account.seq += 1;
  return account.seq;
}

/** Adds the audit entry of a write. */
export async function writeAudit(
  ctx: UserMutationCtx,
  account: Account,
  entry: Pick<Doc<"audit">, "action" | "promptId" | "candidateId" | "name" | "version" | "client">,
): Promise<void> {
  const { db, userId } = ctx;
  await db.insert("audit", { userId, seq: nextSeq(account), at: Date.now(), ...entry });
}

/**
 * Finds the recorded outcome of the write under a key. One about a prompt that was removed for good is
 * gone with it: it is not returned, and the next write under the key replaces it.
 */
export async function findDone(ctx: UserQueryCtx, key: string): Promise<Doc<"idempotency"> | null> {
  const row = await findRecorded(ctx, key);
  return row !== null && !(await isAboutNothing(ctx, row.outcome)) ? row : null;
}

async function findRecorded({ db, userId }: UserQueryCtx, key: string) {
  return await db
    .query("idempotency")
    .withIndex("by_key", (q) => q.eq("userId", userId).eq("key", key))
    .unique();
}

/** Whether an outcome is about a prompt that was removed for good. */
async function isAboutNothing({ db, userId }: UserQueryCtx, outcome: Outcome): Promise<boolean> {
  if (outcome.kind !== "saved") {
    return false;
  }
  const prompt = await db
    .query("prompts")
    .withIndex("by_id_of_user", (q) => q.eq("userId", userId).eq("id", outcome.promptId))
    .unique();
  return prompt === null || prompt.deletedAt === REMOVED_AT;
}

/**
 * Runs `work` and records its outcome in the same transaction. If an outcome is recorded under the key
 * already, `replay` answers from it instead. Another function or fingerprint under the key fails with
 * `IDEMPOTENCY_MISMATCH`.
 */
export async function once<Answer>(
  ctx: UserMutationCtx,
  path: string,
  { key, fingerprint }: Pick<Write, "key" | "fingerprint">,
  work: () => Promise<{ answer: Answer; outcome: Outcome }>,
  replay: (outcome: Outcome, at: number) => Promise<Answer>,
): Promise<Answer> {
  const { db, userId } = ctx;
  const known = await findDone(ctx, key);
  if (known !== null) {
    if (known.path !== path || known.fingerprint !== fingerprint) {
      fail({ code: "IDEMPOTENCY_MISMATCH" });
    }
    return await replay(known.outcome, known.at);
  }
  const { answer, outcome } = await work();
  const stale = await findRecorded(ctx, key);
  if (stale !== null) {
    await db.delete("idempotency", stale._id);
  }
  await db.insert("idempotency", { userId, key, path, fingerprint, outcome, at: Date.now() });
  return answer;
}

/** Runs a write that removes for good once; a repetition returns what the first call returned. */
export async function removeOnce(
  ctx: UserMutationCtx,
  path: string,
  write: Write,
  work: () => Promise<Removed>,
): Promise<Removed> {
  return await once(
    ctx,
    path,
    write,
    async () => {
      const answer = await work();
      return { answer, outcome: { kind: "removed", ...answer } };
    },
    (outcome) => {
      const { count, hasMore } =
        outcome.kind === "removed" ? outcome : fail({ code: "IDEMPOTENCY_MISMATCH" });
      return Promise.resolve({ count, hasMore });
    },
  );
}
