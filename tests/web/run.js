// Runs browser tests, with one browser and one full library for all of them: `node tests/web/run.js [file]...`. Without
// files it runs every `*.test.js` of this folder. Options for Node's runner come first.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";

import { serveChromium } from "./support/chromium.js";
import { Lifetime } from "./support/lifetime.js";
import { prepareLibrary } from "./support/prepared.js";

/** Test files at a time. Each has a server, and a page that the browser draws. */
const CONCURRENCY = 2;

/** The longest time of one file, which Node counts as a test, and of one test in it. */
const TEST_TIMEOUT_MS = 600_000;

const FOLDER = import.meta.dirname;

/** Returns every test file of this folder. */
function listTests() {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith(".test.js"));
  return names.sort().map((name) => join(FOLDER, name));
}

/** @param {string[]} args */
async function run(args) {
  const lifetime = new Lifetime();
  const browser = await serveChromium();
  try {
    const library = await prepareLibrary(lifetime.t);
    const limits = [`--test-concurrency=${CONCURRENCY}`, `--test-timeout=${TEST_TIMEOUT_MS}`];
    const files = args.some((arg) => arg.endsWith(".js")) ? [] : listTests();
    const tests = spawn(process.execPath, ["--test", ...limits, ...args, ...files], {
      stdio: "inherit",
      env: { ...process.env, BROWSER_ADDRESS: browser.wsEndpoint(), FULL_LIBRARY: library },
    });
    await once(tests, "exit");
    return tests.exitCode ?? 1;
  } finally {
    await browser.close();
    await lifetime.end();
  }
}

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
