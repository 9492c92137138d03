/**
 * Searching by meaning. Each search is an action, because only an action searches vectors, and one query,
 * which reads what was found: an id may be of a row that has changed since.
 *
 * Convex orders vectors approximately, so an action finds some more than it needs, and the query selects the
 * nearest by their exact products, as `store/sqlite/` does.
 */
import { v, type Infer } from "convex/values";

import { internal } from "./_generated/api";
import type { Doc, Id } from "./_generated/dataModel";
import type { ActionCtx } from "./_generated/server";
import { compareCosines, findVector, isCurrent, multiply, product } from "./embeddings";
import { userAction, userInternalQuery, type UserActionCtx, type UserQueryCtx } from "./functions";
import { readFound } from "./library";
import { MATCHES_MAX } from "./limits";
import * as listings from "./listings";
import { findByQuery, searchFields } from "./matching";
import { checkEmbedding, embedding, prompt, type Embedding } from "./shapes";
import { alikeFields, checkMost, filter, findByWords, type Filter } from "./words";

/** Rows that a search finds beyond those that it needs, because Convex's order approximates. */
const SPARE = 14;
/** Maximum rows of a search of vectors. Convex refuses a search for more. */
const SEARCHED_MAX = 256;
/**
 * Maximum prompts of a filter whose vectors are compared one by one: 2.4 MiB. No search of vectors can be
 * filtered by tag, so where more prompts pass the filter, those among the `SEARCHED_MAX` nearest of the
 * library are found.
 */
export const COMPARED_MAX = 500;

/** A prompt with the product of its vector, where it has a current one of the model. */
const found = v.object({ prompt, product: v.union(product, v.null()) });
type Found = Infer<typeof found>;

const matches = v.object({
  matches: v.array(found),
  rows: v.number(),
  withWord: v.array(v.number()),
});
type Matches = Infer<typeof matches>;

/** A meaning, and the filter that narrows its search. */
type Meaning = Filter & { embedding: Embedding };

const nearest = v.array(v.id("vectors"));

/**
 * As `prompts:match`, and in addition the `MATCHES_MAX` prompts that are nearest to a meaning. Where all of
 * them exceed what an answer may hold, it holds the first of both kinds.
 */
export const match = userAction({
  args: { ...searchFields, embedding },
  returns: matches,
  handler: async (ctx, search): Promise<Matches> => {
    const { userId } = ctx;
    const nearest = await findNearest(ctx, search, MATCHES_MAX);
    return await ctx.runQuery(internal.meaning.readMatch, { userId, ...search, nearest });
  },
});

/** As `prompts:alike`, and in addition at most `most` prompts that are nearest to a meaning. */
export const alike = userAction({
  args: { ...alikeFields, embedding },
  returns: v.array(found),
  handler: async (ctx, search): Promise<Found[]> => {
    const { userId } = ctx;
    checkMost(search.most);
    const nearest = await findNearest(ctx, search, search.most);
    return await ctx.runQuery(internal.meaning.readAlike, { userId, ...search, nearest });
  },
});

/** Finds the rows of `vectors` among which are the `most` nearest to a meaning. */
async function findNearest(
  ctx: UserActionCtx & Pick<ActionCtx, "runQuery">,
  { embedding, tag, favorite }: Meaning,
  most: number,
): Promise<Id<"vectors">[]> {
  checkEmbedding(embedding);
  if (tag === undefined && favorite === undefined) {
    return await ctx.findNearest(embedding, Math.min(most + SPARE, SEARCHED_MAX));
  }
  const { userId } = ctx;
  const filtered = { userId, tag, favorite, embedding, most };
  const compared: Id<"vectors">[] | null = await ctx.runQuery(internal.meaning.compare, filtered);
  return compared ?? (await ctx.findNearest(embedding, SEARCHED_MAX));
}

