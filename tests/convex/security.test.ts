/** Access: no call without the API key succeeds, and no user reaches the data of another. */
import { makeFunctionReference } from "convex/server";
import { v } from "convex/values";
import { wrapDatabaseWriter } from "convex-helpers/server/rowLevelSecurity";
import { describe, expect, test, vi } from "vitest";

import { api, internal } from "../../convex/_generated/api";
import type { Doc } from "../../convex/_generated/dataModel";
import type { ActionCtx, DatabaseWriter } from "../../convex/_generated/server";
import { rules, systemRules, userAction } from "../../convex/functions";
import schema from "../../convex/schema";
import type { Body, Subscription } from "../../convex/shapes";
import documentation from "../../docs/convex.md?raw";
import {
  API_KEY,
  body,
  failureOf,
  freshId,
  meaning,
  MODEL,
  modules,
  newBackend,
  OTHER_MODEL,
  useDeployment,
  User,
  write,
  type Backend,
} from "./world";

useDeployment();

type Table = keyof typeof schema.tables;
type Arguments = Record<string, unknown>;
const TABLES = Object.keys(schema.tables) as Table[];

/** The metadata of a registered function. */
interface Registered {
  isPublic?: boolean;
  isInternal?: boolean;
  isQuery?: boolean;
  isAction?: boolean;
  exportArgs: () => string;
  exportReturns: () => string;
}

interface PublicFunction {
  path: string;
  kind: "query" | "mutation" | "action";
  registered: Registered;
}

/** Every public function of every module. */
const ALL = await publicFunctions();

/** The only functions without a user. */
const SYSTEM = [
  "subscriptions:beginSync",
  "subscriptions:finishSync",
  "subscriptions:forget",
  "subscriptions:hasCustomersToErase",
  "subscriptions:isProcessed",
  "subscriptions:lease",
];
const SYSTEM_FUNCTIONS = ALL.filter(({ path }) => SYSTEM.includes(path));

/** The functions of users. */
const FUNCTIONS = ALL.filter(({ path }) => !SYSTEM.includes(path));

/** The tables that the functions of the system reach. */
const SYSTEM_TABLES: Table[] = ["stripeEvents", "subscriptions"];

async function publicFunctions(): Promise<PublicFunction[]> {
  const files = Object.entries(modules).filter(([file]) => !file.includes("/_generated/"));
  const found = files.map(async ([file, load]) => {
    const name = /(\w+)\.ts$/.exec(file)?.[1] ?? expect.fail(file);
    const exported = Object.entries((await load()) as Record<string, Registered | undefined>);
    return exported.flatMap(([key, registered]): PublicFunction[] =>
      registered?.isPublic === true
        ? [{ path: `${name}:${key}`, kind: kindOf(registered), registered }]
        : [],
    );
  });
  return (await Promise.all(found)).flat();
}

function kindOf({ isQuery, isAction }: Registered): PublicFunction["kind"] {
  if (isQuery === true) {
    return "query";
  }
  return isAction === true ? "action" : "mutation";
}

