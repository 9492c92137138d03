/** Migrations: bounded batches that can be stopped, continued and repeated while users write. */
import { describe, expect, test, vi } from "vitest";

import { api, internal } from "../../convex/_generated/api";
import type { Doc } from "../../convex/_generated/dataModel";
import { BATCH_MAX_BYTES } from "../../convex/batches";
import { MIGRATION_ROWS } from "../../convex/migrations";
import { bodyBytes, bodySize } from "../../convex/shapes";
import {
  addOldAccount,
  addOldCandidate,
  addOldPrompt,
  body,
  DAY_MS,
  failureOf,
  finish,
  freshId,
  newBackend,
  oldBody,
  pass,
  useDeployment,
  User,
  type Backend,
} from "./world";

useDeployment();

/** The migrations in their order. */
const NAMES = [
  "fillPromptBytes",
  "fillVersionBytes",
  "fillCandidateBytes",
  "completeAccounts",
  "clearAuditNames",
  "indexHeadings",
];
const NAME = "fillPromptBytes";

async function run(backend: Backend) {
  return await backend.mutation(internal.migrations.run, {});
}

/** Cancels the scheduled batch, as an operator does in the dashboard. */
async function stop(backend: Backend) {
  await backend.run(async (ctx) => {
    const jobs = await ctx.db.system.query("_scheduled_functions").collect();
    for (const { _id, state } of jobs) {
      if (state.kind === "pending") {
        await ctx.scheduler.cancel(_id);
      }
    }
  });
}

/** Prompts of Ann as they were stored before `bytes` existed, with one version each. */
async function addOldPrompts(backend: Backend, count: number, content = "x") {
  await backend.run(async ({ db }) => {
    const now = Date.now();
    for (let seq = 1; seq <= count; seq += 1) {
      const id = `prm_${seq.toString(16).padStart(32, "f")}`;
      const owner = { userId: "user_ann" };
      const version = { version: 1, change: seq, createdAt: now };
      const text = body({ content });
      await db.insert("versions", { ...owner, promptId: id, ...version, body: text, source: "s" });
      const name = `old-${seq}`;
      const prompt = { ...owner, id, name, ...version, seq, favorite: false, useCount: 0 };
      await db.insert("prompts", prompt);
    }
  });
}

/** A row as it could be inserted. */
function withoutSystemFields(row: object) {
  const fields = Object.entries(row).filter(([field]) => !field.startsWith("_"));
  return Object.fromEntries(fields) as never;
}

async function bytesOfPrompts(backend: Backend) {
  const prompts = await backend.run(async ({ db }) => await db.query("prompts").collect());
  return prompts.map(({ bytes }) => bytes);
}

async function stateOf(backend: Backend, name = NAME) {
  return await backend.run(
    async ({ db }) =>
      await db
        .query("migrations")
        .withIndex("by_name", (q) => q.eq("name", name))
        .unique(),
  );
}

/** The progress of a migration that visited `rows`. */
function done(name: string, rows: number, failed = 0) {
  return { name, rows, failed, isDone: true };
}

describe("batches", () => {
  test("are bounded by rows, and together visit every row once", async () => {
    const backend = newBackend();
    const count = 2 * MIGRATION_ROWS + 1;
    await addOldPrompts(backend, count);
    const [first, second] = await run(backend);
    expect(first).toEqual({ name: NAME, rows: MIGRATION_ROWS, failed: 0, isDone: false });
    expect(second).toMatchObject({ rows: 0, isDone: false });
    await finish(backend);
    const rows = [count, count, 0, 0];
    expect(await run(backend)).toEqual(NAMES.map((name, at) => done(name, rows[at] ?? 0)));
    const size = bodySize(body());
    expect(await bytesOfPrompts(backend)).toEqual(Array(count).fill(size));
  });

  test("are bounded by bytes below the limit of a transaction", async () => {
    const backend = newBackend();
    const largest = 60_000;
    await addOldPrompts(backend, 200, "x".repeat(largest));
    const [first] = await run(backend);
    expect(first?.rows).toBeLessThanOrEqual(BATCH_MAX_BYTES / largest + 1);
    expect(first?.rows).toBeGreaterThan(BATCH_MAX_BYTES / largest / 2);
    await finish(backend);
    expect(await bytesOfPrompts(backend)).not.toContain(undefined);
  });

  test("of nothing are done at once and leave their state", async () => {
    const backend = newBackend();
    expect((await run(backend))[0]).toEqual(done(NAME, 0));
    expect(await stateOf(backend)).toMatchObject({ name: NAME, doneAt: Date.now() });
    await finish(backend);
    expect(await run(backend)).toEqual(NAMES.map((name) => done(name, 0)));
  });
});

