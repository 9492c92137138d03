/** Maintenance: purges in bounded batches, ended sessions, and the erasure of accounts. */
import { describe, expect, test, vi } from "vitest";

import { api, internal } from "../../convex/_generated/api";
import crons from "../../convex/crons";
import schema from "../../convex/schema";
import type { Prompt } from "../../convex/shapes";
import {
  body,
  DAY_MS,
  failureOf,
  freshId,
  newBackend,
  pass,
  readAll,
  useDeployment,
  User,
  write,
  type Backend,
} from "./world";

useDeployment();

type Table = keyof typeof schema.tables;
const TABLES = Object.keys(schema.tables) as Table[];

const PURGES = [
  "purgeCandidates",
  "purgePrompts",
  "purgeOutcomes",
  "purgeSessions",
  "purgeAccounts",
] as const;

/** The number of rows of a user in each table. */
async function rowsOf(backend: Backend, userId: string) {
  return await backend.run(async ({ db }) => {
    const counts: Partial<Record<Table, number>> = {};
    for (const table of TABLES) {
      const rows = await db.query(table).collect();
      counts[table] = rows.filter((row) => "userId" in row && row.userId === userId).length;
    }
    return counts;
  });
}

async function harvest(user: User, count: number) {
  const candidates = Array.from({ length: count }, (_, number) => ({
    id: freshId("cnd"),
    name: `c${number}`,
    body: body(),
    why: "",
  }));
  await user.mutate(api.candidates.add, { candidates, write: write() });
}

test("expired candidates are purged in bounded batches", async () => {
  const backend = newBackend();
  const ann = new User(backend);
  await harvest(ann, 120);
  pass(DAY_MS);
  await harvest(ann, 2);
  pass(6 * DAY_MS);
  expect(await backend.mutation(internal.maintenance.purgeCandidates, {})).toBe(50);
  await backend.finishAllScheduledFunctions(vi.runAllTimers);
  expect(await rowsOf(backend, ann.userId)).toMatchObject({ candidates: 2 });
  const account = await backend.run(async ({ db }) => await db.query("accounts").unique());
  expect(account?.waiting).toBe(2);
});

test("prompts that can no longer be restored are purged with all their versions", async () => {
  const backend = newBackend();
  const ann = new User(backend);
  const kept = await ann.create("kept", { tags: ["t"] });
  for (const name of ["short", "long"]) {
    let prompt = await ann.create(name, { tags: ["t", "u"] });
    for (let number = 0; number < (name === "long" ? 130 : 1); number += 1) {
      prompt = await ann.save(prompt, { content: `${number}` });
    }
    await ann.remove(prompt);
  }
  const late = await ann.remove(await ann.create("late"));
  pass(30 * DAY_MS - 1);
  await backend.mutation(internal.maintenance.purgePrompts, {});
  await backend.finishAllScheduledFunctions(vi.runAllTimers);
  expect(await rowsOf(backend, ann.userId)).toMatchObject({
    prompts: 2,
    versions: 2,
    listings: 3,
    words: 2,
  });
  expect(await ann.get(kept.id)).toEqual(kept);
  expect(await ann.get(late.id)).toEqual(late);
  expect(await ann.query(api.accounts.counts, {})).toMatchObject({ prompts: 1, deleted: 1 });
});

test("a purge of nothing schedules nothing", async () => {
  const backend = newBackend();
  await new User(backend).create("p");
  for (const purge of PURGES) {
    expect(await backend.mutation(internal.maintenance[purge], {})).toBe(0);
  }
  const scheduled = await backend.run(
    async ({ db }) => await db.system.query("_scheduled_functions").collect(),
  );
  expect(scheduled).toEqual([]);
});

test("the outcome of a write is kept for two days", async () => {
  const backend = newBackend();
  const ann = new User(backend);
  const prompt = await ann.create("p");
  const saved = await ann.trySave(prompt, { content: "two", key: "k" });
  pass(2 * DAY_MS - 1);
  await backend.mutation(internal.maintenance.purgeOutcomes, {});
  expect(await ann.trySave(prompt, { content: "two", key: "k" })).toEqual(saved);
  pass(2);
  await backend.mutation(internal.maintenance.purgeOutcomes, {});
  expect(await rowsOf(backend, ann.userId)).toMatchObject({ idempotency: 0 });
});