/** Valid arguments of each function without the credentials; `ids` are those of a victim. */
function argumentsOf(path: string, ids: { prompt: string; candidate: string }): Arguments {
  const page = { limit: 100 };
  const id = ids.prompt;
  const all: Record<string, () => Arguments> = {
    "accounts:counts": () => ({}),
    "accounts:ensure": () => ({}),
    "accounts:erase": () => ({}),
    "audit:list": () => page,
    "audit:mark": () => ({}),
    "candidates:add": () => ({
      candidates: [{ id: freshId("cnd"), name: "c", body: body(), why: "" }],
      write: write(),
    }),
    "candidates:get": () => ({ id: ids.candidate }),
    "candidates:list": () => page,
    "candidates:reject": () => ({ id: ids.candidate, write: write() }),
    "clients:list": () => ({}),
    "clients:record": () => ({ clients: [{ name: "loot", via: "mcp", at: 1 }] }),
    "health:ping": () => ({}),
    "meaning:alike": () => ({ words: ["secret"], most: 20, embedding: SECRET_MEANING }),
    "meaning:match": () => ({ name: "mine", words: ["secret"], embedding: SECRET_MEANING }),
    "prompts:alike": () => ({ words: ["secret"], most: 20 }),
    "prompts:create": () => ({
      id: freshId(),
      name: "loot",
      body: body(),
      words: "",
      favorite: false,
      write: write({ accepts: ids.candidate }),
    }),
    "prompts:recall": () => ({ key: "key", fingerprint: "fingerprint" }),
    "prompts:get": () => ({ prompt: { id }, orDeleted: true }),
    "imports:addCandidate": () => ({
      ids: [ids.candidate, freshId("cnd")],
      name: "c",
      body: body(),
      why: "",
      source: "s",
      createdAt: Date.now(),
      write: write(),
    }),
    "imports:addPrompt": () => ({
      ids: [id, freshId()],
      name: freshId().slice(4),
      favorite: false,
      useCount: 0,
      versions: [{ version: 1, body: body(), source: "s", createdAt: 1 }],
      words: "",
      write: write(),
    }),
    "imports:appendVersions": () => ({
      id,
      versions: [{ version: 2, body: body(), source: "s", createdAt: 1 }],
      words: "",
      write: write(),
    }),
    "prompts:listByName": () => page,
    "prompts:listByUse": () => page,
    "prompts:listDeleted": () => page,
    "prompts:listOldest": () => page,
    "prompts:listRecent": () => page,
    "prompts:countTags": () => ({}),
    "prompts:listTags": () => ({ prefix: "", most: 100 }),
    "prompts:mark": () => ({ id, favorite: true, write: write() }),
    "prompts:recordUses": () => ({ uses: [{ id, count: 9, lastUsedAt: 1 }], write: write() }),
    "prompts:remove": () => ({ id, write: write() }),
    "prompts:save": () => ({
      id,
      expectedVersion: 1,
      body: body({ content: "stolen" }),
      words: "",
      action: "saved",
      write: write(),
    }),
    "prompts:match": () => ({ name: "mine", words: ["secret"] }),
    "prompts:search": () => ({ name: "mine", words: ["secret"] }),
    "prompts:undelete": () => ({ id, write: write() }),
    "sessions:end": () => ({ sessionId: "session_1" }),
    "sessions:isEnded": () => ({ sessionId: "session_1" }),
    "subscriptions:beginSync": () => ({ customer: CUSTOMER }),
    "subscriptions:bind": () => ({ customer: CUSTOMER }),
    "subscriptions:finishSync": () => ({ customer: CUSTOMER, sequence: 9, event: "evt_9" }),
    "subscriptions:forget": () => ({ customer: CUSTOMER }),
    "subscriptions:get": () => ({}),
    "subscriptions:hasCustomersToErase": () => ({}),
    "subscriptions:isProcessed": () => ({ event: "evt_secret" }),
    "subscriptions:lease": () => ({ work: "compare", limit: 9 }),
    "trash:empty": () => ({ write: write() }),
    "trash:purge": () => ({ id, write: write() }),
    "vectors:count": () => ({ model: MODEL }),
    "vectors:keep": () => ({ vectors: [{ id, version: 1, embedding: meaning([9, 9]) }] }),
    "vectors:listUnembedded": () => ({ model: OTHER_MODEL, ...page }),
    "versions:get": () => ({ id, version: 1 }),
    "versions:list": () => ({ id, ...page }),
    "versions:prune": () => ({ id, before: 2, write: write() }),
  };
  return (all[path] ?? expect.fail(`no arguments are known for ${path}`))();
}

function call(backend: Backend, { path, kind }: PublicFunction, args: Arguments): Promise<unknown> {
  switch (kind) {
    case "query":
      return backend.query(makeFunctionReference<"query">(path), args);
    case "mutation":
      return backend.mutation(makeFunctionReference<"mutation">(path), args);
    case "action":
      return backend.action(makeFunctionReference<"action">(path), args);
  }
}

/** All stored rows as one text. */
async function dump(backend: Backend, of: (row: object) => boolean = () => true) {
  return await backend.run(async ({ db }) => {
    const tables = TABLES.map((table) => db.query(table).collect());
    return JSON.stringify((await Promise.all(tables)).map((rows) => rows.filter(of)));
  });
}

