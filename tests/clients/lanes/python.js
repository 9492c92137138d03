// The official Python client.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { environmentOf, installEnvironment } from "./environment.js";

const SCRIPT = fileURLToPath(new URL("python.py", import.meta.url));
export const { python: PYTHON } = environmentOf("python");

export const installPython = () => installEnvironment("python");

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
