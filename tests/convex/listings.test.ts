/** Laws of listing: total orders, pages that neither skip nor repeat, filters, history. */
import { describe, expect, test } from "vitest";

import { api } from "../../convex/_generated/api";
import type { Prompt } from "../../convex/shapes";
import { splitWords } from "../../convex/folding";
import { selectMatches } from "../../convex/matching";
import { findByWords } from "../../convex/words";
import {
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
  type Backend,
} from "./world";

useDeployment();

interface Filter {
  tag?: string;
  favorite?: boolean;
}

type Order = "listRecent" | "listByName" | "listByUse" | "listDeleted";
const ORDERS: Order[] = ["listRecent", "listByName", "listByUse"];

async function listed(user: User, order: Order, limit: number, filter: Filter = {}) {
  const items = await readAll<Prompt, object>(async (after) => {
    const args = { ...filter, limit, after: after as never };
    const page = await user.query(api.prompts[order] as typeof api.prompts.listByName, args);
    expect(page.items.length).toBeLessThanOrEqual(limit);
    return page;
  });
  return items.map(({ name }) => name);
}

async function use(user: User, { id }: Prompt, count: number) {
  const uses = [{ id, count, lastUsedAt: 1 }];
  await user.mutate(api.prompts.recordUses, { uses, write: write() });
}

