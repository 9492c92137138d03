#!/usr/bin/env node
// Runs the program of this platform as if it had been started itself: the same arguments, standard
// streams, signals and exit code.

import { spawn } from "node:child_process";
import { createRequire } from "node:module";

import { locateProgram } from "./platform.js";

/** @type {NodeJS.Signals[]} */
const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"];

const { resolve } = createRequire(import.meta.url);

/** @param {unknown} error */
function fail(error) {
  console.error(`promptdb: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

function run() {
  const program = locateProgram(process.platform, process.arch, resolve);
  const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
  for (const signal of FORWARDED) process.on(signal, () => child.kill(signal));
  child.on("error", fail);
  child.on("exit", (code, signal) => {
    if (signal === null) {
      process.exitCode = code ?? 1;
      return;
    }
    // A parent process sees the end that the program had, or a failure for a signal that Node ignores.
    process.exitCode = 1;
    for (const forwarded of FORWARDED) process.removeAllListeners(forwarded);
    process.kill(process.pid, signal);
  });
}

try {
  run();
} catch (error) {
  fail(error);
}
