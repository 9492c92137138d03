/** Laws of the review queue: order, expiry, acceptance, limit. */
import { expect, test } from "vitest";

import { api, internal } from "../../convex/_generated/api";
import {
  body,
  DAY_MS,
  failureOf,
  finish,
  freshId,
  newBackend,
  pass,
  readAll,
  useDeployment,
  User,
  write,
} from "./world";

useDeployment();

function newCandidates(count: number) {
  return Array.from({ length: count }, (_, number) => ({
    id: freshId("cnd"),
    name: `c${number}`,
    body: body({ content: `proposal ${number}`, tags: ["t"] }),
    why: "It worked.",
    findings: { redactions: { email: 2 }, problems: ["names a file"] },
  }));
}

async function harvest(user: User, count: number) {
  return await user.mutate(api.candidates.add, {
    candidates: newCandidates(count),
    write: write(),
  });
}

async function listNames(user: User, limit = 100) {
  const read = (after: { seq: number } | undefined) =>
    user.query(api.candidates.list, { limit, after });
  return (await readAll(read)).map(({ name }) => name);
}

test("candidates keep their values and are listed newest first", async () => {
  const ann = new User(newBackend());
  const candidates = newCandidates(5);
  const added = await ann.mutate(api.candidates.add, { candidates, write: write() });
  const createdAt = Date.now();
  expect(added).toEqual(candidates.map((one) => ({ ...one, source: "test", createdAt })));
  for (const one of added) {
    expect(await ann.query(api.candidates.get, { id: one.id })).toEqual(one);
  }
  expect(await listNames(ann, 2)).toEqual(["c4", "c3", "c2", "c1", "c0"]);
  expect((await ann.audit())[0]).toBe("harvested c0 0");
  expect(await ann.query(api.accounts.counts, {})).toMatchObject({ prompts: 0, deleted: 0 });
});

test("a candidate from before findings were kept has none", async () => {
  const ann = new User(newBackend());
  const [candidate] = newCandidates(1) as [ReturnType<typeof newCandidates>[0]];
  const { findings, ...old } = candidate;
  expect(findings).toBeDefined();
  await ann.mutate(api.candidates.add, { candidates: [old], write: write() });
  expect(await ann.query(api.candidates.get, { id: old.id })).not.toHaveProperty("findings");
});

test("findings over their limits are refused", async () => {
  const ann = new User(newBackend());
  const many = (count: number) => Array.from({ length: count }, (_, number) => `k${number}`);
  const counted = (kinds: string[]) => Object.fromEntries(kinds.map((kind) => [kind, 1]));
  for (const findings of [
    { redactions: {}, problems: many(11) },
    { redactions: {}, problems: ["x".repeat(4097)] },
    { redactions: counted(many(33)), problems: [] },
    { redactions: counted(["k".repeat(33)]), problems: [] },
    { redactions: { email: -1 }, problems: [] },
    { redactions: { email: 1.5 }, problems: [] },
  ]) {
    const candidates = newCandidates(1).map((one) => ({ ...one, findings }));
    const refused = await failureOf(ann.mutate(api.candidates.add, { candidates, write: write() }));
    expect(refused).toMatchObject({ code: "INVALID_ARGUMENT" });
  }
  expect(await listNames(ann)).toEqual([]);
});

test("a repeated harvest adds nothing and returns the recorded answer, even after a review", async () => {
  const ann = new User(newBackend());
  const harvested = { candidates: newCandidates(2), write: write() };
  const added = await ann.mutate(api.candidates.add, harvested);
  await ann.mutate(api.candidates.reject, { id: added[0]?.id ?? "", write: write() });
  pass(5);
  expect(await ann.mutate(api.candidates.add, harvested)).toEqual(added);
  expect(await listNames(ann)).toEqual(["c1"]);
});