/** A row as it could be inserted. */
function withoutSystemFields(row: object) {
  const fields = Object.entries(row).filter(([field]) => !field.startsWith("_"));
  return Object.fromEntries(fields) as never;
}

/** Expects that a database neither returns nor changes a row, by any method. */
async function expectNoAccess(db: DatabaseWriter, table: Table, row: Doc<Table>) {
  const id = row._id as never;
  expect(await db.query(table).collect()).toEqual([]);
  expect(await db.get(table, id)).toBeNull();
  expect(await db.get(id)).toBeNull();
  const fields = withoutSystemFields(row);
  for (const attempt of [
    () => db.patch(table, id, {}),
    () => db.patch(id, {}),
    () => db.replace(table, id, fields),
    () => db.replace(id, fields),
    () => db.delete(table, id),
    () => db.delete(id),
    () => db.insert(table, fields),
  ]) {
    await expect(attempt(), `${table} ${String(attempt)}`).rejects.toThrow(/access/);
  }
}

/** The meaning of the victim's prompt. */
const SECRET_MEANING = meaning([3, 4]);

/** The customer of the victim. */
const CUSTOMER = "cus_secret";
const SUBSCRIPTION: Subscription = {
  id: "sub_secret",
  status: "active",
  price: { id: "price_secret", amount: 500, currency: "usd", interval: "month" },
  isLive: true,
  createdAt: 1,
  periodEnd: 2,
};

/** A user with a row in every table, an event of their customer, and the state of a migration. */
async function victim(backend: Backend) {
  const ann = new User(backend);
  const secret = { title: "Secret", content: "secret words", tags: ["secret-tag"] };
  const prompt = await ann.create("mine", { ...secret, embedding: SECRET_MEANING });
  const deleted = await ann.remove(await ann.create("gone", secret));
  const candidates = [{ id: freshId("cnd"), name: "c", body: body(secret), why: "secret" }];
  await ann.mutate(api.candidates.add, { candidates, write: write() });
  await ann.mutate(api.clients.record, { clients: [{ name: "secret", via: "mcp", at: 1 }] });
  await ann.mutate(api.sessions.end, { sessionId: "session_1" });
  await ann.mutate(api.subscriptions.bind, { customer: CUSTOMER });
  await backend.mutation(api.subscriptions.finishSync, {
    apiKey: API_KEY,
    customer: CUSTOMER,
    sequence: 1,
    subscription: SUBSCRIPTION,
    event: "evt_secret",
  });
  await backend.mutation(internal.migrations.run, {});
  return { ann, prompt, deleted, candidate: candidates[0]?.id ?? expect.fail() };
}

const WRONG_KEYS = ["", "x", API_KEY.slice(1), `${API_KEY}k`, `${API_KEY.slice(1)}x`, "\u0000"];
const UNKNOWN_IDS = { prompt: freshId(), candidate: freshId("cnd") };

