/** Prompts: writing, reading, listing and searching them. */
import { v } from "convex/values";

import { takeAccepted } from "./candidates";
import { findKept } from "./embeddings";
import { fail } from "./errors";
import { deletedSince } from "./expiry";
import { userMutation, userQuery } from "./functions";
import {
  appendVersion,
  checkNameIsFree,
  checkQuota,
  checkVersion,
  findById,
  findDeletedByName,
  findLivingByName,
  findRow,
  finishWrite,
  readFound,
  readPage,
  readPrompt,
  recallSaved,
  requireLiving,
  saveOnce,
} from "./library";
import { USES_MAX } from "./limits";
import * as listings from "./listings";
import { findByQuery, searchFields } from "./matching";
import {
  body,
  checkBody,
  checkCount,
  checkEmbedding,
  checkForm,
  checkLimit,
  checkTexts,
  checkWords,
  checkWrite,
  embedding,
  isSameBody,
  prompt,
  saved,
  write,
} from "./shapes";
import { alikeFields, checkMost, filter, findByWords } from "./words";
import { closeAccount, once, openAccount } from "./writing";

/** Maximum tags that `listTags` returns. */
const TAGS_LISTED_MAX = 1000;

/** Returns the outcome of the write that was recorded under a key, if any. */
export const recall = userQuery({
  args: { key: v.string(), fingerprint: v.string() },
  returns: v.union(saved, v.null()),
  handler: async (ctx, done) => await recallSaved(ctx, done),
});

/** Adds a prompt as version 1. */
export const create = userMutation({
  args: {
    id: v.string(),
    name: v.string(),
    body,
    words: v.string(),
    favorite: v.boolean(),
    embedding: v.optional(embedding),
    quota: v.optional(v.number()),
    write,
  },
  returns: saved,
  handler: async (ctx, { id, name, body, words, favorite, embedding, quota, write }) => {
    checkForm("promptId", "id", id);
    checkForm("name", "name", name);
    checkBody(body);
    checkWords(words);
    checkEmbedding(embedding);
    checkWrite(write);
    return await saveOnce(ctx, "prompts:create", write, async () => {
      const account = await openAccount(ctx);
      await checkNameIsFree(ctx, name);
      checkQuota(account, quota);
      if ((await findRow(ctx, id)) !== null) {
        fail({ code: "INVALID_ARGUMENT", field: "id", message: "must be fresh" });
      }
      await takeAccepted(ctx, account, write);
      const now = Date.now();
      const first = { version: 1, body, source: write.client, createdAt: now };
      const current = await appendVersion(ctx, account, { id }, first);
      account.living += 1;
      await ctx.db.insert("prompts", {
        userId: ctx.userId,
        id,
        name,
        ...current,
        seq: current.change,
        favorite,
        createdAt: now,
        useCount: 0,
      });
      return await finishWrite(ctx, account, id, "created", write, { words, embedding });
    });
  },
});

/** Appends a version if the body differs, and changes the name and the mark. */
export const save = userMutation({
  args: {
    id: v.string(),
    expectedVersion: v.number(),
    body,
    words: v.string(),
    name: v.optional(v.string()),
    favorite: v.optional(v.boolean()),
    embedding: v.optional(embedding),
    action: v.union(v.literal("saved"), v.literal("restored"), v.literal("imported")),
    write,
  },
  returns: saved,
  handler: async (ctx, args) => {
    const { id, body, words, embedding, write } = args;
    checkTexts(body);
    checkWords(words);
    checkEmbedding(embedding);
    checkWrite(write);
    if (args.name !== undefined) {
      checkForm("name", "name", args.name);
    }
    return await saveOnce(ctx, "prompts:save", write, async () => {
      const row = await requireLiving(ctx, id);
      checkVersion(row, args.expectedVersion);
      const account = await openAccount(ctx);
      await takeAccepted(ctx, account, write);
      const { name = row.name, favorite = row.favorite } = args;
      if (name !== row.name) {
        await checkNameIsFree(ctx, name);
      }
      const current = await readPrompt(ctx, row);
      const appends = !isSameBody(current.body, body);
      if (!appends && name === row.name && favorite === row.favorite) {
        await closeAccount(ctx, account, write);
        return { prompt: current, changed: false };
      }
      if (!appends) {
        await ctx.db.patch("prompts", row._id, { name, favorite });
        return await finishWrite(ctx, account, id, "updated", write, { words });
      }
      checkBody(body);
      const kept = embedding ?? (await findKept(ctx, row, current.body, body));
      const version = row.version + 1;
      const next = { version, body, source: write.client, createdAt: Date.now() };
      const saved = await appendVersion(ctx, account, row, next);
      await ctx.db.patch("prompts", row._id, { name, favorite, ...saved });
      return await finishWrite(ctx, account, id, args.action, write, { words, embedding: kept });
    });
  },
});

