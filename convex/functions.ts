/**
 * The only way to build a public function. [`userQuery`] and [`userMutation`] check the API key and
 * the user id, and pass the function a database that is limited to the rows of that user.
 * [`userAction`] checks them too, and searches the vectors of that user alone; an action has no database
 * and reads through queries of [`userInternalQuery`].
 * [`systemQuery`] and [`systemMutation`] check the API key and take no user; their database has the
 * customers of Stripe and its events, and no other table.
 *
 * ESLint refuses `query`, `mutation` and `action` of `_generated/server`, and any other search of vectors,
 * in every other file.
 */
import { customAction, customMutation, customQuery } from "convex-helpers/server/customFunctions";
import {
  wrapDatabaseReader,
  wrapDatabaseWriter,
  type Rules,
} from "convex-helpers/server/rowLevelSecurity";
import type { Scheduler } from "convex/server";
import { v } from "convex/values";

import type { DataModel, Doc, Id } from "./_generated/dataModel";
import {
  action,
  internalQuery,
  mutation,
  query,
  type DatabaseReader,
  type DatabaseWriter,
} from "./_generated/server";
import { fail } from "./errors";
import { checkEmbedding, checkForm, type Embedding } from "./shapes";

/** The context of a query; `db` holds the rows of `userId`, and none after the account's erasure. */
export interface UserQueryCtx {
  db: DatabaseReader;
  userId: string;
  account: Doc<"accounts"> | null;
}

/** The context of a mutation, with the same rows. */
export interface UserMutationCtx extends UserQueryCtx {
  db: DatabaseWriter;
  scheduler: Scheduler;
}

/** The context of an action beside `runQuery`. */
export interface UserActionCtx {
  userId: string;
  /**
   * Finds at most `limit` (1 to 256) rows of `vectors` near to a meaning, the nearest first, among those of
   * the user that its model made for living prompts. The order is Convex's, which approximates.
   */
  findNearest: (embedding: Embedding, limit: number) => Promise<Id<"vectors">[]>;
}

interface Owner {
  userId: string;
  erased: boolean;
}

interface Owned {
  userId?: string;
}

/** Minimum length of an API key; a shorter one is treated as not set. */
const KEY_MIN_LENGTH = 32;

const isOwn = (owner: Owner, row: Owned) => Promise.resolve(owner.userId === row.userId);
const isKept = (owner: Owner, row: Owned) =>
  Promise.resolve(owner.userId === row.userId && !owner.erased);
const isAlways = () => Promise.resolve(true);
const isNever = () => Promise.resolve(false);
const own = { read: isOwn, modify: isOwn, insert: isOwn };
const kept = { read: isKept, modify: isKept, insert: isKept };
const none = { read: isNever, modify: isNever, insert: isNever };
const all = { read: isAlways, modify: isAlways, insert: isAlways };

/**
 * A rule for every table, for a user. For a table without a rule, `get`, `patch`, `replace` and `delete` by id
 * succeed even under the policy "deny", so the type requires every table.
 */
export const rules: Required<Rules<Owner, DataModel>> = {
  accounts: own,
  endedSessions: own,
  prompts: kept,
  versions: kept,
  listings: kept,
  words: kept,
  vectors: kept,
  candidates: kept,
  audit: kept,
  clients: kept,
  idempotency: kept,
  subscriptions: kept,
  stripeEvents: none,
  migrations: none,
};

/** A rule for every table, for the system: what deliveries and jobs reach without a user. */
export const systemRules: Required<Rules<object, DataModel>> = {
  accounts: none,
  endedSessions: none,
  prompts: none,
  versions: none,
  listings: none,
  words: none,
  vectors: none,
  candidates: none,
  audit: none,
  clients: none,
  idempotency: none,
  subscriptions: all,
  stripeEvents: all,
  migrations: none,
};

const credentials = { apiKey: v.string(), userId: v.string() };
const deny = { defaultPolicy: "deny" } as const;

/** Builds a query for a user; the definition states its arguments and its return type. */
export const userQuery = customQuery(query, {
  args: credentials,
  input: async (ctx, { apiKey, userId }) => {
    authorizeUser(apiKey, userId);
    const { owner, account } = await findOwner(ctx.db, userId);
    const db = wrapDatabaseReader(owner, ctx.db, rules, deny);
    return { ctx: { db, userId, account }, args: {} };
  },
});

/** Builds a mutation for a user; the definition states its arguments and its return type. */
export const userMutation = customMutation(mutation, {
  args: credentials,
  input: async (ctx, { apiKey, userId }) => {
    authorizeUser(apiKey, userId);
    const { owner, account } = await findOwner(ctx.db, userId);
    const db = wrapDatabaseWriter(owner, ctx.db, rules, deny);
    return {
      ctx: {
        db,
        userId,
        account,
        firstFree: (table: "prompts" | "candidates", ids: string[]) => findFree(ctx.db, table, ids),
        isCustomerTaken: (customer: string) => hasCustomer(ctx.db, customer),
      },
      args: {},
    };
  },
});