/** A generator of numbers from 0 to 1, deterministic for a seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

describe("orders", () => {
  test("every order is total and every page size shows all once", async () => {
    const ann = new User(newBackend());
    for (let number = 0; number < 15; number += 1) {
      const favorite = number % 4 === 0;
      const name = `p${String((number * 7) % 15).padStart(2, "0")}`;
      const prompt = await ann.create(name, { favorite });
      await use(ann, prompt, number % 3);
    }
    for (const order of ORDERS) {
      const all = await listed(ann, order, 100);
      expect(new Set(all).size).toBe(15);
      for (const limit of [1, 2, 15]) {
        expect(await listed(ann, order, limit), `${order} ${limit}`).toEqual(all);
      }
    }
    const names = await listed(ann, "listByName", 100);
    expect(names).toEqual([...names].sort());
    expect((await listed(ann, "listRecent", 100)).at(0)).toBe("p08");
    const byUse = await listed(ann, "listByUse", 100);
    expect(byUse.slice(0, 3)).toEqual(["p08", "p02", "p11"]);
  });

  test("deleted prompts are listed apart, latest deletion first, while they can be restored", async () => {
    const ann = new User(newBackend());
    const expected: string[] = [];
    for (let number = 0; number < 4; number += 1) {
      await ann.remove(await ann.create(`p${number}`, { favorite: number === 2, tags: ["t"] }));
      expected.unshift(`p${number}`);
    }
    await ann.create("alive");
    for (const limit of [1, 2, 100]) {
      expect(await listed(ann, "listDeleted", limit)).toEqual(expected);
      expect(await listed(ann, "listDeleted", limit, { tag: "t" })).toEqual(expected);
    }
    expect(await listed(ann, "listDeleted", 5, { favorite: true })).toEqual(["p2"]);
    expect(await listed(ann, "listRecent", 2)).toEqual(["alive"]);
    pass(30 * DAY_MS);
    expect(await listed(ann, "listDeleted", 5)).toEqual([]);
  });

  test("prompts deleted at the same time are all listed", async () => {
    const ann = new User(newBackend());
    const prompts = [await ann.create("a"), await ann.create("b"), await ann.create("c")];
    for (const { id } of prompts) {
      await ann.mutate(api.prompts.remove, { id, write: write() });
    }
    for (const limit of [1, 2, 3]) {
      expect(await listed(ann, "listDeleted", limit)).toEqual(["c", "b", "a"]);
    }
  });

  test("filters narrow every order", async () => {
    const ann = new User(newBackend());
    await ann.create("tagged", { tags: ["a-tag", "b-tag"] });
    await ann.save(await ann.create("marked"), { favorite: true });
    await ann.create("both", { tags: ["a-tag"], favorite: true });
    for (const order of ORDERS) {
      const names = async (filter: Filter) => (await listed(ann, order, 1, filter)).sort();
      expect(await names({ tag: "a-tag" })).toEqual(["both", "tagged"]);
      expect(await names({ tag: "a-ta" })).toEqual([]);
      expect(await names({ favorite: true })).toEqual(["both", "marked"]);
      expect(await names({ favorite: false })).toEqual(["tagged"]);
      expect(await names({ tag: "a-tag", favorite: true })).toEqual(["both"]);
    }
  });

  test("a change of tags moves a prompt between the filters", async () => {
    const ann = new User(newBackend());
    const prompt = await ann.create("p", { tags: ["one", "two"] });
    await ann.save(prompt, { tags: ["two", "three"] });
    for (const [tag, names] of [
      ["one", []],
      ["two", ["p"]],
      ["three", ["p"]],
    ] as const) {
      expect(await listed(ann, "listByName", 5, { tag })).toEqual(names);
    }
  });
});

describe("the rows of listings", () => {
  /** The rows that follow from prompts and their current versions. */
  async function derivedRows(backend: Backend) {
    return await backend.run(async ({ db }) => {
      const rows: object[] = [];
      for (const prompt of await db.query("prompts").collect()) {
        const { userId, id: promptId, version } = prompt;
        const current = await db
          .query("versions")
          .withIndex("by_version", (q) =>
            q.eq("userId", userId).eq("promptId", promptId).eq("version", version),
          )
          .unique();
        const { favorite, deletedAt, name, change, seq, useCount } = prompt;
        const keys = { userId, promptId, favorite, deletedAt, name, change, seq, useCount };
        for (const tag of ["", ...(current?.body.tags ?? expect.fail())]) {
          rows.push({ ...keys, tag });
        }
      }
      return rows;
    });
  }

  async function storedRows(backend: Backend) {
    const rows = await backend.run(async ({ db }) => await db.query("listings").collect());
    return rows.map((row) => ({ ...row, _id: undefined, _creationTime: undefined }));
  }

  function sorted(rows: object[]) {
    const fields = ["userId", "promptId", "tag", "favorite", "deletedAt", "name", "change", "seq"];
    return rows.map((row) => JSON.stringify(row, [...fields, "useCount"])).sort();
  }

  test.each([5, 6, 7])("follow from the prompts after any writes, run %i", async (seed) => {
    const ann = new User(newBackend());
    const chance = random(seed);
    const tags = () => ["a", "b", "c"].filter(() => chance() < 0.5);
    const ids: string[] = [];
    for (let round = 0; round < 60; round += 1) {
      const prompt = await ann.get(ids[Math.floor(chance() * ids.length)] ?? freshId());
      const dice = chance();
      if (prompt === null || dice < 0.2) {
        ids.push((await ann.create(`p${round}`, { tags: tags(), favorite: chance() < 0.5 })).id);
      } else if (dice < 0.4) {
        await use(ann, prompt, 1 + Math.floor(chance() * 3));
      } else if (prompt.deletedAt !== null) {
        await ann.mutate(api.prompts.undelete, { id: prompt.id, write: write() });
      } else if (dice < 0.5) {
        await ann.remove(prompt);
      } else if (dice < 0.6) {
        const version = { version: prompt.version + 1, source: "s", createdAt: round };
        const versions = [{ ...version, body: { ...prompt.body, tags: tags() } }];
        const args = { id: prompt.id, versions, words: "w", write: write() };
        await ann.mutate(api.imports.appendVersions, args);
      } else {
        const changes = { name: `q${round}`, favorite: chance() < 0.5, tags: tags() };
        await ann.save(prompt, changes);
      }
      expect(sorted(await storedRows(ann.backend))).toEqual(sorted(await derivedRows(ann.backend)));
    }
  });
});

