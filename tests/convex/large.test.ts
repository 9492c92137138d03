/**
 * Bodies of the largest sizes: the 128 KiB of today, and the 890 KB of rows from before that limit.
 * Every page, purge, erasure and search stays within a transaction, which may read 16 MiB.
 */
import { describe, expect, test } from "vitest";

import { api, internal } from "../../convex/_generated/api";
import { SEARCH_MAX_BYTES } from "../../convex/batches";
import { PAGE_MAX_BYTES } from "../../convex/limits";
import { byteLength, type Prompt } from "../../convex/shapes";
import {
  addOldAccount,
  addOldCandidate,
  addOldPrompt,
  body,
  countRows,
  DAY_MS,
  failureOf,
  finish,
  freshId,
  largestBody,
  newBackend,
  oldBody,
  pass,
  readAll,
  useDeployment,
  User,
  write,
  type Backend,
} from "./world";

useDeployment();

const LISTINGS = ["listRecent", "listOldest", "listByName", "listByUse", "listDeleted"] as const;

interface Page<Item> {
  items: Item[];
  next: object | null;
}

/** Checks that a page is not empty, and has 1 MiB of JSON or one item, and returns it. */
function checked<Item, P extends Page<Item>>(page: P): P {
  const size = byteLength(JSON.stringify(page.items));
  // The brackets and commas of the list are not counted.
  expect(page.items.length === 1 || size <= PAGE_MAX_BYTES + page.items.length + 1).toBe(true);
  expect(page.items.length).toBeGreaterThan(0);
  return page;
}

async function readListing(user: User, listing: (typeof LISTINGS)[number], limit = 100) {
  let pages = 0;
  const items = await readAll<Prompt, object>(async (after) => {
    const args = { limit, after: after as never };
    pages += 1;
    return checked(await user.query(api.prompts[listing] as typeof api.prompts.listByName, args));
  });
  return { names: items.map(({ name }) => name).sort(), pages };
}

async function readVersions(user: User, id: string) {
  const items = await readAll(async (after: { version: number } | undefined) => {
    const page = await user.query(api.versions.list, { id, limit: 100, after });
    return checked(page ?? expect.fail());
  });
  return items.map(({ version }) => version);
}

async function readCandidates(user: User) {
  return await readAll(async (after: { seq: number } | undefined) =>
    checked(await user.query(api.candidates.list, { limit: 100, after })),
  );
}

/** Runs the purges that crons run. */
async function purge(backend: Backend) {
  await backend.mutation(internal.maintenance.purgeCandidates, {});
  await backend.mutation(internal.maintenance.purgePrompts, {});
  await backend.mutation(internal.maintenance.purgeAccounts, {});
  await finish(backend);
}

async function expectNoRows(backend: Backend, userId = "user_ann") {
  const tables = ["prompts", "versions", "words", "listings", "candidates"] as const;
  for (const table of tables) {
    expect(await countRows(backend, table, userId), table).toBe(0);
  }
}

const range = (count: number) => Array.from({ length: count }, (_, index) => index);
const oldHistory = (count: number) => range(count).map(() => oldBody());