describe("the public functions", () => {
  test("are those in the documentation, of the same kind", () => {
    const rows = documentation.matchAll(/^\| [^|]+ \| `(\w+:\w+)` \| (query|mutation|action) \|/gm);
    const documented = [...rows].map(([, path, kind]) => `${path} ${kind}`);
    const there = ALL.map(({ path, kind }) => `${path} ${kind}`);
    expect(there.sort()).toEqual(documented.sort());
    expect(there.length).toBeGreaterThan(20);
  });

  test.each(FUNCTIONS)("$path states its arguments and what it returns", ({ registered }) => {
    const args = JSON.parse(registered.exportArgs()) as { type: string; value: Arguments };
    expect(args.type).toBe("object");
    expect(args.value).toMatchObject({
      apiKey: { fieldType: { type: "string" }, optional: false },
      userId: { fieldType: { type: "string" }, optional: false },
    });
    const stated = registered.exportReturns();
    expect(JSON.parse(stated)).not.toBeNull();
    expect(stated).not.toContain('"any"');
  });

  test.each(FUNCTIONS)("$path is refused without the key, and writes nothing", async (fn) => {
    const backend = newBackend();
    const before = await dump(backend);
    const args = argumentsOf(fn.path, UNKNOWN_IDS);
    for (const apiKey of WRONG_KEYS) {
      const refusal = await failureOf(call(backend, fn, { ...args, apiKey, userId: "ann" }));
      expect(refusal).toEqual({ code: "UNAUTHORIZED" });
    }
    await expect(call(backend, fn, { ...args, userId: "ann" })).rejects.toThrow("apiKey");
    await expect(call(backend, fn, { ...args, apiKey: API_KEY })).rejects.toThrow("userId");
    const credentials = { apiKey: API_KEY, userId: "ann" };
    await expect(call(backend, fn, { ...args, ...credentials, more: 1 })).rejects.toThrow("more");
    expect(await dump(backend)).toBe(before);
  });

  test.each(FUNCTIONS)("$path is refused a user id of the wrong form", async (fn) => {
    const backend = newBackend();
    const args = { ...argumentsOf(fn.path, UNKNOWN_IDS), apiKey: API_KEY };
    for (const userId of ["", " ", "a b", "a\n", "ä", "a\u0000", "x".repeat(129)]) {
      const refusal = await failureOf(call(backend, fn, { ...args, userId }));
      expect(refusal).toMatchObject({ code: "INVALID_ARGUMENT", field: "userId" });
    }
  });
});

describe("the functions without a user", () => {
  test("are those of the system, by name", () => {
    const withoutUser = ALL.filter(({ registered }) => !registered.exportArgs().includes("userId"));
    expect(withoutUser.map(({ path }) => path).sort()).toEqual(SYSTEM);
    expect(SYSTEM_FUNCTIONS).toHaveLength(SYSTEM.length);
  });

  test.each(SYSTEM_FUNCTIONS)("$path states its arguments and what it returns", (fn) => {
    const { value } = JSON.parse(fn.registered.exportArgs()) as { value: Arguments };
    expect(value).toMatchObject({ apiKey: { fieldType: { type: "string" }, optional: false } });
    const stated = fn.registered.exportReturns();
    expect(JSON.parse(stated)).not.toBeNull();
    expect(stated).not.toContain('"any"');
  });

  test.each(SYSTEM_FUNCTIONS)("$path is refused without the key, and for a user", async (fn) => {
    const backend = newBackend();
    await victim(backend);
    const before = await dump(backend);
    const args = argumentsOf(fn.path, UNKNOWN_IDS);
    for (const apiKey of WRONG_KEYS) {
      const refusal = await failureOf(call(backend, fn, { ...args, apiKey }));
      expect(refusal).toEqual({ code: "UNAUTHORIZED" });
    }
    await expect(call(backend, fn, args)).rejects.toThrow("apiKey");
    const ofUser = { ...args, apiKey: API_KEY, userId: "user_ann" };
    await expect(call(backend, fn, ofUser)).rejects.toThrow("userId");
    expect(await dump(backend)).toBe(before);
  });

  test.each(SYSTEM_FUNCTIONS)("$path changes nothing in any other table", async (fn) => {
    const backend = newBackend();
    await victim(backend);
    const isOther = (row: object) => !("customer" in row) && !("event" in row);
    const before = await dump(backend, isOther);
    const args = { ...argumentsOf(fn.path, UNKNOWN_IDS), apiKey: API_KEY };
    const answer = JSON.stringify(await call(backend, fn, args));
    expect(answer).not.toMatch(/secret|mine|gone/i);
    expect(await dump(backend, isOther)).toBe(before);
  });

  test("have a database without any other table", async () => {
    const backend = newBackend();
    await victim(backend);
    expect(Object.keys(systemRules).sort()).toEqual([...TABLES].sort());
    const before = await dump(backend);
    await backend.run(async (ctx) => {
      const db = wrapDatabaseWriter({}, ctx.db, systemRules, { defaultPolicy: "deny" });
      const visible = TABLES.map(async (table) => {
        const rows = await db.query(table).collect();
        return rows.length > 0 ? [table] : [];
      });
      expect((await Promise.all(visible)).flat().sort()).toEqual(SYSTEM_TABLES);
      for (const table of TABLES.filter((table) => !SYSTEM_TABLES.includes(table))) {
        await expectNoAccess(db, table, (await ctx.db.query(table).first()) ?? expect.fail(table));
      }
    });
    expect(await dump(backend)).toBe(before);
  });
});

