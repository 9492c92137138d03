// The two official TypeScript clients, driven by the names of the protocol's methods.

import { Client as Client1 } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport as Sse1 } from "@modelcontextprotocol/sdk/client/sse.js";
import { StdioClientTransport as Stdio1 } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport as Http1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  Client as Client2,
  SSEClientTransport as Sse2,
  StreamableHTTPClientTransport as Http2,
} from "@modelcontextprotocol/client";
import { StdioClientTransport as Stdio2 } from "@modelcontextprotocol/client/stdio";

import { readArray, readObject, readString } from "../json.js";

/**
 * @import { ClientOptions } from "@modelcontextprotocol/client"
 * @import { Transport as SdkTransport } from "@modelcontextprotocol/sdk/shared/transport.js"
 * @import { JsonObject } from "../json.js"
 * @import { Lane, Mode, OpenLane, ProtocolClient, Target, Transport } from "./lane.js"
 */

const IDENTITY = { name: "lane", version: "1.0.0" };

/**
 * Opens `@modelcontextprotocol/sdk`, whose revisions end at 2025-11-25.
 *
 * @type {OpenLane}
 */
export async function openSdk(transport, target) {
  const client = new Client1(IDENTITY);
  /** @type {SdkTransport} */
  const connection = makeTransport({ http: Http1, sse: Sse1, stdio: Stdio1 }, transport, target);
  // This client passes the negotiated revision to its transport and nowhere else.
  const setRevision = connection.setProtocolVersion?.bind(connection);
  /** @type {string | undefined} */
  let revision;
  connection.setProtocolVersion = (version) => {
    revision = version;
    setRevision?.(version);
  };
  await client.connect(connection);
  return makeLane(client, revision);
}

/**
 * Opens `@modelcontextprotocol/client` in a mode of its version negotiation.
 *
 * @param {Transport} transport
 * @param {Target} target
 * @param {Mode} [mode]
 * @param {ClientOptions} [options]
 */
export async function openClient(transport, target, mode, options = {}) {
  const client = new Client2(IDENTITY, { ...options, versionNegotiation: { mode } });
  const connection = makeTransport({ http: Http2, sse: Sse2, stdio: Stdio2 }, transport, target);
  await client.connect(connection);
  return makeLane(client, client.getNegotiatedProtocolVersion());
}

/**
 * @template Http, Sse, Stdio
 * @param {{
 *   http: new (url: URL) => Http,
 *   sse: new (url: URL) => Sse,
 *   stdio: new (process: Target["process"] & { stderr: "inherit" }) => Stdio,
 * }} constructors
 * @param {Transport} transport
 * @param {Target} target
 */
function makeTransport({ http: Http, sse: Sse, stdio: Stdio }, transport, { url, process }) {
  switch (transport) {
    case "http":
      return new Http(new URL("/mcp", url));
    case "sse":
      return new Sse(new URL("/sse", url));
    case "stdio":
      return new Stdio({ ...process, stderr: "inherit" });
  }
}

/**
 * @param {ProtocolClient} client
 * @param {string | undefined} revision
 * @returns {Lane}
 */
function makeLane(client, revision) {
  return {
    revision,
    close: () => client.close(),
    async request(method, params) {
      try {
        return { result: await send(client, method, params) };
      } catch (error) {
        // Only an error that the server sent has an integer code.
        if (!(error instanceof Error && "code" in error && Number.isInteger(error.code)))
          throw error;
        const message = error.message.replace(/^MCP error -?\d+: /, "");
        return { error: { code: Number(error.code), message } };
      }
    },
  };
}

/**
 * @param {ProtocolClient} client
 * @param {string} method
 * @param {JsonObject} [params]
 */
function send(client, method, params) {
  switch (method) {
    case "tools/list":
      return listAll("tools", params, (page) => client.listTools(page));
    case "tools/call":
      return client.callTool(readObject(params));
    case "prompts/list":
      return listAll("prompts", params, (page) => client.listPrompts(page));
    case "prompts/get":
      return client.getPrompt(readObject(params));
    case "resources/list":
      return listAll("resources", params, (page) => client.listResources(page));
    case "resources/templates/list":
      return listAll("resourceTemplates", params, (page) => client.listResourceTemplates(page));
    case "resources/read":
      return client.readResource(readObject(params));
    case "completion/complete":
      return client.complete(readObject(params));
    default:
      throw new Error(`no case for ${method}`);
  }
}

/**
 * Returns all pages of a list as one, or the single page that `params` select.
 *
 * @param {string} field
 * @param {JsonObject | undefined} params
 * @param {(params?: JsonObject) => Promise<JsonObject>} listPage
 */
async function listAll(field, params, listPage) {
  if (params) return listPage(params);
  let page = await listPage();
  const items = [...readArray(page[field])];
  while (page.nextCursor) {
    page = await listPage({ cursor: readString(page.nextCursor) });
    items.push(...readArray(page[field]));
  }
  return { [field]: items };
}
