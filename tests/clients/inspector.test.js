// The Inspector reports the parts of a tool's schema that hosts cannot handle, and the widget that a host
// would show beside a tool's results.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { BINARY, ROOT, makeFolder, makeLibrary, run, startServer } from "./harness.js";
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
    assert.match(readString(resourceUri), /^ui:\/\/promptdb\/[0-9a-f]{12}\/view\.html$/);
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
  const args = [INSPECTOR, "--cli", ...options, "--protocol-era", era, ...target];
  // The Inspector writes a catalogue into the home directory.
  const env = { PATH: process.env.PATH ?? "", HOME: await makeFolder(t) };
  const { stdout, stderr } = await run(process.execPath, args, { env });
  assert.equal(stderr, "");
  return readObject(parseJson(stdout));
}