describe("the API key", () => {
  const ping = (backend: Backend, apiKey: string) =>
    backend.query(api.health.ping, { apiKey, userId: "health" });

  test("may be one of two, so that it can be rotated without downtime", async () => {
    const backend = newBackend();
    const next = "n".repeat(40);
    expect(await failureOf(ping(backend, next))).toEqual({ code: "UNAUTHORIZED" });
    vi.stubEnv("PROMPTDB_API_KEY_NEXT", next);
    expect(await ping(backend, API_KEY)).toBeNull();
    expect(await ping(backend, next)).toBeNull();
    vi.stubEnv("PROMPTDB_API_KEY", next);
    vi.stubEnv("PROMPTDB_API_KEY_NEXT", "");
    expect(await ping(backend, next)).toBeNull();
    expect(await failureOf(ping(backend, API_KEY))).toEqual({ code: "UNAUTHORIZED" });
  });

  test("refuses every call while it is not set or too short, and logs the reason", async () => {
    const backend = newBackend();
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    for (const key of [undefined, "", "short", "k".repeat(31)]) {
      vi.stubEnv("PROMPTDB_API_KEY", key);
      expect(await failureOf(ping(backend, key ?? ""))).toEqual({ code: "UNAUTHORIZED" });
    }
    expect(log).toHaveBeenCalledTimes(4);
    log.mockRestore();
  });
});

describe("another user", () => {
  const isVictims = (row: object) => "userId" in row && row.userId === "user_ann";

  test.each(FUNCTIONS)("sees and changes nothing by $path", async (fn) => {
    const backend = newBackend();
    const { prompt, deleted, candidate } = await victim(backend);
    const before = await dump(backend, isVictims);
    for (const id of [prompt.id, deleted.id]) {
      const args = argumentsOf(fn.path, { prompt: id, candidate });
      const thief = { ...args, apiKey: API_KEY, userId: "user_bob" };
      const answer = await call(backend, fn, thief).catch((error: unknown) => error);
      if (answer instanceof Error) {
        const code = fn.path === "subscriptions:bind" ? "CUSTOMER_TAKEN" : "NOT_FOUND";
        expect((answer as { data?: unknown }).data).toEqual({ code });
      } else {
        expect(JSON.stringify(answer)).not.toMatch(/secret|mine|gone/i);
        expect(answer).not.toBe(true);
      }
    }
    expect(await dump(backend, isVictims)).toBe(before);
  });

  test("has names, quotas, keys and positions of their own", async () => {
    const backend = newBackend();
    const { ann } = await victim(backend);
    const bob = new User(backend, "user_bob");
    const key = write({ key: "shared" });
    const create = (user: User) =>
      user.mutate(api.prompts.create, {
        id: freshId(),
        name: "shared",
        body: body(),
        words: "",
        favorite: false,
        quota: user === bob ? 1 : 2,
        write: key,
      });
    const [anns, bobs] = [await create(ann), await create(bob)];
    expect(anns.prompt.id).not.toBe(bobs.prompt.id);
    const { next } = await ann.query(api.prompts.listByName, { limit: 1 });
    const page = await bob.query(api.prompts.listByName, { limit: 5, after: next ?? undefined });
    expect(page.items.map(({ id }) => id)).toEqual([bobs.prompt.id]);
  });

  test("is distinguished from one with a similar id", async () => {
    const backend = newBackend();
    await victim(backend);
    for (const userId of ["user_an", "user_ann2", "USER_ANN", "user-ann", "*", '"']) {
      const other = new User(backend, userId);
      expect(await other.query(api.prompts.search, { words: ["secret"] })).toEqual([]);
      expect((await other.query(api.prompts.listRecent, { limit: 5 })).items).toEqual([]);
    }
  });

  test("may use the id of another's prompt without touching it", async () => {
    const backend = newBackend();
    const { ann, prompt } = await victim(backend);
    const bob = new User(backend, "user_bob");
    const copy = await bob.create("copy", { id: prompt.id, content: "bob's" });
    await bob.remove(await bob.save(copy, { content: "bob's second" }));
    expect(await ann.get(prompt.id)).toEqual(prompt);
    const versions = await ann.query(api.versions.list, { id: prompt.id, limit: 5 });
    expect(versions?.items).toHaveLength(1);
  });
});

