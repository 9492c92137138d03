// The Inspector reports the parts of a tool's schema that hosts cannot handle, and verifies skills.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { BINARY, ROOT, makeFolder, makeLibrary, run, seedLibrary, startServer } from "./harness.js";
import { parseJson, readColumn, readObject } from "./json.js";

/** @import { TestContext } from "node:test" */

const INSPECTOR = join(
  ROOT,
  "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js",
);

for (const era of ["legacy", "modern"]) {
  test(`the Inspector finds no fault with the tools over HTTP, in the ${era} era`, async (t) => {
    const { url } = await startServer(t, await makeLibrary(t));
    await inspect(t, era, ["--transport", "http", `${url}/mcp`]);
  });

  test(`the Inspector finds no fault with the tools over stdio, in the ${era} era`, async (t) => {
    const library = await makeLibrary(t);
    // At the default level the server would log its calls between the lines of the Inspector.
    const env = ["-e", `DATABASE_PATH=${library}`, "-e", "RUST_LOG=warn"];
    await inspect(t, era, [...env, BINARY, "stdio"]);
  });
}

for (const era of ["legacy", "modern"]) {
  test(`the Inspector verifies every skill against its file, in the ${era} era`, async (t) => {
    const library = await makeLibrary(t);
    await seedLibrary(t, library, [
      { name: "code--review", title: '--- #1: [a] "b"', content: "Review", tags: ["skill"] },
      { name: "true", description: "Is: it\n- so?", content: "{{what}} 🎉", tags: ["skill"] },
    ]);
    const { url } = await startServer(t, library);
    const options = ["--method", "skills/list", "--verify", "--protocol-era", era];
    const { stdout } = await runInspector(t, [...options, "--transport", "http", `${url}/mcp`]);
    const skills = stdout.trim().split("\n").map(parseJson).map(readObject);
    assert.deepEqual(
      skills.map(({ outcome, uri }) => [outcome, uri]),
      [
        ["verified", "skill://harvest/SKILL.md"],
        ["verified", "skill://code--review/code-review-afd29f/SKILL.md"],
        ["verified", "skill://true/SKILL.md"],
      ],
    );
  });
}

/**
 * @param {TestContext} t
 * @param {string[]} args
 */
async function runInspector(t, args) {
  // The Inspector writes a catalogue into the home directory.
  const env = { PATH: process.env.PATH ?? "", HOME: await makeFolder(t) };
  return run(process.execPath, [INSPECTOR, "--cli", ...args], { env });
}

/**
 * @param {TestContext} t
 * @param {string} era
 * @param {string[]} target
 */
async function inspect(t, era, target) {
  const options = ["--method", "tools/list", "--strict", "--protocol-era", era];
  const { stdout, stderr } = await runInspector(t, [...options, ...target]);
  assert.equal(stderr, "");
  assert.deepEqual(readColumn(readObject(parseJson(stdout)).tools, "name"), [
    "get_prompt",
    "list_prompts",
    "list_versions",
    "save_prompt",
    "restore_prompt",
    "delete_prompt",
    "harvest_session",
    "list_candidates",
    "reject_candidate",
    "open_library",
    "health_check",
  ]);
}