test("every purge runs on its own every hour", () => {
  const jobs = Object.values(crons.crons).map(({ name, schedule }) => ({ name, schedule }));
  const schedule = { type: "interval", hours: 1 };
  expect(jobs).toEqual(PURGES.map((name) => ({ name: `maintenance:${name}`, schedule })));
});

test("an account is created at the first call and only then", async () => {
  const ann = new User(newBackend());
  const createdAt = Date.now();
  expect(await ann.mutate(api.accounts.ensure, {})).toEqual({ createdAt, created: true });
  pass(5);
  expect(await ann.mutate(api.accounts.ensure, {})).toEqual({ createdAt, created: false });
  const bob = new User(ann.backend, "user_bob");
  const crowd = Array.from({ length: 20 }, () => bob.mutate(api.accounts.ensure, {}));
  const made = (await Promise.all(crowd)).filter(({ created }) => created);
  expect(made).toHaveLength(1);
});

test("a session ends once, for its user, for thirty days", async () => {
  const backend = newBackend();
  const [ann, bob] = [new User(backend), new User(backend, "user_bob")];
  const hasEnded = (user: User, sessionId = "s1") =>
    user.query(api.sessions.isEnded, { sessionId });
  expect(await hasEnded(ann)).toBe(false);
  await ann.mutate(api.sessions.end, { sessionId: "s1" });
  await ann.mutate(api.sessions.end, { sessionId: "s1" });
  expect(await rowsOf(backend, ann.userId)).toMatchObject({ endedSessions: 1, audit: 0 });
  expect([await hasEnded(ann), await hasEnded(ann, "s2"), await hasEnded(bob)]).toEqual([
    true,
    false,
    false,
  ]);
  pass(30 * DAY_MS);
  expect(await backend.mutation(internal.maintenance.purgeSessions, {})).toBe(0);
  pass(1);
  expect(await backend.mutation(internal.maintenance.purgeSessions, {})).toBe(1);
  expect(await hasEnded(ann)).toBe(false);
});

/** Adds more rows of every kind than one batch removes. */
async function fill(user: User) {
  let prompt = await user.create("p", { tags: ["t"] });
  for (let number = 0; number < 60; number += 1) {
    prompt = await user.save(prompt, { content: `${number}` });
  }
  await user.remove(await user.create("q"));
  await harvest(user, 30);
  await user.mutate(api.sessions.end, { sessionId: "s1" });
  return prompt;
}

test("an erasure hides all data at once and removes it in batches, and no data of another user", async () => {
  const backend = newBackend();
  const [ann, bob] = [new User(backend), new User(backend, "user_bob")];
  const prompt = await fill(ann);
  await fill(bob);
  const before = await rowsOf(backend, bob.userId);

  expect(await ann.mutate(api.accounts.erase, {})).toEqual({ more: false });
  expect(await ann.get(prompt.id)).toBeNull();
  expect(await ann.query(api.prompts.search, { name: "p", words: ["title"] })).toEqual([]);
  expect(await ann.query(api.prompts.listTags, { prefix: "", most: 5 })).toEqual([]);
  expect(await ann.audit()).toEqual([]);
  expect(await ann.query(api.accounts.counts, {})).toMatchObject({ prompts: 0, deleted: 0 });
  expect(await ann.query(api.sessions.isEnded, { sessionId: "s1" })).toBe(false);

  await backend.finishAllScheduledFunctions(vi.runAllTimers);
  const { accounts, ...contents } = await rowsOf(backend, ann.userId);
  expect(accounts).toBe(1);
  expect(new Set(Object.values(contents))).toEqual(new Set([0]));
  expect(await rowsOf(backend, bob.userId)).toEqual(before);
});