describe("ids of another kind", () => {
  const byId = FUNCTIONS.filter(({ path }) =>
    /prm_|cnd_/.test(JSON.stringify(argumentsOf(path, UNKNOWN_IDS))),
  ).filter(({ path }) => !/:(create|add)/.test(path));

  test.each(byId)("are unknown to $path", async (fn) => {
    const backend = newBackend();
    const { prompt, candidate } = await victim(backend);
    const document = await backend.run(async ({ db }) => await db.query("prompts").first());
    const before = await dump(backend, isNoOutcome);
    const strangers = [document?._id ?? expect.fail(), "", "mine", "_", "\u0000", "x".repeat(5000)];
    const swapped = { prompt: candidate, candidate: prompt.id };
    for (const ids of [swapped, ...strangers.map((id) => ({ prompt: id, candidate: id }))]) {
      const args = { ...argumentsOf(fn.path, ids), apiKey: API_KEY, userId: "user_ann" };
      const answer = await call(backend, fn, args).catch((error: unknown) => error);
      const refusal = answer instanceof Error ? (answer as { data?: unknown }).data : answer;
      expect([null, 0, { code: "NOT_FOUND" }]).toContainEqual(refusal);
    }
    expect(await dump(backend, isNoOutcome)).toBe(before);
  });

  /** `recordUses` skips unknown ids and still records its outcome; `keep` returns that it kept none. */
  function isNoOutcome(row: object) {
    return !("fingerprint" in row);
  }
});

describe("arguments that no prompt can have", () => {
  const cases: [string, Partial<Body>, string][] = [
    ["an empty content", { content: "" }, "body.content"],
    ["a content that is too long", { content: "x".repeat(65_537) }, "body.content"],
    ["a content of too many bytes", { content: "€".repeat(21_846) }, "body.content"],
    ["no title", { title: "" }, "body.title"],
    ["a title that is too long", { title: "x".repeat(5000) }, "body.title"],
    ["a description that is too long", { description: "x".repeat(5000) }, "body.description"],
    ["too many tags", { tags: Array<string>(11).fill("t") }, "body.tags"],
    ["a tag with a space", { tags: ["a b"] }, "body.tags"],
    ["an empty tag", { tags: [""] }, "body.tags"],
    ["too many variables", { variables: Array(101).fill({ name: "a" }) }, "body.variables"],
    ["a variable that is too long", { variables: [{ name: "é".repeat(129) }] }, "body.variables"],
    [
      "a default that is too long",
      { variables: [{ name: "a", default: "x".repeat(5000) }] },
      "body.variables",
    ],
  ];

  test.each(cases)("%s is refused by name and nothing is written", async (_, parts, field) => {
    const ann = new User(newBackend());
    const prompt = await ann.create("p");
    const before = await dump(ann.backend);
    expect(await failureOf(ann.create("q", parts))).toMatchObject({ field });
    expect(await failureOf(ann.save(prompt, parts))).toMatchObject({ field });
    const candidates = [{ id: freshId("cnd"), name: "c", body: body(parts), why: "" }];
    const harvest = ann.mutate(api.candidates.add, { candidates, write: write() });
    expect(await failureOf(harvest)).toMatchObject({ field });
    expect(await dump(ann.backend)).toBe(before);
  });

  test("names, ids, keys, limits and counts are refused by name", async () => {
    const ann = new User(newBackend());
    const remove = (parts: object) =>
      ann.mutate(api.prompts.remove, { id: freshId(), write: write(parts) });
    const list = (limit: number) => ann.query(api.prompts.listByName, { limit });
    const use = (count: number) => {
      const uses = [{ id: freshId(), count, lastUsedAt: 1 }];
      return ann.mutate(api.prompts.recordUses, { uses, write: write() });
    };
    const cases: [string, (() => Promise<unknown>)[]][] = [
      ["name", [() => ann.create("No Name")]],
      ["id", [() => ann.create("p", { id: "prm_1" })]],
      ["write.accepts", [() => ann.create("p", { accepts: "prm_1" })]],
      ["write.key", [() => remove({ key: "" }), () => remove({ key: "k".repeat(256) })]],
      ["write.fingerprint", [() => remove({ fingerprint: "f".repeat(256) })]],
      ["write.client", [() => remove({ client: "c".repeat(65) })]],
      ["limit", [0, 101, 1.5, NaN, -1].map((limit) => () => list(limit))],
      ["uses", [-1, 0.5, Infinity].map((count) => () => use(count))],
    ];
    for (const [field, calls] of cases) {
      for (const refused of calls) {
        expect(await failureOf(refused())).toMatchObject({ code: "INVALID_ARGUMENT", field });
      }
    }
    expect(await dump(ann.backend)).toBe(await dump(newBackend()));
  });
});