describe("paging while writes go on", () => {
  test("by latest save it neither skips nor repeats while prompts are saved", async () => {
    const ann = new User(newBackend());
    const prompts: Prompt[] = [];
    for (let number = 0; number < 16; number += 1) {
      prompts.push(await ann.create(`p${number}`, { favorite: number % 2 === 0 }));
    }
    let round = 0;
    const save = async (index: number) => {
      const current = await ann.get(prompts[index]?.id ?? "");
      await ann.save(current ?? expect.fail(), { content: `${round} ${index}` });
    };
    const seen = await readAll(async (after: { watermark: number; seq: number } | undefined) => {
      const page = await ann.query(api.prompts.listRecent, { limit: 3, after });
      // Save a listed prompt, two that follow later, one of them in every round, and add a new one.
      for (const index of [15 - round, round, round + 1, 0]) {
        await save(index);
      }
      await ann.create(`new${round}`);
      round += 1;
      return page;
    });
    expect(seen.map(({ name }) => name)).toEqual(prompts.map(({ name }) => name).reverse());
  });

  test.each([1, 2, 3, 4])(
    "by latest save it keeps the order of its first page, run %i",
    async (seed) => {
      const ann = new User(newBackend());
      const chance = random(seed);
      const pick = <T>(list: T[]): T => list[Math.floor(chance() * list.length)] ?? expect.fail();
      const ids: string[] = [];
      for (let number = 0; number < 12; number += 1) {
        ids.push((await ann.create(`p${number}`, { favorite: chance() < 0.5 })).id);
      }
      for (let number = 0; number < 10; number += 1) {
        const prompt = (await ann.get(pick(ids))) ?? expect.fail();
        await ann.save(prompt, { content: `before ${number}` });
      }
      const order = seed % 2 === 0 ? "listRecent" : "listOldest";
      const expected = (await ann.query(api.prompts[order], { limit: 100 })).items;
      const gone = new Set<string>();
      const disturb = async () => {
        const prompt = (await ann.get(pick(ids))) ?? expect.fail();
        const dice = chance();
        if (prompt.deletedAt !== null) {
          await ann.mutate(api.prompts.undelete, { id: prompt.id, write: write() });
        } else if (dice < 0.2) {
          gone.add(prompt.id);
          await ann.remove(prompt);
        } else if (dice < 0.4) {
          await ann.save(prompt, { favorite: !prompt.favorite });
        } else if (dice < 0.5) {
          await ann.create(`new${Date.now()}`, { favorite: chance() < 0.5 });
        } else {
          await ann.save(prompt, { content: `${Date.now()}`, favorite: chance() < 0.5 });
        }
      };
      const seen = await readAll(async (after: { watermark: number; seq: number } | undefined) => {
        const page = await ann.query(api.prompts[order], { limit: 2, after });
        for (let number = 0; number < 4; number += 1) {
          await disturb();
        }
        return page;
      });
      const stayed = ({ id }: Prompt) => !gone.has(id);
      const names = (prompts: Prompt[]) => prompts.filter(stayed).map(({ name }) => name);
      expect(names(seen)).toEqual(names(expected));
      expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
    },
  );

  test("by name it neither skips nor repeats while prompts come, change and go", async () => {
    const ann = new User(newBackend());
    for (let number = 0; number < 12; number += 1) {
      await ann.create(`p${String(number).padStart(2, "0")}`);
    }
    const seen = await readAll(async (after: { name: string } | undefined) => {
      const page = await ann.query(api.prompts.listByName, { limit: 3, after });
      const last = page.items.at(-1) ?? expect.fail();
      await ann.create(`${last.name}-a`);
      await ann.remove(await ann.save(last, { content: "changed" }));
      return page;
    });
    const names = seen.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !name.endsWith("-a"))).toHaveLength(12);
  });

  test("by use it neither skips nor repeats prompts that are not used meanwhile", async () => {
    const ann = new User(newBackend());
    const prompts: Prompt[] = [];
    for (let number = 0; number < 9; number += 1) {
      const prompt = await ann.create(`p${number}`);
      await use(ann, prompt, number % 2);
      prompts.push(prompt);
    }
    const seen = await readAll(async (after: { useCount: number; seq: number } | undefined) => {
      const page = await ann.query(api.prompts.listByUse, { limit: 2, after });
      await use(ann, prompts[8] ?? expect.fail(), 10);
      await ann.create(`new${Date.now()}`);
      return page;
    });
    const unused = prompts.slice(0, 8).map(({ name }) => name);
    const shown = seen.map(({ name }) => name).filter((name) => unused.includes(name));
    expect(shown.sort()).toEqual(unused);
  });

  test("a listing in which too many prompts moved is refused", async () => {
    const ann = new User(newBackend());
    const prompts: Prompt[] = [];
    for (let number = 0; number < 102; number += 1) {
      prompts.push(await ann.create(`p${number}`));
    }
    const { next } = await ann.query(api.prompts.listRecent, { limit: 1 });
    for (const prompt of prompts.slice(0, 100)) {
      await ann.save(prompt, { content: "moved" });
    }
    const page = await ann.query(api.prompts.listRecent, { limit: 1, after: next ?? undefined });
    expect(page.items[0]?.name).toBe("p100");
    await ann.save(prompts[100] ?? expect.fail(), { content: "one more" });
    const refused = ann.query(api.prompts.listRecent, { limit: 1, after: next ?? undefined });
    expect(await failureOf(refused)).toEqual({ code: "INVALID_CURSOR" });
  });

  test("positions beyond all numbers list nothing or everything", async () => {
    const ann = new User(newBackend());
    await ann.create("p");
    const after = { watermark: 9.3e18, seq: -9.3e18 };
    const none = await ann.query(api.prompts.listRecent, { limit: 5, after });
    expect(none).toEqual({ items: [], next: null });
    const all = { watermark: 9.3e18, seq: 9.3e18 };
    expect((await ann.query(api.prompts.listRecent, { limit: 5, after: all })).items).toHaveLength(
      1,
    );
    const deleted = { deletedAt: -9.3e18, seq: 0 };
    const past = await ann.query(api.prompts.listDeleted, { limit: 5, after: deleted });
    expect(past.items).toEqual([]);
  });
});

