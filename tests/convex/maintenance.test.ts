/** Maintenance: purges in bounded batches, ended sessions, and the erasure of accounts. */
import { describe, expect, test, vi } from "vitest";

import { api, internal } from "../../convex/_generated/api";
import crons from "../../convex/crons";
import schema from "../../convex/schema";
import {
  body,
  DAY_MS,
  failureOf,
  finish,
  freshId,
  newBackend,
  pass,
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
  "purgeAudit",
  "purgeOutcomes",
  "purgeSessions",
  "purgeEvents",
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
  const bob = new User(backend, "user_bob");
  await harvest(bob, 1);
  for (let time = 0; time < 5; time += 1) {
    await harvest(ann, 34);
  }
  pass(DAY_MS);
  await harvest(ann, 2);
  pass(6 * DAY_MS);
  expect(await backend.mutation(internal.maintenance.purgeCandidates, {})).toBe(2);
  await finish(backend);
  expect(await rowsOf(backend, ann.userId)).toMatchObject({ candidates: 2 });
  expect(await rowsOf(backend, bob.userId)).toMatchObject({ candidates: 0 });
  const accounts = await backend.run(async ({ db }) => await db.query("accounts").collect());
  expect(accounts.map(({ waiting }) => waiting).sort()).toEqual([0, 2]);
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
  await finish(backend);
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

test("an audit entry is kept for four hundred days", async () => {
  const backend = newBackend();
  const ann = new User(backend);
  await ann.create("p");
  const entry = { userId: ann.userId, action: "saved", name: "p", client: "t" } as const;
  await backend.run(async ({ db }) => {
    for (let seq = 10; seq < 610; seq += 1) {
      await db.insert("audit", { ...entry, seq, at: Date.now() });
    }
  });
  const before = await rowsOf(backend, ann.userId);
  pass(400 * DAY_MS);
  expect(await backend.mutation(internal.maintenance.purgeAudit, {})).toBe(0);
  await ann.create("q");
  pass(1);
  expect(await backend.mutation(internal.maintenance.purgeAudit, {})).toBe(500);
  await finish(backend);
  expect(await ann.audit()).toEqual(["created q 1"]);
  expect(before).toMatchObject({ audit: 601 });
});

test("every purge runs on its own every hour", () => {
  const jobs = Object.values(crons.crons).map(({ name, schedule }) => ({ name, schedule }));
  const schedule = { type: "interval", hours: 1 };
  expect(jobs).toEqual(PURGES.map((name) => ({ name: `maintenance:${name}`, schedule })));
});

test("an account is created at the first call and only then", async () => {
  const ann = new User(newBackend());
  const createdAt = Date.now();
  const account = { createdAt, subscription: null };
  expect(await ann.mutate(api.accounts.ensure, {})).toEqual({ ...account, created: true });
  pass(5);
  expect(await ann.mutate(api.accounts.ensure, {})).toEqual({ ...account, created: false });
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

  await finish(backend);
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
  await finish(backend);
  expect(await backend.mutation(internal.maintenance.purgeAccounts, {})).toBe(0);
  pass(1);
  await backend.mutation(internal.maintenance.purgeAccounts, {});
  await finish(backend);
  expect(await ann.mutate(api.accounts.ensure, {})).toMatchObject({ created: true });
});

test("a removal that a fault ended is continued within the hour, once", async () => {
  const backend = newBackend();
  const ann = new User(backend);
  await fill(ann);
  await backend.run(async ({ db }) => {
    const account = (await db.query("accounts").first()) ?? expect.fail();
    await db.patch("accounts", account._id, { erasedAt: Date.now() });
  });
  pass(60 * 60 * 1000);
  expect(await backend.mutation(internal.maintenance.purgeAccounts, {})).toBe(1);
  await finish(backend);
  expect(await rowsOf(backend, ann.userId)).toMatchObject({ accounts: 1, prompts: 0, versions: 0 });
  expect(await backend.mutation(internal.maintenance.purgeAccounts, {})).toBe(0);
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
  await finish(backend);
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
  // A session that ended stays ended.
  const { endedSessions, ...others } = await rowsOf(local.backend, local.userId);
  expect(endedSessions).toBe(1);
  expect(new Set(Object.values(others))).toEqual(new Set([0]));
  await local.create("p");
});

describe("what is wrong with one row or account", () => {
  /** A second account of a user makes every change of the counters of that user fail. */
  async function poison(backend: Backend, userId: string) {
    return await backend.run(async ({ db }) => {
      const rows = await db.query("accounts").collect();
      const row = rows.find((account) => account.userId === userId) ?? expect.fail(userId);
      const { _id, _creationTime, ...fields } = row;
      expect([_id, _creationTime]).not.toContain(undefined);
      return await db.insert("accounts", fields);
    });
  }

  /** What scheduled functions write about their failures. */
  function readLog() {
    return vi.spyOn(console, "error").mockImplementation(() => undefined);
  }

  test("stops the purges of no other account, is recorded, and is tried again", async () => {
    const backend = newBackend();
    const log = readLog();
    const users = ["a", "b", "c"].map((name) => new User(backend, `user_${name}`));
    for (const user of users) {
      await harvest(user, 2);
      await user.remove(await user.create("p"));
    }
    // The rows of the first user are the oldest, so every batch meets them first.
    const double = await poison(backend, "user_a");
    pass(31 * DAY_MS);
    for (const purge of PURGES) {
      await backend.mutation(internal.maintenance[purge], {});
    }
    await finish(backend);
    expect(await rowsOf(backend, "user_a")).toMatchObject({
      prompts: 1,
      versions: 1,
      candidates: 2,
    });
    for (const userId of ["user_b", "user_c"]) {
      const gone = { prompts: 0, versions: 0, candidates: 0 };
      expect(await rowsOf(backend, userId)).toMatchObject(gone);
    }
    const failed = await backend.run(async ({ db }) => {
      const jobs = await db.system.query("_scheduled_functions").collect();
      return jobs.filter(({ state }) => state.kind === "failed").map(({ name }) => name);
    });
    expect(failed.sort()).toEqual(["maintenance:removeCandidates", "maintenance:removePrompt"]);
    expect(log).toHaveBeenCalledTimes(2);
    log.mockRestore();

    await backend.run(async ({ db }) => {
      await db.delete("accounts", double);
    });
    await backend.mutation(internal.maintenance.purgeCandidates, {});
    await backend.mutation(internal.maintenance.purgePrompts, {});
    await finish(backend);
    expect(await rowsOf(backend, "user_a")).toMatchObject({ prompts: 0, candidates: 0 });
    expect(await users[0]?.counts()).toMatchObject({ prompts: 0, deleted: 0, bytes: 0 });
  });

  test("stops the erasure of no other account, before thirty days and after", async () => {
    const backend = newBackend();
    const log = readLog();
    const users = ["a", "b", "c"].map((name) => new User(backend, `user_${name}`));
    for (const user of users) {
      await fill(user);
      await user.mutate(api.accounts.erase, {});
    }
    const double = await poison(backend, "user_a");
    await finish(backend);
    const { accounts, prompts } = await rowsOf(backend, "user_b");
    expect({ accounts, prompts }).toEqual({ accounts: 1, prompts: 0 });
    pass(30 * DAY_MS + 1);
    await backend.mutation(internal.maintenance.purgeAccounts, {});
    await finish(backend);
    expect(log.mock.calls.length).toBeGreaterThan(0);
    log.mockRestore();
    for (const userId of ["user_b", "user_c"]) {
      expect(await rowsOf(backend, userId)).toMatchObject({ accounts: 0, prompts: 0, versions: 0 });
    }
    expect(await rowsOf(backend, "user_a")).toMatchObject({ prompts: 2, accounts: 2 });
    await backend.run(async ({ db }) => {
      await db.delete("accounts", double);
    });
    await backend.mutation(internal.maintenance.purgeAccounts, {});
    await finish(backend);
    expect(await rowsOf(backend, "user_a")).toMatchObject({ accounts: 0, prompts: 0, versions: 0 });
  });

  test("hides no other prompt: a prompt without its version, and listings without a prompt", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    const prompts = [];
    for (const name of ["a-broken", "b-dangling", "c-honest"]) {
      prompts.push(await ann.create(name, { content: "shared" }));
    }
    const [broken, dangling] = prompts;
    await backend.run(async ({ db }) => {
      for (const row of await db.query("versions").collect()) {
        if (row.promptId === broken?.id) {
          await db.delete("versions", row._id);
        }
      }
      for (const row of await db.query("prompts").collect()) {
        if (row.id === dangling?.id) {
          await db.delete("prompts", row._id);
        }
      }
    });
    for (const listing of ["listRecent", "listOldest", "listByName", "listByUse"] as const) {
      const { items } = await ann.query(api.prompts[listing], { limit: 10 });
      expect(items.map(({ name }) => name)).toEqual(["c-honest"]);
    }
    expect(await ann.query(api.prompts.search, { words: ["shared"] })).toHaveLength(1);
    await backend.run(async ({ db }) => {
      for (const row of await db.query("prompts").collect()) {
        await db.patch("prompts", row._id, { deletedAt: Date.now() });
      }
    });
    pass(31 * DAY_MS);
    await backend.mutation(internal.maintenance.purgePrompts, {});
    await finish(backend);
    expect(await rowsOf(backend, ann.userId)).toMatchObject({ prompts: 0 });
  });
});
