/** The review queue. */
import { v } from "convex/values";

import type { Doc } from "./_generated/dataModel";
import { charge, isSpent, newBatch, newPage, newSkipping, takeRoom, takeWithin } from "./batches";
import { fail } from "./errors";
import { candidatesSince } from "./expiry";
import { userMutation, userQuery, type UserMutationCtx, type UserQueryCtx } from "./functions";
import { QUEUE_MAX, TEXT_MAX_BYTES } from "./limits";
import { deleteCandidates } from "./removal";
import {
  body,
  bodyBytes,
  candidate,
  checkBody,
  checkCount,
  checkFindings,
  checkForm,
  checkLength,
  checkLimit,
  checkWrite,
  findings,
  write,
  type Candidate,
  type Write,
} from "./shapes";
import { closeAccount, nextSeq, once, openAccount, writeAudit, type Account } from "./writing";

/** Adds candidates to the queue, all or none. */
export const add = userMutation({
  args: {
    candidates: v.array(
      v.object({
        id: v.string(),
        name: v.string(),
        body,
        why: v.string(),
        findings: v.optional(findings),
      }),
    ),
    write,
  },
  returns: v.array(candidate),
  handler: async (ctx, { candidates, write }) => {
    checkWrite(write);
    checkCount("candidates", candidates.length, 0, QUEUE_MAX);
    for (const { id, name, body, why, findings: found } of candidates) {
      checkForm("candidateId", "candidates.id", id);
      checkForm("name", "candidates.name", name);
      checkBody(body);
      checkLength("candidates.why", why, 0, TEXT_MAX_BYTES);
      checkFindings(found);
    }
    return await once(
      ctx,
      "candidates:add",
      write,
      async () => {
        const added = await insertAll(ctx, candidates, write);
        const ids = added.map(({ id }) => id);
        return { answer: added, outcome: { kind: "harvested", ids } };
      },
      // A repetition returns the recorded ids and time, even of candidates that were reviewed since.
      (outcome, createdAt) => {
        const ids = outcome.kind === "harvested" ? outcome.ids : [];
        const source = write.client;
        const added = candidates.map((one, index) => ({ ...one, id: ids[index] ?? one.id }));
        return Promise.resolve(added.map((one) => ({ ...one, source, createdAt })));
      },
    );
  },
});

/** Inserts candidates with their audit entries, all or none. */
async function insertAll(
  ctx: UserMutationCtx,
  candidates: Omit<Candidate, "source" | "createdAt">[],
  write: Write,
): Promise<Candidate[]> {
  const { client: source } = write;
  const account = await openAccount(ctx);
  await makeRoom(ctx, account, candidates.length);
  const createdAt = Date.now();
  for (const one of candidates) {
    const { id: candidateId, name } = one;
    if ((await findRow(ctx, candidateId)) !== null) {
      fail({ code: "INVALID_ARGUMENT", field: "candidates.id", message: "must be fresh" });
    }
    await insertCandidate(ctx, account, { source, createdAt, ...one });
    await writeAudit(ctx, account, { action: "harvested", candidateId, name, client: source });
  }
  await closeAccount(ctx, account, write);
  return candidates.map((one) => ({ ...one, source, createdAt }));
}

/** Inserts a candidate and counts it. The caller closes the account. */
export async function insertCandidate(
  ctx: UserMutationCtx,
  account: Account,
  candidate: Candidate,
): Promise<void> {
  const bytes = bodyBytes(candidate.body);
  const row = { userId: ctx.userId, seq: nextSeq(account), bytes, ...candidate };
  await ctx.db.insert("candidates", row);
  account.waiting += 1;
  account.bytes += bytes;
}

/**
 * Makes room in the queue for `count` more candidates, or fails with `QUEUE_FULL`. The account counts
 * expired candidates until they are purged, so as many of them as exceed the limit are removed here, if
 * a batch holds that many.
 */