describe("a run", () => {
  test("continues where the last one stopped", async () => {
    const backend = newBackend();
    await addOldPrompts(backend, 2 * MIGRATION_ROWS);
    await run(backend);
    await stop(backend);
    await finish(backend);
    expect(await stateOf(backend)).toMatchObject({ rows: MIGRATION_ROWS });
    const [second] = await run(backend);
    expect(second?.rows).toBe(2 * MIGRATION_ROWS);
    await finish(backend);
    expect(await bytesOfPrompts(backend)).not.toContain(undefined);
  });

  test("starts no second chain while a batch is scheduled", async () => {
    const backend = newBackend();
    await addOldPrompts(backend, 2 * MIGRATION_ROWS);
    const progress = await run(backend);
    expect(await run(backend)).toEqual(progress);
    const jobs = await backend.run(
      async ({ db }) => await db.system.query("_scheduled_functions").collect(),
    );
    expect(jobs).toHaveLength(1);
  });

  test("after the last batch changes nothing", async () => {
    const backend = newBackend();
    await addOldPrompts(backend, 3);
    await run(backend);
    await finish(backend);
    const state = await stateOf(backend);
    const progress = await run(backend);
    expect(progress).toEqual([done(NAME, 3), done("fillVersionBytes", 3), ...progress.slice(2)]);
    await finish(backend);
    expect(await stateOf(backend)).toEqual(state);
  });

  test("leaves a row that fails as it was, goes on, and visits it again at the next run", async () => {
    const backend = newBackend();
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await addOldAccount(backend);
    await addOldAccount(backend, "user_bob");
    // A second row with the id of Ann's prompt makes the lookup of its version fail.
    const id = await addOldPrompt(backend, "double", [body({ content: "secret" })]);
    const double = await backend.run(async ({ db }) => {
      const row = (await db.query("prompts").first()) ?? expect.fail();
      return await db.insert("prompts", withoutSystemFields(row));
    });
    await addOldPrompt(backend, "honest", [body()], { userId: "user_bob" });
    await run(backend);
    await finish(backend);
    expect(log).toHaveBeenCalledTimes(4);
    expect(JSON.stringify(log.mock.calls)).not.toContain("secret");
    expect(JSON.stringify(log.mock.calls)).toContain("migration fillVersionBytes failed");
    const [ann, bob] = [new User(backend), new User(backend, "user_bob")];
    expect((await ann.counts()).bytes).toBeNull();
    expect((await bob.counts()).bytes).toBe(bodyBytes(body()));

    await backend.run(async ({ db }) => {
      await db.delete("prompts", double);
    });
    expect((await run(backend))[0]).toEqual(done(NAME, 2));
    await finish(backend);
    const rows = [2, 2, 0, 2, 0, 2];
    expect(await run(backend)).toEqual(NAMES.map((name, at) => done(name, rows[at] ?? 0)));
    expect((await ann.counts()).bytes).toBe(bodyBytes(body({ content: "secret" })));
    expect((await bob.counts()).bytes).toBe(bodyBytes(body()));
    expect(await ann.get(id)).not.toBeNull();
    log.mockRestore();
  });
});

