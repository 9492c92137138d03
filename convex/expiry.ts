/** When deletions and candidates expire, and what of an account has expired and is not purged yet. */
import { newSkipping, takeWithin } from "./batches";
import type { UserQueryCtx } from "./functions";
import { CANDIDATE_DAYS, RESTORABLE_DAYS } from "./limits";

export const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * The value of `deletedAt` in a prompt that is removed for good and whose rows are not all gone yet. It
 * precedes every deletion that can be restored, so no function finds such a prompt.
 */
export const REMOVED_AT = 1;

/** Prompts deleted at or before this time can no longer be restored. */
export function deletedSince(): number {
  return Date.now() - RESTORABLE_DAYS * DAY_MS;
}

/** Candidates created at or before this time have expired. */
export function candidatesSince(): number {
  return Date.now() - CANDIDATE_DAYS * DAY_MS;
}

/** What the counters of an account hold too much. */
interface Overdue {
  deleted: number;
  candidates: number;
  bytes: number;
}

/**
 * Counts the expired deletions and candidates that the counters of the account contain until they are
 * purged. The purges run every hour, so there are few; more than a budget of them are not counted.
 */
export async function countOverdue({ db, userId }: UserQueryCtx): Promise<Overdue> {
  const budget = newSkipping();
  const deletions = db
    .query("prompts")
    .withIndex("by_user_and_deletion", (q) =>
      q.eq("userId", userId).gt("deletedAt", REMOVED_AT).lte("deletedAt", deletedSince()),
    );
  const prompts = await takeWithin(deletions, budget);
  const expired = db
    .query("candidates")
    .withIndex("by_user_and_age", (q) =>
      q.eq("userId", userId).lte("createdAt", candidatesSince()),
    );
  const candidates = await takeWithin(expired, budget);
  const ofPrompts = prompts.reduce((sum, { totalBytes = 0 }) => sum + totalBytes, 0);
  const ofCandidates = candidates.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
  const bytes = ofPrompts + ofCandidates;
  return { deleted: prompts.length, candidates: candidates.length, bytes };
}