export async function makeRoom(
  ctx: UserMutationCtx,
  account: Account,
  count: number,
): Promise<void> {
  const excess = account.waiting + count - QUEUE_MAX;
  if (excess <= 0) {
    return;
  }
  const { db, userId } = ctx;
  const query = db
    .query("candidates")
    .withIndex("by_user_and_age", (q) =>
      q.eq("userId", userId).lte("createdAt", candidatesSince()),
    );
  const expired = await takeWithin(query, { ...newBatch(), rows: excess });
  if (expired.length < excess) {
    fail({ code: "QUEUE_FULL", limit: QUEUE_MAX });
  }
  await deleteCandidates(db, expired);
  expired.forEach((row) => subtract(account, row));
}

const position = v.object({ seq: v.number() });

/**
 * Lists the candidates that have not expired, newest first. A page is shorter than `limit`, and may be
 * empty, where large or expired candidates lie in its range.
 */
export const list = userQuery({
  args: { limit: v.number(), after: v.optional(position) },
  returns: v.object({ items: v.array(candidate), next: v.union(position, v.null()) }),
  handler: async (ctx, { limit, after }) => {
    checkLimit(limit);
    const rows = ctx.db
      .query("candidates")
      .withIndex("by_seq", (q) => q.eq("userId", ctx.userId).lt("seq", after?.seq ?? Infinity))
      .order("desc");
    // Imports set their own times, so expired candidates may lie between the others.
    const expired = newSkipping();
    const room = newPage(limit);
    const items: Candidate[] = [];
    let last = Infinity;
    for await (const row of rows) {
      if (row.createdAt <= candidatesSince()) {
        charge(expired, row);
      } else if (takeRoom(room, toCandidate(row))) {
        items.push(toCandidate(row));
      } else {
        return { items, next: { seq: last } };
      }
      last = row.seq;
      if (isSpent(expired)) {
        return { items, next: { seq: last } };
      }
    }
    return { items, next: null };
  },
});

/** Returns a candidate that has not expired. */
export const get = userQuery({
  args: { id: v.string() },
  returns: v.union(candidate, v.null()),
  handler: async (ctx, { id }) => {
    const row = await findWaiting(ctx, id);
    return row && toCandidate(row);
  },
});

/** Removes a candidate that has not expired. */
export const reject = userMutation({
  args: { id: v.string(), write },
  returns: v.null(),
  handler: async (ctx, { id, write }) => {
    checkWrite(write);
    return await once(
      ctx,
      "candidates:reject",
      write,
      async () => {
        const account = await openAccount(ctx);
        await take(ctx, account, id);
        const entry = { candidateId: id, name: "", client: write.client };
        await writeAudit(ctx, account, { action: "rejected", ...entry });
        await closeAccount(ctx, account, write);
        return { answer: null, outcome: { kind: "done" } };
      },
      () => Promise.resolve(null),
    );
  },
});

/** Removes the candidate that a write accepts, if any. The caller closes the account. */
export async function takeAccepted(
  ctx: UserMutationCtx,
  account: Account,
  { accepts }: Write,
): Promise<void> {
  if (accepts !== undefined) {
    await take(ctx, account, accepts);
  }
}

/** Removes a candidate, or fails with `NOT_FOUND`. The caller closes the account. */
async function take(ctx: UserMutationCtx, account: Account, id: string): Promise<void> {
  const row = (await findWaiting(ctx, id)) ?? fail({ code: "NOT_FOUND" });
  await deleteCandidates(ctx.db, [row]);
  subtract(account, row);
}

/** Takes a removed candidate off the counters. */
function subtract(account: Account, { bytes = 0 }: Doc<"candidates">): void {
  account.waiting -= 1;
  account.bytes -= bytes;
}

async function findWaiting(ctx: UserQueryCtx, id: string): Promise<Doc<"candidates"> | null> {
  const row = await findRow(ctx, id);
  return row !== null && row.createdAt > candidatesSince() ? row : null;
}

async function findRow(ctx: UserQueryCtx, id: string): Promise<Doc<"candidates"> | null> {
  const { db, userId } = ctx;
  return await db
    .query("candidates")
    .withIndex("by_id_of_user", (q) => q.eq("userId", userId).eq("id", id))
    .unique();
}

function toCandidate(row: Doc<"candidates">): Candidate {
  const { id, name, body, why, findings, source, createdAt } = row;
  const known = { id, name, body, why, source, createdAt };
  return findings === undefined ? known : { ...known, findings };
}