test("nothing brings an erased account back before thirty days", async () => {
  const backend = newBackend();
  const ann = new User(backend);
  const prompt = await ann.create("p");
  const nobody = new User(backend, "user_nobody");
  const erasedAt = Date.now();
  for (const user of [ann, ann, nobody]) {
    await user.mutate(api.accounts.erase, {});
  }
  for (const user of [ann, nobody]) {
    const erased = { code: "ACCOUNT_ERASED" };
    expect(await failureOf(user.mutate(api.accounts.ensure, {}))).toEqual(erased);
    expect(await failureOf(user.create("late"))).toEqual(erased);
    expect(await failureOf(harvest(user, 1))).toEqual(erased);
    expect(await failureOf(user.save(prompt, { content: "late" }))).toEqual({ code: "NOT_FOUND" });
    expect(await failureOf(user.remove(prompt))).toEqual({ code: "NOT_FOUND" });
    const uses = [{ id: prompt.id, count: 1, lastUsedAt: 1 }];
    await user.mutate(api.prompts.recordUses, { uses, write: write() });
    await user.mutate(api.sessions.end, { sessionId: "late" });
    expect(await user.query(api.sessions.isEnded, { sessionId: "late" })).toBe(true);
  }
  vi.setSystemTime(erasedAt + 30 * DAY_MS);
  expect(await backend.mutation(internal.maintenance.purgeAccounts, {})).toBe(0);
  pass(1);
  await backend.mutation(internal.maintenance.purgeAccounts, {});
  await backend.finishAllScheduledFunctions(vi.runAllTimers);
  expect(await ann.mutate(api.accounts.ensure, {})).toMatchObject({ created: true });
});

test("a removal that a fault ended is finished before the account is purged", async () => {
  const backend = newBackend();
  const ann = new User(backend);
  await fill(ann);
  await backend.run(async ({ db }) => {
    const account = (await db.query("accounts").first()) ?? expect.fail();
    await db.patch("accounts", account._id, { erasedAt: Date.now() });
  });
  pass(30 * DAY_MS + 1);
  await backend.mutation(internal.maintenance.purgeAccounts, {});
  await backend.finishAllScheduledFunctions(vi.runAllTimers);
  const { endedSessions, ...others } = await rowsOf(backend, ann.userId);
  expect(endedSessions).toBe(1);
  expect(new Set(Object.values(others))).toEqual(new Set([0]));
});

test("the local user starts anew after an erasure", async () => {
  const local = new User(newBackend(), "local");
  await fill(local);
  let calls = 1;
  while ((await local.mutate(api.accounts.erase, {})).more) {
    calls += 1;
  }
  expect(calls).toBeGreaterThan(2);
  const rows = await rowsOf(local.backend, local.userId);
  expect(new Set(Object.values(rows))).toEqual(new Set([0]));
  await local.create("p");
});

test("the largest pages, histories, searches and erasures stay within a transaction", async () => {
  const ann = new User(newBackend());
  const content = "€".repeat(65_536 / 3);
  const prompts = [];
  for (let number = 0; number < 100; number += 1) {
    prompts.push(await ann.create(`p${number}`, { content: `${content}${number % 10}` }));
  }
  const page = await ann.query(api.prompts.listRecent, { limit: 100 });
  expect(page.items).toHaveLength(100);
  expect(await ann.query(api.prompts.search, { name: "p", words: ["p"] })).toHaveLength(50);
  for (const prompt of prompts) {
    await ann.save(prompt, { content: `${content}x` });
  }
  const after = { watermark: 200, seq: 10_000 };
  const moved = await ann.query(api.prompts.listRecent, { limit: 100, after });
  expect(moved.items).toHaveLength(100);
  await ann.mutate(api.accounts.erase, {});
  await ann.backend.finishAllScheduledFunctions(vi.runAllTimers);
  expect(await rowsOf(ann.backend, ann.userId)).toMatchObject({ versions: 0, words: 0 });
});

