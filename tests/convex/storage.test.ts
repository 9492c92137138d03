/** Laws of what an account holds: its bytes, its quota, and removal for good. */
import { describe, expect, test } from "vitest";

import { api, internal } from "../../convex/_generated/api";
import { BODY_MAX_BYTES } from "../../convex/limits";
import { bodyBytes } from "../../convex/shapes";
import {
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
  useDeployment,
  User,
  words,
  write,
  addOldAccount,
  addOldPrompt,
  type Backend,
} from "./world";

useDeployment();

const QUOTA = 1000;

/** The bytes that an account holds by its rows: of every version and candidate that is reachable. */
async function bytesByRows(backend: Backend, userId = "user_ann") {
  return await backend.run(async ({ db }) => {
    const prompts = await db.query("prompts").collect();
    const kept = new Set(prompts.filter((row) => row.name !== "").map((row) => row.id));
    const versions = (await db.query("versions").collect()).filter((row) => kept.has(row.promptId));
    const rows = [...versions, ...(await db.query("candidates").collect())];
    const bodies = rows.filter((row) => row.userId === userId).map((row) => row.body);
    return bodies.reduce((sum, one) => sum + bodyBytes(one), 0);
  });
}

async function harvest(user: User, content: string, byteQuota?: number) {
  const candidates = [{ id: freshId("cnd"), name: "c", body: body({ content }), why: "why" }];
  const [added] = await user.mutate(api.candidates.add, {
    candidates,
    write: write({ byteQuota }),
  });
  return added ?? expect.fail();
}

function imported(count: number, parts: object = {}) {
  const versions = Array.from({ length: count }, (_, index) => ({
    version: index + 1,
    body: body({ content: `brought ${index + 1}` }),
    source: "elsewhere",
    createdAt: 1000,
  }));
  const ids = [freshId()];
  return { ids, name: "brought", favorite: false, useCount: 0, versions, words: "", ...parts };
}

test("the size of a body is that of all its texts in UTF-8", () => {
  const variables = [{ name: "who", description: "€", default: "äb" }, { name: "x" }];
  const one = body({ title: "Tö", description: "d", content: "{{who}}€", tags: ["ab"], variables });
  expect(bodyBytes(one)).toBe(3 + 1 + 10 + 2 + (3 + 3 + 3) + 1);
});

describe("the bytes of an account", () => {
  test("are those of all versions and candidates after every kind of write", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    const check = async (step: string) => {
      const { bytes } = await ann.counts();
      expect(bytes, step).toBe(await bytesByRows(backend));
      return bytes ?? expect.fail(step);
    };
    expect(await check("before the first write")).toBe(0);
    let prompt = await ann.create("p", { content: "12345" });
    expect(await check("a creation")).toBe("Title".length + 5);
    prompt = await ann.save(prompt, { content: "1234567", tags: ["tag"] });
    await ann.save(prompt, { favorite: true });
    const before = await check("a save and a mark");
    expect(before).toBe(2 * "Title".length + 5 + 7 + 3);
    const [one, two] = [await harvest(ann, "one"), await harvest(ann, "two")];
    await check("a harvest");
    await ann.mutate(api.candidates.reject, { id: one.id, write: write() });
    expect(await check("a rejection")).toBe(before + bodyBytes(two.body));
    const { id, version: expectedVersion, body: same } = prompt;
    const accept = { id, expectedVersion, body: same, words: "", action: "saved" as const };
    await ann.mutate(api.prompts.save, { ...accept, write: write({ accepts: two.id }) });
    expect(await check("an acceptance that changes nothing else")).toBe(before);
    await ann.create("q", { accepts: (await harvest(ann, "three")).id, content: "three" });
    await check("an acceptance");
    await ann.mutate(api.imports.addPrompt, { ...imported(3), write: write() });
    const old = imported(2, { ids: [freshId()], deletedAt: Date.now() });
    await ann.mutate(api.imports.addPrompt, { ...old, write: write() });
    const [first] = imported(1).versions;
    const more = [{ ...(first ?? expect.fail()), version: 3 }];
    await ann.mutate(api.imports.appendVersions, {
      id: old.ids[0] ?? "",
      versions: more,
      words: "",
      write: write(),
    });
    const full = await check("imports");
    prompt = await ann.remove(prompt);
    expect(await check("a deletion")).toBe(full);
    await ann.mutate(api.prompts.undelete, { id: prompt.id, write: write() });
    expect(await ann.prune(prompt.id, 2)).toEqual({ count: 1, hasMore: false });
    expect(await check("pruning")).toBe(full - "Title".length - 5);
    await ann.remove(prompt);
    await ann.purge(prompt.id);
    await check("a purge, before its rows are gone");
    await ann.mutate(api.trash.empty, { write: write() });
    await finish(backend);
    await check("the end");
  });

  test("are counted for no other account, and gone after an erasure", async () => {
    const backend = newBackend();
    const [ann, bob] = [new User(backend), new User(backend, "user_bob")];
    await ann.create("p", { content: "ann's" });
    await bob.create("p", { content: "bob's own" });
    expect((await bob.counts()).bytes).toBe(await bytesByRows(backend, bob.userId));
    await bob.mutate(api.accounts.erase, {});
    expect((await bob.counts()).bytes).toBe(0);
    expect((await ann.counts()).bytes).toBe(await bytesByRows(backend));
  });

  test("leave out what has expired, before and after its purge", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    await ann.create("kept");
    const { bytes } = await ann.counts();
    await ann.remove(await ann.create("gone", { content: "gone" }));
    await harvest(ann, "expired");
    pass(31 * DAY_MS);
    const left = { prompts: 1, deleted: 0, candidates: 0, bytes };
    expect(await ann.counts()).toEqual(left);
    await backend.mutation(internal.maintenance.purgePrompts, {});
    await backend.mutation(internal.maintenance.purgeCandidates, {});
    await finish(backend);
    expect(await ann.counts()).toEqual(left);
    expect(await bytesByRows(backend)).toBe(bytes);
  });
});