test("of many parallel acceptances exactly one wins", async () => {
  const ann = new User(newBackend());
  const [candidate] = await harvest(ann, 1);
  const accepts = candidate?.id ?? expect.fail();
  const crowd = Array.from({ length: 20 }, (_, number) => ann.create(`p${number}`, { accepts }));
  const settled = await Promise.allSettled(crowd);
  expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(await ann.query(api.accounts.counts, {})).toMatchObject({ prompts: 1 });
  expect(await ann.query(api.candidates.get, { id: accepts })).toBeNull();
  const [created] = (await ann.query(api.audit.list, { limit: 1 })).items;
  expect(created).toMatchObject({ action: "created", candidateId: accepts });
});

test("a refused acceptance keeps the candidate", async () => {
  const ann = new User(newBackend());
  await ann.create("taken");
  const [candidate] = await harvest(ann, 1);
  const accepts = candidate?.id ?? expect.fail();
  const refused = await failureOf(ann.create("taken", { accepts }));
  expect(refused).toMatchObject({ code: "NAME_TAKEN" });
  expect(await ann.query(api.candidates.get, { id: accepts })).toEqual(candidate);
});

test("a save accepts a candidate even when it changes nothing else", async () => {
  const ann = new User(newBackend());
  const prompt = await ann.create("p");
  const [candidate] = await harvest(ann, 1);
  const accepts = candidate?.id ?? expect.fail();
  const { id, version: expectedVersion, body } = prompt;
  const args = { id, expectedVersion, body, words: "", action: "saved" as const };
  const saved = await ann.mutate(api.prompts.save, { ...args, write: write({ accepts }) });
  expect(saved).toEqual({ prompt, changed: false });
  expect(await listNames(ann)).toEqual([]);
  const again = ann.mutate(api.prompts.save, { ...args, write: write({ accepts }) });
  expect(await failureOf(again)).toEqual({ code: "NOT_FOUND" });
});

test("a candidate expires after seven days", async () => {
  const ann = new User(newBackend());
  const [candidate] = await harvest(ann, 1);
  const id = candidate?.id ?? expect.fail();
  pass(7 * DAY_MS - 1);
  expect(await ann.query(api.candidates.get, { id })).toEqual(candidate);
  pass(1);
  expect(await ann.query(api.candidates.get, { id })).toBeNull();
  expect(await listNames(ann)).toEqual([]);
  expect(await failureOf(ann.create("p", { accepts: id }))).toEqual({ code: "NOT_FOUND" });
  const late = ann.mutate(api.candidates.reject, { id, write: write() });
  expect(await failureOf(late)).toEqual({ code: "NOT_FOUND" });
});

test("an accepted, rejected or expired candidate leaves no name in the audit trail", async () => {
  const ann = new User(newBackend());
  const [one, two] = await harvest(ann, 3);
  await ann.create("p", { accepts: one?.id ?? expect.fail() });
  await ann.mutate(api.candidates.reject, { id: two?.id ?? expect.fail(), write: write() });
  const harvested = ["harvested  0", "harvested  0", "harvested c2 0"];
  expect(await ann.audit()).toEqual([...harvested, "created p 1", "rejected  0"]);
  pass(8 * DAY_MS);
  await ann.backend.mutation(internal.maintenance.purgeCandidates, {});
  await finish(ann.backend);
  expect((await ann.audit())[2]).toBe("harvested  0");
});

test("a rejected candidate is removed, and a repeated rejection succeeds", async () => {
  const ann = new User(newBackend());
  const [candidate] = await harvest(ann, 1);
  const rejection = { id: candidate?.id ?? expect.fail(), write: write() };
  await ann.mutate(api.candidates.reject, rejection);
  await ann.mutate(api.candidates.reject, rejection);
  expect(await listNames(ann)).toEqual([]);
  expect(await ann.audit()).toEqual(["harvested  0", "rejected  0"]);
});

test("the queue is bounded, and a harvest is added whole or not at all", async () => {
  const ann = new User(newBackend());
  await harvest(ann, 199);
  expect(await failureOf(harvest(ann, 2))).toEqual({ code: "QUEUE_FULL", limit: 200 });
  expect(await listNames(ann)).toHaveLength(199);
  pass(DAY_MS);
  await harvest(ann, 1);
  pass(6 * DAY_MS);
  await harvest(ann, 199);
  expect(await failureOf(harvest(ann, 1))).toEqual({ code: "QUEUE_FULL", limit: 200 });
});
