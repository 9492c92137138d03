// One library, whichever way in: a server and processes for stdio beside it, on one file.

import assert from "node:assert/strict";
import { test } from "node:test";

import { afterwards, makeLibrary, startServer, stdioProcess } from "./harness.js";
import { openClient, openSdk } from "./lanes/typescript.js";

const PINNED = { pin: "2026-07-28" };

test("what is saved over one transport is there over every other at once", async (t) => {
  const target = await startAll(t);
  const lanes = [];
  for (const transport of ["http", "sse", "stdio"]) lanes.push(await openSdk(transport, target));
  for (const transport of ["http", "stdio"]) {
    lanes.push(await openClient(transport, target, PINNED));
  }
  for (const lane of lanes) afterwards(t, () => lane.close());

  const saved = [];
  for (const [index, lane] of lanes.entries()) {
    const { id } = await call(lane, "save_prompt", {
      name: `p${index}`,
      content: `Number ${index}`,
    });
    saved.push(id);
    for (const reader of lanes) {
      const { prompts } = await call(reader, "list_prompts", { sort: "name" });
      assert.deepEqual(
        prompts.map((prompt) => prompt.id),
        saved,
      );
    }
  }
});

for (const [transport, mode] of [
  ["http", PINNED],
  ["sse", "legacy"],
  ["stdio", PINNED],
  ["stdio", "legacy"],
]) {
  const revision = mode.pin ?? mode;
  test(`a client over ${transport}, ${revision}, is told when the library changes`, async (t) => {
    const target = await startAll(t);
    const told = Promise.withResolvers();
    const onChanged = (error, prompts) => (error ? told.reject(error) : told.resolve(prompts));
    const listChanged = { prompts: { onChanged } };
    const listener = await openClient(transport, target, mode, { listChanged });
    afterwards(t, () => listener.close());
    // A process tells of its own changes.
    const writer = transport === "stdio" ? listener : await openSdk("http", target);
    if (writer !== listener) afterwards(t, () => writer.close());

    await call(writer, "save_prompt", { name: "news", content: "Something new" });
    const names = (await told.promise).map(({ name }) => name);
    assert.deepEqual(names, ["harvest", "news"]);
  });
}

async function startAll(t) {
  const library = await makeLibrary(t);
  const { url } = await startServer(t, library);
  return { url, process: stdioProcess(library) };
}

/** The structured content of a call that must succeed. */
async function call(lane, name, args) {
  const { result, error } = await lane.ask("tools/call", { name, arguments: args });
  assert.ok(result && !result.isError, JSON.stringify(result ?? error));
  return result.structuredContent;
}
