/** Vectors: which one a prompt has, which prompts have none, and searches by meaning. */
import { describe, expect, test } from "vitest";

import { api, internal } from "../../convex/_generated/api";
import type { ActionCtx } from "../../convex/_generated/server";
import { shelfOf } from "../../convex/functions";
import { EMBEDDED_CONTENT_MAX_CHARS, KEPT_MAX, MATCHES_MAX } from "../../convex/limits";
import { COMPARED_MAX } from "../../convex/meaning";
import type { Embedding, Prompt } from "../../convex/shapes";
import {
  body,
  countRows,
  DAY_MS,
  failureOf,
  finish,
  freshId,
  largestBody,
  meaning,
  MODEL,
  newBackend,
  OTHER_MODEL,
  pass,
  readAll,
  useDeployment,
  User,
  write,
  type Backend,
} from "./world";

useDeployment();

const range = (count: number) => Array.from({ length: count }, (_, index) => index);
const cosine = ({ dot, squaredLength }: { dot: number; squaredLength: number }) =>
  dot / Math.sqrt(squaredLength);

interface Options {
  words?: string[];
  tag?: string;
  favorite?: boolean;
}

async function search(user: User, embedding: Embedding, options: Options = {}) {
  const args = { words: [], ...options, embedding };
  return (await user.act(api.meaning.match, args)).matches;
}

/** The names of the prompts that a search finds by meaning, the nearest first. */
async function near(user: User, embedding: Embedding, options: Options = {}) {
  const found = await search(user, embedding, options);
  const measured = found.flatMap(({ prompt, product }) =>
    product === null ? [] : [{ name: prompt.name, cosine: cosine(product) }],
  );
  return measured.sort((left, right) => right.cosine - left.cosine).map(({ name }) => name);
}

async function undelete(user: User, { id }: Prompt) {
  return (await user.mutate(api.prompts.undelete, { id, write: write() })).prompt;
}

async function append(user: User, prompt: Prompt) {
  const version = { version: prompt.version + 1, source: "s", createdAt: 1 };
  const versions = [{ ...version, body: { ...prompt.body, content: `${version.version}` } }];
  const args = { id: prompt.id, versions, words: "", write: write() };
  return (await user.mutate(api.imports.appendVersions, args)).prompt;
}

async function keep(user: User, { id, version }: Prompt, embedding: Embedding) {
  return await user.mutate(api.vectors.keep, { vectors: [{ id, version, embedding }] });
}

async function unembedded(user: User, model = MODEL, limit = 100) {
  type After = { model: string; seq: number } | undefined;
  return await readAll(async (after: After) =>
    user.query(api.vectors.listUnembedded, { model, limit, after }),
  );
}

