/** Laws of imports: histories, times and ids are stored as given. */
import { expect, test } from "vitest";

import { api } from "../../convex/_generated/api";
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
  words,
  write,
} from "./world";

useDeployment();

function history(count: number, from = 1) {
  return Array.from({ length: count }, (_, index) => ({
    version: from + index,
    body: body({ content: `brought ${from + index}`, tags: ["brought"] }),
    source: "elsewhere",
    createdAt: 1000 * (from + index),
  }));
}

function newImport(parts: object = {}) {
  const ids = [freshId(), freshId(), freshId()];
  const versions = history(3);
  const last = words(body({ content: "brought 3" }));
  return {
    ids,
    name: "p",
    favorite: true,
    useCount: 7,
    lastUsedAt: 5000,
    versions,
    words: last,
    write: write(),
    ...parts,
  };
}

test("a prompt is imported with its history, times and counters", async () => {
  const ann = new User(newBackend());
  const args = newImport();
  const { prompt, changed } = await ann.mutate(api.imports.addPrompt, args);
  expect(changed).toBe(true);
  expect(prompt).toEqual({
    id: args.ids[0],
    name: "p",
    body: args.versions[2]?.body,
    version: 3,
    source: "elsewhere",
    favorite: true,
    createdAt: 1000,
    updatedAt: 3000,
    deletedAt: null,
    useCount: 7,
    lastUsedAt: 5000,
  });
  const page = await ann.query(api.versions.list, { id: prompt.id, limit: 10 });
  expect(page?.items.reverse()).toEqual(args.versions);
  expect(await ann.audit()).toEqual(["imported p 3"]);
  const found = await ann.query(api.prompts.search, { words: ["brought"] });
  expect(found).toEqual([prompt]);
  expect((await ann.query(api.prompts.listByUse, { limit: 1, tag: "brought" })).items).toEqual(
    found,
  );
  expect(await ann.mutate(api.imports.addPrompt, args)).toEqual({ prompt, changed });
  expect(await ann.audit()).toHaveLength(1);
});

test("names and the quota hold for living prompts only", async () => {
  const ann = new User(newBackend());
  await ann.create("p");
  const taken = ann.mutate(api.imports.addPrompt, newImport());
  expect(await failureOf(taken)).toEqual({ code: "NAME_TAKEN", name: "p", currentVersion: 1 });
  const beyond = ann.mutate(api.imports.addPrompt, newImport({ name: "q", quota: 1 }));
  expect(await failureOf(beyond)).toEqual({ code: "QUOTA_EXCEEDED", limit: 1 });
  const deleted = newImport({ deletedAt: Date.now() - DAY_MS, quota: 1 });
  const { prompt } = await ann.mutate(api.imports.addPrompt, deleted);
  expect(await ann.query(api.accounts.counts, {})).toMatchObject({ prompts: 1, deleted: 1 });
  expect((await ann.query(api.prompts.listDeleted, { limit: 5 })).items).toEqual([prompt]);
  expect(await ann.query(api.prompts.search, { words: ["brought"] })).toEqual([]);
});

test("a prompt gets the first id that no user has", async () => {
  const backend = newBackend();
  const [ann, bob] = [new User(backend), new User(backend, "user_bob")];
  const anns = await ann.create("p");
  const ids = [anns.id, freshId(), freshId()];
  const first = await bob.mutate(api.imports.addPrompt, newImport({ ids }));
  expect(first.prompt.id).toBe(ids[1]);
  const second = await bob.mutate(api.imports.addPrompt, newImport({ ids, name: "q" }));
  expect(second.prompt.id).toBe(ids[2]);
  const none = bob.mutate(api.imports.addPrompt, newImport({ ids, name: "r" }));
  expect(await failureOf(none)).toMatchObject({ code: "INVALID_ARGUMENT", field: "ids" });
  expect(await ann.get(anns.id)).toEqual(anns);
});

test("versions are appended after the current one and nowhere else", async () => {
  const ann = new User(newBackend());
  const { prompt } = await ann.mutate(api.imports.addPrompt, newImport());
  const append = (versions: ReturnType<typeof history>) =>
    ann.mutate(api.imports.appendVersions, { id: prompt.id, versions, words: "", write: write() });
  for (const wrong of [history(1, 3), history(1, 5)]) {
    expect(await failureOf(append(wrong))).toEqual({ code: "VERSION_CONFLICT", currentVersion: 3 });
  }
  const gap = [...history(1, 4), ...history(1, 6)];
  expect(await failureOf(append(gap))).toMatchObject({ code: "INVALID_ARGUMENT" });
  expect(await failureOf(append(history(101, 4)))).toMatchObject({ field: "versions" });
  await ann.remove(prompt);
  const { prompt: longer } = await append(history(100, 4));
  expect(longer).toMatchObject({ version: 103, updatedAt: 103_000, createdAt: 1000 });
  expect(longer.deletedAt).not.toBeNull();
  const first = await ann.query(api.versions.get, { id: prompt.id, version: 1 });
  expect(first).toEqual(history(1)[0]);
});

test("a history of the largest versions fits into one call", async () => {
  const ann = new User(newBackend());
  const content = "€".repeat(65_536 / 3);
  const versions = history(100).map((one) => ({ ...one, body: body({ content }) }));
  const { prompt } = await ann.mutate(api.imports.addPrompt, newImport({ versions }));
  expect(prompt.version).toBe(100);
});

test("a candidate is imported with its time and source, and its expiry counts from that time", async () => {
  const ann = new User(newBackend());
  const candidate = { name: "c", body: body(), why: "Why.", source: "elsewhere" };
  const add = (createdAt: number, ids = [freshId("cnd")]) =>
    ann.mutate(api.imports.addCandidate, { ...candidate, createdAt, ids, write: write() });
  const young = await add(Date.now() - DAY_MS);
  expect(young).toEqual({ ...candidate, id: young.id, createdAt: Date.now() - DAY_MS });
  const old = await add(Date.now() - 6 * DAY_MS, [young.id, freshId("cnd")]);
  expect(old.id).not.toBe(young.id);
  pass(DAY_MS);
  expect(await ann.query(api.candidates.get, { id: old.id })).toBeNull();
  const waiting = await readAll((after: { seq: number } | undefined) =>
    ann.query(api.candidates.list, { limit: 1, after }),
  );
  expect(waiting).toEqual([young]);
  expect(await ann.audit()).toEqual(["imported c 0", "imported c 0"]);
});

test("listing the oldest save first keeps the order of its first page", async () => {
  const ann = new User(newBackend());
  for (let number = 0; number < 7; number += 1) {
    await ann.create(`p${number}`, { favorite: number % 2 === 0 });
  }
  const old = await ann.query(api.prompts.get, { prompt: { name: "p2" }, orDeleted: false });
  let round = 0;
  const seen = await readAll(async (after: { watermark: number; seq: number } | undefined) => {
    const page = await ann.query(api.prompts.listOldest, { limit: 2, after });
    await ann.create(`new${(round += 1)}`);
    if (round === 1) {
      await ann.save(old ?? expect.fail(), { content: "moved" });
    }
    return page;
  });
  const names = ["p0", "p1", "p2", "p3", "p4", "p5", "p6"];
  expect(seen.map(({ name }) => name)).toEqual(names);
});
