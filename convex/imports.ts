/** The writes of an import, which brings its own ids, times and sources. */
import { v } from "convex/values";

import { makeRoom } from "./candidates";
import { fail } from "./errors";
import { userMutation } from "./functions";
import {
  appendVersion,
  checkNameIsFree,
  checkQuota,
  checkVersion,
  conclude,
  findById,
  saveOnce,
} from "./library";
import {
  body,
  BYTES_MAX,
  candidate,
  checkBody,
  checkCount,
  checkForm,
  checkLength,
  checkVersions,
  checkWords,
  checkWrite,
  saved,
  version,
  write,
} from "./shapes";
import { closeAccount, nextSeq, once, openAccount, writeAudit } from "./writing";

/** Most ids that are tried: the wanted one, the derived one, a fresh one. */
const IDS_MAX = 3;

/** Adds a prompt with its history, its times and its counters; a deleted one takes no name. */
export const addPrompt = userMutation({
  args: {
    ids: v.array(v.string()),
    name: v.string(),
    favorite: v.boolean(),
    deletedAt: v.optional(v.number()),
    useCount: v.number(),
    lastUsedAt: v.optional(v.number()),
    versions: v.array(version),
    words: v.string(),
    quota: v.optional(v.number()),
    write,
  },
  returns: saved,
  handler: async (ctx, args) => {
    const { ids, name, favorite, deletedAt, useCount, lastUsedAt, versions, write } = args;
    checkCount("ids", ids.length, 1, IDS_MAX);
    ids.forEach((id) => checkForm("promptId", "ids", id));
    checkForm("name", "name", name);
    checkCount("useCount", useCount, 0, Number.MAX_SAFE_INTEGER);
    checkVersions(versions, 0);
    checkWords(args.words);
    checkWrite(write);
    return await saveOnce(ctx, "imports:addPrompt", write, async () => {
      const account = await openAccount(ctx);
      if (deletedAt === undefined) {
        await checkNameIsFree(ctx, name);
        checkQuota(account, args.quota);
      }
      const id = await ctx.firstFree("prompts", ids);
      const changes = [];
      for (const one of versions) {
        changes.push(await appendVersion(ctx, account, id, one));
      }
      account[deletedAt === undefined ? "living" : "deleted"] += 1;
      await ctx.db.insert("prompts", {
        userId: ctx.userId,
        id,
        name,
        version: versions.length,
        change: Math.max(...changes),
        seq: Math.min(...changes),
        favorite,
        createdAt: versions[0]?.createdAt ?? Date.now(),
        deletedAt,
        useCount,
        lastUsedAt,
      });
      return await conclude(ctx, account, id, "imported", write, args.words);
    });
  },
});

/** Appends versions with their times and sources to a prompt that lives or can be restored. */
export const appendVersions = userMutation({
  args: { id: v.string(), versions: v.array(version), words: v.string(), write },
  returns: saved,
  handler: async (ctx, { id, versions, words, write }) => {
    checkWords(words);
    checkWrite(write);
    return await saveOnce(ctx, "imports:appendVersions", write, async () => {
      const row = (await findById(ctx, id)) ?? fail({ code: "NOT_FOUND" });
      checkVersion(row, (versions[0]?.version ?? 0) - 1);
      checkVersions(versions, row.version);
      const account = await openAccount(ctx);
      let { change } = row;
      for (const one of versions) {
        change = await appendVersion(ctx, account, id, one);
      }
      const current = { version: row.version + versions.length, change };
      await ctx.db.patch("prompts", row._id, current);
      return await conclude(ctx, account, id, "imported", write, words);
    });
  },
});

/** Puts a candidate up for review with its time, by which it expires, and its source. */
export const addCandidate = userMutation({
  args: {
    ids: v.array(v.string()),
    name: v.string(),
    body,
    why: v.string(),
    source: v.string(),
    createdAt: v.number(),
    write,
  },
  returns: candidate,
  handler: async (ctx, { ids, write, ...brought }) => {
    checkCount("ids", ids.length, 1, IDS_MAX);
    ids.forEach((id) => checkForm("candidateId", "ids", id));
    checkForm("name", "name", brought.name);
    checkLength("source", brought.source, 0, BYTES_MAX.text);
    checkBody(brought.body);
    checkLength("why", brought.why, 0, BYTES_MAX.text);
    checkWrite(write);
    const work = async () => {
      const account = await openAccount(ctx);
      await makeRoom(ctx, account, 1);
      const id = await ctx.firstFree("candidates", ids);
      const row = { userId: ctx.userId, id, seq: nextSeq(account), ...brought };
      await ctx.db.insert("candidates", row);
      account.waiting += 1;
      const { name } = brought;
      const entry = { action: "imported", candidateId: id, name, client: write.client };
      await writeAudit(ctx, account, entry);
      await closeAccount(ctx, account);
      const outcome = { kind: "harvested" as const, ids: [id] };
      return { answer: { id, ...brought }, outcome };
    };
    return await once(ctx, "imports:addCandidate", write, work, (outcome) => {
      const id = outcome.kind === "harvested" ? outcome.ids[0] : undefined;
      return Promise.resolve({ ...brought, id: id ?? fail({ code: "NOT_FOUND" }) });
    });
  },
});