describe("a vector", () => {
  test("is found by its product with another one, whole numbers both", async () => {
    const ann = new User(newBackend());
    const embedding = meaning([127, -127, 3]);
    await ann.create("p", { embedding });
    const [found] = await search(ann, meaning([1, 2, -3]));
    expect(found?.product).toEqual({ dot: -136, squaredLength: 32_267 });
  });

  test("follows the version of its prompt", async () => {
    const ann = new User(newBackend());
    const [first, second] = [meaning([9]), meaning([0, 9])];
    let prompt = await ann.create("p", { embedding: first });
    const product = async () => (await search(ann, meaning([1, 2])))[0]?.product?.dot;
    expect(await product()).toBe(9);
    prompt = await ann.save(prompt, { content: "y", embedding: second });
    expect(await product()).toBe(18);
    prompt = await ann.save(prompt, { name: "q", favorite: true, embedding: first });
    expect(await product()).toBe(18);
    await ann.mutate(api.prompts.mark, { id: prompt.id, favorite: false, write: write() });
    await ann.prune(prompt.id, 9);
    expect(await product()).toBe(18);
    prompt = await ann.save(prompt, { content: "z" });
    expect(await product()).toBeUndefined();
    expect(await countRows(ann.backend, "vectors")).toBe(0);
    expect(await keep(ann, prompt, first)).toBe(1);
    expect(await product()).toBe(9);
    await append(ann, prompt);
    expect(await product()).toBeUndefined();
  });

  test("is found no more while its prompt is deleted, and again when it is restored", async () => {
    const ann = new User(newBackend());
    const prompt = await ann.create("p", { embedding: meaning([9]) });
    const stays = await ann.create("stays", { embedding: meaning([1, 1]) });
    await ann.remove(prompt);
    expect(await near(ann, meaning([1]))).toEqual([stays.name]);
    await undelete(ann, prompt);
    expect(await near(ann, meaning([1]))).toEqual([prompt.name, stays.name]);
  });

  test("of a write that fails or is repeated is not kept twice", async () => {
    const ann = new User(newBackend());
    const prompt = await ann.create("p", { embedding: meaning([9]) });
    const stale = ann.save(prompt, {
      content: "y",
      expectedVersion: 7,
      embedding: meaning([0, 9]),
    });
    expect(await failureOf(stale)).toMatchObject({ code: "VERSION_CONFLICT" });
    const saved = { content: "y", key: "once", embedding: meaning([5]) };
    await ann.save(prompt, saved);
    await ann.save(prompt, saved);
    expect(await countRows(ann.backend, "vectors")).toBe(1);
    expect((await search(ann, meaning([1])))[0]?.product?.dot).toBe(5);
  });

  test("goes with an accepted candidate and with no import", async () => {
    const ann = new User(newBackend());
    const candidates = [{ id: freshId("cnd"), name: "c", body: body(), why: "" }];
    await ann.mutate(api.candidates.add, { candidates, write: write() });
    await ann.create("accepted", { accepts: candidates[0]?.id, embedding: meaning([9]) });
    await ann.mutate(api.imports.addPrompt, {
      ids: [freshId()],
      name: "imported",
      favorite: false,
      useCount: 0,
      versions: [{ version: 1, body: body(), source: "s", createdAt: 1 }],
      words: "",
      write: write(),
    });
    expect(await near(ann, meaning([1]))).toEqual(["accepted"]);
    expect((await unembedded(ann)).map(({ content }) => content)).toEqual(["x"]);
  });

  test("of another form is refused by every function, and nothing is written", async () => {
    const ann = new User(newBackend());
    const prompt = await ann.create("p");
    const { vector } = meaning([]);
    const wrong: [string, Embedding][] = [
      ["embedding.vector", { model: MODEL, vector: [] }],
      ["embedding.vector", { model: MODEL, vector: vector.slice(1) }],
      ["embedding.vector", { model: MODEL, vector: [...vector, 0] }],
      ...[128, -128, 0.5, NaN, Infinity].map((component): [string, Embedding] => [
        "embedding.vector",
        meaning([component]),
      ]),
      ...["", MODEL.slice(1), `${MODEL}0`, MODEL.toUpperCase(), "g".repeat(16)].map(
        (model): [string, Embedding] => ["embedding.model", meaning([1], model)],
      ),
    ];
    for (const [field, embedding] of wrong) {
      for (const refused of [
        () => ann.create("q", { embedding }),
        () => ann.save(prompt, { content: "y", embedding }),
        () => keep(ann, prompt, embedding),
        () => search(ann, embedding),
        () => search(ann, embedding, { tag: "t" }),
        () => ann.act(api.meaning.alike, { words: [], most: 1, embedding }),
      ]) {
        expect(await failureOf(refused())).toMatchObject({ code: "INVALID_ARGUMENT", field });
      }
    }
    expect(await countRows(ann.backend, "vectors")).toBe(0);
    expect(await countRows(ann.backend, "prompts")).toBe(1);
  });

  test.each([1, 2, 3])("is that of the current version after any writes, run %i", async (seed) => {
    const ann = new User(newBackend());
    let state = seed * 7919;
    const chance = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const ids: string[] = [];
    for (const round of range(50)) {
      const prompt = await ann.get(ids[Math.floor(chance() * ids.length)] ?? freshId());
      const embedding = chance() < 0.6 ? meaning([1 + round]) : undefined;
      const dice = chance();
      if (prompt === null || dice < 0.25) {
        ids.push((await ann.create(`p${round}`, { embedding })).id);
      } else if (dice < 0.35) {
        await append(ann, prompt);
      } else if (prompt.deletedAt !== null) {
        await (dice < 0.5 ? ann.purge(prompt.id) : undelete(ann, prompt));
      } else if (dice < 0.5) {
        await ann.remove(prompt);
      } else if (dice < 0.6) {
        await ann.save(prompt, { favorite: !prompt.favorite, embedding });
      } else if (dice < 0.7) {
        await keep(ann, prompt, meaning([1], chance() < 0.5 ? MODEL : OTHER_MODEL));
      } else {
        await ann.save(prompt, { content: `${round}`, embedding });
      }
      await finish(ann.backend);
      await expectConsistent(ann.backend);
    }
  });
});

