// What the documents of the submission say that the server does: the demo library, the test prompts and
// the hints of the tools.

import assert from "node:assert/strict";
import { test } from "node:test";

import { readCode, readFile, readRows, readSection } from "./documents.js";
import { defer, makeLibrary, startServer, stdioProcess } from "./harness.js";
import { parseJson, readArray, readBody, readColumn, readObject, readString } from "./json.js";
import { openSdk } from "./lanes/typescript.js";

/**
 * @import { TestContext } from "node:test"
 * @import { Lane } from "./lanes/lane.js"
 */

const PROMPTS = readFile("docs/submission/test-prompts.md");
const LIBRARY = readFile("docs/submission/demo-library.json");
const POSITIVE = readRows(readSection(PROMPTS, "Five that use PromptDB"));
const NEGATIVE = readRows(readSection(PROMPTS, "Three that do not"));
const OTHERS = readRows(readSection(PROMPTS, "The other tools, for a review that runs each one"));

test("there are five test prompts that use PromptDB, and three that do not", () => {
  assert.equal(POSITIVE.length, 5);
  assert.equal(NEGATIVE.length, 3);
  for (const { prompt, expected = "", why } of NEGATIVE) {
    assert.match(expected, /^No tool is called\. /);
    assert.ok(prompt && why);
  }
});

test("the demo library can be imported, removed and imported again", async (t) => {
  const { url } = await startServer(t, await makeLibrary(t));
  for (const round of [1, 2]) {
    const { complete, items } = await importLibrary(url);
    assert.equal(complete, true, `round ${round}`);
    assert.deepEqual(new Set(readColumn(items, "outcome")), new Set(["created"]));
    const { prompts } = await readBody(await fetch(new URL("/api/prompts?sort=name", url)));
    const versions = readArray(prompts).map((prompt) => {
      const { name, version, favorite } = readObject(prompt);
      return [name, version, favorite];
    });
    assert.deepEqual(versions, [
      ["answer-to-a-complaint", 1, false],
      ["code-review", 2, true],
      ["explain-simply", 1, false],
      ["interview-questions", 1, false],
      ["meeting-summary", 1, false],
      ["release-notes", 1, false],
      ["sql-query", 1, false],
      ["weekly-report", 3, false],
    ]);
    for (const [name] of versions) {
      await fetch(new URL(`/api/prompts/${String(name)}`, url), { method: "DELETE" });
    }
    const emptied = await fetch(new URL("/api/trash", url), { method: "DELETE" });
    assert.deepEqual(await readBody(emptied), { purged: 8 });
  }
});

test("every test prompt has the result that it states, and each tool has one", async (t) => {
  const { url, lane } = await openServer(t);
  await importLibrary(url);

  let candidate = "";
  for (const row of [...POSITIVE, ...OTHERS]) {
    /** @param {string} text */
    const fill = (text) => text.replaceAll("CANDIDATE", candidate);
    const [tool = ""] = readCode(row.tool ?? "");
    const [args = ""] = readCode(row.arguments ?? "");
    const result = await callTool(lane, tool, readObject(parseJson(fill(args))));
    const expected = readCode(row.result ?? "").map(fill);
    assert.ok(expected.length > 0, `${tool}: no result is stated`);
    assert.deepEqual(
      expected.filter((part) => !result.includes(part)),
      [],
      `${tool} returned ${result}`,
    );
    candidate = /\bcnd_[0-9a-f]{32}\b/.exec(result)?.[0] ?? candidate;
  }
  const used = [...POSITIVE, ...OTHERS].flatMap(({ tool = "" }) => readCode(tool));
  assert.deepEqual(used.sort(), readColumn(await listTools(lane), "name").sort());
  assert.match(await callTool(lane, "list_candidates", {}), /Nothing waits/);
});

test("the hints of the documents are those of the tools, each with its reason", async (t) => {
  const { lane } = await openServer(t);

  const rows = readRows(readFile("docs/submission/tools.md"));
  const stated = rows.map((row) => [
    row.tool,
    row["`readOnlyHint`"],
    row["`destructiveHint`"],
    row["`openWorldHint`"],
  ]);
  const declared = (await listTools(lane)).map((tool) => {
    const { name, annotations } = readObject(tool);
    const { title, readOnlyHint, destructiveHint, openWorldHint } = readObject(annotations);
    assert.ok(readString(title) && readString(name).length <= 64);
    return [
      `\`${readString(name)}\``,
      ...[readOnlyHint, destructiveHint, openWorldHint].map(String),
    ];
  });
  assert.deepEqual(stated, declared);
  assert.deepEqual(
    rows.filter(({ reason }) => !reason),
    [],
  );
});

/**
 * Starts a server with an empty library, and connects to it.
 *
 * @param {TestContext} t
 */
async function openServer(t) {
  const library = await makeLibrary(t);
  const { url } = await startServer(t, library);
  const lane = await openSdk("http", { url, process: stdioProcess(library) });
  defer(t, () => lane.close());
  return { url, lane };
}

/**
 * Imports the demo library, and returns the report.
 *
 * @param {string} url
 */
async function importLibrary(url) {
  const response = await fetch(new URL("/api/import", url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: LIBRARY,
  });
  assert.equal(response.status, 200);
  return readBody(response);
}

/**
 * Returns the whole result of a call that must succeed: its texts, and its structure as JSON.
 *
 * @param {Lane} lane
 * @param {string} name
 * @param {import("./json.js").JsonObject} args
 */
async function callTool(lane, name, args) {
  const { result, error } = await lane.request("tools/call", { name, arguments: args });
  assert.ok(result && !result.isError, JSON.stringify(result ?? error));
  const texts = readColumn(result.content, "text");
  return [...texts, JSON.stringify(result.structuredContent)].join("\n");
}

/** @param {Lane} lane */
async function listTools(lane) {
  const { result } = await lane.request("tools/list", {});
  return readArray(readObject(result).tools);
}
