/** Laws of writing: uniqueness, versions, quotas, deletion, idempotency, the audit trail. */
import { describe, expect, test } from "vitest";

import { api } from "../../convex/_generated/api";
import {
  body,
  DAY_MS,
  failureOf,
  freshId,
  newBackend,
  pass,
  useDeployment,
  User,
  words,
  write,
} from "./world";

useDeployment();

const CROWD = 20;

/** The number of calls that succeeded, and the failures of the others. */
async function outcomes(calls: Promise<unknown>[]) {
  const settled = await Promise.allSettled(calls);
  const won = settled.filter(({ status }) => status === "fulfilled").length;
  const lost = settled.filter((one) => one.status === "rejected");
  const refusals = lost.map((one) => (one.reason as { data: unknown }).data);
  return { won, refusals };
}

describe("creating", () => {
  test("of many parallel creates with one name exactly one wins", async () => {
    const ann = new User(newBackend());
    const crowd = Array.from({ length: CROWD }, (_, n) =>
      ann.create("wanted", { content: `${n}` }),
    );
    const { won, refusals } = await outcomes(crowd);
    expect(won).toBe(1);
    const refusal = { code: "NAME_TAKEN", name: "wanted", currentVersion: 1 };
    expect(refusals).toEqual(Array(CROWD - 1).fill(refusal));
    expect(await ann.audit()).toEqual(["created wanted 1"]);
    expect(await ann.query(api.accounts.counts, {})).toMatchObject({ prompts: 1, deleted: 0 });
  });

  test("no concurrency exceeds the quota, and an undeletion counts", async () => {
    const ann = new User(newBackend());
    const crowd = Array.from({ length: CROWD }, (_, n) => ann.create(`p${n}`, { quota: 5 }));
    const { won, refusals } = await outcomes(crowd);
    expect(won).toBe(5);
    expect(refusals).toEqual(Array(CROWD - 5).fill({ code: "QUOTA_EXCEEDED", limit: 5 }));

    const first = await ann.query(api.prompts.get, { prompt: { name: "p0" }, orDeleted: false });
    const deleted = await ann.remove(first ?? expect.fail());
    await ann.create("fits", { quota: 5 });
    const back = ann.mutate(api.prompts.undelete, { id: deleted.id, quota: 5, write: write() });
    expect(await failureOf(back)).toEqual({ code: "QUOTA_EXCEEDED", limit: 5 });
  });

  test("every field is returned as it was saved", async () => {
    const ann = new User(newBackend());
    const full = body({
      title: "Résumé",
      description: "for\nall",
      content: "€".repeat(65_536 / 3),
      tags: ["b-tag", "a-tag"],
      variables: [{ name: "a" }, { name: "b", description: "d", default: "" }],
    });
    const made = await ann.create("p", { ...full, favorite: true });
    expect(made).toEqual({
      id: made.id,
      name: "p",
      body: full,
      version: 1,
      source: "test",
      favorite: true,
      createdAt: Date.now(),
      updatedAt: Date.now(),
      deletedAt: null,
      useCount: 0,
      lastUsedAt: null,
    });
    expect(await ann.get(made.id)).toEqual(made);
  });

  test("an id that is in use is refused", async () => {
    const ann = new User(newBackend());
    const made = await ann.create("p");
    const again = () => failureOf(ann.create("q", { id: made.id }));
    expect(await again()).toMatchObject({ field: "id" });
    await ann.remove(made);
    pass(31 * DAY_MS);
    expect(await again(), "before its purge").toMatchObject({ field: "id" });
    expect(await ann.audit()).toHaveLength(2);
  });
});

