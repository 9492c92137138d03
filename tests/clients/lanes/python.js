// The official Python client.

import { readObject, readString } from "../json.js";
import { startScript } from "./script.js";

/** @import { Answer, OpenLane } from "./lane.js" */

/**
 * Opens `mcp`, which needs a mode.
 *
 * @type {OpenLane}
 */
export async function openPython(transport, { url, process: { command, env } }, mode = "legacy") {
  const version = typeof mode === "string" ? mode : mode.pin;
  const target = transport === "stdio" ? command : readString(url);
  const script = startScript("python.py", [transport, version, target], env);
  const { revision } = await script.read();
  return {
    revision: readString(revision),
    async request(method, params) {
      script.write({ method, params });
      return readAnswer(await script.read());
    },
    close: () => script.close(),
  };
}

/**
 * @param {import("../json.js").JsonObject} line
 * @returns {Answer}
 */
function readAnswer({ result, error }) {
  if (error === undefined) return { result: readObject(result) };
  const { code, message } = readObject(error);
  return { error: { code: Number(code), message: readString(message) } };
}