describe("the quota of bytes", () => {
  /** An account that holds `QUOTA` bytes. */
  async function full() {
    const ann = new User(newBackend());
    const prompt = await ann.create("p", { content: "x".repeat(QUOTA - 5), byteQuota: QUOTA });
    expect((await ann.counts()).bytes).toBe(QUOTA);
    return { ann, prompt };
  }
  const refusal = { code: "BYTES_EXCEEDED", limit: QUOTA };

  test("refuses every write that adds past it, and nothing of it is written", async () => {
    const { ann, prompt } = await full();
    const limited = { byteQuota: QUOTA };
    expect(await failureOf(ann.create("q", limited))).toEqual(refusal);
    expect(await failureOf(ann.save(prompt, { content: "y", ...limited }))).toEqual(refusal);
    expect(await failureOf(harvest(ann, "y", QUOTA))).toEqual(refusal);
    const add = ann.mutate(api.imports.addPrompt, { ...imported(1), write: write(limited) });
    expect(await failureOf(add)).toEqual(refusal);
    const deleted = { ...imported(1), deletedAt: Date.now() };
    const addDeleted = ann.mutate(api.imports.addPrompt, { ...deleted, write: write(limited) });
    expect(await failureOf(addDeleted)).toEqual(refusal);
    const [first] = imported(1).versions;
    const versions = [{ ...(first ?? expect.fail()), version: 2 }];
    const append = { id: prompt.id, versions, words: "", write: write(limited) };
    expect(await failureOf(ann.mutate(api.imports.appendVersions, append))).toEqual(refusal);
    const candidate = { ids: [freshId("cnd")], name: "c", body: body(), why: "", source: "s" };
    const addCandidate = { ...candidate, createdAt: Date.now(), write: write(limited) };
    expect(await failureOf(ann.mutate(api.imports.addCandidate, addCandidate))).toEqual(refusal);
    expect(await ann.counts()).toMatchObject({ prompts: 1, candidates: 0, bytes: QUOTA });
    expect(await ann.audit()).toEqual(["created p 1"]);
  });

  test("refuses nothing that adds no bytes, also over a quota that has shrunk", async () => {
    const { ann, prompt } = await full();
    const small = { byteQuota: 10 };
    const marked = await ann.save(prompt, { favorite: true, name: "renamed", ...small });
    expect(await ann.get(marked.id)).toEqual(marked);
    const gone = { id: prompt.id, write: write(small) };
    await ann.mutate(api.prompts.remove, gone);
    await ann.mutate(api.prompts.undelete, { ...gone, write: write(small) });
    await ann.mutate(api.prompts.remove, { ...gone, write: write(small) });
    await ann.mutate(api.trash.purge, { ...gone, write: write(small) });
    expect((await ann.counts()).bytes).toBe(0);
  });

  test("has room again at once after a purge, and counts what an acceptance frees", async () => {
    const { ann, prompt } = await full();
    await ann.remove(prompt);
    expect(await failureOf(ann.create("q", { byteQuota: QUOTA }))).toEqual(refusal);
    await ann.purge(prompt.id);
    const { id } = await harvest(ann, "x".repeat(QUOTA - 5), QUOTA);
    expect(await failureOf(ann.create("q", { byteQuota: QUOTA }))).toEqual(refusal);
    await ann.create("q", { accepts: id, content: "x".repeat(QUOTA - 5), byteQuota: QUOTA });
    expect((await ann.counts()).bytes).toBe(QUOTA);
  });

  test("is not asked while a server passes none, or an account is not counted", async () => {
    const { ann } = await full();
    await ann.create("no-quota");
    const bob = new User(ann.backend, "user_bob");
    await addOldAccount(ann.backend, bob.userId);
    await bob.create("uncounted", { content: "x".repeat(2 * QUOTA), byteQuota: QUOTA });
    expect((await bob.counts()).bytes).toBeNull();
  });

  test("does not wait for the purge of what has expired", async () => {
    const { ann, prompt } = await full();
    await ann.remove(prompt);
    pass(31 * DAY_MS);
    await ann.create("q", { byteQuota: QUOTA });
  });

  test("is a whole number", async () => {
    const ann = new User(newBackend());
    for (const byteQuota of [-1, 0.5, NaN, Infinity]) {
      const refused = { code: "INVALID_ARGUMENT", field: "write.byteQuota" };
      expect(await failureOf(ann.create("p", { byteQuota }))).toMatchObject(refused);
    }
  });
});