describe("tags, history and audit", () => {
  test("a tag disappears with its last prompt", async () => {
    const ann = new User(newBackend());
    const prompt = await ann.create("p", { tags: ["b-tag", "a-tag"] });
    await ann.create("q", { tags: ["a-tag"] });
    const tags = (prefix: string, most = 10) => ann.query(api.prompts.listTags, { prefix, most });
    expect(await tags("")).toEqual(["a-tag", "b-tag"]);
    expect(await tags("b")).toEqual(["b-tag"]);
    expect(await tags("c")).toEqual([]);
    expect(await tags("", 1)).toEqual(["a-tag"]);
    expect(await tags("", 0)).toEqual([]);
    await ann.remove(prompt);
    expect(await tags("")).toEqual(["a-tag"]);
    await ann.mutate(api.prompts.undelete, { id: prompt.id, write: write() });
    expect(await tags("b")).toEqual(["b-tag"]);
  });

  test("each tag has the number of its living prompts", async () => {
    const ann = new User(newBackend());
    const both = await ann.create("p", { tags: ["b-tag", "a-tag"] });
    await ann.create("q", { tags: ["a-tag"] });
    await ann.create("untagged");
    const counted = async (after?: string) => await ann.query(api.prompts.countTags, { after });
    const [a, b] = [
      { name: "a-tag", count: 2 },
      { name: "b-tag", count: 1 },
    ];
    expect(await counted()).toEqual({ tags: [a, b], more: false });
    expect(await counted("a-tag")).toEqual({ tags: [b], more: false });
    await ann.remove(both);
    expect(await counted()).toEqual({ tags: [{ ...a, count: 1 }], more: false });
  });

  test("a call counts whole tags as far as a transaction reads", async () => {
    const backend = newBackend();
    const ann = new User(backend);
    const insert = async (tag: string, rows: number) => {
      for (let start = 0; start < rows; start += 2500) {
        await backend.run(async ({ db }) => {
          for (let number = start; number < Math.min(rows, start + 2500); number += 1) {
            const keys = { name: `p${number}`, change: number, seq: number, useCount: 0 };
            const promptId = `prm_${number}`;
            await db.insert("listings", {
              userId: ann.userId,
              promptId,
              tag,
              favorite: false,
              ...keys,
            });
          }
        });
      }
    };
    await insert("a", 10);
    await insert("b", 10_050);
    await insert("c", 1);
    const counted = async (after?: string) => await ann.query(api.prompts.countTags, { after });
    expect(await counted()).toEqual({ tags: [{ name: "a", count: 10 }], more: true });
    expect(await counted("a")).toEqual({ tags: [{ name: "b", count: 10_000 }], more: true });
    expect(await counted("b")).toEqual({ tags: [{ name: "c", count: 1 }], more: false });
  });

  test("history is listed page by page, newest first, even of a deleted prompt", async () => {
    const ann = new User(newBackend());
    let prompt = await ann.create("p", { content: "1" });
    for (let number = 2; number <= 7; number += 1) {
      prompt = await ann.save(prompt, { content: `${number}` });
    }
    await ann.remove(prompt);
    const versions = await readAll(async (after: { version: number } | undefined) => {
      const page = await ann.query(api.versions.list, { id: prompt.id, limit: 3, after });
      return page ?? expect.fail();
    });
    expect(versions.map(({ version }) => version)).toEqual([7, 6, 5, 4, 3, 2, 1]);
    expect(versions[0]?.body.content).toBe("7");
  });

  test("the audit trail is paged without a gap while it grows", async () => {
    const ann = new User(newBackend());
    for (let number = 0; number < 5; number += 1) {
      await ann.create(`p${number}`);
    }
    let round = 0;
    const entries = await readAll(async (after: { seq: number } | undefined) => {
      const page = await ann.query(api.audit.list, { limit: 2, after });
      await ann.create(`more${(round += 1)}`);
      return page;
    });
    expect(entries.map(({ name }) => name)).toEqual(["p4", "p3", "p2", "p1", "p0"]);
  });
});

