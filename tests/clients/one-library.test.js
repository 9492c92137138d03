// One library for every transport: a server, and processes for stdio beside it, on one file.

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { test } from "node:test";

import { defer, makeLibrary, startServer, stdioProcess } from "./harness.js";
import { readColumn, readObject } from "./json.js";
import { openClient, openSdk } from "./lanes/typescript.js";

/**
 * @import { TestContext } from "node:test"
 * @import { JsonObject } from "./json.js"
 * @import { Lane, Mode, Transport } from "./lanes/lane.js"
 */

const PINNED = { pin: "2026-07-28" };

/** @type {Transport[]} */
const TRANSPORTS = ["http", "sse", "stdio"];

/** @type {[Transport, Mode, revision: string][]} */
const LISTENERS = [
  ["http", PINNED, PINNED.pin],
  ["sse", "legacy", "legacy"],
  ["stdio", PINNED, PINNED.pin],
  ["stdio", "legacy", "legacy"],
];

test("a prompt saved over one transport is visible over every other at once", async (t) => {
  const target = await startAll(t);
  const lanes = [
    ...(await Promise.all(TRANSPORTS.map((transport) => openSdk(transport, target)))),
    await openClient("http", target, PINNED),
    await openClient("stdio", target, PINNED),
  ];
  for (const lane of lanes) defer(t, () => lane.close());

  /** @type {unknown[]} */
  const saved = [];
  for (const [index, lane] of lanes.entries()) {
    const { id } = await callTool(lane, "save_prompt", {
      name: `p${index}`,
      content: `Number ${index}`,
    });
    saved.push(id);
    for (const reader of lanes) {
      const { prompts } = await callTool(reader, "list_prompts", { sort: "name" });
      assert.deepEqual(readColumn(prompts, "id"), saved);
    }
  }
});

for (const [transport, mode, revision] of LISTENERS) {
  test(`a client over ${transport}, ${revision}, is notified when the library changes`, async (t) => {
    const target = await startAll(t);
    const changes = new EventEmitter();
    const changed = once(changes, "changed");
    const listener = await openClient(transport, target, mode, {
      listChanged: {
        prompts: {
          onChanged(error, prompts) {
            if (error) changes.emit("error", error);
            else changes.emit("changed", prompts);
          },
        },
      },
    });
    defer(t, () => listener.close());
    // A process for stdio sends notifications of its own changes only.
    const writer = transport === "stdio" ? listener : await openSdk("http", target);
    if (writer !== listener) defer(t, () => writer.close());

    await callTool(writer, "save_prompt", { name: "news", content: "Something new" });
    /** @type {unknown} */
    const prompts = (await changed)[0];
    assert.deepEqual(readColumn(prompts, "name"), ["harvest", "news"]);
  });
}

/**
 * @param {TestContext} t
 */
async function startAll(t) {
  const library = await makeLibrary(t);
  const { url } = await startServer(t, library);
  return { url, process: stdioProcess(library) };
}

/**
 * Returns the structured content of a call that must succeed.
 *
 * @param {Lane} lane
 * @param {string} name
 * @param {JsonObject} args
 */
async function callTool(lane, name, args) {
  const { result, error } = await lane.request("tools/call", { name, arguments: args });
  assert.ok(result && !result.isError, JSON.stringify(result ?? error));
  return readObject(result.structuredContent);
}