/** Expects that each vector is the only one of a prompt's current version, on the right shelf. */
async function expectConsistent(backend: Backend) {
  await backend.run(async ({ db }) => {
    const prompts = await db.query("prompts").collect();
    const vectors = await db.query("vectors").collect();
    const expected = prompts.flatMap(({ userId, id, version, model, deletedAt }) => {
      const shelf = deletedAt === undefined ? shelfOf(userId, model ?? "") : undefined;
      return model === undefined ? [] : [{ promptId: id, version, model, shelf }];
    });
    const stored = vectors.map(({ promptId, version, model, shelf }) => {
      return { promptId, version, model, shelf };
    });
    const byPrompt = (rows: typeof stored) =>
      rows.sort((left, right) => (left.promptId < right.promptId ? -1 : 1));
    expect(byPrompt(stored)).toEqual(byPrompt(expected));
  });
}

describe("nothing of a vector outlives its prompt:", () => {
  async function deletedPrompt(user: User) {
    const prompt = await user.create(`p${Date.now()}`, { embedding: meaning([9]) });
    return await user.remove(prompt);
  }

  test("purges remove it", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    await ann.purge((await deletedPrompt(ann)).id);
    expect(await countRows(backend, "vectors")).toBe(0);
    await deletedPrompt(ann);
    await ann.mutate(api.trash.empty, { write: write() });
    expect(await countRows(backend, "vectors")).toBe(0);
    await deletedPrompt(ann);
    await ann.create("stays", { embedding: meaning([9]) });
    pass(31 * DAY_MS);
    await backend.mutation(internal.maintenance.purgePrompts, {});
    await finish(backend);
    expect(await countRows(backend, "vectors")).toBe(1);
  });

  test.each(["user_ann", "local"])("the erasure of %s removes it", async (userId) => {
    const backend = newBackend();
    const [ann, bob] = [new User(backend, userId), new User(backend, "user_bob")];
    await bob.create("stays", { embedding: meaning([9]) });
    await deletedPrompt(ann);
    const prompt = await ann.create("p", { embedding: meaning([9]) });
    while ((await ann.mutate(api.accounts.erase, {})).more) {
      // Only the local user's erasure takes more than one call.
    }
    expect(await near(ann, meaning([9]))).toEqual([]);
    expect(await keep(ann, prompt, meaning([9]))).toBe(0);
    expect(await ann.query(api.vectors.count, { model: MODEL })).toMatchObject({ all: 0 });
    await finish(backend);
    expect(await countRows(backend, "vectors", userId)).toBe(0);
    expect(await near(bob, meaning([9]))).toEqual(["stays"]);
  });
});

