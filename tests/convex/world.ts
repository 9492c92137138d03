/** A Convex backend per test, and users that call the real functions on it. */
import { convexTest } from "convex-test";
import type {
  FunctionArgs,
  FunctionReference,
  FunctionReturnType,
  PaginationOptions,
} from "convex/server";
import { ConvexError } from "convex/values";
import { afterEach, beforeEach, expect, vi } from "vitest";

import { api } from "../../convex/_generated/api";
import schema from "../../convex/schema";
import type { Doc } from "../../convex/_generated/dataModel";
import type { Failure } from "../../convex/errors";
import { BODY_MAX_BYTES, VECTOR_DIMENSIONS } from "../../convex/limits";
import { bodyBytes, type Body, type Embedding, type Prompt, type Write } from "../../convex/shapes";
import { guardVectorSearch } from "./vectors.mjs";

/** The modules of `convex/`, by file. */
export const modules = import.meta.glob(["../../convex/**/*.{ts,js}", "!../../convex/**/*.d.ts"]);

export const API_KEY = "k".repeat(32);
export const DAY_MS = 24 * 60 * 60 * 1000;

type Query = FunctionReference<"query">;
type Mutation = FunctionReference<"mutation">;
type Action = FunctionReference<"action">;
type Args<F extends Query | Mutation | Action> = Omit<FunctionArgs<F>, "apiKey" | "userId">;

/** Sets the API key and stops the clock for every test of the file. */
export function useDeployment(): void {
  beforeEach(() => {
    vi.stubEnv("PROMPTDB_API_KEY", API_KEY);
    vi.useFakeTimers({ now: Date.UTC(2026, 0, 1), toFake: ["Date", "setTimeout", "clearTimeout"] });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllEnvs();
  });
}