describe("the bytes of an account", () => {
  /** The state of the counters of a user. */
  async function countersOf(backend: Backend, userId = "user_ann") {
    return await backend.run(async ({ db }) => {
      const account = await db
        .query("accounts")
        .withIndex("by_user", (q) => q.eq("userId", userId))
        .unique();
      const prompts = await db.query("prompts").collect();
      const own = prompts.filter((row) => row.userId === userId && row.name !== "");
      const totals = own.map(({ name, totalBytes = 0 }) => [name, totalBytes] as const);
      return { bytes: account?.bytes, totals: Object.fromEntries(totals) };
    });
  }

  test("are filled for bodies of the largest old size, and nothing is refused until then", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    await addOldAccount(backend, ann.userId, { living: 3, deleted: 1, waiting: 12 });
    const old = oldBody();
    for (const name of ["a", "b", "c"]) {
      await addOldPrompt(
        backend,
        name,
        Array.from({ length: 6 }, () => old),
      );
    }
    await addOldPrompt(backend, "deleted", [old, body()], { deletedAt: Date.now() });
    for (let seq = 1; seq <= 12; seq += 1) {
      await addOldCandidate(backend, old, { seq });
    }
    await run(backend);
    expect((await ann.counts()).bytes).toBeNull();
    await ann.create("early", { byteQuota: 1 });
    await finish(backend);
    const size = bodyBytes(old);
    const bytes = (18 + 1 + 12) * size + 2 * bodyBytes(body());
    expect(await ann.counts()).toEqual({ prompts: 4, deleted: 1, candidates: 12, bytes });
    const { totals } = await countersOf(backend);
    expect(totals).toMatchObject({ a: 6 * size, deleted: size + bodyBytes(body()) });
    const refusal = { code: "BYTES_EXCEEDED", limit: 1 };
    expect(await failureOf(ann.create("late", { byteQuota: 1 }))).toEqual(refusal);
  });

  test("count no version without a prompt, and none of a prompt that is being removed", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    await addOldAccount(backend, ann.userId, { deleted: 1, living: 1 });
    const removed = await addOldPrompt(backend, "removed", [body()], { deletedAt: Date.now() });
    await addOldPrompt(backend, "dangling", [body(), body()]);
    await backend.run(async ({ db }) => {
      const dangling = await db.query("prompts").order("desc").first();
      await db.delete("prompts", dangling?._id ?? expect.fail());
    });
    await ann.purge(removed);
    await run(backend);
    await finish(backend);
    expect((await ann.counts()).bytes).toBe(0);
  });

  test("are right at every batch of the migration while users write", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    await addOldAccount(backend, ann.userId, { living: 150 });
    const names = Array.from({ length: 150 }, (_, number) => `old-${number}`);
    const ids: string[] = [];
    for (const name of names) {
      ids.push(await addOldPrompt(backend, name, [body({ content: name }), body()]));
    }
    const get = async (at: number) => (await ann.get(ids[at] ?? "")) ?? expect.fail();
    // Each step meets rows that were visited and rows that were not.
    const steps: (() => Promise<unknown>)[] = [
      async () => await ann.save(await get(0), { content: "again" }),
      async () => await ann.save(await get(149), { content: "again" }),
      async () => await ann.prune((await get(1)).id, 2),
      async () => await ann.prune((await get(148)).id, 2),
      async () => await ann.remove(await get(2)),
      async () => {
        await ann.purge((await ann.remove(await get(3))).id);
      },
      async () => {
        await ann.purge((await ann.remove(await get(147))).id);
      },
      async () => await ann.create("new", { content: "new" }),
    ];
    await run(backend);
    while (!(await run(backend)).every(({ isDone }) => isDone)) {
      await steps.shift()?.();
      pass(1);
      vi.advanceTimersToNextTimer();
      await backend.finishInProgressScheduledFunctions();
    }
    expect(steps).toEqual([]);
    await finish(backend);
    const { bytes, totals } = await countersOf(backend);
    const expected = await backend.run(async ({ db }) => {
      const kept = new Set((await db.query("prompts").collect()).map(({ id }) => id));
      const versions = (await db.query("versions").collect()).filter(({ promptId }) =>
        kept.has(promptId),
      );
      return versions.reduce((sum, row) => sum + bodyBytes(row.body), 0);
    });
    expect((await ann.counts()).bytes).toBe(expected);
    expect(bytes).toBe(expected);
    expect(Object.values(totals).reduce((sum, total) => sum + total, 0)).toBe(expected);
  });
});