describe("searching", () => {
  async function found(user: User, query: string, filter: Filter = {}) {
    const name = query.toLowerCase().replace(/[^a-z0-9]+/g, "-");
    const args = { ...filter, name, words: words({ ...EMPTY, title: query }).split(" ") };
    return (await user.query(api.prompts.search, args)).map((prompt) => prompt.name).sort();
  }
  const EMPTY = { title: "", description: "", content: "", tags: [], variables: [] };

  test("names are found exactly, by their beginning and by their words", async () => {
    const ann = new User(newBackend());
    for (const name of ["code-review", "code-review-rust", "review-of-films"]) {
      await ann.create(name);
    }
    expect(await found(ann, "Code Review")).toEqual([
      "code-review",
      "code-review-rust",
      "review-of-films",
    ]);
    expect(await found(ann, "films")).toEqual(["review-of-films"]);
    expect(await found(ann, "films of")).toEqual(["review-of-films"]);
    expect(await found(ann, "absent")).toEqual([]);
  });

  test("every text is searched for any word, and the last word by prefix", async () => {
    const ann = new User(newBackend());
    await ann.create("a", { title: "Haiku" });
    await ann.create("b", { description: "for spring" });
    await ann.create("c", { tags: ["poetry-club"] });
    await ann.create("d", { content: "Write about the sea." });
    for (const [query, name] of [
      ["haiku", "a"],
      ["spring", "b"],
      ["poetry", "c"],
      ["the sea", "d"],
      ["writ", "d"],
      ["sea monsters", "d"],
    ] as const) {
      expect(await found(ann, query), query).toEqual([name]);
    }
    expect(await found(ann, "writ absent"), "only the last word is a beginning").toEqual([]);
    expect(await found(ann, "haiku sea")).toEqual(["a", "d"]);
  });

  test("words longer than the index keeps are found", async () => {
    const ann = new User(newBackend());
    const long = "я".repeat(40);
    const text = { title: "T", description: "", content: long, tags: [], variables: [] };
    await ann.mutate(api.prompts.create, {
      id: `prm_${"a".repeat(32)}`,
      name: "long",
      body: text,
      words: `t ${long}`,
      favorite: false,
      write: write(),
    });
    const hits = await ann.query(api.prompts.search, { words: [long] });
    expect(hits.map(({ name }) => name)).toEqual(["long"]);
  });

  test("a search follows saves, new names, deletions and their return", async () => {
    const ann = new User(newBackend());
    let prompt = await ann.create("p", { content: "apples" });
    prompt = await ann.save(prompt, { content: "pears", name: "fruit-salad" });
    expect(await found(ann, "apples")).toEqual([]);
    expect(await found(ann, "pears")).toEqual(["fruit-salad"]);
    expect(await found(ann, "salad")).toEqual(["fruit-salad"]);
    await ann.remove(prompt);
    expect(await found(ann, "pears")).toEqual([]);
    expect(await found(ann, "fruit")).toEqual([]);
    await ann.mutate(api.prompts.undelete, { id: prompt.id, write: write() });
    expect(await found(ann, "pears")).toEqual(["fruit-salad"]);
  });

  test("filters narrow a search", async () => {
    const ann = new User(newBackend());
    await ann.create("a", { content: "apples", tags: ["fruit"] });
    await ann.create("b", { content: "apples", favorite: true });
    expect(await found(ann, "apples", { tag: "fruit" })).toEqual(["a"]);
    expect(await found(ann, "apples", { favorite: true })).toEqual(["b"]);
    expect(await found(ann, "apples", { favorite: false })).toEqual(["a"]);
    expect(await found(ann, "b", { tag: "fruit" })).toEqual([]);
  });

  test("a search returns a bounded number", async () => {
    const ann = new User(newBackend());
    for (let number = 0; number < 55; number += 1) {
      await ann.create(`match-${number}`, { content: "the same words" });
    }
    expect(await found(ann, "same words")).toHaveLength(50);
    expect(await found(ann, "match")).toHaveLength(50);
    const alike = { words: ["words", "other"], most: 7 };
    expect(await ann.query(api.prompts.alike, alike)).toHaveLength(7);
  });

  test("a search never reads more rows than Convex finds", async () => {
    const ann = new User(newBackend());
    const text = {
      userId: ann.userId,
      text: "common",
      headings: "",
      tags: [],
      favorite: false,
      living: true,
    };
    await ann.backend.run(async ({ db }) => {
      for (let number = 0; number < 1024; number += 1) {
        await db.insert("words", { ...text, promptId: `${number}` });
      }
      // Beyond the rows that a search scans: reading it would make Convex fail the function.
      await db.insert("words", { ...text, promptId: "last", text: "common rare" });
    });
    const [alike, matches] = await ann.backend.query(async ({ db }) => {
      const ctx = { db, userId: ann.userId, account: null };
      const words = ["common", "rare"];
      return [
        await findByWords(ctx, words, {}, 2000),
        await selectMatches(ctx, words, {}),
      ] as const;
    });
    expect(alike).toHaveLength(1000);
    expect(matches).toMatchObject({ rows: 500, withWord: [500, 0] });
    expect(matches.ids).toHaveLength(50);
  });

  test("a title is found despite a typo and among many texts with its words", async () => {
    const ann = new User(newBackend());
    await ann.create("k8s", { title: "Kubernetes checklist", content: "x" });
    await ann.create("guide", { title: "Travel guide", content: "x" });
    expect(await found(ann, "kubernets")).toEqual(["k8s"]);
    expect(await found(ann, "travle giude")).toEqual(["guide"]);
    await ann.backend.run(async ({ db }) => {
      const row = { userId: ann.userId, tags: [], favorite: false, living: true };
      const older = await db.query("words").collect();
      for (const { _id } of older) {
        await db.delete("words", _id);
      }
      for (let number = 0; number < 600; number += 1) {
        await db.insert("words", { ...row, text: "travel", headings: "x", promptId: `${number}` });
      }
      for (const { userId, promptId, text, headings, tags, favorite, living } of older) {
        await db.insert("words", { userId, promptId, text, headings, tags, favorite, living });
      }
    });
    expect(await found(ann, "travel")).toEqual(["guide"]);
  });

  test("a search tells how frequent its words are", async () => {
    const ann = new User(newBackend());
    await ann.create("a", { content: "red green" });
    await ann.create("b", { content: "red" });
    await ann.create("c", { content: "bluebell" });
    const matches = await ann.query(api.prompts.match, { words: ["red", "green", "grey", "blue"] });
    expect(matches).toMatchObject({ rows: 3, withWord: [2, 1, 0, 1] });
    expect(matches.prompts.map(({ name }) => name).sort()).toEqual(["a", "b", "c"]);
  });

  test("titles are split as texts are", () => {
    for (const [title, expected] of [
      ["Code-Review, please! snake_case 3.14", "code review please snake case 3 14"],
      ["Résumé NAÏVE Straße ＦＵＬＬ", "resume naive straße full"],
      ["翻译成英文 GPTで要約", "翻 译 成 英 文 gpt で 要 約"],
      ["สวัสดี नमस्ते 한국어", "ส วั ส ดี नमस्ते 한국어"],
      ["ku\u{ad}ber\u{200d}netes \u{feff} שָׁלוֹם مُحَمَّدٌ كـــتاب", "kubernetes שלום محمد كتاب"],
    ] as const) {
      expect(splitWords(title).join(" ")).toBe(expected);
    }
  });

  test("alike finds prompts that share a whole word", async () => {
    const ann = new User(newBackend());
    await ann.create("a", { content: "apples and pears" });
    await ann.create("b", { content: "pearls" });
    const names = async (list: string[]) =>
      (await ann.query(api.prompts.alike, { words: list, most: 5 })).map(({ name }) => name);
    expect(await names(["plums", "pear", "pears"])).toEqual(["a"]);
    expect(await names(["pear"])).toEqual([]);
    expect(await names([])).toEqual([]);
  });
});