describe("bodies of the maximum size", () => {
  // Together they exceed the 16 MiB that a transaction may read.
  const COUNT = 20;
  const text = "x".repeat(4096);
  const variables = Array.from({ length: 100 }, (_, number) => ({
    name: `v${number}`,
    description: text,
    default: text,
  }));
  const largest = { description: text, content: "y".repeat(65_536), tags: ["t"], variables };

  async function createLargest(user: User) {
    const prompts = [];
    for (let number = 0; number < COUNT; number += 1) {
      prompts.push(await user.create(`p${number}`, largest));
    }
    return prompts;
  }

  test("shorten the pages of every listing, which still show every prompt once", async () => {
    const ann = new User(newBackend());
    const names = (await createLargest(ann)).map(({ name }) => name);
    for (const listing of ["listRecent", "listOldest", "listByName", "listByUse"] as const) {
      const items = await readAll<Prompt, object>(async (after) => {
        const args = { limit: 100, after: after as never };
        const page = await ann.query(api.prompts[listing] as typeof api.prompts.listByName, args);
        expect(page.items.length).toBeGreaterThan(0);
        return page;
      });
      expect(items.map(({ name }) => name).sort(), listing).toEqual([...names].sort());
    }
    const found = await ann.query(api.prompts.search, { name: "p", words: ["title"] });
    expect(found.length).toBeGreaterThan(1);
    const alike = await ann.query(api.prompts.alike, { words: ["title"], most: 100 });
    expect(alike.length).toBeGreaterThan(1);
  });

  test("shorten the pages of a history", async () => {
    const ann = new User(newBackend());
    let prompt = await ann.create("p", largest);
    for (let number = 2; number <= COUNT; number += 1) {
      prompt = await ann.save(prompt, { title: `${number}` });
    }
    const versions = await readAll(async (after: { version: number } | undefined) => {
      const page = await ann.query(api.versions.list, { id: prompt.id, limit: 100, after });
      return page ?? expect.fail();
    });
    expect(versions.map(({ version }) => version)).toEqual(
      Array.from({ length: COUNT }, (_, index) => COUNT - index),
    );
  });

  test("end a listing by save that too many of them have moved in", async () => {
    const ann = new User(newBackend());
    const prompts = await createLargest(ann);
    const { next } = await ann.query(api.prompts.listRecent, { limit: 1 });
    const readNext = () =>
      ann.query(api.prompts.listRecent, { limit: 1, after: next ?? undefined });
    await ann.save(prompts[0] ?? expect.fail(), { content: "moved" });
    expect((await readNext()).items).toHaveLength(1);
    for (const prompt of prompts.slice(1)) {
      await ann.save(prompt, { content: "moved" });
    }
    expect(await failureOf(readNext())).toEqual({ code: "INVALID_CURSOR" });
  });

  test("neither stop the purges nor the erasure of an account", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    for (const prompt of await createLargest(ann)) {
      await ann.remove(prompt);
    }
    for (let number = 0; number < COUNT; number += 1) {
      const candidates = [{ id: freshId("cnd"), name: "c", body: body(largest), why: "" }];
      await ann.mutate(api.candidates.add, { candidates, write: write() });
    }
    const waiting = await readAll((after: { seq: number } | undefined) =>
      ann.query(api.candidates.list, { limit: 100, after }),
    );
    expect(waiting).toHaveLength(COUNT);
    pass(31 * DAY_MS);
    expect(await ann.query(api.candidates.list, { limit: 1 })).toMatchObject({ items: [] });
    await backend.mutation(internal.maintenance.purgeCandidates, {});
    await backend.mutation(internal.maintenance.purgePrompts, {});
    await backend.finishAllScheduledFunctions(vi.runAllTimers);
    const gone = { prompts: 0, versions: 0, words: 0, listings: 0, candidates: 0 };
    expect(await rowsOf(backend, ann.userId)).toMatchObject(gone);
    expect(await ann.query(api.accounts.counts, {})).toMatchObject({ prompts: 0, deleted: 0 });
    await createLargest(ann);
    await ann.mutate(api.accounts.erase, {});
    await backend.finishAllScheduledFunctions(vi.runAllTimers);
    expect(await rowsOf(backend, ann.userId)).toMatchObject(gone);
  });
});
