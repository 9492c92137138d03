// The two official TypeScript clients, asked by the names of the protocol's methods.

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

const IDENTITY = { name: "lane", version: "1.0.0" };

/** Opens `@modelcontextprotocol/sdk`, whose revisions end at 2025-11-25. */
export function openSdk(transport, target) {
  const client = new Client1(IDENTITY);
  const connection = connectionOf({ http: Http1, sse: Sse1, stdio: Stdio1 }, transport, target);
  // This client tells nobody which revision was agreed on, but its transport.
  const setRevision = connection.setProtocolVersion?.bind(connection);
  let revision;
  connection.setProtocolVersion = (version) => {
    revision = version;
    setRevision?.(version);
  };
  return connect(client, connection, () => revision);
}

/** Opens `@modelcontextprotocol/client` in a mode of its version negotiation. */
export function openClient(transport, target, mode, options = {}) {
  const client = new Client2(IDENTITY, { ...options, versionNegotiation: { mode } });
  const connection = connectionOf({ http: Http2, sse: Sse2, stdio: Stdio2 }, transport, target);
  return connect(client, connection, () => client.getNegotiatedProtocolVersion());
}

function connectionOf({ http: Http, sse: Sse, stdio: Stdio }, transport, { url, process }) {
  switch (transport) {
    case "http":
      return new Http(new URL("/mcp", url));
    case "sse":
      return new Sse(new URL("/sse", url));
    case "stdio":
      return new Stdio({ ...process, stderr: "inherit" });
  }
}

async function connect(client, connection, revision) {
  await client.connect(connection);
  return {
    revision: revision(),
    close: () => client.close(),
    async ask(method, params) {
      try {
        return { result: await send(client, method, params) };
      } catch (error) {
        // Whatever is no answer of the server has no such code.
        if (!Number.isInteger(error.code)) throw error;
        const { code, message } = error;
        return { error: { code, message: message.replace(/^MCP error -?\d+: /, "") } };
      }
    },
  };
}

function send(client, method, params) {
  switch (method) {
    case "tools/list":
      return walk("tools", params, (page) => client.listTools(page));
    case "tools/call":
      return client.callTool(params);
    case "prompts/list":
      return walk("prompts", params, (page) => client.listPrompts(page));
    case "prompts/get":
      return client.getPrompt(params);
    case "resources/list":
      return walk("resources", params, (page) => client.listResources(page));
    case "resources/templates/list":
      return walk("resourceTemplates", params, (page) => client.listResourceTemplates(page));
    case "resources/read":
      return client.readResource(params);
    case "completion/complete":
      return client.complete(params);
  }
  throw new Error(`no case for ${method}`);
}

/** All pages of a list, or the one page that `params` name. */
async function walk(field, params, list) {
  if (params) return list(params);
  const items = [];
  for (let page, cursor; !page || cursor; cursor = page.nextCursor) {
    page = await list(cursor && { cursor });
    items.push(...page[field]);
  }
  return { [field]: items };
}