/** Returns the nearest of the prompts that pass a filter; `null` if more pass than are compared. */
export const compare = userInternalQuery({
  args: { ...filter, embedding, most: v.number() },
  returns: v.union(nearest, v.null()),
  handler: async (ctx, { tag, favorite, embedding, most }) => {
    const passing = await listings.byName(ctx, { tag, favorite }, {}, COMPARED_MAX + 1);
    if (passing.length > COMPARED_MAX) {
      return null;
    }
    const rows = await Promise.all(passing.map(({ promptId }) => findVector(ctx, promptId)));
    return selectNearest(ctx, rows, embedding, most).map(({ _id }) => _id);
  },
});

/** Reads what `match` found, with what it finds by name and words. */
export const readMatch = userInternalQuery({
  args: { ...searchFields, embedding, nearest },
  returns: matches,
  handler: async (ctx, { embedding, nearest, ...search }) => {
    const { ids, rows, withWord } = await findByQuery(ctx, search);
    const near = await readNearest(ctx, { ...search, embedding }, nearest, MATCHES_MAX);
    return { matches: await join(ctx, ids, near, embedding), rows, withWord };
  },
});

/** Reads what `alike` found, with what it finds by words. */
export const readAlike = userInternalQuery({
  args: { ...alikeFields, embedding, nearest },
  returns: v.array(found),
  handler: async (ctx, { embedding, nearest, words, most, ...filter }) => {
    const ids = await findByWords(ctx, words, filter, most);
    const near = await readNearest(ctx, { ...filter, embedding }, nearest, most);
    return await join(ctx, ids, near, embedding);
  },
});

/**
 * Reads the rows that an action found, and selects the nearest again: a row may be gone, be shelved with a
 * deleted prompt, or have another vector since.
 */
async function readNearest(
  ctx: UserQueryCtx,
  { embedding, tag, favorite }: Meaning,
  ids: Id<"vectors">[],
  most: number,
): Promise<Doc<"vectors">[]> {
  const rows = await Promise.all(ids.map((id) => ctx.db.get("vectors", id)));
  if (tag === undefined && favorite === undefined) {
    return selectNearest(ctx, rows, embedding, most);
  }
  const passing = await Promise.all(
    rows.map(async (row) =>
      row !== null && (await listings.passes(ctx, row.promptId, { tag, favorite })) ? row : null,
    ),
  );
  return selectNearest(ctx, passing, embedding, most);
}

/** Selects the current vectors of the model that are nearest to a meaning, the nearest first. */
function selectNearest(
  { userId }: UserQueryCtx,
  rows: (Doc<"vectors"> | null)[],
  { model, vector }: Embedding,
  most: number,
): Doc<"vectors">[] {
  return rows
    .filter((row) => isCurrent(row, userId, model))
    .map((row) => ({ row, product: multiply(row, vector) }))
    .sort((left, right) => compareCosines(left.product, right.product))
    .slice(0, most)
    .map(({ row }) => row);
}

/**
 * Reads the prompts that were found by words and by meaning, each once. The two kinds alternate, so that
 * neither takes the whole room of an answer.
 */
async function join(
  ctx: UserQueryCtx,
  byWords: string[],
  near: Doc<"vectors">[],
  { model, vector }: Embedding,
): Promise<Found[]> {
  const known = new Map(near.map((row) => [row.promptId, row]));
  const byMeaning = [...known.keys()];
  const longer = byWords.length > byMeaning.length ? byWords : byMeaning;
  const ids = longer.flatMap((_, at) => [byWords[at], byMeaning[at]]);
  const distinct = [...new Set(ids.filter((id) => id !== undefined))];
  const prompts = await readFound(ctx, distinct);
  return await Promise.all(
    prompts.map(async (prompt) => {
      const row = known.get(prompt.id) ?? (await findVector(ctx, prompt.id));
      const product = isCurrent(row, ctx.userId, model) ? multiply(row, vector) : null;
      return { prompt, product };
    }),
  );
}
