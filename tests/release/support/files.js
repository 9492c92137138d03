// A release made here, by the scripts that make a real one, of programs that report what they were given.

import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { nameProgram, TARGETS } from "../../../release/targets.js";
import { makeFolder, ROOT, run } from "../../clients/harness.js";

/** @import { TestContext } from "node:test" */

export const REPOSITORY = "example/promptdb";

/** Prints its arguments and its input, and ends as its last argument says. */
const PROGRAM = `#!/usr/bin/env node
const args = process.argv.slice(2);
if (args[0] === "wait") {
  process.on("SIGTERM", () => { console.log("stopped by SIGTERM"); process.exit(3); });
  setInterval(() => {}, 60_000);
  console.log("ready");
} else if (args[0] === "die") {
  process.kill(process.pid, "SIGKILL");
} else {
  let input = "";
  process.stdin.on("data", (part) => (input += part)).on("end", () => {
    console.log(JSON.stringify({ args, input }));
    console.error("a line of the log");
    process.exit(args[0] === "exit" ? Number(args[1]) : 0);
  });
}
`;

/** The files of every archive, by their path in the folder that the release's workflow fills. */
export const SHARED = {
  "THIRD-PARTY.txt": "the licences of others\n",
  "completions/_promptdb": "# zsh\n",
  "completions/promptdb.bash": "# bash\n",
  "completions/promptdb.fish": "# fish\n",
  "meaning-LICENSE.txt": "the licence of the model\n",
  "meaning-NOTICE.txt": "the origin of the model\n",
  "meaning.bin": "the model\n",
};

/** The bill of materials, which lies beside the archives. */
export const BILL = "promptdb.cdx.json";

/**
 * Makes the archives of a release and their checksums, and returns their folder.
 *
 * @param {TestContext} t
 */
export async function makeRelease(t) {
  const folder = await makeFolder(t);
  const [binaries, shared, out] = ["binaries", "shared", "out"].map((name) => join(folder, name));
  for (const target of TARGETS) {
    const path = join(String(binaries), target.target, nameProgram(target));
    await writeTo(path, PROGRAM);
    // As an artifact of a workflow arrives.
    await chmod(path, 0o644);
  }
  for (const [name, text] of Object.entries(SHARED))
    await writeTo(join(String(shared), name), text);
  await writeTo(join(String(out), BILL), "{}\n");
  await runScript("archives", { binaries, shared, out });
  return String(out);
}

/**
 * Makes the packages of npm from a release, and returns their folder.
 *
 * @param {TestContext} t
 * @param {string} assets
 */
export async function makePackages(t, assets) {
  const out = join(await makeFolder(t), "packages");
  await runScript("npm", { assets, out, repository: REPOSITORY });
  return out;
}

/**
 * Runs a script of `release/`, which must succeed.
 *
 * @param {string} name
 * @param {Record<string, string | undefined>} options
 */
export function runScript(name, options) {
  const args = Object.entries(options).flatMap(([key, value]) => [`--${key}`, String(value)]);
  return run(process.execPath, [join(ROOT, "release", `${name}.js`), ...args]);
}

/**
 * @param {string} path
 * @param {string} text
 */
async function writeTo(path, text) {
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, text);
}