/** Advances the clock. */
export function pass(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

/** An empty backend that enforces the limits of a transaction. */
export function newBackend() {
  const backend = convexTest({ schema, modules, transactionLimits: true });
  guardVectorSearch(schema);
  return backend;
}
export type Backend = ReturnType<typeof newBackend>;

let keys = 0;

/** A write under a fresh key, or under the given one. */
export function write(parts: Partial<Write> = {}): Write {
  keys += 1;
  return { client: "test", key: `key-${keys}`, fingerprint: "f", ...parts };
}

let ids = 0;

/** A fresh id. */
export function freshId(prefix: "prm" | "cnd" = "prm"): string {
  ids += 1;
  return `${prefix}_${ids.toString(16).padStart(32, "0")}`;
}

/** A model, and another one. */
export const MODEL = "0123456789abcdef";
export const OTHER_MODEL = "fedcba9876543210";

/** The meaning with these first components; the others are 0. */
export function meaning(components: number[], model = MODEL): Embedding {
  const vector = Array.from({ length: VECTOR_DIMENSIONS }, (_, at) => components[at] ?? 0);
  return { model, vector };
}

export function body(parts: Partial<Body> = {}): Body {
  return { title: "Title", description: "", content: "x", tags: [], variables: [], ...parts };
}

/** A body of the size that the limits of its parts allow together: 890 KB, as older versions can have. */
export function oldBody(parts: Partial<Body> = {}): Body {
  const text = "x".repeat(4096);
  const variables = Array.from({ length: 100 }, (_, number) => ({
    name: `v${number}`,
    description: text,
    default: text,
  }));
  return body({
    description: text,
    content: "y".repeat(65_536),
    tags: ["t"],
    variables,
    ...parts,
  });
}

/** A body of the largest size that a save may have. */
export function largestBody(parts: Partial<Body> = {}): Body {
  const text = "x".repeat(4096);
  const variables = Array.from({ length: 15 }, (_, number) => ({
    name: `v${number}`,
    default: text,
  }));
  const most = body({ content: "y".repeat(65_536), variables, ...parts });
  const room = BODY_MAX_BYTES - bodyBytes(most);
  return { ...most, description: "z".repeat(Math.min(room, 4096)) };
}

/** Inserts an account as it was stored before bytes were counted. */
export async function addOldAccount(
  backend: Backend,
  userId = "user_ann",
  counters: Partial<Doc<"accounts">> = {},
) {
  await backend.run(async ({ db }) => {
    const zero = { seq: 10_000, living: 0, deleted: 0, waiting: 0 };
    await db.insert("accounts", { userId, createdAt: Date.now(), ...zero, ...counters });
  });
}

/** Inserts a prompt as it was stored before bytes were counted, and returns its id. */
export async function addOldPrompt(
  backend: Backend,
  name: string,
  versions: Body[],
  { userId = "user_ann", deletedAt }: { userId?: string; deletedAt?: number } = {},
): Promise<string> {
  const id = freshId();
  const owned = { userId, promptId: id };
  const now = Date.now();
  const marks = { favorite: false, deletedAt };
  for (const [index, body] of versions.entries()) {
    const numbers = { version: index + 1, change: index + 1 };
    await backend.run(async ({ db }) => {
      await db.insert("versions", { ...owned, ...numbers, body, source: "old", createdAt: now });
    });
  }
  await backend.run(async ({ db }) => {
    const change = versions.length;
    const numbers = { version: change, change, seq: 1, useCount: 0 };
    await db.insert("prompts", { userId, id, name, ...numbers, ...marks, createdAt: now });
    for (const tag of ["", "t"]) {
      const keys = { change, seq: 1, useCount: 0 };
      await db.insert("listings", { ...owned, tag, name, ...keys, ...marks });
    }
    const text = "word ".repeat(50_000);
    const living = deletedAt === undefined;
    await db.insert("words", { ...owned, text, tags: ["t"], favorite: false, living });
  });
  return id;
}

/** Inserts a candidate as it was stored before bytes were counted. */
export async function addOldCandidate(
  backend: Backend,
  body: Body,
  { userId = "user_ann", seq = 1 }: { userId?: string; seq?: number } = {},
) {
  await backend.run(async ({ db }) => {
    const owned = { userId, id: freshId("cnd"), seq, name: "c" };
    const createdAt = Date.now();
    await db.insert("candidates", { ...owned, body, why: "", source: "old", createdAt });
  });
}

/** Runs what is scheduled, and what that schedules, to the end. */
export async function finish(backend: Backend): Promise<void> {
  await backend.finishAllScheduledFunctions(vi.runAllTimers, 10_000);
}

/** The number of rows of a user in a table. */
export async function countRows(backend: Backend, table: OwnedTable, userId = "user_ann") {
  let count = 0;
  const options: PaginationOptions = { cursor: null, numItems: 500, maximumBytesRead: 8 << 20 };
  for (;;) {
    const read = await backend.run(async ({ db }) => await db.query(table).paginate(options));
    count += read.page.filter((row) => row.userId === userId).length;
    if (read.isDone) {
      return count;
    }
    options.cursor = read.continueCursor;
  }
}

type OwnedTable = Exclude<keyof typeof schema.tables, "migrations" | "stripeEvents">;

/** The words of ASCII texts, as the server passes them. */
export function words({ title, description, content }: Body): string {
  const found = `${title} ${description} ${content}`.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return [...new Set(found)].join(" ");
}

/** One user of a backend. */
export class User {
  constructor(
    readonly backend: Backend,
    readonly userId = "user_ann",
  ) {}

  async query<F extends Query>(fn: F, args: Args<F>): Promise<FunctionReturnType<F>> {
    return (await this.backend.query<Query>(fn, this.#signed(args))) as FunctionReturnType<F>;
  }

  async mutate<F extends Mutation>(fn: F, args: Args<F>): Promise<FunctionReturnType<F>> {
    return (await this.backend.mutation<Mutation>(fn, this.#signed(args))) as FunctionReturnType<F>;
  }

  async act<F extends Action>(fn: F, args: Args<F>): Promise<FunctionReturnType<F>> {
    return (await this.backend.action<Action>(fn, this.#signed(args))) as FunctionReturnType<F>;
  }

  #signed<F extends Query | Mutation | Action>(args: Args<F>): FunctionArgs<F> {
    return { apiKey: API_KEY, userId: this.userId, ...args };
  }

  async tryCreate(name: string, parts: Partial<Body> & CreateOptions = {}) {
    const { quota, accepts, byteQuota, embedding, ...others } = parts;
    const { id = freshId(), favorite = false, ...rest } = others;
    const text = body(rest);
    pass(1);
    return await this.mutate(api.prompts.create, {
      id,
      name,
      body: text,
      words: words(text),
      favorite,
      embedding,
      quota,
      write: write({ accepts, byteQuota }),
    });
  }

  async create(name: string, parts: Partial<Body> & CreateOptions = {}): Promise<Prompt> {
    return (await this.tryCreate(name, parts)).prompt;
  }

  async trySave(prompt: Prompt, parts: Partial<Body> & SaveOptions) {
    const { name, favorite, expectedVersion = prompt.version, key, ...others } = parts;
    const { byteQuota, embedding, ...rest } = others;
    const text = { ...prompt.body, ...rest };
    pass(1);
    return await this.mutate(api.prompts.save, {
      id: prompt.id,
      expectedVersion,
      body: text,
      words: words(text),
      name,
      favorite,
      embedding,
      action: "saved",
      write: write({ byteQuota, ...(key === undefined ? {} : { key }) }),
    });
  }

  async save(prompt: Prompt, parts: Partial<Body> & SaveOptions): Promise<Prompt> {
    return (await this.trySave(prompt, parts)).prompt;
  }

  async remove({ id }: Prompt): Promise<Prompt> {
    pass(1);
    return (await this.mutate(api.prompts.remove, { id, write: write() })).prompt;
  }

  async get(id: string, orDeleted = true): Promise<Prompt | null> {
    return await this.query(api.prompts.get, { prompt: { id }, orDeleted });
  }

  async purge(id: string): Promise<void> {
    pass(1);
    await this.mutate(api.trash.purge, { id, write: write() });
  }

  async prune(id: string, before: number) {
    pass(1);
    return await this.mutate(api.versions.prune, { id, before, write: write() });
  }

  async counts() {
    return await this.query(api.accounts.counts, {});
  }

  /** The audit trail, oldest entry first. */
  async audit(): Promise<string[]> {
    const { items } = await this.query(api.audit.list, { limit: 100 });
    return items.map((one) => `${one.action} ${one.name} ${one.version ?? 0}`).reverse();
  }
}

interface CreateOptions {
  id?: string;
  quota?: number;
  byteQuota?: number;
  accepts?: string;
  favorite?: boolean;
  embedding?: Embedding;
}

interface SaveOptions {
  name?: string;
  favorite?: boolean;
  expectedVersion?: number;
  key?: string;
  byteQuota?: number;
  embedding?: Embedding;
}

/** The failure with which a call is refused. */
export async function failureOf(call: Promise<unknown>): Promise<Failure> {
  const error: unknown = await call.then(
    () => expect.fail("the call was not refused"),
    (reason: unknown) => reason,
  );
  if (error instanceof ConvexError) {
    return error.data as Failure;
  }
  throw error;
}

/** Reads a listing to its end and returns its items. */
export async function readAll<Item, Position>(
  read: (after: Position | undefined) => Promise<{ items: Item[]; next: Position | null }>,
): Promise<Item[]> {
  const items: Item[] = [];
  let after: Position | undefined;
  for (;;) {
    const page = await read(after);
    items.push(...page.items);
    if (page.next === null) {
      return items;
    }
    after = page.next;
  }
}
