// What the server refuses is answered at once under the id of the request: a client that gets no
// such answer waits until its timeout.

import assert from "node:assert/strict";
import { test } from "node:test";

import { defer, makeLibrary, startServer, stdioProcess } from "./harness.js";
import { readObject, readStringAt } from "./json.js";
import { openPython } from "./lanes/python.js";
import { installPython } from "./lanes/script.js";
import { openClient, openSdk } from "./lanes/typescript.js";

/**
 * @import { JsonObject } from "./json.js"
 * @import { Lane, Mode, OpenLane, Transport } from "./lanes/lane.js"
 */

const INVALID_REQUEST = -32600;
const INVALID_PARAMS = -32602;

// The first of the two code units of an emoji, as cutting a text leaves it.
const HALF = "Party \u{1F389}".slice(0, -1);

/** @type {[name: string, OpenLane, Transport, Mode | undefined][]} */
const LANES = [
  ["Sdk stdio", openSdk, "stdio", undefined],
  ["Client stdio", openClient, "stdio", undefined],
  ["Client stdio 2026-07-28", openClient, "stdio", { pin: "2026-07-28" }],
  ["Sdk http", openSdk, "http", undefined],
  ["Client http 2026-07-28", openClient, "http", { pin: "2026-07-28" }],
  ["Sdk sse", openSdk, "sse", undefined],
];

test("half a character is an invalid field that is named", async (t) => {
  for (const [name, ...kind] of LANES) {
    await t.test(name, async (t) => refuseHalves(await openLane(t, ...kind)));
  }
});

test("a message over the limit is refused at once", async (t) => {
  for (const [name, open, transport, mode] of LANES) {
    await t.test(name, async (t) => {
      const lane = await openLane(t, open, transport, mode);
      for (const [tool, args] of longCalls()) {
        const answer = call(lane, tool, args);
        if (transport === "stdio") {
          const { error } = await answer;
          assert.equal(error?.code, INVALID_REQUEST, JSON.stringify(error));
          assert.match(error.message, /over 262144 bytes.*fewer candidates/);
        } else {
          // The status 413 is an error of a code, or an exception, depending on the client.
          const { error } = await answer.catch((/** @type {unknown} */ error) => ({ error }));
          assert.match(error instanceof Error ? error.message : JSON.stringify(error), /262144/);
        }
      }
      const { result } = await call(lane, "health_check", {});
      assert.notEqual(readObject(result).isError, true, JSON.stringify(result));
    });
  }
});

test("Python: half a character and a long message are refused at once over stdio", async (t) => {
  await installPython();
  const lane = await openLane(t, openPython, "stdio", "legacy");
  for (const [tool, args] of longCalls()) {
    const { error } = await call(lane, tool, args);
    assert.equal(error?.code, INVALID_REQUEST, JSON.stringify(error));
  }
});

/** @param {Lane} lane */
async function refuseHalves(lane) {
  const cases = /** @type {const} */ ([
    ["save_prompt", { content: HALF }, /^content: contains half of a character/],
    ["save_prompt", { content: "x", tags: ["ok", HALF] }, /^tags\[1\]: contains half/],
    [
      "get_prompt",
      { name: "none", arguments: { who: HALF } },
      /^arguments\.who: contains half of a character/,
    ],
    ["harvest_session", { candidates: [], focus: HALF }, /^focus: contains half/],
  ]);
  for (const [tool, args, expected] of cases) {
    const { result } = await call(lane, tool, args);
    assert.equal(readObject(result).isError, true, JSON.stringify(result));
    assert.match(readStringAt(result, ["content", 0, "text"]), expected);
  }
  // A candidate fails alone.
  const whole = {
    title: "Release notes",
    content: "Write release notes in a calm voice from {{changes}}",
    why: "w",
  };
  const candidates = [whole, { ...whole, content: HALF }];
  const harvested = (await call(lane, "harvest_session", { candidates })).result;
  readStringAt(harvested, ["structuredContent", "candidates", 0, "candidate_id"]);
  const path = ["structuredContent", "candidates", 1, "problems", 0];
  assert.match(readStringAt(harvested, path), /^content: contains half/);
  const { error } = await lane.request("prompts/get", { name: HALF });
  assert.equal(error?.code, INVALID_PARAMS, JSON.stringify(error));
  assert.match(error.message, /^name: contains half of a character/);
  const { result } = await call(lane, "save_prompt", { content: "Party \u{1F389}" });
  assert.notEqual(readObject(result).isError, true, JSON.stringify(result));
}

/**
 * Calls whose messages are over the limit of 256 KiB.
 *
 * @returns {[tool: string, args: JsonObject][]}
 */
function longCalls() {
  const candidate = { title: "t", content: "x".repeat(40_000), why: "w" };
  return [
    ["save_prompt", { content: "x".repeat(300_000) }],
    ["harvest_session", { candidates: Array.from({ length: 8 }, () => candidate) }],
  ];
}

/**
 * @param {Lane} lane
 * @param {string} name
 * @param {JsonObject} args
 */
function call(lane, name, args) {
  return lane.request("tools/call", { name, arguments: args });
}

/**
 * Opens a lane to a library of its own.
 *
 * @param {import("node:test").TestContext} t
 * @param {OpenLane} open
 * @param {Transport} transport
 * @param {Mode | undefined} mode
 */
async function openLane(t, open, transport, mode) {
  const library = await makeLibrary(t);
  const process = stdioProcess(library);
  const server = transport === "stdio" ? undefined : await startServer(t, library);
  const lane = await open(transport, { process, url: server?.url }, mode);
  defer(t, () => lane.close());
  return lane;
}