describe("the vectors of several models", () => {
  test("are found by those of their own model alone", async () => {
    const ann = new User(newBackend());
    await ann.create("old", { embedding: meaning([9], OTHER_MODEL) });
    await ann.create("new", { embedding: meaning([9]) });
    const none = await ann.create("none");
    expect(await near(ann, meaning([1]))).toEqual(["new"]);
    expect(await near(ann, meaning([1], OTHER_MODEL))).toEqual(["old"]);
    expect(await near(ann, meaning([1], "0".repeat(16)))).toEqual([]);
    // One that is found by its name has no product of another model either.
    const args = { name: "o", words: [], embedding: meaning([1]) };
    const { matches } = await ann.act(api.meaning.match, args);
    expect(matches.find(({ prompt }) => prompt.name === "old")?.product).toBeNull();
    await keep(ann, none, meaning([1], OTHER_MODEL));
    expect(await near(ann, meaning([1], OTHER_MODEL))).toEqual(["old", "none"]);
  });

  test.each([1, 2, 100])("are listed as missing in pages of %i", async (limit) => {
    const ann = new User(newBackend());
    const models = ["0".repeat(16), MODEL, OTHER_MODEL, "f".repeat(16), undefined];
    for (const [number, model] of [...models, ...models].entries()) {
      const embedding = model === undefined ? undefined : meaning([1], model);
      await ann.create(`p${number}`, { title: model ?? "none", embedding });
    }
    await ann.remove(await ann.create("deleted"));
    await new User(ann.backend, "user_bob").create("bobs");
    for (const model of [...models, "1".repeat(16)].filter((one) => one !== undefined)) {
      const others = models.filter((one) => one !== model).map((one) => one ?? "none");
      const missing = await unembedded(ann, model, limit);
      expect(missing.map(({ title }) => title).sort()).toEqual([...others, ...others].sort());
      const counts = await ann.query(api.vectors.count, { model });
      expect(counts).toEqual({ all: 10, missing: 2 * others.length, next: null });
    }
  });

  test("are missing after a position, of whichever model that is", async () => {
    const ann = new User(newBackend());
    for (const number of range(4)) {
      const model = [OTHER_MODEL, MODEL][number];
      await ann.create(`p${number}`, { embedding: model && meaning([1], model) } as object);
    }
    const after = { model: "", seq: 0 };
    const all = await ann.query(api.vectors.listUnembedded, { model: MODEL, limit: 9, after });
    expect(all.items).toHaveLength(3);
    const first = await ann.query(api.vectors.listUnembedded, { model: MODEL, limit: 1 });
    const rest = { model: MODEL, after: first.next ?? undefined };
    expect(await ann.query(api.vectors.count, rest)).toEqual({ all: 4, missing: 2, next: null });
  });
});

describe("vectors that are made later", () => {
  test("get the texts of the current version, and the start of its content", async () => {
    const ann = new User(newBackend());
    const content = "🦀".repeat(EMBEDDED_CONTENT_MAX_CHARS + 1);
    const first = await ann.create("p", { description: "d", content: "old" });
    await ann.save(first, { title: "New", content });
    expect(await unembedded(ann)).toEqual([
      {
        id: first.id,
        version: 2,
        title: "New",
        description: "d",
        content: "🦀".repeat(EMBEDDED_CONTENT_MAX_CHARS),
      },
    ]);
  });

  test("are kept for the current version of a living prompt, and otherwise passed over", async () => {
    const backend = newBackend();
    const [ann, bob] = [new User(backend), new User(backend, "user_bob")];
    const first = await ann.create("p");
    const second = await ann.save(first, { content: "y" });
    const deleted = await ann.remove(await ann.create("deleted"));
    const before = await ann.audit();
    expect(await keep(ann, first, meaning([1]))).toBe(0);
    expect(await keep(ann, { ...second, version: 3 }, meaning([1]))).toBe(0);
    expect(await keep(ann, deleted, meaning([1]))).toBe(0);
    expect(await keep(ann, { ...second, id: freshId() }, meaning([1]))).toBe(0);
    expect(await keep(bob, second, meaning([1]))).toBe(0);
    expect(await countRows(backend, "vectors")).toBe(0);
    expect(await keep(ann, second, meaning([1]))).toBe(1);
    expect(await keep(ann, second, meaning([1]))).toBe(1);
    expect(await countRows(backend, "vectors")).toBe(1);
    expect(await unembedded(ann)).toEqual([]);
    expect(await ann.audit()).toEqual(before);
  });

  test("are limited for each call", async () => {
    const ann = new User(newBackend());
    const prompts = [];
    for (const number of range(KEPT_MAX)) {
      prompts.push(await ann.create(`p${number}`));
    }
    const vectors = prompts.map(({ id, version }) => ({ id, version, embedding: meaning([1]) }));
    expect(await ann.mutate(api.vectors.keep, { vectors })).toBe(KEPT_MAX);
    const more = ann.mutate(api.vectors.keep, { vectors: [...vectors, ...vectors.slice(0, 1)] });
    expect(await failureOf(more)).toMatchObject({ field: "vectors" });
  });
});

