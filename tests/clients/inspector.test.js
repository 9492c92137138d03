// The Inspector reports the parts of a tool's schema that hosts cannot handle, and the widget that a host
// would show beside a tool's results. It verifies skills against their files.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { WIDGET_URI } from "./cases.js";
import { BINARY, ROOT, makeFolder, makeLibrary, run, seedLibrary, startServer } from "./harness.js";
import { parseJson, readColumn, readObject, readString } from "./json.js";

/**
 * @import { TestContext } from "node:test"
 * @import { JsonObject } from "./json.js"
 */

const INSPECTOR = join(
  ROOT,
  "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js",
);

for (const era of ["legacy", "modern"]) {
  test(`the Inspector finds no fault with the tools over HTTP, in the ${era} era`, async (t) => {
    const { url } = await startServer(t, await makeLibrary(t));
    const target = ["--transport", "http", `${url}/mcp`];
    await checkTools(t, era, target);
    await checkApp(t, era, target);
  });

  test(`the Inspector finds no fault with the tools over stdio, in the ${era} era`, async (t) => {
    const library = await makeLibrary(t);
    // At the default level the server would log its calls between the lines of the Inspector.
    const env = ["-e", `DATABASE_PATH=${library}`, "-e", "RUST_LOG=warn"];
    const target = [...env, BINARY, "stdio"];
    await checkTools(t, era, target);
    await checkApp(t, era, target);
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
 * Asserts that the Inspector has no finding in the list of tools.
 *
 * @param {TestContext} t
 * @param {string} era
 * @param {string[]} target
 */
async function checkTools(t, era, target) {
  const list = await inspect(t, era, ["--method", "tools/list", "--strict"], target);
  assert.deepEqual(readColumn(list.tools, "name"), [
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

/**
 * Asserts that the Inspector finds the app of the two tools, and reads its resource. It declares no
 * extension, as some hosts do not.
 *
 * @param {TestContext} t
 * @param {string} era
 * @param {string[]} target
 */
async function checkApp(t, era, target) {
  for (const toolName of ["harvest_session", "open_library"]) {
    const options = ["--method", "tools/call", "--tool-name", toolName, "--app-info"];
    const { resourceUri, ...info } = await inspect(t, era, options, target);
    assert.match(readString(resourceUri), WIDGET_URI);
    // Neither a domain nor an error of the resource is among them.
    assert.deepEqual(info, {
      hasApp: true,
      toolName,
      csp: { connectDomains: [], resourceDomains: [] },
      prefersBorder: true,
      resourceMimeType: "text/html;profile=mcp-app",
    });
  }
}

/**
 * Runs the Inspector, and returns the object that it writes.
 *
 * @param {TestContext} t
 * @param {string} era
 * @param {string[]} options
 * @param {string[]} target
 * @returns {Promise<JsonObject>}
 */
async function inspect(t, era, options, target) {
  const args = [...options, "--protocol-era", era, ...target];
  const { stdout, stderr } = await runInspector(t, args);
  assert.equal(stderr, "");
  return readObject(parseJson(stdout));
}
