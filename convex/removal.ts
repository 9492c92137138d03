/**
 * Removing a prompt for good: it disappears in the transaction that decides so, and its rows follow in
 * bounded batches.
 */
import type { Doc } from "./_generated/dataModel";
import type { DatabaseWriter } from "./_generated/server";
import { charge, deleteRows, isSpent, takeWithin, type Budget } from "./batches";
import { REMOVED_AT } from "./expiry";

type Prompt = Doc<"prompts">;

/** Maximum audit entries of one candidate that are read. */
const ENTRIES_MAX = 10;

/**
 * Hides a deleted prompt for good, subtracts it from the counters of its account, which the caller
 * stores, and removes what was derived from it and, within the budget, its names in the audit trail. The
 * row of the prompt stays until `removeRows` has removed the last version, so that a batch finds it and no
 * import takes its id.
 */
export async function hidePrompt(
  db: DatabaseWriter,
  account: { deleted: number; bytes?: number },
  prompt: Prompt,
  budget: Budget,
): Promise<void> {
  charge(budget, prompt);
  account.deleted -= 1;
  account.bytes = (account.bytes ?? 0) - (prompt.totalBytes ?? 0);
  await db.patch("prompts", prompt._id, { deletedAt: REMOVED_AT, name: "" });
  await removeDerived(db, prompt, budget);
}

/**
 * Removes what is left of a hidden prompt within the budget, the prompt itself last. Returns whether
 * nothing is left.
 */
export async function removeRows(
  db: DatabaseWriter,
  prompt: Prompt,
  budget: Budget,
): Promise<boolean> {
  const { userId, id } = prompt;
  await removeDerived(db, prompt, budget);
  const versions = db
    .query("versions")
    .withIndex("by_version", (q) => q.eq("userId", userId).eq("promptId", id));
  await deleteRows(db, "versions", await takeWithin(versions, budget));
  if (isSpent(budget)) {
    return false;
  }
  await db.delete("prompts", prompt._id);
  return true;
}

/** Removes what was derived from a prompt, and its names in the audit trail, within the budget. */
async function removeDerived(db: DatabaseWriter, { userId, id }: Prompt, budget: Budget) {
  const listings = db
    .query("listings")
    .withIndex("by_prompt", (q) => q.eq("userId", userId).eq("promptId", id));
  await deleteRows(db, "listings", await takeWithin(listings, budget));
  const words = db
    .query("words")
    .withIndex("by_prompt", (q) => q.eq("userId", userId).eq("promptId", id));
  await deleteRows(db, "words", await takeWithin(words, budget));
  const vectors = db
    .query("vectors")
    .withIndex("by_prompt", (q) => q.eq("userId", userId).eq("promptId", id));
  await deleteRows(db, "vectors", await takeWithin(vectors, budget));
  const named = db
    .query("audit")
    .withIndex("by_prompt", (q) => q.eq("userId", userId).eq("promptId", id).gt("name", ""));
  await clearNames(db, await takeWithin(named, budget));
}

/**
 * Empties the names in the audit entries of one version within the budget: an older name repeats the
 * title of a version that goes.
 */
export async function clearVersion(
  db: DatabaseWriter,
  { userId, promptId, version }: Doc<"versions">,
  budget: Budget,
): Promise<void> {
  const named = db
    .query("audit")
    .withIndex("by_version", (q) =>
      q.eq("userId", userId).eq("promptId", promptId).eq("version", version).gt("name", ""),
    );
  await clearNames(db, await takeWithin(named, budget));
}

/**
 * Removes candidates that were reviewed or have expired, with their names in the audit entries that are
 * about no prompt. The caller changes the counters.
 */
export async function deleteCandidates(
  db: DatabaseWriter,
  candidates: Doc<"candidates">[],
): Promise<void> {
  for (const { userId, id } of candidates) {
    const named = db
      .query("audit")
      .withIndex("by_candidate", (q) =>
        q.eq("userId", userId).eq("candidateId", id).eq("promptId", undefined).gt("name", ""),
      );
    // Each candidate has one such entry, of its harvest or its import.
    await clearNames(db, await named.take(ENTRIES_MAX));
  }
  await deleteRows(db, "candidates", candidates);
}

async function clearNames(db: DatabaseWriter, entries: Doc<"audit">[]): Promise<void> {
  await Promise.all(entries.map(({ _id }) => db.patch("audit", _id, { name: "" })));
}
