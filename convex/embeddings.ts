/** The vectors of prompts: keeping one beside the current version, and comparing it with another. */
import { v, type Infer } from "convex/values";

import type { Doc } from "./_generated/dataModel";
import { shelfOf, type UserMutationCtx, type UserQueryCtx } from "./functions";
import { hasSameTexts, type Body, type Embedding } from "./shapes";

/**
 * What a cosine is computed from: the dot product of a prompt's vector with that of a query, and the sum of
 * its own squares. Both are whole numbers, so the server gets the cosine that `Vector::cosine` gives for the
 * two vectors, to the last bit.
 */
export const product = v.object({ dot: v.number(), squaredLength: v.number() });
export type Product = Infer<typeof product>;

/**
 * Brings the vector of a prompt up to date after a write: keeps the given one for the current version, and
 * otherwise the known one unless a version was appended. A vector that is replaced or outdated is gone.
 */
export async function indexVector(
  ctx: UserMutationCtx,
  prompt: Doc<"prompts">,
  given?: Embedding,
): Promise<void> {
  const { db, userId } = ctx;
  const { id: promptId, version } = prompt;
  const known = await findVector(ctx, promptId);
  const current = given ?? (known?.version === version ? known : null);
  if (prompt.model !== current?.model) {
    await db.patch("prompts", prompt._id, { model: current?.model });
  }
  if (current === null) {
    if (known !== null) {
      await db.delete("vectors", known._id);
    }
    return;
  }
  const { model, vector } = current;
  const shelf = prompt.deletedAt === undefined ? shelfOf(userId, model) : undefined;
  const row = { userId, promptId, version, model, vector, shelf };
  if (known === null) {
    await db.insert("vectors", row);
  } else if (given !== undefined || known.shelf !== shelf) {
    await db.replace("vectors", known._id, row);
  }
}

/** Finds the vector of the current version of a prompt, if it is that of another body as well. */
export async function findKept(
  ctx: UserQueryCtx,
  { id, version }: Doc<"prompts">,
  before: Body,
  after: Body,
): Promise<Embedding | undefined> {
  const known = hasSameTexts(before, after) ? await findVector(ctx, id) : null;
  return known?.version === version ? { model: known.model, vector: known.vector } : undefined;
}

/** Finds the vector of a prompt, of whichever model. */
export async function findVector(
  { db, userId }: UserQueryCtx,
  promptId: string,
): Promise<Doc<"vectors"> | null> {
  return await db
    .query("vectors")
    .withIndex("by_prompt", (q) => q.eq("userId", userId).eq("promptId", promptId))
    .unique();
}

/** Whether a vector is that of a living prompt of the user, made by the model. */
export function isCurrent(
  row: Doc<"vectors"> | null,
  userId: string,
  model: string,
): row is Doc<"vectors"> {
  return row !== null && row.shelf === shelfOf(userId, model);
}

/** Multiplies the vector of a prompt with another one. */
export function multiply({ vector }: Doc<"vectors">, other: number[]): Product {
  let [dot, squaredLength] = [0, 0];
  for (const [index, component] of vector.entries()) {
    dot += component * (other[index] ?? 0);
    squaredLength += component * component;
  }
  return { dot, squaredLength };
}

/** Orders products with one vector by the cosine, the greatest first. */
export function compareCosines(left: Product, right: Product): number {
  return cosine(right) - cosine(left);
}

/** The cosine but for the length of the other vector, which is the same for all. */
function cosine({ dot, squaredLength }: Product): number {
  return squaredLength === 0 ? 0 : dot / Math.sqrt(squaredLength);
}