describe("a search by meaning", () => {
  test("joins what words find, each prompt once", async () => {
    const ann = new User(newBackend());
    await ann.create("both", { content: "rome", embedding: meaning([9]) });
    await ann.create("word", { content: "rome" });
    await ann.create("near", { embedding: meaning([9, 1]) });
    await ann.create("far-word", { content: "rome", embedding: meaning([0, 0, 9]) });
    const args = { words: ["rome"], embedding: meaning([1]) };
    const { matches, rows, withWord } = await ann.act(api.meaning.match, args);
    const dots = matches.map(({ prompt, product }) => [prompt.name, product?.dot]);
    expect(Object.fromEntries(dots)).toEqual({ both: 9, word: undefined, near: 9, "far-word": 0 });
    expect(matches).toHaveLength(4);
    expect({ rows, withWord }).toEqual({ rows: 3, withWord: [3] });
    const alike = await ann.act(api.meaning.alike, { ...args, most: 1 });
    expect(alike.map(({ prompt }) => prompt.name)).toContain("both");
    expect(alike.length).toBeLessThanOrEqual(2);
    for (const most of [0, 101, 1.5]) {
      const refused = ann.act(api.meaning.alike, { ...args, most });
      expect(await failureOf(refused)).toMatchObject({ field: "most" });
    }
  });

  test("finds the nearest of many, and measures every one that words find", async () => {
    const ann = new User(newBackend());
    for (const number of range(MATCHES_MAX + 20)) {
      const embedding = meaning([100, number]);
      await ann.create(`p${number}`, { content: number >= 60 ? "far" : "x", embedding });
    }
    const found = await near(ann, meaning([1]));
    expect(found).toEqual(range(MATCHES_MAX).map((number) => `p${number}`));
    const all = await search(ann, meaning([1]), { words: ["far"] });
    expect(all).toHaveLength(MATCHES_MAX + 10);
    expect(all.every(({ product }) => product?.squaredLength !== undefined)).toBe(true);
  });

  test("finds what is nearest among those that pass a filter", async () => {
    const ann = new User(newBackend());
    for (const number of range(MATCHES_MAX + 20)) {
      await ann.create(`near${number}`, { embedding: meaning([100, number]) });
    }
    await ann.create("far", { tags: ["t"], embedding: meaning([1, 100]) });
    await ann.create("star", { tags: ["t"], favorite: true, embedding: meaning([0, 100]) });
    await ann.create("none", { tags: ["t"], favorite: true });
    const query = meaning([1]);
    expect(await near(ann, query, { tag: "t" })).toEqual(["far", "star"]);
    expect(await near(ann, query, { favorite: true })).toEqual(["star"]);
    expect(await near(ann, query, { tag: "t", favorite: false })).toEqual(["far"]);
    expect(await near(ann, query, { tag: "u" })).toEqual([]);
    const alike = { words: [], most: 1, tag: "t", embedding: query };
    const found = await ann.act(api.meaning.alike, alike);
    expect(found.map(({ prompt }) => prompt.name)).toEqual(["far"]);
  });

  test("of a filter that more pass than are compared finds those near by", async () => {
    const ann = new User(newBackend());
    await ann.create("near", { embedding: meaning([9]) });
    await ann.create("tagged", { tags: ["t"], embedding: meaning([9, 1]) });
    await ann.backend.run(async ({ db }) => {
      const keys = {
        userId: "user_ann",
        tag: "t",
        favorite: false,
        change: 1,
        seq: 1,
        useCount: 0,
      };
      for (const number of range(COMPARED_MAX)) {
        await db.insert("listings", { ...keys, promptId: freshId(), name: `other${number}` });
      }
    });
    const tagged = { userId: "user_ann", tag: "t", embedding: meaning([1]), most: 9 };
    expect(await ann.backend.query(internal.meaning.compare, tagged)).toBeNull();
    expect(await near(ann, meaning([1]), { tag: "t" })).toEqual(["tagged"]);
  });

  test("finds the nearest of its user, whoever else has nearer ones", async () => {
    const backend = newBackend();
    const [ann, bob] = [new User(backend), new User(backend, "user_bob")];
    for (const number of range(MATCHES_MAX + 30)) {
      await bob.create(`p${number}`, { embedding: meaning([9]) });
    }
    await ann.create("far", { embedding: meaning([1, 9]) });
    expect(await near(ann, meaning([1]))).toEqual(["far"]);
  });

  test("passes over rows that have changed since they were found, and those of others", async () => {
    const backend = newBackend();
    const [ann, bob] = [new User(backend), new User(backend, "user_bob")];
    const deleted = await ann.create("deleted", { embedding: meaning([9]) });
    const gone = await ann.create("gone", { embedding: meaning([9]) });
    const remodelled = await ann.create("remodelled", { embedding: meaning([9]) });
    await ann.create("stays", { embedding: meaning([9]) });
    await bob.create("bobs", { embedding: meaning([9]) });
    const nearest = await backend.run(async ({ db }) =>
      (await db.query("vectors").collect()).map(({ _id }) => _id),
    );
    await ann.remove(deleted);
    await ann.save(gone, { content: "y" });
    await keep(ann, remodelled, meaning([9], OTHER_MODEL));
    const args = { userId: "user_ann", words: [], embedding: meaning([9]), nearest };
    const { matches } = await backend.query(internal.meaning.readMatch, args);
    expect(matches.map(({ prompt }) => prompt.name)).toEqual(["stays"]);
    const alike = await backend.query(internal.meaning.readAlike, { ...args, most: 9 });
    expect(alike.map(({ prompt }) => prompt.name)).toEqual(["stays"]);
  });

  test("of the largest bodies holds the first of both kinds", async () => {
    const ann = new User(newBackend());
    for (const number of range(40)) {
      const text = largestBody({ title: number < 20 ? "word" : "x" });
      const embedding = number < 20 ? undefined : meaning([100, number]);
      await ann.create(`p${number}`, { ...text, embedding });
    }
    const found = await search(ann, meaning([1]), { words: ["word"] });
    const measured = found.filter(({ product }) => product !== null).length;
    expect(found.length).toBeGreaterThan(28);
    expect(Math.abs(found.length - 2 * measured)).toBeLessThanOrEqual(1);
  });
});

