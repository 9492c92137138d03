/**
 * The one way to build a public function: [`userQuery`] and [`userMutation`] check the API key and
 * the user id, and hand over a database that holds the rows of that user and nothing else.
 *
 * ESLint refuses `query` and `mutation` of `_generated/server` everywhere else.
 */
import { customMutation, customQuery } from "convex-helpers/server/customFunctions";
import {
  wrapDatabaseReader,
  wrapDatabaseWriter,
  type Rules,
} from "convex-helpers/server/rowLevelSecurity";
import { v } from "convex/values";

import type { DataModel, Doc } from "./_generated/dataModel";
import { mutation, query, type DatabaseReader, type DatabaseWriter } from "./_generated/server";
import { fail } from "./errors";
import { checkForm } from "./shapes";

/** What a function may read: the rows of `userId`, none of them once the account was erased. */
export interface UserQueryCtx {
  db: DatabaseReader;
  userId: string;
  account: Doc<"accounts"> | null;
}

/** What a function may write: the same rows. */
export interface UserMutationCtx extends UserQueryCtx {
  db: DatabaseWriter;
}

interface Owner {
  userId: string;
  erased: boolean;
}

interface Owned {
  userId: string;
}

/** Fewer characters than this are no API key. */
const KEY_MIN_LENGTH = 32;

const isOwn = (owner: Owner, row: Owned) => Promise.resolve(owner.userId === row.userId);
const isKept = (owner: Owner, row: Owned) =>
  Promise.resolve(owner.userId === row.userId && !owner.erased);
const own = { read: isOwn, modify: isOwn, insert: isOwn };
const kept = { read: isKept, modify: isKept, insert: isKept };

/**
 * A rule for every table. Where one is missing, `get`, `patch`, `replace` and `delete` by id pass
 * whatever the default policy says, so the type does not let one be missing.
 */
export const rules: Required<Rules<Owner, DataModel>> = {
  accounts: own,
  endedSessions: own,
  prompts: kept,
  versions: kept,
  listings: kept,
  words: kept,
  candidates: kept,
  audit: kept,
  idempotency: kept,
};

const credentials = { apiKey: v.string(), userId: v.string() };
const deny = { defaultPolicy: "deny" } as const;

/** A query on behalf of a user; it states its arguments and what it returns. */
export const userQuery = customQuery(query, {
  args: credentials,
  input: async (ctx, { apiKey, userId }) => {
    authorize(apiKey, userId);
    const { owner, account } = await recognise(ctx.db, userId);
    const db = wrapDatabaseReader(owner, ctx.db, rules, deny);
    return { ctx: { db, userId, account }, args: {} };
  },
});

/** A mutation on behalf of a user; it states its arguments and what it returns. */
export const userMutation = customMutation(mutation, {
  args: credentials,
  input: async (ctx, { apiKey, userId }) => {
    authorize(apiKey, userId);
    const { owner, account } = await recognise(ctx.db, userId);
    const db = wrapDatabaseWriter(owner, ctx.db, rules, deny);
    const firstFree = (table: "prompts" | "candidates", ids: string[]) =>
      findFree(ctx.db, table, ids);
    return { ctx: { db, userId, account, firstFree }, args: {} };
  },
});

async function recognise(db: DatabaseReader, userId: string) {
  const account = await db
    .query("accounts")
    .withIndex("by_user", (q) => q.eq("userId", userId))
    .unique();
  return { owner: { userId, erased: account?.erasedAt !== undefined }, account };
}

/** The first of the ids that no row of any user has: all that a user ever learns of others. */
async function findFree(db: DatabaseReader, table: "prompts" | "candidates", ids: string[]) {
  for (const id of ids) {
    const taken = await db
      .query(table)
      .withIndex("by_id_of_anybody", (q) => q.eq("id", id))
      .first();
    if (taken === null) {
      return id;
    }
  }
  return fail({ code: "INVALID_ARGUMENT", field: "ids", message: "must hold a fresh one" });
}

function authorize(apiKey: string, userId: string): void {
  // Two keys are accepted, so that a new one can be spread before the old one goes.
  const { PROMPTDB_API_KEY: first = "", PROMPTDB_API_KEY_NEXT: second = "" } = process.env;
  const accepted = [first, second].filter((key) => key.length >= KEY_MIN_LENGTH);
  if (accepted.length === 0) {
    console.error(`PROMPTDB_API_KEY is not set, or has fewer than ${KEY_MIN_LENGTH} characters`);
  }
  const matches = accepted.map((key) => isEqual(apiKey, key));
  if (!matches.includes(true)) {
    fail({ code: "UNAUTHORIZED" });
  }
  checkForm("userId", "userId", userId);
}

/** Compares in a time that depends on the length of `given` alone. */
function isEqual(given: string, key: string): boolean {
  let difference = given.length ^ key.length;
  for (let index = 0; index < given.length; index += 1) {
    difference |= given.charCodeAt(index) ^ key.charCodeAt(index % key.length);
  }
  return difference === 0;
}