describe("bodies of the largest size", () => {
  async function createLargest(user: User, count: number) {
    const prompts = [];
    for (const number of range(count)) {
      prompts.push(await user.create(`p${number}`, largestBody({ tags: ["t"] })));
    }
    return prompts;
  }

  test("end the pages of every listing at 1 MiB, and each shows every prompt once", async () => {
    const ann = new User(newBackend());
    const prompts = await createLargest(ann, 30);
    const names = prompts.map(({ name }) => name).sort();
    for (const listing of LISTINGS.slice(0, 4)) {
      const read = await readListing(ann, listing);
      expect(read.names, listing).toEqual(names);
      expect(read.pages, listing).toBe(5);
    }
    for (const prompt of prompts) {
      await ann.remove(prompt);
    }
    expect(await readListing(ann, "listDeleted")).toEqual({ names, pages: 5 });
  });

  test("end the pages of versions and candidates at 1 MiB", async () => {
    const ann = new User(newBackend());
    let prompt = await ann.create("p", largestBody());
    for (const number of range(30)) {
      prompt = await ann.save(prompt, { title: `${number}` });
      const candidates = [{ id: freshId("cnd"), name: "c", body: largestBody(), why: "" }];
      await ann.mutate(api.candidates.add, { candidates, write: write() });
    }
    expect(await readVersions(ann, prompt.id)).toEqual(range(31).map((number) => 31 - number));
    expect(await readCandidates(ann)).toHaveLength(30);
  });

  test("that are larger in JSON end a page earlier", async () => {
    const ann = new User(newBackend());
    const content = "\u0001".repeat(65_536);
    let prompt = await ann.create("p0", { content });
    for (const number of range(5)) {
      await ann.create(`p${number + 1}`, { content });
      prompt = await ann.save(prompt, { title: `${number}` });
      const candidates = [{ id: freshId("cnd"), name: "c", body: body({ content }), why: "" }];
      await ann.mutate(api.candidates.add, { candidates, write: write() });
    }
    expect((await readListing(ann, "listByName")).names).toHaveLength(6);
    expect(await readVersions(ann, prompt.id)).toHaveLength(6);
    expect(await readCandidates(ann)).toHaveLength(5);
  });

  test("end the answer of a search", async () => {
    const ann = new User(newBackend());
    await createLargest(ann, 50);
    for (const found of [
      await ann.query(api.prompts.search, { name: "p", words: ["title"] }),
      await ann.query(api.prompts.alike, { words: ["title"], most: 100 }),
    ]) {
      const size = byteLength(JSON.stringify(found));
      expect(size).toBeGreaterThan(SEARCH_MAX_BYTES / 2);
      expect(size).toBeLessThanOrEqual(SEARCH_MAX_BYTES + 100);
    }
  });

  test("of a content leave a search all its matches", async () => {
    const ann = new User(newBackend());
    const content = "€".repeat(65_536 / 3);
    const prompts = [];
    for (const number of range(100)) {
      prompts.push(await ann.create(`p${number}`, { content: `${content}${number % 10}` }));
    }
    expect((await readListing(ann, "listRecent")).names).toHaveLength(100);
    expect(await ann.query(api.prompts.search, { name: "p", words: ["p"] })).toHaveLength(50);
    for (const prompt of prompts) {
      await ann.save(prompt, { content: `${content}x` });
    }
    const after = { watermark: 200, seq: 10_000 };
    const moved = await readAll((next: typeof after | undefined) =>
      ann.query(api.prompts.listRecent, { limit: 100, after: next ?? after }),
    );
    expect(moved).toHaveLength(100);
    await ann.mutate(api.accounts.erase, {});
    await finish(ann.backend);
    await expectNoRows(ann.backend);
  });
});

