// The full library as a file that each test copies: filling one takes seconds.

import { existsSync } from "node:fs";
import { cp } from "node:fs/promises";

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { defer, makeLibrary, startServer } from "../../clients/harness.js";
import { parseJson, readObject } from "../../clients/json.js";
import { fillLibrary } from "./library.js";

/**
 * @import { TestContext } from "node:test"
 */

/**
 * Connects an MCP client of this name to a server, until the test `t` ends.
 *
 * @param {TestContext} t
 * @param {string} url
 * @param {string} name
 */
export async function connectClient(t, url, name) {
  const client = new Client({ name, version: "1.0.0" });
  const requestInit = { headers: { "user-agent": `${name}/1.0.0` } };
  await client.connect(new StreamableHTTPClientTransport(new URL("/mcp", url), { requestInit }));
  defer(t, () => client.close());
  return client;
}

/**
 * Fills a library, which lasts until the end of `t`, and returns its path.
 *
 * @param {TestContext} t
 */
export async function prepareLibrary(t) {
  const path = await makeLibrary(t);
  const server = await startServer(t, path);
  await fillLibrary(async (method, target, body) => {
    const response = await fetch(server.url + target, {
      method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const headers = Object.fromEntries(response.headers);
    return { status: response.status, headers, text, body: readJson(text) };
  });
  for (const name of ["claude-code", "cursor"]) {
    const client = await connectClient(t, server.url, name);
    await client.callTool({ name: "get_prompt", arguments: { name: "code-review" } });
    await client.close();
  }
  await server.stop();
  return path;
}

/**
 * Makes a copy of a library for the test `t`, and returns its path.
 *
 * @param {TestContext} t
 * @param {string} library
 */
export async function copyLibrary(t, library) {
  const path = await makeLibrary(t);
  await cp(library, path);
  // What the server had not folded into the file when it ended is in its log.
  const log = `${library}-wal`;
  if (existsSync(log)) await cp(log, `${path}-wal`);
  return path;
}

/**
 * Returns the JSON object of a body; an empty one for a body of another type.
 *
 * @param {string} text
 */
export function readJson(text) {
  return text.startsWith("{") ? readObject(parseJson(text)) : {};
}