/** Changes the mark of a favourite, whatever the version. */
export const mark = userMutation({
  args: { id: v.string(), favorite: v.boolean(), write },
  returns: saved,
  handler: async (ctx, { id, favorite, write }) => {
    checkWrite(write);
    return await saveOnce(ctx, "prompts:mark", write, async () => {
      const row = await requireLiving(ctx, id);
      if (row.favorite === favorite) {
        return { prompt: await readPrompt(ctx, row), changed: false };
      }
      const account = await openAccount(ctx);
      await ctx.db.patch("prompts", row._id, { favorite });
      return await finishWrite(ctx, account, id, "updated", write);
    });
  },
});

/** Deletes a prompt; it can be restored for `RESTORABLE_DAYS`. */
export const remove = userMutation({
  args: { id: v.string(), expectedVersion: v.optional(v.number()), write },
  returns: saved,
  handler: async (ctx, { id, expectedVersion, write }) => {
    checkWrite(write);
    return await saveOnce(ctx, "prompts:remove", write, async () => {
      const row = await requireLiving(ctx, id);
      checkVersion(row, expectedVersion);
      const account = await openAccount(ctx);
      account.living -= 1;
      account.deleted += 1;
      await ctx.db.patch("prompts", row._id, { deletedAt: Date.now() });
      return await finishWrite(ctx, account, id, "deleted", write);
    });
  },
});

/** Restores a deleted prompt. */
export const undelete = userMutation({
  args: { id: v.string(), quota: v.optional(v.number()), write },
  returns: saved,
  handler: async (ctx, { id, quota, write }) => {
    checkWrite(write);
    return await saveOnce(ctx, "prompts:undelete", write, async () => {
      const row = (await findById(ctx, id)) ?? fail({ code: "NOT_FOUND" });
      if (row.deletedAt === undefined) {
        return { prompt: await readPrompt(ctx, row), changed: false };
      }
      await checkNameIsFree(ctx, row.name);
      const account = await openAccount(ctx);
      checkQuota(account, quota);
      account.living += 1;
      account.deleted -= 1;
      await ctx.db.patch("prompts", row._id, { deletedAt: undefined });
      return await finishWrite(ctx, account, id, "undeleted", write);
    });
  },
});

/** Returns a prompt by id or name; of a name, the living prompt before a deleted one. */
export const get = userQuery({
  args: {
    prompt: v.union(v.object({ id: v.string() }), v.object({ name: v.string() })),
    orDeleted: v.boolean(),
  },
  returns: v.union(prompt, v.null()),
  handler: async (ctx, { prompt, orDeleted }) => {
    if ("id" in prompt) {
      const row = await findById(ctx, prompt.id);
      const isShown = row !== null && (orDeleted || row.deletedAt === undefined);
      return isShown ? await readPrompt(ctx, row) : null;
    }
    const living = await findLivingByName(ctx, prompt.name);
    const row = living ?? (orDeleted ? await findDeletedByName(ctx, prompt.name) : null);
    return row === null ? null : await readPrompt(ctx, row);
  },
});

const bySave = v.object({ watermark: v.number(), seq: v.number() });

/** Lists prompts by their latest save, newest first, in the order at the time of the first page. */
export const listRecent = userQuery({
  args: { ...filter, limit: v.number(), after: v.optional(bySave) },
  returns: v.object({ items: v.array(prompt), next: v.union(bySave, v.null()) }),
  handler: async (ctx, { tag, favorite, limit, after }) => {
    checkLimit(limit);
    const from = after ?? { watermark: ctx.account?.seq ?? 0, seq: Infinity };
    const entries = await listings.bySave(ctx, { tag, favorite }, from, "desc", limit + 1);
    return await readPage(ctx, entries, limit);
  },
});

/** Lists prompts by their latest save, oldest first, in the order at the time of the first page. */
export const listOldest = userQuery({
  args: { ...filter, limit: v.number(), after: v.optional(bySave) },
  returns: v.object({ items: v.array(prompt), next: v.union(bySave, v.null()) }),
  handler: async (ctx, { tag, favorite, limit, after }) => {
    checkLimit(limit);
    const from = after ?? { watermark: ctx.account?.seq ?? 0, seq: 0 };
    const entries = await listings.bySave(ctx, { tag, favorite }, from, "asc", limit + 1);
    return await readPage(ctx, entries, limit);
  },
});

const byName = v.object({ name: v.string() });

/** Lists prompts by name. */
export const listByName = userQuery({
  args: { ...filter, limit: v.number(), after: v.optional(byName) },
  returns: v.object({ items: v.array(prompt), next: v.union(byName, v.null()) }),
  handler: async (ctx, { tag, favorite, limit, after }) => {
    checkLimit(limit);
    const from = { after: after?.name };
    const rows = await listings.byName(ctx, { tag, favorite }, from, limit + 1);
    const entries = rows.map(({ promptId, name }) => ({ promptId, position: { name } }));
    return await readPage(ctx, entries, limit);
  },
});

const byUse = v.object({ useCount: v.number(), seq: v.number() });

