// The main job, done by the official TypeScript client: save a prompt in one client, use it in
// another.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { defer, makeLibrary, startServer } from "./harness.js";
import { readArray, readColumn, readObject, readStringAt } from "./json.js";

/**
 * @import { TestContext } from "node:test"
 * @import { JsonObject } from "./json.js"
 */

test("a prompt saved in one client is there in another, in every version, after a restart", async (t) => {
  const library = await makeLibrary(t);
  let server = await startServer(t, library);
  const writer = await connect(t, server);

  const saved = await callTool(writer, "save_prompt", {
    title: "Code review",
    content: "Review {{code}} in a {{tone}} tone.",
    tags: ["coding"],
    variables: [{ name: "tone", default: "kind" }],
  });
  assert.equal(saved.name, "code-review");
  assert.deepEqual([saved.version, saved.created, saved.similar], [1, true, []]);
  const kept = await callTool(writer, "save_prompt", { name: "kept", content: "Stays as it is." });

  const reader = await connect(t, server);
  const { prompts } = await callTool(reader, "list_prompts", { sort: "name" });
  assert.deepEqual(readColumn(prompts, "id"), [saved.id, kept.id]);
  assert.deepEqual(readColumn(prompts, "name"), ["code-review", "kept"]);
  const { variables } = readObject(readArray(prompts)[0]);
  assert.deepEqual(variables, [{ name: "code" }, { name: "tone", default: "kind" }]);

  const name = "code-review";
  const rendered = await callTool(reader, "get_prompt", { name, arguments: { code: "main.rs" } });
  assert.equal(rendered.text, "Review main.rs in a kind tone.");
  assert.deepEqual(rendered.missing, []);

  const content = "Review {{code}} at once.";
  const second = await callTool(writer, "save_prompt", { name, content, expected_version: 1 });
  assert.deepEqual([second.id, second.version, second.created], [saved.id, 2, false]);
  const first = await callTool(reader, "get_prompt", { name, version: 1 });
  assert.equal(first.text, "Review {{code}} in a kind tone.");
  assert.deepEqual(first.missing, ["code"]);

  const stale = { name, content: "Overwritten", expected_version: 1 };
  assert.match(
    await callFailingTool(reader, "save_prompt", stale),
    /at version 2.*expected_version: 2/,
  );
  const latest = await callTool(writer, "get_prompt", { name });
  assert.deepEqual([latest.version, latest.text], [2, content]);

  await callTool(reader, "delete_prompt", { name });
  assert.match(await callFailingTool(writer, "get_prompt", { name }), /no prompt|no such prompt/);

  await server.stop();
  server = await startServer(t, library);
  const later = await connect(t, server);
  const rest = await callTool(later, "list_prompts", {});
  assert.deepEqual(readColumn(rest.prompts, "id"), [kept.id]);
  const again = await callTool(later, "get_prompt", { name: "kept" });
  assert.deepEqual([again.version, again.text], [1, "Stays as it is."]);
});

/**
 * @param {TestContext} t
 * @param {{ url: string }} server
 */
async function connect(t, server) {
  const client = new Client({ name: "main-job", version: "1.0.0" });
  await client.connect(new StreamableHTTPClientTransport(new URL("/mcp", server.url)));
  defer(t, () => client.close());
  // The client checks every result against the output schema of its tool from here on.
  await client.listTools();
  return client;
}

/**
 * Returns the structured content of a call that must succeed.
 *
 * @param {Client} client
 * @param {string} name
 * @param {JsonObject} args
 */
async function callTool(client, name, args) {
  const result = await client.callTool({ name, arguments: args });
  assert.notEqual(result.isError, true, JSON.stringify(result.content));
  return readObject(result.structuredContent);
}

/**
 * Returns the message for the model of a call that must fail.
 *
 * @param {Client} client
 * @param {string} name
 * @param {JsonObject} args
 */
async function callFailingTool(client, name, args) {
  const result = await client.callTool({ name, arguments: args });
  assert.equal(result.isError, true, JSON.stringify(result.content));
  return readStringAt(result.content, [0, "text"]);
}
