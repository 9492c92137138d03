// One chat over stdio, by the official TypeScript client: everything that it starts, it can finish.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

import { defer, makeLibrary, stdioProcess } from "./harness.js";
import { readArray, readColumn, readObject, readString } from "./json.js";

/**
 * @import { TestContext } from "node:test"
 * @import { JsonObject } from "./json.js"
 */

const CONTENT = "Write a polite reminder to {{client}} that the invoice is overdue.";

test("one chat saves, finds, fills in, changes, restores, deletes, undoes and reviews", async (t) => {
  const call = await openChat(t);

  // Save a prompt with a variable, beside others.
  for (const [title, content] of [
    ["Haiku", "Write a haiku about {{season}}."],
    ["Standup", "Summarize my work of yesterday in three bullet points: {{notes}}"],
  ]) {
    await call("save_prompt", { title, content });
  }
  const saved = await call("save_prompt", { title: "Invoice reminder", content: CONTENT });
  assert.deepEqual([saved.name, saved.version, saved.created], ["invoice-reminder", 1, true]);

  // Find it by a vague sentence; the answer says what is missing.
  const found = await call("get_prompt", {
    query: "a polite reminder that the invoice is overdue",
  });
  assert.deepEqual([found.name, found.missing], ["invoice-reminder", ["client"]]);
  assert.match(readString(found.hint), /client/);

  // Fill it in.
  const name = readString(found.name);
  const filled = await call("get_prompt", { name, arguments: { client: "Ada" } });
  assert.equal(filled.text, "Write a polite reminder to Ada that the invoice is overdue.");

  // Change it: read it as saved, and save over the version that was read.
  const raw = await call("get_prompt", { name, raw: true });
  assert.equal(raw.text, CONTENT);
  const content = `${CONTENT} Offer to pay in two parts.`;
  const changed = await call("save_prompt", { name, content, expected_version: raw.version });
  assert.deepEqual([changed.id, changed.version, changed.created], [saved.id, 2, false]);
  const marked = await call("save_prompt", { name, favorite: true });
  assert.equal(marked.version, 2);

  // See its history, and bring version 1 back.
  const { versions } = await call("list_versions", { name });
  const numbers = readArray(versions).map((version) => readObject(version).version);
  assert.deepEqual(numbers, [2, 1]);
  const restored = await call("restore_prompt", { name, version: 1 });
  assert.deepEqual([restored.id, restored.version], [saved.id, 3]);
  assert.equal((await call("get_prompt", { name, raw: true })).text, CONTENT);

  // Delete it, and undo that.
  await call("delete_prompt", { name });
  const deleted = await call("list_prompts", { deleted: true });
  assert.deepEqual(readColumn(deleted.prompts, "name"), [name]);
  const undone = await call("restore_prompt", { name });
  assert.deepEqual([undone.id, undone.version], [saved.id, 3]);

  // Harvest three, review them, keep two and reject one.
  const why = "It worked at once.";
  const harvested = await call("harvest_session", {
    candidates: [
      { title: "Recipe", content: "Suggest a dinner of {{ingredients}} in 30 minutes.", why },
      { title: "Reminder in parts", content, why },
      { title: "Packing list", content: "List what to pack for {{days}} days in {{place}}.", why },
    ],
  });
  const [recipe, reminder, packing] = readArray(harvested.candidates).map(readObject);
  assert.ok(recipe && reminder && packing);
  const waiting = await call("list_candidates", {});
  assert.deepEqual(readColumn(waiting.candidates, "title"), [
    "Packing list",
    "Reminder in parts",
    "Recipe",
  ]);
  const kept = await call("save_prompt", { candidate_id: recipe.candidate_id, tags: ["food"] });
  assert.deepEqual([kept.name, kept.created], ["recipe", true]);
  const suggested = readObject(reminder.suggested);
  assert.deepEqual(
    [reminder.verdict, suggested.action, suggested.name, suggested.expected_version],
    ["variant", "update", name, 3],
  );
  const updated = await call("save_prompt", {
    candidate_id: reminder.candidate_id,
    name: suggested.name,
    expected_version: suggested.expected_version,
  });
  assert.deepEqual([updated.id, updated.version, updated.created], [saved.id, 4, false]);
  await call("reject_candidate", { candidate_id: packing.candidate_id });
  assert.deepEqual((await call("list_candidates", {})).candidates, []);
  assert.equal((await call("get_prompt", { name, raw: true })).text, content);

  // Look at what there is now.
  const library = await call("open_library", {});
  assert.deepEqual(readColumn(library.prompts, "name").toSorted(), [
    "haiku",
    name,
    "recipe",
    "standup",
  ]);
});

/**
 * Opens a chat over stdio; returns its calls, which must succeed and give their structured content.
 *
 * @param {TestContext} t
 */
async function openChat(t) {
  const client = new Client({ name: "one-chat", version: "1.0.0" });
  await client.connect(new StdioClientTransport(stdioProcess(await makeLibrary(t))));
  defer(t, () => client.close());
  // The client checks every result against the output schema of its tool from here on.
  await client.listTools();
  /**
   * @param {string} name
   * @param {JsonObject} args
   */
  return async (name, args) => {
    const result = await client.callTool({ name, arguments: args });
    assert.notEqual(result.isError, true, JSON.stringify(result.content));
    return readObject(result.structuredContent);
  };
}
