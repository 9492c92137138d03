/** Which prompts have no vector yet, and keeping those that the server makes later. */
import { v, type Infer } from "convex/values";

import type { Doc } from "./_generated/dataModel";
import { indexVector } from "./embeddings";
import { userMutation, userQuery, type UserQueryCtx } from "./functions";
import { findById, readPage } from "./library";
import { EMBEDDED_CONTENT_MAX_CHARS, KEPT_MAX } from "./limits";
import { checkCount, checkEmbedding, checkForm, checkLimit, embedding } from "./shapes";

/** Maximum prompts without a vector that one call counts. A transaction may scan 32,000 rows. */
const COUNTED_MAX = 10_000;

/** A place in the order of the prompts without a vector of a model: by the model that they have one of. */
const position = v.object({ model: v.string(), seq: v.number() });
type Position = Infer<typeof position>;

/**
 * Lists the living prompts without a current vector of a model, with the texts that are embedded. A page of
 * large prompts is shorter than `limit`.
 */
export const listUnembedded = userQuery({
  args: { model: v.string(), limit: v.number(), after: v.optional(position) },
  returns: v.object({
    items: v.array(
      v.object({
        id: v.string(),
        version: v.number(),
        title: v.string(),
        description: v.string(),
        content: v.string(),
      }),
    ),
    next: v.union(position, v.null()),
  }),
  handler: async (ctx, { model, limit, after }) => {
    checkForm("model", "model", model);
    checkLimit(limit);
    const rows = await findUnembedded(ctx, model, after, limit + 1);
    const entries = rows.map((row) => ({ promptId: row.id, position: positionOf(row) }));
    const { items, next } = await readPage(ctx, entries, limit);
    const texts = items.map(({ id, version, body: { title, description, content } }) => ({
      id,
      version,
      title,
      description,
      content: startOf(content),
    }));
    return { items: texts, next };
  },
});

/**
 * Keeps vectors, each for the version that it was made from, and passes over those whose version is no
 * longer the current one of a living prompt. Returns how many were kept. Idempotent.
 */
export const keep = userMutation({
  args: { vectors: v.array(v.object({ id: v.string(), version: v.number(), embedding })) },
  returns: v.number(),
  handler: async (ctx, { vectors }) => {
    checkCount("vectors", vectors.length, 0, KEPT_MAX);
    vectors.forEach((one) => checkEmbedding(one.embedding));
    let kept = 0;
    for (const { id, version, embedding } of vectors) {
      const row = await findById(ctx, id);
      if (row?.deletedAt === undefined && row?.version === version) {
        await indexVector(ctx, row, embedding);
        kept += 1;
      }
    }
    return kept;
  },
});

/**
 * Counts the living prompts, and those without a current vector of a model after `after`. Call it again
 * with `next` until that is null, and add.
 */
export const count = userQuery({
  args: { model: v.string(), after: v.optional(position) },
  returns: v.object({ all: v.number(), missing: v.number(), next: v.union(position, v.null()) }),
  handler: async (ctx, { model, after }) => {
    checkForm("model", "model", model);
    const rows = await findUnembedded(ctx, model, after, COUNTED_MAX);
    const last = rows.at(COUNTED_MAX - 1);
    return {
      all: ctx.account?.erasedAt === undefined ? (ctx.account?.living ?? 0) : 0,
      missing: rows.length,
      next: last === undefined ? null : positionOf(last),
    };
  },
});

/**
 * Finds living prompts whose vector another model made or that have none, from two ranges of an index: the
 * prompts of the model itself lie between them and are not read.
 */
async function findUnembedded(
  { db, userId }: UserQueryCtx,
  model: string,
  after: Position | undefined,
  most: number,
): Promise<Doc<"prompts">[]> {
  const ofModel = (of: string | undefined, seq: number) =>
    db
      .query("prompts")
      .withIndex("by_model", (q) =>
        q.eq("userId", userId).eq("deletedAt", undefined).eq("model", of).gt("seq", seq),
      );
  const between = (from: string | undefined, to: string) =>
    db
      .query("prompts")
      .withIndex("by_model", (q) =>
        q.eq("userId", userId).eq("deletedAt", undefined).gt("model", from).lt("model", to),
      );
  const { model: last = "", seq = 0 } = after ?? {};
  const from = last === "" ? undefined : last;
  const ranges = [ofModel(from, seq)];
  if (last < model) {
    ranges.push(between(from, model));
  }
  ranges.push(between(last < model ? model : last, AFTER_MODELS));
  const found: Doc<"prompts">[] = [];
  for (const range of ranges) {
    found.push(...(await range.take(most - found.length)));
  }
  return found;
}

/** The character after the last one of a model's id. */
const AFTER_MODELS = "g";

/** A prompt without any vector has the empty model, which comes first as an absent one does. */
function positionOf({ model = "", seq }: Doc<"prompts">): Position {
  return { model, seq };
}

/** The characters of a content that are embedded. A character takes up to two units. */
function startOf(content: string): string {
  const units = content.slice(0, 2 * EMBEDDED_CONTENT_MAX_CHARS);
  return Array.from(units).slice(0, EMBEDDED_CONTENT_MAX_CHARS).join("");
}
