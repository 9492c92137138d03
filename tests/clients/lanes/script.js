// Python scripts that speak JSON over standard input and output, one object a line.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { parseJson, readObject } from "../json.js";
import { installEnvironment, locateEnvironment } from "./environment.js";

/** @import { JsonObject } from "../json.js" */

const { python } = locateEnvironment("python");

export function installPython() {
  return installEnvironment("python");
}

/**
 * Starts a script beside this file.
 *
 * @param {string} file
 * @param {string[]} args
 * @param {Record<string, string | undefined>} [env]
 */
export function startScript(file, args, env) {
  const script = fileURLToPath(new URL(file, import.meta.url));
  const child = spawn(python, [script, ...args], { env, stdio: ["pipe", "pipe", "inherit"] });
  const exit = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  /** Waits for the end of the script. */
  async function describeExit() {
    await exit;
    return `${file} ended with ${child.exitCode ?? child.signalCode}`;
  }

  return {
    /** @param {JsonObject} message */
    write(message) {
      child.stdin.write(`${JSON.stringify(message)}\n`);
    },
    /** Reads the next line; throws when the script has ended. */
    async read() {
      const line = await lines.next();
      if (line.done) throw new Error(await describeExit());
      return readObject(parseJson(line.value));
    },
    /** Closes the standard input and waits for the end of the script, which must succeed. */
    async close() {
      child.stdin.end();
      const description = await describeExit();
      if (child.exitCode !== 0) throw new Error(description);
    },
  };
}
