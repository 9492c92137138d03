/** Migrations: bounded batches that can be stopped, continued and repeated while users write. */
import { describe, expect, test, vi } from "vitest";

import { api, internal } from "../../convex/_generated/api";
import { BATCH_MAX_BYTES } from "../../convex/batches";
import { MIGRATION_ROWS } from "../../convex/migrations";
import { bodySize } from "../../convex/shapes";
import { body, newBackend, useDeployment, User, type Backend } from "./world";

useDeployment();

const NAME = "fillPromptBytes";

async function run(backend: Backend) {
  return await backend.mutation(internal.migrations.run, {});
}

async function finish(backend: Backend) {
  await backend.finishAllScheduledFunctions(vi.runAllTimers);
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

async function stateOf(backend: Backend) {
  return await backend.run(async ({ db }) => await db.query("migrations").unique());
}

describe("batches", () => {
  test("are bounded by rows, and together visit every row once", async () => {
    const backend = newBackend();
    const count = 2 * MIGRATION_ROWS + 1;
    await addOldPrompts(backend, count);
    expect(await run(backend)).toEqual([{ name: NAME, rows: MIGRATION_ROWS, isDone: false }]);
    await finish(backend);
    expect(await run(backend)).toEqual([{ name: NAME, rows: count, isDone: true }]);
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
    expect(await run(backend)).toEqual([{ name: NAME, rows: 0, isDone: true }]);
    expect(await stateOf(backend)).toMatchObject({ name: NAME, doneAt: Date.now() });
    await finish(backend);
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
    expect(progress).toEqual([{ name: NAME, rows: 3, isDone: true }]);
    await finish(backend);
    expect(await stateOf(backend)).toEqual(state);
  });

  test("keeps the cursor of the last good batch when a batch fails", async () => {
    const backend = newBackend();
    await addOldPrompts(backend, 2 * MIGRATION_ROWS);
    await run(backend);
    await stop(backend);
    const before = await stateOf(backend);
    // A second row with the id of the last prompt makes its lookup fail.
    const double = await backend.run(async ({ db }) => {
      const last = (await db.query("prompts").order("desc").first()) ?? expect.fail();
      return await db.insert("prompts", withoutSystemFields(last));
    });
    await expect(run(backend)).rejects.toThrow(/unique/);
    expect(await stateOf(backend)).toEqual(before);
    await backend.run(async ({ db }) => {
      await db.delete("prompts", double);
    });
    await run(backend);
    await finish(backend);
    expect(await bytesOfPrompts(backend)).not.toContain(undefined);
  });
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

  test("read the same prompts before and after, and versions stay as they were", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    await addOldPrompts(backend, 3);
    const read = async () => {
      const versions = await backend.run(async ({ db }) => await db.query("versions").collect());
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