describe("saving", () => {
  test("of many parallel saves of one version exactly one wins", async () => {
    const ann = new User(newBackend());
    const prompt = await ann.create("p");
    const crowd = Array.from({ length: CROWD }, (_, n) => ann.save(prompt, { content: `c${n}` }));
    const { won, refusals } = await outcomes(crowd);
    expect(won).toBe(1);
    const refusal = { code: "VERSION_CONFLICT", currentVersion: 2 };
    expect(refusals).toEqual(Array(CROWD - 1).fill(refusal));
    expect(await ann.audit()).toEqual(["created p 1", "saved p 2"]);
  });

  test("a save of another version than the current writes nothing", async () => {
    const ann = new User(newBackend());
    const first = await ann.create("p");
    const second = await ann.save(first, { content: "two" });
    for (const expectedVersion of [0, 1, 3, 4_294_967_295]) {
      const save = ann.save(second, { content: "three", expectedVersion });
      expect(await failureOf(save)).toEqual({ code: "VERSION_CONFLICT", currentVersion: 2 });
    }
    expect(await ann.get(first.id)).toEqual(second);
    expect(await ann.audit()).toHaveLength(2);
  });

  test("a save that changes nothing appends nothing", async () => {
    const ann = new User(newBackend());
    const prompt = await ann.create("p", { variables: [{ name: "a", description: "d" }] });
    const variables = [{ description: "d", name: "a" }];
    expect(await ann.trySave(prompt, { variables })).toEqual({ prompt, changed: false });
    expect(await ann.audit()).toHaveLength(1);
  });

  test("a body keeps its syntax, and the same text in another one is a change", async () => {
    const ann = new User(newBackend());
    const old = await ann.create("p", { content: "{{a}} {{ B }}", variables: [{ name: "a" }] });
    expect(old.body).not.toHaveProperty("syntax");
    expect((await ann.trySave(old, {})).changed).toBe(false);
    const saved = await ann.save(old, { syntax: 2 });
    expect([saved.version, saved.body.syntax]).toEqual([2, 2]);
    expect((await ann.trySave(saved, { syntax: 2 })).changed).toBe(false);
    const first = await ann.query(api.versions.get, { id: old.id, version: 1 });
    expect(first?.body).toEqual(old.body);
  });

  test("name and mark change without a version", async () => {
    const ann = new User(newBackend());
    const prompt = await ann.create("before");
    await ann.create("taken");
    const taken = await failureOf(ann.save(prompt, { name: "taken", favorite: true }));
    expect(taken).toEqual({ code: "NAME_TAKEN", name: "taken", currentVersion: 1 });
    expect(await ann.get(prompt.id)).toEqual(prompt);
    const saved = await ann.save(prompt, { name: "after", favorite: true });
    expect(saved).toEqual({ ...prompt, name: "after", favorite: true });
    await ann.create("before");
    expect((await ann.audit())[2]).toBe("updated after 1");
  });

  test("a mark expects no version, makes none and is only of a living prompt", async () => {
    const ann = new User(newBackend());
    const prompt = await ann.create("p");
    const { id } = await ann.save(prompt, { content: "two" });
    const marked = { id, favorite: true, write: write() };
    const first = await ann.mutate(api.prompts.mark, marked);
    expect(first).toMatchObject({ changed: true, prompt: { version: 2, favorite: true } });
    expect(await ann.mutate(api.prompts.mark, marked)).toEqual(first);
    const again = await ann.mutate(api.prompts.mark, { ...marked, write: write() });
    expect(again.changed).toBe(false);
    expect(await ann.audit()).toEqual(["created p 1", "saved p 2", "updated p 2"]);
    await ann.mutate(api.prompts.remove, { id, write: write() });
    const late = failureOf(ann.mutate(api.prompts.mark, { ...marked, write: write() }));
    expect(await late).toMatchObject({ code: "NOT_FOUND" });
  });

  test("history keeps every version as it was", async () => {
    const ann = new User(newBackend());
    let prompt = await ann.create("p", { content: "content 1" });
    for (let number = 2; number <= 12; number += 1) {
      prompt = await ann.save(prompt, { content: `content ${number}` });
    }
    await ann.remove(prompt);
    await ann.mutate(api.prompts.undelete, { id: prompt.id, write: write() });
    for (let version = 1; version <= 12; version += 1) {
      const found = await ann.query(api.versions.get, { id: prompt.id, version });
      expect(found).toMatchObject({ version, body: { content: `content ${version}` } });
    }
    expect(await ann.query(api.versions.get, { id: prompt.id, version: 13 })).toBeNull();
  });

  test("a rejected write leaves the rows of versions untouched", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    const first = await ann.create("p");
    const rows = () => backend.run(async ({ db }) => await db.query("versions").collect());
    const [before] = await rows();
    const second = await ann.save(first, { content: "two" });
    await failureOf(ann.save(first, { content: "stale" }));
    await ann.remove(second);
    const after = await rows();
    expect(after).toHaveLength(2);
    expect(after[0]).toEqual(before);
  });
});

describe("deleting", () => {
  test("a deletion frees the name and can be undone for thirty days", async () => {
    const ann = new User(newBackend());
    const old = await ann.create("p", { content: "old" });
    const deleted = await ann.remove(old);
    expect(deleted).toEqual({ ...old, deletedAt: Date.now() });
    expect(await ann.get(old.id, false)).toBeNull();
    const byName = { prompt: { name: "p" }, orDeleted: true };
    expect(await ann.query(api.prompts.get, byName)).toEqual(deleted);
    expect(await ann.query(api.prompts.get, { ...byName, orDeleted: false })).toBeNull();

    const next = await ann.create("p", { content: "new" });
    expect(await ann.query(api.prompts.get, byName)).toEqual(next);
    const undelete = (id: string) => ann.mutate(api.prompts.undelete, { id, write: write() });
    expect(await failureOf(undelete(old.id))).toMatchObject({ code: "NAME_TAKEN" });

    await ann.remove(next);
    expect(await ann.query(api.prompts.get, byName)).toMatchObject({ id: next.id });
    pass(29 * DAY_MS);
    expect(await undelete(old.id)).toEqual({ prompt: old, changed: true });
    expect(await undelete(old.id)).toEqual({ prompt: old, changed: false });
    pass(2 * DAY_MS);
    expect(await failureOf(undelete(next.id))).toEqual({ code: "NOT_FOUND" });
    expect(await ann.get(next.id)).toBeNull();
    expect(await ann.query(api.versions.get, { id: next.id, version: 1 })).toBeNull();
    expect(await ann.query(api.versions.list, { id: next.id, limit: 5 })).toBeNull();
    expect(await ann.query(api.accounts.counts, {})).toMatchObject({ prompts: 1, deleted: 0 });
  });

  test("a deletion can expect a version", async () => {
    const ann = new User(newBackend());
    const { id } = await ann.create("p");
    const remove = (expectedVersion?: number) =>
      ann.mutate(api.prompts.remove, { id, expectedVersion, write: write() });
    const conflict = { code: "VERSION_CONFLICT", currentVersion: 1 };
    expect(await failureOf(remove(2))).toEqual(conflict);
    await remove(1);
    expect(await failureOf(remove())).toEqual({ code: "NOT_FOUND" });
  });
});