/** Lists prompts by use, most used first. */
export const listByUse = userQuery({
  args: { ...filter, limit: v.number(), after: v.optional(byUse) },
  returns: v.object({ items: v.array(prompt), next: v.union(byUse, v.null()) }),
  handler: async (ctx, { tag, favorite, limit, after }) => {
    checkLimit(limit);
    const from = after ?? { useCount: Infinity, seq: Infinity };
    const rows = await listings.byUse(ctx, { tag, favorite }, from, limit + 1);
    const entries = rows.map(({ promptId, useCount, seq }) => ({
      promptId,
      position: { useCount, seq },
    }));
    return await readPage(ctx, entries, limit);
  },
});

const byDeletion = v.object({ deletedAt: v.number(), seq: v.number() });

/** Lists restorable prompts, latest deletion first. */
export const listDeleted = userQuery({
  args: { ...filter, limit: v.number(), after: v.optional(byDeletion) },
  returns: v.object({ items: v.array(prompt), next: v.union(byDeletion, v.null()) }),
  handler: async (ctx, { tag, favorite, limit, after }) => {
    checkLimit(limit);
    const from = after ?? { deletedAt: Infinity, seq: Infinity };
    const since = deletedSince();
    const rows = await listings.byDeletion(ctx, { tag, favorite }, from, since, limit + 1);
    const entries = rows.map(({ promptId, deletedAt = 0, seq }) => ({
      promptId,
      position: { deletedAt, seq },
    }));
    return await readPage(ctx, entries, limit);
  },
});

/**
 * Finds prompts for ranking: those whose name equals or begins with `name`, then those with any of the
 * words or with a title that resembles one. Returns at most `MATCHES_MAX`, and how many of the rows that
 * it read have each word.
 */
export const match = userQuery({
  args: searchFields,
  returns: v.object({
    prompts: v.array(prompt),
    rows: v.number(),
    withWord: v.array(v.number()),
  }),
  handler: async (ctx, search) => {
    const { ids, rows, withWord } = await findByQuery(ctx, search);
    return { prompts: await readFound(ctx, ids), rows, withWord };
  },
});

/** As `match`, for servers from before the frequencies of words. */
export const search = userQuery({
  args: searchFields,
  returns: v.array(prompt),
  handler: async (ctx, search) => {
    const { ids } = await findByQuery(ctx, search);
    return await readFound(ctx, ids);
  },
});

/** Finds prompts that share words with a text. */
export const alike = userQuery({
  args: alikeFields,
  returns: v.array(prompt),
  handler: async (ctx, { tag, favorite, words, most }) => {
    checkMost(most);
    return await readFound(ctx, await findByWords(ctx, words, { tag, favorite }, most));
  },
});

/** Lists the tags of living prompts that begin with `prefix`, in alphabetical order. */
export const listTags = userQuery({
  args: { prefix: v.string(), most: v.number() },
  returns: v.array(v.string()),
  handler: async (ctx, { prefix, most }) => {
    checkCount("most", most, 0, Number.MAX_SAFE_INTEGER);
    return await listings.tagsOf(ctx, prefix, Math.min(most, TAGS_LISTED_MAX));
  },
});

/**
 * Lists the tags of living prompts after `after`, each with the number of its prompts up to
 * `TAG_COUNT_MAX`. One call reads that many rows; `more` says whether tags follow.
 */
export const countTags = userQuery({
  args: { after: v.optional(v.string()) },
  returns: v.object({
    tags: v.array(v.object({ name: v.string(), count: v.number() })),
    more: v.boolean(),
  }),
  handler: async (ctx, { after }) => await listings.countTags(ctx, after),
});

/** Adds uses to prompts; unknown ids are skipped, and times in the future become the present. */
export const recordUses = userMutation({
  args: {
    uses: v.array(v.object({ id: v.string(), count: v.number(), lastUsedAt: v.number() })),
    write,
  },
  returns: v.null(),
  handler: async (ctx, { uses, write }) => {
    checkCount("uses", uses.length, 0, USES_MAX);
    uses.forEach(({ count }) => checkCount("uses", count, 0, Number.MAX_SAFE_INTEGER));
    uses.forEach(({ lastUsedAt }) => checkCount("uses", lastUsedAt, 0, Number.MAX_SAFE_INTEGER));
    checkWrite(write);
    if (ctx.account?.erasedAt !== undefined) {
      return null;
    }
    return await once(
      ctx,
      "prompts:recordUses",
      write,
      async () => {
        for (const { id, count, lastUsedAt } of uses) {
          const row = await findById(ctx, id);
          if (row === null) {
            continue;
          }
          const useCount = row.useCount + count;
          const latest = Math.max(row.lastUsedAt ?? 0, Math.min(lastUsedAt, Date.now()));
          await ctx.db.patch("prompts", row._id, { useCount, lastUsedAt: latest });
          for (const listing of await listings.listingsOf(ctx, id)) {
            await ctx.db.patch("listings", listing._id, { useCount });
          }
        }
        return { answer: null, outcome: { kind: "done" } };
      },
      () => Promise.resolve(null),
    );
  },
});
