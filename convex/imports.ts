/** The writes of an import, which sets its own ids, times and sources. */
import { v } from "convex/values";

import { insertCandidate, makeRoom } from "./candidates";
import { fail } from "./errors";
import { userMutation, type UserMutationCtx } from "./functions";
import {
  appendVersion,
  checkNameIsFree,
  checkQuota,
  checkVersion,
  findById,
  finishWrite,
  saveOnce,
} from "./library";
import { TEXT_MAX_BYTES } from "./limits";
import {
  body,
  candidate,
  checkBody,
  checkCount,
  checkFindings,
  checkForm,
  checkLength,
  checkVersions,
  checkWords,
  checkWrite,
  findings,
  saved,
  version,
  write,
  type Version,
} from "./shapes";
import { closeAccount, once, openAccount, writeAudit, type Account } from "./writing";

/** Maximum ids to try: the original one, the one derived for this user, a fresh one. */
const IDS_MAX = 3;

/** Adds a prompt with its history, times and counters. A deleted prompt does not occupy its name. */
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
      // The first save below takes this number; the creation of a prompt is its first save.
      const seq = account.seq + 1;
      const current = await appendAll(ctx, account, { id, totalBytes: 0 }, versions);
      account[deletedAt === undefined ? "living" : "deleted"] += 1;
      await ctx.db.insert("prompts", {
        userId: ctx.userId,
        id,
        name,
        ...current,
        seq,
        favorite,
        createdAt: versions[0]?.createdAt ?? Date.now(),
        deletedAt,
        useCount,
        lastUsedAt,
      });
      return await finishWrite(ctx, account, id, "imported", write, { words: args.words });
    });
  },
});

/** Appends versions with their times and sources to a living or restorable prompt. */
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
      await ctx.db.patch("prompts", row._id, await appendAll(ctx, account, row, versions));
      return await finishWrite(ctx, account, id, "imported", write, { words });
    });
  },
});

/** Appends versions in order. Returns the fields of the prompt that the caller stores with the last. */
async function appendAll(
  ctx: UserMutationCtx,
  account: Account,
  { id, totalBytes }: { id: string; totalBytes?: number },
  [first, ...others]: Version[],
) {
  const none = {
    code: "INVALID_ARGUMENT",
    field: "versions",
    message: "must not be empty",
  } as const;
  let current = await appendVersion(ctx, account, { id, totalBytes }, first ?? fail(none));
  for (const one of others) {
    current = await appendVersion(ctx, account, { id, totalBytes: current.totalBytes }, one);
  }
  return current;
}

/** Adds a candidate with its source and its creation time, from which its expiry counts. */
export const addCandidate = userMutation({
  args: {
    ids: v.array(v.string()),
    name: v.string(),
    body,
    why: v.string(),
    findings: v.optional(findings),
    source: v.string(),
    createdAt: v.number(),
    write,
  },
  returns: candidate,
  handler: async (ctx, { ids, write, ...imported }) => {
    checkCount("ids", ids.length, 1, IDS_MAX);
    ids.forEach((id) => checkForm("candidateId", "ids", id));
    checkForm("name", "name", imported.name);
    checkLength("source", imported.source, 0, TEXT_MAX_BYTES);
    checkBody(imported.body);
    checkLength("why", imported.why, 0, TEXT_MAX_BYTES);
    checkFindings(imported.findings);
    checkWrite(write);
    return await once(
      ctx,
      "imports:addCandidate",
      write,
      async () => {
        const account = await openAccount(ctx);
        await makeRoom(ctx, account, 1);
        const id = await ctx.firstFree("candidates", ids);
        await insertCandidate(ctx, account, { id, ...imported });
        const { name } = imported;
        const { client } = write;
        await writeAudit(ctx, account, { action: "imported", candidateId: id, name, client });
        await closeAccount(ctx, account, write);
        return { answer: { id, ...imported }, outcome: { kind: "harvested", ids: [id] } };
      },
      (outcome) => {
        const id = outcome.kind === "harvested" ? outcome.ids[0] : undefined;
        return Promise.resolve({ ...imported, id: id ?? fail({ code: "NOT_FOUND" }) });
      },
    );
  },
});