test("the names of what was removed before are emptied in the audit trail", async () => {
  const backend = newBackend();
  const ann = new User(backend);
  const kept = await ann.create("kept");
  const entry = { userId: ann.userId, client: "t" } as const;
  const long = Date.now() - 8 * DAY_MS;
  await backend.run(async ({ db }) => {
    const insert = async (fields: Pick<Doc<"audit">, "action" | "name" | "at"> & object) => {
      await db.insert("audit", { ...entry, seq: 100, ...fields });
    };
    const now = Date.now();
    await insert({ action: "created", name: "purged", at: long, ...{ promptId: freshId() } });
    await insert({ action: "saved", name: "kept", at: long, ...{ promptId: kept.id } });
    const candidateId = freshId("cnd");
    await insert({ action: "harvested", name: "expired", at: long, ...{ candidateId } });
    await insert({ action: "rejected", name: "rejected", at: now, ...{ candidateId } });
    await insert({ action: "harvested", name: "waiting", at: now, ...{ candidateId } });
  });
  await run(backend);
  await finish(backend);
  const rows = await backend.run(async ({ db }) => await db.query("audit").collect());
  expect(rows.map(({ name }) => name)).toEqual(["kept", "", "kept", "", "", "waiting"]);
});

test("prompts from before the headings were indexed are found by a typo, and by hidden words", async () => {
  const backend = newBackend();
  const ann = new User(backend);
  await ann.create("k8s", { title: "Kubernetes", content: "Use ter\u00adraform with ar\u200dgo." });
  const plain = await ann.create("plain", { content: "Nothing hidden." });
  await backend.run(async ({ db }) => {
    for (const row of await db.query("words").collect()) {
      await db.patch("words", row._id, { headings: undefined });
    }
  });
  const textOfPlain = async () =>
    await backend.run(async ({ db }) => {
      const rows = await db.query("words").collect();
      return rows.find(({ promptId }) => promptId === plain.id)?.text;
    });
  const before = await textOfPlain();
  const found = async (word: string) => {
    const { prompts } = await ann.query(api.prompts.match, { words: [word] });
    return prompts.map(({ name }) => name);
  };
  await run(backend);
  await finish(backend);
  for (const word of ["kubernets", "terraform", "argo"]) {
    expect(await found(word), word).toEqual(["k8s"]);
  }
  expect(await textOfPlain()).toBe(before);
});

describe("users meanwhile", () => {
  test("save, add and delete prompts, and every prompt has the bytes of its current body", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    await addOldPrompts(backend, 2 * MIGRATION_ROWS + 10);
    const names = [1, MIGRATION_ROWS + 1, 2 * MIGRATION_ROWS + 5].map((seq) => `old-${seq}`);
    const get = async (name: string) => {
      const found = await ann.query(api.prompts.get, { prompt: { name }, orDeleted: false });
      return found ?? expect.fail(name);
    };
    // One prompt whose version was visited, one in the next batch, and one in the last.
    const saves = async (round: number) => {
      for (const name of names) {
        await ann.save(await get(name), { content: `round ${round} of ${name}` });
      }
      await ann.create(`new-${round}`, { content: "new ".repeat(round + 1) });
    };
    await run(backend);
    await saves(1);
    await ann.remove(await get("old-150"));
    await finish(backend);
    await saves(2);
    expect(await stateOf(backend)).toMatchObject({
      cursor: null,
      doneAt: expect.any(Number) as number,
    });
    await backend.run(async ({ db }) => {
      for (const prompt of await db.query("prompts").collect()) {
        const version = await db
          .query("versions")
          .withIndex("by_version", (q) =>
            q.eq("userId", prompt.userId).eq("promptId", prompt.id).eq("version", prompt.version),
          )
          .unique();
        expect(prompt.bytes, prompt.name).toBe(bodySize(version?.body ?? expect.fail()));
      }
    });
  });

  test("read the same prompts before and after, and of versions too", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    await addOldPrompts(backend, 3);
    const read = async () => {
      const rows = await backend.run(async ({ db }) => await db.query("versions").collect());
      const versions = rows.map((row) => ({ ...row, bytes: undefined }));
      const prompts = ["old-1", "old-2", "old-3"].map((name) =>
        ann.query(api.prompts.get, { prompt: { name }, orDeleted: true }),
      );
      return { versions, prompts: await Promise.all(prompts), audit: await ann.audit() };
    };
    const before = await read();
    await run(backend);
    await finish(backend);
    expect(await read()).toEqual(before);
  });
});