/** Builds an action for a user; the definition states its arguments and its return type. */
export const userAction = customAction(action, {
  args: credentials,
  input: (ctx, { apiKey, userId }) => {
    authorizeUser(apiKey, userId);
    const findNearest = async (embedding: Embedding, limit: number) => {
      checkEmbedding(embedding);
      const { model, vector } = embedding;
      const shelf = shelfOf(userId, model);
      const found = await ctx.vectorSearch("vectors", "by_meaning", {
        vector,
        limit,
        filter: (q) => q.eq("shelf", shelf),
      });
      return found.map(({ _id }) => _id);
    };
    const own: UserActionCtx = { userId, findNearest };
    // Row-level security does not hold for a vector search, so no action has the search itself.
    const hidden = { vectorSearch: undefined, runMutation: undefined, runAction: undefined };
    return Promise.resolve({ ctx: { ...own, ...hidden }, args: {} });
  },
});

/**
 * Builds a query that an action runs for its user. It is not public, so its caller has been authorized,
 * and it may take the ids of rows that the action found.
 */
export const userInternalQuery = customQuery(internalQuery, {
  args: { userId: v.string() },
  input: async (ctx, { userId }) => {
    const { owner, account } = await findOwner(ctx.db, userId);
    const db = wrapDatabaseReader(owner, ctx.db, rules, deny);
    return { ctx: { db, userId, account }, args: {} };
  },
});

/** Builds a query for the system; the definition states its arguments and its return type. */
export const systemQuery = customQuery(query, {
  args: { apiKey: v.string() },
  input: (ctx, { apiKey }) => {
    authorize(apiKey);
    const db = wrapDatabaseReader({}, ctx.db, systemRules, deny);
    return Promise.resolve({ ctx: { db }, args: {} });
  },
});

/** Builds a mutation for the system; the definition states its arguments and its return type. */
export const systemMutation = customMutation(mutation, {
  args: { apiKey: v.string() },
  input: (ctx, { apiKey }) => {
    authorize(apiKey);
    const db = wrapDatabaseWriter({}, ctx.db, systemRules, deny);
    return Promise.resolve({ ctx: { db }, args: {} });
  },
});

/**
 * The value by which a vector search is limited to the prompts of a user and to the vectors of one
 * model. It is one field because the filter of a vector search has no "and". A model's id has a fixed
 * length, so no two pairs have the same value.
 */
export function shelfOf(userId: string, model: string): string {
  return `${model} ${userId}`;
}

async function findOwner(db: DatabaseReader, userId: string) {
  const account = await db
    .query("accounts")
    .withIndex("by_user", (q) => q.eq("userId", userId))
    .unique();
  return { owner: { userId, erased: account?.erasedAt !== undefined }, account };
}

/**
 * Returns the first id that no row of any user has. This and [`hasCustomer`] are the only reads beyond
 * the user's rows; they reveal that an id is taken and nothing else.
 */
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
  return fail({ code: "INVALID_ARGUMENT", field: "ids", message: "must contain an unused id" });
}

/** Returns whether any user has or had a customer. */
async function hasCustomer(db: DatabaseReader, customer: string): Promise<boolean> {
  const row = await db
    .query("subscriptions")
    .withIndex("by_customer", (q) => q.eq("customer", customer))
    .first();
  return row !== null;
}

function authorizeUser(apiKey: string, userId: string): void {
  authorize(apiKey);
  checkForm("userId", "userId", userId);
}

function authorize(apiKey: string): void {
  // Two keys are accepted, so that every server can get a new key before the old one is removed.
  const { PROMPTDB_API_KEY: first = "", PROMPTDB_API_KEY_NEXT: second = "" } = process.env;
  const accepted = [first, second].filter((key) => key.length >= KEY_MIN_LENGTH);
  if (accepted.length === 0) {
    console.error(`PROMPTDB_API_KEY is not set, or has fewer than ${KEY_MIN_LENGTH} characters`);
  }
  // Both keys are compared in every call, so that the time does not depend on which one matches.
  const matches = accepted.map((key) => isEqual(apiKey, key));
  if (!matches.includes(true)) {
    fail({ code: "UNAUTHORIZED" });
  }
}

/** Compares two keys in a time that depends on the length of `given` only. */
function isEqual(given: string, key: string): boolean {
  let difference = given.length ^ key.length;
  for (let index = 0; index < given.length; index += 1) {
    difference |= given.charCodeAt(index) ^ key.charCodeAt(index % key.length);
  }
  return difference === 0;
}
