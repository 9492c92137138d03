// Runs the built binary as its users do: a process with a library of its own, stopped by SIGTERM.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

/**
 * @import { Server } from "node:http"
 * @import { TestContext } from "node:test"
 * @import { StdioProcess } from "./lanes/lane.js"
 */

/** @typedef {() => unknown} Action */

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const BINARY = join(ROOT, "target/debug/promptdb");

/** The most time that a server may take to start, or to end after SIGTERM. */
const PATIENCE_MS = 20_000;

/** @type {WeakMap<TestContext, Action[]>} */
const deferred = new WeakMap();

/**
 * Runs `action` after the test `t`, also when it fails. Actions run in the reverse of the order in
 * which they were deferred, and all of them run even if one fails.
 *
 * @param {TestContext} t
 * @param {Action} action
 */
export function defer(t, action) {
  const known = deferred.get(t);
  if (known) {
    known.push(action);
    return;
  }
  const actions = [action];
  deferred.set(t, actions);
  t.after(async () => {
    /** @type {unknown[]} */
    const failures = [];
    for (const next of actions.reverse()) {
      try {
        await next();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  });
}

/**
 * Makes a folder that is removed after the test `t`.
 *
 * @param {TestContext} t
 */
export async function makeFolder(t) {
  const folder = await mkdtemp(join(tmpdir(), "promptdb-"));
  defer(t, () => rm(folder, { recursive: true }));
  return folder;
}

/**
 * Returns a path at which the test `t` can make a library.
 *
 * @param {TestContext} t
 */
export async function makeLibrary(t) {
  return join(await makeFolder(t), "promptdb.db");
}

/**
 * Returns the whole environment of a process that uses `library`: it inherits no setting.
 *
 * @param {string} library
 * @returns {Record<string, string>}
 */
export function makeEnvironment(library) {
  return { PATH: process.env.PATH ?? "", DATABASE_PATH: library, RUST_LOG: "warn" };
}

/**
 * Runs a program, which must exit with 0, and returns its output.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string> }} [options]
 */
export async function run(program, args, options = {}) {
  const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  assert.equal(child.exitCode, 0, `${program} ${args.join(" ")} failed:\n${stdout}${stderr}`);
  return { stdout, stderr };
}

/**
 * Returns how a client starts a process that serves `library` over stdio.
 *
 * @param {string} library
 * @returns {StdioProcess}
 */
export function stdioProcess(library) {
  return { command: BINARY, args: ["stdio"], env: makeEnvironment(library) };
}

/**
 * Serves `library` on a free port until the test `t` ends, or `stop` is called.
 *
 * @param {TestContext} t
 * @param {string} library
 * @param {Record<string, string>} [env] further settings
 */
export function startServer(t, library, env = {}) {
  return startProcess(t, BINARY, ["--port", "0"], { ...makeEnvironment(library), ...env });
}

/**
 * Fills `library` with prompts over REST.
 *
 * @param {TestContext} t
 * @param {string} library
 * @param {object[]} prompts
 */
export async function seedLibrary(t, library, prompts) {
  const server = await startServer(t, library);
  for (const prompt of prompts) {
    const response = await fetch(new URL("/api/prompts", server.url), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(prompt),
    });
    assert.equal(response.status, 201, await response.text());
  }
  await server.stop();
}

/**
 * Starts a program whose first line of output ends in the URL where it listens. It must exit with 0
 * after SIGTERM, and write nothing to standard error.
 *
 * @param {TestContext} t
 * @param {string} program
 * @param {string[]} args
 * @param {Record<string, string>} env
 */
export async function startProcess(t, program, args, env) {
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const errors = collectText(child.stderr);
  const exit = once(child, "exit");

  async function terminate() {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    await exit;
    clearTimeout(timer);
    const { exitCode: code, signalCode: signal } = child;
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, `it failed: ${errors.text}`);
    assert.equal(errors.text, "", "the server wrote to standard error");
  }
  /** @type {Promise<void> | undefined} */
  let termination;
  const stop = () => (termination ??= terminate());
  defer(t, stop);

  const url = await Promise.race([readUrl(child.stdout), exit.then(() => undefined)]);
  assert.ok(url, `it did not start: ${errors.text}`);
  return { url, stop };
}

/**
 * Returns the URL at the end of the first line of a stream.
 *
 * @param {import("node:stream").Readable} stream
 */
export async function readUrl(stream) {
  const lines = createInterface({ input: stream });
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const line = String((await once(lines, "line", { signal }))[0]);
  const url = /http:\S+$/.exec(line)?.[0];
  assert.ok(url, `no URL: ${line}`);
  return url;
}

/**
 * Collects the text of a stream while it runs.
 *
 * @param {import("node:stream").Readable} stream
 */
export function collectText(stream) {
  const collected = { text: "" };
  stream.setEncoding("utf8").on("data", (/** @type {string} */ part) => (collected.text += part));
  return collected;
}

/**
 * Listens on a free port of the loopback address until the test `t` ends, and returns the port.
 *
 * @param {TestContext} t
 * @param {Server} server
 */
export async function listen(t, server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  defer(t, () => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === "object", "the server has no port");
  return address.port;
}
