/* eslint-disable */
/**
 * Generated `api` utility.
 *
 * THIS CODE IS AUTOMATICALLY GENERATED.
 *
 * To regenerate, run `npx convex dev`.
 * @module
 */

import type {
  ApiFromModules,
  FilterApi,
  FunctionReference,
} from "convex/server";
import type * as accounts from "../accounts.js";
import type * as audit from "../audit.js";
import type * as batches from "../batches.js";
import type * as candidates from "../candidates.js";
import type * as clients from "../clients.js";
import type * as crons from "../crons.js";
import type * as embeddings from "../embeddings.js";
import type * as erasure from "../erasure.js";
import type * as errors from "../errors.js";
import type * as expiry from "../expiry.js";
import type * as folding from "../folding.js";
import type * as functions from "../functions.js";
import type * as health from "../health.js";
import type * as imports from "../imports.js";
import type * as library from "../library.js";
import type * as limits from "../limits.js";
import type * as listings from "../listings.js";
import type * as maintenance from "../maintenance.js";
import type * as matching from "../matching.js";
import type * as meaning from "../meaning.js";
import type * as migrations from "../migrations.js";
import type * as prompts from "../prompts.js";
import type * as removal from "../removal.js";
import type * as sessions from "../sessions.js";
import type * as shapes from "../shapes.js";
import type * as subscriptions from "../subscriptions.js";
import type * as trash from "../trash.js";
import type * as vectors from "../vectors.js";
import type * as versions from "../versions.js";
import type * as words from "../words.js";
import type * as writing from "../writing.js";

/**
 * A utility for referencing Convex functions in your app's API.
 *
 * Usage:
 * ```js
 * const myFunctionReference = api.myModule.myFunction;
 * ```
 */
declare const fullApi: ApiFromModules<{
  accounts: typeof accounts;
  audit: typeof audit;
  batches: typeof batches;
  candidates: typeof candidates;
  clients: typeof clients;
  crons: typeof crons;
  embeddings: typeof embeddings;
  erasure: typeof erasure;
  errors: typeof errors;
  expiry: typeof expiry;
  folding: typeof folding;
  functions: typeof functions;
  health: typeof health;
  imports: typeof imports;
  library: typeof library;
  limits: typeof limits;
  listings: typeof listings;
  maintenance: typeof maintenance;
  matching: typeof matching;
  meaning: typeof meaning;
  migrations: typeof migrations;
  prompts: typeof prompts;
  removal: typeof removal;
  sessions: typeof sessions;
  shapes: typeof shapes;
  subscriptions: typeof subscriptions;
  trash: typeof trash;
  vectors: typeof vectors;
  versions: typeof versions;
  words: typeof words;
  writing: typeof writing;
}>;
export declare const api: FilterApi<
  typeof fullApi,
  FunctionReference<any, "public">
>;
export declare const internal: FilterApi<
  typeof fullApi,
  FunctionReference<any, "internal">
>;