test("the largest search by meaning stays within the limits of a transaction", async () => {
  const ann = new User(newBackend());
  const { userId } = ann;
  const filler = range(12_000)
    .map((number) => `filler${number}`)
    .join(" ");
  for (const number of range(40)) {
    await ann.create(`p${number}`, largestBody({ title: "common", tags: ["t"] }));
  }
  await ann.backend.run(async ({ db }) => {
    for (const { _id } of await db.query("words").collect()) {
      const [text, headings] = [`common ${filler}`, `common 30zz 3zzz 3zz0 ${filler}`];
      await db.patch("words", _id, { text, headings });
    }
  });
  const keys = { userId, favorite: false, change: 1, seq: 1, useCount: 0 };
  const { vector, model } = meaning([100, 1]);
  for (const number of range(256)) {
    const promptId = freshId();
    await ann.backend.run(async ({ db }) => {
      const shelf = shelfOf(userId, model);
      await db.insert("vectors", { userId, promptId, version: 1, model, vector, shelf });
      for (const tag of ["", "t", ...range(9).map((other) => `${other}`)]) {
        await db.insert("listings", { ...keys, promptId, tag, name: `near${number}` });
      }
    });
  }
  await ann.backend.run(async ({ db }) => {
    for (const number of range(COMPARED_MAX)) {
      await db.insert("listings", { ...keys, promptId: freshId(), tag: "t", name: `n${number}` });
    }
  });
  const args = { name: "p", words: ["common", "zzz"], tag: "t", embedding: meaning([1]) };
  const { matches } = await ann.act(api.meaning.match, args);
  expect(matches.length).toBeGreaterThan(28);
});

describe("the search of vectors in these tests", () => {
  const by = (parts: object) =>
    newBackend().action(async (ctx: ActionCtx) => {
      const query = { vector: meaning([1]).vector, ...parts };
      return await ctx.vectorSearch("vectors", "by_meaning", query);
    });

  test("refuses what Convex refuses", async () => {
    expect(await by({})).toEqual([]);
    expect(await by({ limit: 256 })).toEqual([]);
    for (const limit of [0, 257, 1.5]) {
      await expect(by({ limit })).rejects.toThrow("1 to 256 rows");
    }
    await expect(by({ vector: [1, 2] })).rejects.toThrow("512 numbers");
    const filters = { byUser: ["userId", "user_ann"], byNothing: ["x", "y"] };
    for (const [field, value] of Object.values(filters)) {
      const filter = (q: { eq: (...operands: unknown[]) => unknown }) => q.eq(field, value);
      await expect(by({ filter })).rejects.toThrow("cannot filter");
    }
  });
});
