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

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const BINARY = join(ROOT, "target/debug/promptdb");

/** How long a server may take to start, or to end after SIGTERM. */
const PATIENCE_MS = 20_000;

const undone = new WeakMap();

/** Runs `action` when the test `t` is over, and before the actions that were named earlier. */
export function afterwards(t, action) {
  if (!undone.has(t)) {
    undone.set(t, []);
    t.after(async () => {
      const failures = [];
      for (const next of undone.get(t).reverse()) {
        await Promise.resolve()
          .then(next)
          .catch((error) => failures.push(error));
      }
      if (failures.length > 0) throw failures[0];
    });
  }
  undone.get(t).push(action);
}

/** A folder that is gone after the test `t`. */
export async function makeFolder(t) {
  const folder = await mkdtemp(join(tmpdir(), "promptdb-"));
  afterwards(t, () => rm(folder, { recursive: true }));
  return folder;
}

/** A library of its own for the test `t`. */
export async function makeLibrary(t) {
  return join(await makeFolder(t), "promptdb.db");
}

/** The environment of a process that works on `library` and nothing else. */
export function environment(library) {
  return { PATH: process.env.PATH, DATABASE_PATH: library, RUST_LOG: "warn" };
}

/** Runs a program to its end, which must be a good one, and returns what it wrote. */
export async function run(program, args, options = {}) {
  const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  assert.equal(code, 0, `${program} ${args.join(" ")} failed:\n${stdout}${stderr}`);
  return { stdout, stderr };
}

/** How a client of stdio starts a process on `library`. */
export function stdioProcess(library) {
  return { command: BINARY, args: ["stdio"], env: environment(library) };
}

/** Serves `library` on a free port; ends with the test `t` unless it was stopped before. */
export async function startServer(t, library) {
  return startProcess(t, BINARY, ["--port", "0"], environment(library));
}

/** Fills `library` with prompts, over REST. */
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

/** Starts a program whose first line on stdout ends in the URL where it listens. */
export async function startProcess(t, program, args, env) {
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (line) => (complaints += line));
  const ended = once(child, "exit");
  let stopped;

  async function end() {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    const [code, signal] = await ended;
    clearTimeout(timer);
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, `ended badly: ${complaints}`);
    assert.equal(complaints, "", "the server complained");
  }
  const stop = () => (stopped ??= end());
  afterwards(t, stop);

  const lines = createInterface({ input: child.stdout });
  const first = once(lines, "line", { signal: AbortSignal.timeout(PATIENCE_MS) });
  const start = await Promise.race([first, ended.then(() => undefined)]);
  assert.ok(start, `did not start: ${complaints}`);
  const url = start[0].match(/http:\S+$/)?.[0];
  assert.ok(url, `says no URL: ${start[0]}`);
  return { url, stop };
}