describe("repeating", () => {
  test("a repeated create returns the recorded outcome and writes nothing", async () => {
    const ann = new User(newBackend());
    const args = { name: "p", body: body(), words: "", favorite: false };
    const once = write({ key: "k", fingerprint: "create" });
    const create = (key: typeof once) =>
      ann.mutate(api.prompts.create, { ...args, id: freshId(), write: key });
    const all = await Promise.all(Array.from({ length: CROWD }, () => create(once)));
    expect(new Set(all.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(await ann.audit()).toHaveLength(1);
    const other = create({ ...once, fingerprint: "other" });
    expect(await failureOf(other)).toEqual({ code: "IDEMPOTENCY_MISMATCH" });
  });

  test("a repeated save returns the version that it made", async () => {
    const ann = new User(newBackend());
    const first = await ann.create("p");
    const second = await ann.trySave(first, { content: "two", key: "k" });
    await ann.save(second.prompt, { content: "three" });
    expect(await ann.trySave(first, { content: "two", key: "k" })).toEqual(second);
    expect(await ann.audit()).toHaveLength(3);
  });

  test("a repeated deletion and a repeated undeletion return the recorded outcome", async () => {
    const ann = new User(newBackend());
    const { id } = await ann.create("p");
    for (const fn of [api.prompts.remove, api.prompts.undelete]) {
      const once = write();
      const outcome = await ann.mutate(fn, { id, write: once });
      pass(5);
      expect(await ann.mutate(fn, { id, write: once })).toEqual(outcome);
    }
    expect(await ann.audit()).toHaveLength(3);
  });

  test("one key serves one function", async () => {
    const ann = new User(newBackend());
    const { id } = await ann.create("p");
    const once = write();
    await ann.mutate(api.prompts.remove, { id, write: once });
    const other = ann.mutate(api.prompts.undelete, { id, write: once });
    expect(await failureOf(other)).toEqual({ code: "IDEMPOTENCY_MISMATCH" });
  });

  test("a failed write is not recorded", async () => {
    const ann = new User(newBackend());
    await ann.create("p");
    const args = { body: body(), words: "", favorite: false, write: write() };
    const refused = ann.mutate(api.prompts.create, { ...args, id: freshId(), name: "p" });
    expect(await failureOf(refused)).toMatchObject({ code: "NAME_TAKEN" });
    const mended = await ann.mutate(api.prompts.create, { ...args, id: freshId(), name: "q" });
    expect(mended.changed).toBe(true);
  });
});

describe("uses", () => {
  test("uses are added once per key and change nothing else", async () => {
    const ann = new User(newBackend());
    const prompt = await ann.create("p", { tags: ["t"] });
    const record = (count: number, lastUsedAt: number, key = write()) =>
      ann.mutate(api.prompts.recordUses, {
        uses: [
          { id: prompt.id, count, lastUsedAt },
          { id: freshId(), count: 1, lastUsedAt: 1 },
        ],
        write: key,
      });
    const once = write();
    await record(3, 2000, once);
    await record(3, 2000, once);
    await record(2, 1000);
    expect(await ann.get(prompt.id)).toEqual({ ...prompt, useCount: 5, lastUsedAt: 2000 });
    expect(await ann.audit()).toHaveLength(1);
    await record(1, Date.now() + DAY_MS);
    expect(await ann.get(prompt.id)).toMatchObject({ lastUsedAt: Date.now() });
  });
});

describe("the audit trail", () => {
  test("each write leaves one entry", async () => {
    const ann = new User(newBackend());
    const one = await ann.create("p");
    const two = await ann.save(one, { content: "two" });
    const restored = { ...one.body, content: "x" };
    await ann.mutate(api.prompts.save, {
      id: one.id,
      expectedVersion: two.version,
      body: restored,
      words: words(restored),
      action: "restored",
      write: write({ client: "restorer" }),
    });
    await ann.remove(two);
    await ann.mutate(api.prompts.undelete, { id: one.id, write: write() });
    expect(await ann.audit()).toEqual([
      "created p 1",
      "saved p 2",
      "restored p 3",
      "deleted p 3",
      "undeleted p 3",
    ]);
    const { items } = await ann.query(api.audit.list, { limit: 3 });
    expect(items[2]).toEqual({
      action: "restored",
      promptId: one.id,
      candidateId: null,
      name: "p",
      version: 3,
      client: "restorer",
      at: two.updatedAt,
    });
  });
});
