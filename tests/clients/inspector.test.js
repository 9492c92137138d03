// The Inspector, which knows what hosts stumble over in a tool's schema.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { BINARY, ROOT, makeFolder, makeLibrary, run, startServer } from "./harness.js";

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
    // The lines of calls would stand beside what the Inspector has to say.
    const env = ["-e", `DATABASE_PATH=${library}`, "-e", "RUST_LOG=warn"];
    await inspect(t, era, [...env, BINARY, "stdio"]);
  });
}

async function inspect(t, era, target) {
  const options = ["--method", "tools/list", "--strict", "--protocol-era", era];
  const args = [INSPECTOR, "--cli", ...options, ...target];
  // The Inspector keeps a catalogue at home.
  const env = { PATH: process.env.PATH, HOME: await makeFolder(t) };
  const { stdout, stderr } = await run(process.execPath, args, { env });
  assert.equal(stderr, "");
  assert.deepEqual(
    JSON.parse(stdout).tools.map(({ name }) => name),
    [
      "get_prompt",
      "list_prompts",
      "save_prompt",
      "harvest_session",
      "delete_prompt",
      "health_check",
    ],
  );
}