describe("the size of a whole body", () => {
  test("is limited in UTF-8 wherever one is written", async () => {
    const ann = new User(newBackend());
    const largest = largestBody({ title: "€" });
    expect(bodyBytes(largest)).toBe(BODY_MAX_BYTES);
    const prompt = await ann.create("p", largest);
    const over = { ...largest, title: "€x" };
    const refused = { code: "INVALID_ARGUMENT", field: "body" };
    expect(await failureOf(ann.create("q", over))).toMatchObject(refused);
    expect(await failureOf(ann.save(prompt, over))).toMatchObject(refused);
    const candidates = [{ id: freshId("cnd"), name: "c", body: over, why: "" }];
    const add = ann.mutate(api.candidates.add, { candidates, write: write() });
    expect(await failureOf(add)).toMatchObject(refused);
    const version = { version: 1, body: over, source: "s", createdAt: 1 };
    const args = { ...imported(1), versions: [version], write: write() };
    expect(await failureOf(ann.mutate(api.imports.addPrompt, args))).toMatchObject(refused);
  });

  test("leaves older, larger ones readable, and refuses them at their next save", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    await addOldAccount(backend, ann.userId, { living: 1 });
    const id = await addOldPrompt(backend, "old", [oldBody()]);
    const prompt = (await ann.get(id)) ?? expect.fail();
    expect(prompt.body).toEqual(oldBody());
    const marked = await ann.save(prompt, { favorite: true, name: "marked" });
    expect(marked).toMatchObject({ favorite: true, name: "marked", version: 1 });
    const refused = { code: "INVALID_ARGUMENT", field: "body" };
    expect(await failureOf(ann.save(marked, { title: "Changed" }))).toMatchObject(refused);
    await ann.save(marked, { variables: [] });
  });

  test("lets the longest import fit into one transaction", async () => {
    const ann = new User(newBackend());
    const versions = Array.from({ length: 100 }, (_, index) => ({
      version: index + 1,
      body: largestBody({ title: `${index}` }),
      source: "s",
      createdAt: 1,
    }));
    const args = { ...imported(1), versions, words: words(largestBody()), write: write() };
    const { prompt } = await ann.mutate(api.imports.addPrompt, args);
    expect(prompt.version).toBe(100);
  });
});

