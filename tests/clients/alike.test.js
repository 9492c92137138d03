// The same library answers alike, whoever asks, over whatever transport, in whichever revision.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { test } from "node:test";

import { CASES, SEED } from "./cases.js";
import { afterwards, makeLibrary, seedLibrary, startServer, stdioProcess } from "./harness.js";
import { installPython, openPython } from "./lanes/python.js";
import { openClient, openSdk } from "./lanes/typescript.js";

const OLD = "2025-11-25";
const NEW = "2026-07-28";

/** Who asks over which transport, in which mode, and the revision that comes of it. */
const LANES = [
  [openSdk, "http", undefined, OLD],
  [openSdk, "sse", undefined, OLD],
  [openSdk, "stdio", undefined, OLD],
  [openClient, "http", undefined, OLD],
  [openClient, "http", "auto", NEW],
  [openClient, "http", { pin: NEW }, NEW],
  [openClient, "sse", undefined, OLD],
  [openClient, "sse", "auto", OLD],
  [openClient, "stdio", undefined, OLD],
  [openClient, "stdio", "auto", NEW],
  [openClient, "stdio", { pin: NEW }, NEW],
  [openPython, "http", "legacy", OLD],
  [openPython, "http", "auto", NEW],
  [openPython, "http", NEW, NEW],
  [openPython, "sse", "legacy", OLD],
  [openPython, "sse", "auto", OLD],
  [openPython, "stdio", "legacy", OLD],
  [openPython, "stdio", "auto", NEW],
  [openPython, "stdio", NEW, NEW],
].map(([open, transport, mode, revision]) => {
  const name = [open.name.replace("open", ""), transport, mode?.pin ?? mode ?? "default"].join(" ");
  return { name, open, transport, mode, revision };
});

test("the same library answers alike over every client, transport and revision", async (t) => {
  await installPython();
  const seeded = await makeLibrary(t);
  await seedLibrary(t, seeded, SEED);
  /** For each case, which lanes gave which answer. */
  const answers = new Map(CASES.map(({ name }) => [name, new Map()]));
  for (const lane of LANES) {
    await t.test(lane.name, async (t) => {
      for (const [name, answer] of await askAll(t, lane, seeded)) {
        const lanes = answers.get(name);
        lanes.set(answer, [...(lanes.get(answer) ?? []), lane.name]);
      }
    });
  }
  for (const [name, lanes] of answers) {
    const told = [...lanes].map(([answer, who]) => `${who.join(", ")}:\n  ${answer}`);
    assert.ok(lanes.size <= 1, `${name}: the answers differ\n${told.join("\n")}`);
  }
});

/** Asks every case in one lane, on a copy of the library; the answers as they compare. */
async function askAll(t, { open, transport, mode, revision }, seeded) {
  const library = await makeLibrary(t);
  // What a server saved last may still stand in the log beside its file.
  for (const part of ["", "-wal"].filter((part) => existsSync(seeded + part))) {
    await copyFile(seeded + part, library + part);
  }
  const target = { process: stdioProcess(library) };
  if (transport !== "stdio") target.url = (await startServer(t, library)).url;
  const lane = await open(transport, target, mode);
  afterwards(t, () => lane.close());
  assert.equal(lane.revision, revision);

  const kept = {};
  const answers = [];
  for (const { name, method, params, keep, expect, never } of CASES) {
    const answer = await lane.ask(method, typeof params === "function" ? params(kept) : params);
    const told = `${name}: ${JSON.stringify(answer)}`;
    assertMatches(answer, expect, told);
    for (const secret of never ?? []) assert.ok(!told.includes(secret), told);
    for (const [key, find] of Object.entries(keep ?? {})) kept[key] = find(answer);
    answers.push([name, comparable(answer, expect, kept)]);
  }
  return answers;
}

/** Checks that `answer` holds what is expected; a list must be as long as the expected one. */
function assertMatches(answer, expected, told) {
  if (expected instanceof RegExp) {
    assert.match(answer, expected, told);
  } else if (expected instanceof Set) {
    assert.ok(expected.has(answer), told);
  } else if (expected === null || typeof expected !== "object") {
    assert.equal(answer, expected, told);
  } else {
    assert.ok(answer !== null && typeof answer === "object", told);
    if (Array.isArray(expected)) assert.equal(answer.length, expected.length, told);
    for (const key of Object.keys(expected)) assertMatches(answer[key], expected[key], told);
  }
}

/** What an answer says, without what the protocol's revision or the run of the test decides. */
function comparable({ result, error }, expect, kept) {
  let answer;
  if (error) {
    answer = { error: expect.error.code instanceof Set ? error.message : error };
  } else {
    const { _meta, resultType, ttlMs, cacheScope, ...said } = result;
    answer = { result: said };
  }
  let json = JSON.stringify(sorted(answer));
  for (const [key, value] of Object.entries(kept)) json = json.replaceAll(value, `<${key}>`);
  return json;
}

/** The same with its keys in order, for clients rebuild what they read. */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, sorted(inner)]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
