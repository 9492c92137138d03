// The official Python client, in a virtual environment that is made on first use.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { ROOT, run } from "../harness.js";

const SCRIPT = fileURLToPath(new URL("python.py", import.meta.url));
const REQUIREMENTS = fileURLToPath(new URL("requirements.txt", import.meta.url));
const FOLDER = join(ROOT, "target/python");
export const PYTHON = join(FOLDER, "bin/python");

/** Makes the environment, unless the one that is there has just these packages. */
export async function installPython() {
  const installed = join(FOLDER, "requirements.txt");
  const wanted = await readFile(REQUIREMENTS, "utf8");
  const present = await readFile(installed, "utf8").catch(() => undefined);
  if (present === wanted) return;
  await run("python3", ["-m", "venv", "--clear", FOLDER]);
  await run(PYTHON, ["-m", "pip", "install", "--quiet", "-r", REQUIREMENTS]);
  // Written last, so that an installation that broke off is made again.
  await cp(REQUIREMENTS, installed);
}

/** Opens `mcp`; its modes are legacy, auto and a revision. */
export async function openPython(transport, { url, process: { command, env } }, mode) {
  const target = transport === "stdio" ? command : url;
  const child = spawn(PYTHON, [SCRIPT, transport, mode, target], {
    env,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  async function read() {
    const { value, done } = await lines.next();
    if (done) throw new Error(`the Python client ended with code ${(await ended)[0]}`);
    return JSON.parse(value);
  }

  const { revision } = await read();
  return {
    revision,
    async ask(method, params) {
      child.stdin.write(`${JSON.stringify({ method, params })}\n`);
      return read();
    },
    async close() {
      child.stdin.end();
      const [code] = await ended;
      if (code !== 0) throw new Error(`the Python client ended with code ${code}`);
    },
  };
}