describe("bodies of the largest old size", () => {
  // Together they exceed the 16 MiB that a transaction may read.
  const COUNT = 20;

  async function addOld(backend: Backend) {
    await addOldAccount(backend, "user_ann", { living: COUNT });
    const ids = [];
    for (const number of range(COUNT)) {
      ids.push(await addOldPrompt(backend, `p${number}`, [oldBody()]));
    }
    return ids;
  }

  test("are pages of their own, before and after the migrations", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    await addOld(backend);
    const names = range(COUNT)
      .map((number) => `p${number}`)
      .sort();
    for (const time of ["before", "after"]) {
      expect((await readListing(ann, "listByName")).names).toEqual(names);
      const found = await ann.query(api.prompts.search, { name: "p", words: [] });
      expect(found.length, time).toBeGreaterThan(1);
      await backend.mutation(internal.migrations.run, {});
      await finish(backend);
    }
  });

  test("are the single items of the pages of versions and candidates", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    await addOldAccount(backend, ann.userId, { living: 1, waiting: 25 });
    const id = await addOldPrompt(backend, "p", [body(), ...oldHistory(32)]);
    expect(await readVersions(ann, id)).toEqual(range(33).map((number) => 33 - number));
    for (const seq of range(25)) {
      await addOldCandidate(backend, oldBody(), { seq: seq + 1 });
    }
    expect(await readCandidates(ann)).toHaveLength(25);
    pass(8 * DAY_MS);
    const first = await ann.query(api.candidates.list, { limit: 1 });
    expect(first.items).toEqual([]);
    expect(await ann.counts()).toMatchObject({ prompts: 1 });
  });

  test("end a listing by save that too many of them have moved in", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    const ids = await addOld(backend);
    const { next } = await ann.query(api.prompts.listRecent, { limit: 1 });
    const readNext = () =>
      ann.query(api.prompts.listRecent, { limit: 1, after: next ?? undefined });
    for (const id of ids) {
      const prompt = (await ann.get(id)) ?? expect.fail();
      await ann.save(prompt, { content: "moved", variables: [] });
    }
    expect(await failureOf(readNext())).toEqual({ code: "INVALID_CURSOR" });
  });

  test("are pruned in batches", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    await addOldAccount(backend, ann.userId, { living: 1 });
    const id = await addOldPrompt(backend, "p", oldHistory(32));
    let [count, hasMore] = [0, true];
    while (hasMore) {
      const batch = await ann.prune(id, 32);
      count += batch.count;
      hasMore = batch.hasMore;
    }
    expect(count).toBe(31);
    expect(await readVersions(ann, id)).toEqual([32]);
  });

  // After 31 days nothing can be restored, and after 40 an erased account's tokens have expired too.
  test.each([31, 40])("of a hostile account stop no purge after %i days", async (days) => {
    const backend = newBackend();
    await addOldAccount(backend, "user_ann", { deleted: 3, waiting: 40 });
    for (const name of ["a", "b", "c"]) {
      const deletion = { deletedAt: Date.now() };
      await addOldPrompt(backend, name, oldHistory(33), deletion);
    }
    for (const seq of range(40)) {
      await addOldCandidate(backend, oldBody(), { seq: seq + 1 });
    }
    const bob = new User(backend, "user_bob");
    await bob.remove(await bob.create("p"));
    const candidates = [{ id: freshId("cnd"), name: "c", body: body(), why: "" }];
    await bob.mutate(api.candidates.add, { candidates, write: write() });
    const cleo = new User(backend, "user_cleo");
    await cleo.create("p");
    await cleo.mutate(api.accounts.erase, {});
    pass(days * DAY_MS);
    await purge(backend);
    for (const userId of ["user_ann", bob.userId, cleo.userId]) {
      await expectNoRows(backend, userId);
    }
    expect(await new User(backend).counts()).toMatchObject({ deleted: 0, candidates: 0 });
    expect(await bob.counts()).toEqual({ prompts: 0, deleted: 0, candidates: 0, bytes: 0 });
    expect(await countRows(backend, "accounts", cleo.userId)).toBe(0);
  });

  test("are purged and emptied at the wish of their owner", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    await addOldAccount(backend, ann.userId, { deleted: 12 });
    const deletion = { deletedAt: Date.now() };
    const long = oldHistory(33);
    const id = await addOldPrompt(backend, "long", long, deletion);
    for (const number of range(11)) {
      await addOldPrompt(backend, `p${number}`, [oldBody()], deletion);
    }
    await ann.purge(id);
    let hasMore = true;
    while (hasMore) {
      hasMore = (await ann.mutate(api.trash.empty, { write: write() })).hasMore;
    }
    expect(await ann.counts()).toMatchObject({ prompts: 0, deleted: 0 });
    await finish(backend);
    await expectNoRows(backend);
  });

  test("neither stop an erasure nor a harvest into a queue of expired ones", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    await addOld(backend);
    await backend.run(async ({ db }) => {
      const account = (await db.query("accounts").first()) ?? expect.fail();
      await db.patch("accounts", account._id, { waiting: 200 });
    });
    for (const seq of range(20)) {
      await addOldCandidate(backend, oldBody(), { seq: seq + 1 });
    }
    pass(8 * DAY_MS);
    const candidates = range(4).map(() => ({
      id: freshId("cnd"),
      name: "c",
      body: largestBody(),
      why: "",
    }));
    await ann.mutate(api.candidates.add, { candidates, write: write() });
    await ann.mutate(api.accounts.erase, {});
    await finish(backend);
    await expectNoRows(backend);
  });
});