describe("a purge", () => {
  test("removes a deleted prompt with every trace of its text", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    const kept = await ann.create("kept");
    let prompt = await ann.create("pelican-plan", { content: "pelican", tags: ["pelican"] });
    prompt = await ann.save(prompt, { title: "Pelicans", content: "pelican two" });
    await ann.remove(prompt);
    await ann.purge(prompt.id);
    expect(await ann.get(prompt.id)).toBeNull();
    const byName = { prompt: { name: "pelican-plan" }, orDeleted: true };
    expect(await ann.query(api.prompts.get, byName)).toBeNull();
    expect(await ann.query(api.versions.get, { id: prompt.id, version: 1 })).toBeNull();
    expect(await ann.query(api.versions.list, { id: prompt.id, limit: 9 })).toBeNull();
    expect((await ann.query(api.prompts.listDeleted, { limit: 9 })).items).toEqual([]);
    expect(await ann.counts()).toMatchObject({ prompts: 1, deleted: 0 });
    expect(await ann.audit()).toEqual([
      "created kept 1",
      "created  1",
      "saved  2",
      "deleted  2",
      "purged  2",
    ]);
    await finish(backend);
    const rows = await backend.run(async ({ db }) => {
      const tables = ["prompts", "versions", "listings", "words", "audit", "idempotency"] as const;
      return JSON.stringify(await Promise.all(tables.map((table) => db.query(table).collect())));
    });
    expect(rows).not.toMatch(/pelican/i);
    expect(await countRows(backend, "prompts")).toBe(1);
    expect(await ann.get(kept.id)).toEqual(kept);
  });

  test("is refused for a living prompt and an unknown one, and is done once", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    const prompt = await ann.create("p");
    expect(await failureOf(ann.purge(prompt.id))).toEqual({ code: "NOT_DELETED" });
    expect(await failureOf(ann.purge(freshId()))).toEqual({ code: "NOT_FOUND" });
    await ann.remove(prompt);
    const args = { id: prompt.id, write: write() };
    for (let time = 0; time < 2; time += 1) {
      await ann.mutate(api.trash.purge, args);
    }
    expect((await ann.audit()).filter((entry) => entry.startsWith("purged"))).toHaveLength(1);
    expect(await failureOf(ann.purge(prompt.id))).toEqual({ code: "NOT_FOUND" });
    const back = ann.mutate(api.prompts.undelete, { id: prompt.id, write: write() });
    expect(await failureOf(back)).toEqual({ code: "NOT_FOUND" });
  });

  test("frees the key under which the prompt was made", async () => {
    const ann = new User(newBackend());
    const made = { name: "p", body: body(), words: "", favorite: false, write: write() };
    const { prompt } = await ann.mutate(api.prompts.create, { id: freshId(), ...made });
    const { key, fingerprint } = made.write;
    await ann.remove(prompt);
    await ann.purge(prompt.id);
    expect(await ann.query(api.prompts.recall, { key, fingerprint })).toBeNull();
    const again = await ann.mutate(api.prompts.create, { id: freshId(), ...made });
    expect(again.changed && again.prompt.id !== prompt.id).toBe(true);
    expect(await ann.mutate(api.prompts.create, { id: freshId(), ...made })).toEqual(again);
  });

  test("empties the names of a trail that is longer than a batch", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    const prompt = await ann.remove(await ann.create("named"));
    const entry = { userId: ann.userId, action: "saved", promptId: prompt.id } as const;
    await backend.run(async ({ db }) => {
      for (let seq = 100; seq < 1700; seq += 1) {
        await db.insert("audit", { ...entry, seq, name: "named", client: "t", at: Date.now() });
      }
    });
    await ann.purge(prompt.id);
    await finish(backend);
    const rows = await backend.run(async ({ db }) => await db.query("audit").collect());
    expect(rows.filter(({ name }) => name !== "")).toEqual([]);
    expect(rows).toHaveLength(1603);
  });

  test("of the whole trash is done in batches, with an entry for each prompt", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    const kept = await ann.create("kept");
    for (let number = 0; number < 150; number += 1) {
      await ann.remove(await ann.create(`p${number}`, { tags: ["t"] }));
    }
    const first = { write: write() };
    const batch = await ann.mutate(api.trash.empty, first);
    expect(batch.hasMore).toBe(true);
    expect(await ann.mutate(api.trash.empty, first)).toEqual(batch);
    let { count, hasMore } = batch;
    while (hasMore) {
      const next = await ann.mutate(api.trash.empty, { write: write() });
      count += next.count;
      hasMore = next.hasMore;
    }
    expect(count).toBe(150);
    expect(await ann.counts()).toMatchObject({ prompts: 1, deleted: 0 });
    const nothing = await ann.mutate(api.trash.empty, { write: write() });
    expect(nothing).toEqual({ count: 0, hasMore: false });
    await finish(backend);
    const { items } = await ann.query(api.audit.list, { limit: 100 });
    expect(items.filter(({ action }) => action === "purged")).toHaveLength(100);
    const purged = await backend.run(async ({ db }) => await db.query("audit").collect());
    expect(purged.filter(({ action }) => action === "purged")).toHaveLength(150);
    expect(await countRows(backend, "versions")).toBe(1);
    expect(await ann.get(kept.id)).toEqual(kept);
  });
});

