// The same library gives the same answers to every client, over every transport, in every revision.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { test } from "node:test";

import { CASES, SEED } from "./cases.js";
import { defer, makeLibrary, seedLibrary, startServer, stdioProcess } from "./harness.js";
import { readArray, readObject, readString, readStringAt } from "./json.js";
import { openPython } from "./lanes/python.js";
import { installPython } from "./lanes/script.js";
import { openClient, openSdk } from "./lanes/typescript.js";

/**
 * @import { TestContext } from "node:test"
 * @import { Expectation } from "./cases.js"
 * @import { JsonObject } from "./json.js"
 * @import { Answer, Mode, OpenLane, Target, Transport } from "./lanes/lane.js"
 */

const OLD = "2025-11-25";
const NEW = "2026-07-28";

/**
 * Each client over each transport in each mode, and the revision that it must negotiate.
 *
 * @type {[client: string, OpenLane, Transport, Mode | undefined, revision: string][]}
 */
const LANES = [
  ["Sdk", openSdk, "http", undefined, OLD],
  ["Sdk", openSdk, "sse", undefined, OLD],
  ["Sdk", openSdk, "stdio", undefined, OLD],
  ["Client", openClient, "http", undefined, OLD],
  ["Client", openClient, "http", "auto", NEW],
  ["Client", openClient, "http", { pin: NEW }, NEW],
  ["Client", openClient, "sse", undefined, OLD],
  ["Client", openClient, "sse", "auto", OLD],
  ["Client", openClient, "stdio", undefined, OLD],
  ["Client", openClient, "stdio", "auto", NEW],
  ["Client", openClient, "stdio", { pin: NEW }, NEW],
  ["Python", openPython, "http", "legacy", OLD],
  ["Python", openPython, "http", "auto", NEW],
  ["Python", openPython, "http", { pin: NEW }, NEW],
  ["Python", openPython, "sse", "legacy", OLD],
  ["Python", openPython, "sse", "auto", OLD],
  ["Python", openPython, "stdio", "legacy", OLD],
  ["Python", openPython, "stdio", "auto", NEW],
  ["Python", openPython, "stdio", { pin: NEW }, NEW],
];

/** Fields of a result that only one of the revisions has. */
const REVISION_FIELDS = new Set(["_meta", "resultType", "ttlMs", "cacheScope"]);

test("the same library gives the same answers over every client, transport and revision", async (t) => {
  await installPython();
  const seeded = await makeLibrary(t);
  await seedLibrary(t, seeded, SEED);
  /**
   * For each case, the lanes that received each answer.
   *
   * @type {Map<string, Map<string, string[]>>}
   */
  const answers = new Map();
  for (const [client, open, transport, mode, revision] of LANES) {
    const version = typeof mode === "object" ? mode.pin : (mode ?? "default");
    const name = `${client} ${transport} ${version}`;
    await t.test(name, async (t) => {
      const target = await startCopy(t, seeded, transport);
      const lane = await open(transport, target, mode);
      defer(t, () => lane.close());
      assert.equal(lane.revision, revision);
      for (const [question, answer] of await runCases(lane)) {
        /** @type {Map<string, string[]>} */
        const lanes = answers.get(question) ?? new Map();
        answers.set(question, lanes.set(answer, [...(lanes.get(answer) ?? []), name]));
      }
    });
  }
  assert.equal(answers.size, CASES.length, "every case has a name of its own, and was sent");
  for (const [question, lanes] of answers) {
    const report = [...lanes].map(([answer, names]) => `${names.join(", ")}:\n  ${answer}`);
    assert.equal(lanes.size, 1, `${question}: the answers differ\n${report.join("\n")}`);
  }
});

/**
 * Copies a library, and serves the copy over `transport`.
 *
 * @param {TestContext} t
 * @param {string} seeded
 * @param {Transport} transport
 * @returns {Promise<Target>}
 */
async function startCopy(t, seeded, transport) {
  const library = await makeLibrary(t);
  // The last writes of a server can still be in the write-ahead log beside the file.
  for (const part of ["", "-wal"].filter((part) => existsSync(seeded + part))) {
    await copyFile(seeded + part, library + part);
  }
  const process = stdioProcess(library);
  return transport === "stdio"
    ? { process }
    : { process, url: (await startServer(t, library)).url };
}

/**
 * Sends every case to one lane, and returns the answers in the form in which they compare.
 *
 * @param {import("./lanes/lane.js").Lane} lane
 */
async function runCases(lane) {
  /** @type {Record<string, string>} */
  const kept = {};
  /** @type {[name: string, answer: string][]} */
  const answers = [];
  for (const { name, method, params, keep = {}, expect, never = [] } of CASES) {
    const answer = await lane.request(method, typeof params === "function" ? params(kept) : params);
    const context = `${name}: ${JSON.stringify(answer)}`;
    assertMatches(answer, expect, context);
    for (const secret of never) assert.ok(!context.includes(secret), context);
    for (const [key, path] of Object.entries(keep)) {
      kept[key] = readStringAt(answer, ["result", "structuredContent", ...path]);
    }
    answers.push([name, normalize(answer, expect, kept)]);
  }
  return answers;
}

/**
 * Checks that `answer` contains what is expected; an array must be as long as the expected one.
 *
 * @param {unknown} answer
 * @param {unknown} expected
 * @param {string} context
 */
function assertMatches(answer, expected, context) {
  if (expected instanceof RegExp) {
    assert.match(readString(answer), expected, context);
  } else if (expected instanceof Set) {
    assert.ok(expected.has(answer), context);
  } else if (Array.isArray(expected)) {
    assert.ok(Array.isArray(answer), context);
    assert.equal(answer.length, expected.length, context);
    for (const [index, inner] of expected.entries()) assertMatches(answer[index], inner, context);
  } else if (expected !== null && typeof expected === "object") {
    assert.ok(answer !== null && typeof answer === "object", context);
    for (const [key, inner] of Object.entries(readObject(expected))) {
      assertMatches(readObject(answer)[key], inner, context);
    }
  } else {
    assert.equal(answer, expected, context);
  }
}

/**
 * Returns an answer as JSON, without the parts that depend on the revision of the protocol or on
 * the run of the test.
 *
 * @param {Answer} answer
 * @param {Expectation} expect
 * @param {Record<string, string>} kept
 */
function normalize({ result, error }, expect, kept) {
  /** @type {unknown} */
  let answer;
  if (error) {
    answer = { error: expect.error?.code instanceof Set ? error.message : error };
  } else {
    const fields = Object.entries(readObject(result));
    answer = { result: Object.fromEntries(fields.filter(([key]) => !REVISION_FIELDS.has(key))) };
  }
  let json = JSON.stringify(sortKeys(answer));
  for (const [key, value] of Object.entries(kept)) json = json.replaceAll(value, `<${key}>`);
  return json;
}

/**
 * Sorts the keys of every object, since clients parse results and build them anew.
 *
 * @param {unknown} value
 * @returns {unknown}
 */
function sortKeys(value) {
  if (Array.isArray(value)) return readArray(value).map(sortKeys);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(readObject(value));
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sortKeys(inner)]));
}
