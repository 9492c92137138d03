/** What every write shares: the account's counters, the audit trail, idempotency. */
import type { Doc } from "./_generated/dataModel";
import type { UserMutationCtx, UserQueryCtx } from "./functions";
import { fail } from "./errors";
import type { Outcome, Write } from "./shapes";

export const DAY_MS = 24 * 60 * 60 * 1000;

/** The account row in memory. A write changes its counters, and [`closeAccount`] stores them. */
export type Account = Doc<"accounts">;

/** Returns the user's account and creates it at the first write. Fails if it was erased. */
export async function openAccount(ctx: UserMutationCtx): Promise<Account> {
  const { account, db, userId } = ctx;
  if (account !== null) {
    return account.erasedAt === undefined ? account : fail({ code: "ACCOUNT_ERASED" });
  }
  const counters = { seq: 0, living: 0, deleted: 0, waiting: 0 };
  const _id = await db.insert("accounts", { userId, createdAt: Date.now(), ...counters });
  return (await db.get("accounts", _id)) ?? fail({ code: "NOT_FOUND" });
}

/** Stores the counters of an account. */
export async function closeAccount(ctx: UserMutationCtx, account: Account): Promise<void> {
  const { seq, living, deleted, waiting } = account;
  await ctx.db.patch("accounts", account._id, { seq, living, deleted, waiting });
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

/** Finds the recorded outcome of the write under a key. */
export async function findDone(
  { db, userId }: UserQueryCtx,
  key: string,
): Promise<Doc<"idempotency"> | null> {
  return await db
    .query("idempotency")
    .withIndex("by_key", (q) => q.eq("userId", userId).eq("key", key))
    .unique();
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
  await db.insert("idempotency", { userId, key, path, fingerprint, outcome, at: Date.now() });
  return answer;
}