describe("row-level security", () => {
  test("has a rule of every kind for every table, and no other", () => {
    expect(Object.keys(rules).sort()).toEqual([...TABLES].sort());
    for (const rule of Object.values(rules)) {
      expect(Object.keys(rule).sort()).toEqual(["insert", "modify", "read"]);
    }
  });

  test("keeps the rows of every table from another user, by every method", async () => {
    const backend = newBackend();
    await victim(backend);
    const before = await dump(backend);
    await backend.run(async (ctx) => {
      const bob = { userId: "user_bob", erased: false };
      const db = wrapDatabaseWriter(bob, ctx.db, rules, { defaultPolicy: "deny" });
      for (const table of TABLES) {
        await expectNoAccess(db, table, (await ctx.db.query(table).first()) ?? expect.fail(table));
      }
    });
    expect(await dump(backend)).toBe(before);
  });

  test("keeps all rows from a user whose account was erased", async () => {
    const backend = newBackend();
    await victim(backend);
    await backend.run(async (ctx) => {
      const ann = { userId: "user_ann", erased: true };
      const db = wrapDatabaseWriter(ann, ctx.db, rules, { defaultPolicy: "deny" });
      const visible = TABLES.map(async (table) => {
        const rows = await db.query(table).collect();
        return rows.length > 0 ? [table] : [];
      });
      expect((await Promise.all(visible)).flat()).toEqual(["accounts", "endedSessions"]);
    });
  });

  test("does not hold for a search of vectors, so no action has one that is not its user's", async () => {
    const action = userAction({
      args: {},
      returns: v.array(v.string()),
      handler: (ctx) =>
        Promise.resolve(Object.entries(ctx).flatMap(([key, one]) => (one ? [key] : []))),
    });
    const { _handler: run } = action as unknown as {
      _handler: (ctx: ActionCtx, args: object) => Promise<string[]>;
    };
    const has = await newBackend().action((ctx: ActionCtx) =>
      run(ctx, { apiKey: API_KEY, userId: "user_ann" }),
    );
    expect(has).toContain("findNearest");
    for (const unbounded of ["vectorSearch", "runMutation", "runAction"]) {
      expect(has).not.toContain(unbounded);
    }
  });

  test("every table but those of the system has an owner, and every index that a user's function reads begins with it", () => {
    const ofPurges = ["by_deletion", "by_age", "by_erasure", "by_id_of_anybody"];
    const withoutOwner = [...ofPurges, "by_customer", "by_work"];
    const { migrations, stripeEvents, ...owned } = schema.tables;
    expect(migrations.validator.fields).not.toHaveProperty("userId");
    expect(stripeEvents.validator.fields).not.toHaveProperty("userId");
    for (const table of Object.values(owned)) {
      expect(table.validator.fields).toHaveProperty("userId");
      for (const { indexDescriptor, fields } of table[" indexes"]()) {
        if (fields[0] !== "userId") {
          expect(withoutOwner).toContain(indexDescriptor);
        }
      }
    }
  });
});
