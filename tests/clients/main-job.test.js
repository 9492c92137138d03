// The main job, done by the official TypeScript client: save a prompt here, get it there.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { afterwards, makeLibrary, startServer } from "./harness.js";

test("a prompt saved in one client is there in another, in every version, after a restart", async (t) => {
  const library = await makeLibrary(t);
  let server = await startServer(t, library);
  const writer = await connect(t, server);

  const saved = await succeed(writer, "save_prompt", {
    title: "Code review",
    content: "Review {{code}} in a {{tone}} tone.",
    tags: ["coding"],
    variables: [{ name: "tone", default: "kind" }],
  });
  assert.equal(saved.name, "code-review");
  assert.deepEqual([saved.version, saved.created, saved.similar], [1, true, []]);
  const kept = await succeed(writer, "save_prompt", { name: "kept", content: "Stays as it is." });

  const reader = await connect(t, server);
  const { prompts } = await succeed(reader, "list_prompts", { sort: "name" });
  assert.deepEqual(
    prompts.map(({ id, name }) => [id, name]),
    [
      [saved.id, "code-review"],
      [kept.id, "kept"],
    ],
  );
  assert.deepEqual(prompts[0].variables, [{ name: "code" }, { name: "tone", default: "kind" }]);

  const name = "code-review";
  const rendered = await succeed(reader, "get_prompt", { name, arguments: { code: "main.rs" } });
  assert.equal(rendered.text, "Review main.rs in a kind tone.");
  assert.deepEqual(rendered.missing, []);

  const content = "Review {{code}} at once.";
  const second = await succeed(writer, "save_prompt", { name, content, expected_version: 1 });
  assert.deepEqual([second.id, second.version, second.created], [saved.id, 2, false]);
  const first = await succeed(reader, "get_prompt", { name, version: 1 });
  assert.equal(first.content, "Review {{code}} in a {{tone}} tone.");
  assert.deepEqual(first.missing, ["code"]);

  const stale = { name, content: "Overwritten", expected_version: 1 };
  assert.match(await fail(reader, "save_prompt", stale), /at version 2.*expected_version: 2/);
  const latest = await succeed(writer, "get_prompt", { name });
  assert.deepEqual([latest.version, latest.content], [2, content]);

  await succeed(reader, "delete_prompt", { name });
  assert.match(await fail(writer, "get_prompt", { name }), /no prompt|no such prompt/);

  await server.stop();
  server = await startServer(t, library);
  const later = await connect(t, server);
  const rest = await succeed(later, "list_prompts", {});
  assert.deepEqual(
    rest.prompts.map(({ id }) => id),
    [kept.id],
  );
  const again = await succeed(later, "get_prompt", { name: "kept" });
  assert.deepEqual([again.version, again.text], [1, "Stays as it is."]);
});

async function connect(t, server) {
  const client = new Client({ name: "main-job", version: "1.0.0" });
  await client.connect(new StreamableHTTPClientTransport(new URL("/mcp", server.url)));
  afterwards(t, () => client.close());
  // From here on the client holds every result against its tool's output schema.
  await client.listTools();
  return client;
}

/** The structured content of a call that must succeed. */
async function succeed(client, name, args) {
  const result = await client.callTool({ name, arguments: args });
  assert.notEqual(result.isError, true, JSON.stringify(result.content));
  return result.structuredContent;
}

/** What a call that must fail tells the model. */
async function fail(client, name, args) {
  const result = await client.callTool({ name, arguments: args });
  assert.equal(result.isError, true, JSON.stringify(result.content));
  return result.content[0].text;
}