describe("pruning", () => {
  async function saved(versions: number, content = "") {
    const ann = new User(newBackend());
    let prompt = await ann.create("p", { content: `${content}1` });
    for (let number = 2; number <= versions; number += 1) {
      prompt = await ann.save(prompt, { content: `${content}${number}` });
    }
    return { ann, prompt };
  }

  test("removes the versions before a number, and never the current one", async () => {
    const { ann, prompt } = await saved(5);
    const { id } = prompt;
    const numbers = async () => {
      const page = await ann.query(api.versions.list, { id, limit: 100 });
      return page?.items.map(({ version }) => version);
    };
    for (const before of [0, 1]) {
      expect(await ann.prune(id, before)).toEqual({ count: 0, hasMore: false });
    }
    expect(await ann.prune(id, 3)).toEqual({ count: 2, hasMore: false });
    expect(await numbers()).toEqual([5, 4, 3]);
    expect(await ann.query(api.versions.get, { id, version: 2 })).toBeNull();
    expect(await ann.prune(id, 1000)).toEqual({ count: 2, hasMore: false });
    expect(await numbers()).toEqual([5]);
    expect(await ann.get(id)).toEqual(prompt);
    const entries = (await ann.audit()).filter((entry) => entry.startsWith("pruned"));
    expect(entries).toEqual(["pruned p 5", "pruned p 5"]);
  });

  test("goes in batches of a bounded size, and a repeated call removes nothing more", async () => {
    const { ann, prompt } = await saved(90, "x".repeat(65_000));
    const first = { id: prompt.id, before: 90, write: write() };
    const batch = await ann.mutate(api.versions.prune, first);
    expect(batch.hasMore).toBe(true);
    expect(await ann.mutate(api.versions.prune, first)).toEqual(batch);
    const rest = await ann.prune(prompt.id, 90);
    expect(rest).toEqual({ count: 89 - batch.count, hasMore: false });
    expect((await ann.counts()).bytes).toBe(bodyBytes(prompt.body));
  });

  test("empties the names of what it removes, however many there are", async () => {
    const { ann, prompt } = await saved(3);
    const entry = { userId: ann.userId, action: "updated", promptId: prompt.id } as const;
    await ann.backend.run(async ({ db }) => {
      for (let seq = 100; seq < 1300; seq += 1) {
        const fields = { seq, name: "older", version: 1, client: "t", at: 1 };
        await db.insert("audit", { ...entry, ...fields });
      }
    });
    let batch = await ann.prune(prompt.id, 3);
    expect(batch).toEqual({ count: 0, hasMore: true });
    while (batch.hasMore) {
      batch = await ann.prune(prompt.id, 3);
    }
    const rows = await ann.backend.run(async ({ db }) => await db.query("audit").collect());
    const named = rows.filter(({ name }) => name !== "");
    expect(named.map(({ action, version }) => `${action} ${version}`)).toEqual([
      "saved 3",
      "pruned 3",
    ]);
  });

  test("is refused for a deleted prompt and an unknown one", async () => {
    const { ann, prompt } = await saved(2);
    await ann.remove(prompt);
    expect(await failureOf(ann.prune(prompt.id, 2))).toEqual({ code: "NOT_FOUND" });
    expect(await failureOf(ann.prune(freshId(), 2))).toEqual({ code: "NOT_FOUND" });
  });

  test("keeps the places of a listing that was begun before it", async () => {
    const { ann, prompt } = await saved(3);
    await ann.create("later");
    await ann.create("latest");
    const { next } = await ann.query(api.prompts.listRecent, { limit: 1 });
    const after = next ?? undefined;
    await ann.save(prompt, { content: "moved" });
    await ann.prune(prompt.id, 4);
    const rest = await ann.query(api.prompts.listRecent, { limit: 9, after });
    expect(rest.items.map(({ name }) => name)).toEqual(["later", "p"]);
    await ann.save((await ann.get(prompt.id)) ?? expect.fail(), { content: "moved again" });
    await ann.prune(prompt.id, 5);
    // Of its saves only ones after the first page are known.
    const lost = ann.query(api.prompts.listRecent, { limit: 9, after });
    expect(await failureOf(lost)).toEqual({ code: "INVALID_CURSOR" });
  });
});
