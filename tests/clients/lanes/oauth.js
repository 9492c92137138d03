// MCP clients that sign in by themselves: the official TypeScript and Python ones. Each is sent to
// the authorization server by the 401 alone, and hands the URL for the browser to `signIn`, which
// returns the URL that the browser is sent back to.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { PYTHON } from "./python.js";

export const REDIRECT_URI = "http://localhost:9/callback";
const SCRIPT = fileURLToPath(new URL("oauth.py", import.meta.url));

/** What a client keeps of its sign-in. */
class Wallet {
  redirectUrl = REDIRECT_URI;
  clientMetadata = {
    client_name: "lane",
    redirect_uris: [REDIRECT_URI],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
    scope: "openid offline_access",
  };

  clientInformation = () => this.information;
  saveClientInformation = (information) => (this.information = information);
  tokens = () => this.kept;
  saveTokens = (tokens) => (this.kept = tokens);
  redirectToAuthorization = (url) => (this.page = url);
  saveCodeVerifier = (verifier) => (this.verifier = verifier);
  codeVerifier = () => this.verifier;
}

/** Opens the TypeScript client, over HTTP or, at `/sse`, over HTTP+SSE. */
export async function openTypeScript(url, signIn, path = "/mcp") {
  const authProvider = new Wallet();
  const Transport = path === "/sse" ? SSEClientTransport : StreamableHTTPClientTransport;
  const connection = () => new Transport(new URL(path, url), { authProvider });
  const first = connection();
  try {
    await new Client({ name: "oauth-ts", version: "1.0.0" }).connect(first);
    throw new Error("the server let a stranger in");
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
  }
  const { searchParams } = new URL(await signIn(authProvider.page));
  if (!searchParams.has("code")) throw new Error(`nobody is signed in: ${searchParams}`);
  await first.finishAuth(searchParams.get("code"));
  const client = await connect(connection());
  return { ...client, accessToken: () => authProvider.kept.access_token };
}

/** Opens the TypeScript client over HTTP+SSE with a token that was made for `/mcp`. */
export function openSse(url, accessToken) {
  const requestInit = { headers: { authorization: `Bearer ${accessToken}` } };
  return connect(new SSEClientTransport(new URL("/sse", url), { requestInit }));
}

async function connect(transport) {
  const client = new Client({ name: "oauth-ts", version: "1.0.0" });
  await client.connect(transport);
  return {
    close: () => client.close(),
    callTool: (name, args) => client.callTool({ name, arguments: args }),
  };
}

/** Opens the Python client over HTTP. */
export async function openPython(url, signIn) {
  const child = spawn(PYTHON, [SCRIPT, `${url}/mcp`, REDIRECT_URI], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const write = (message) => child.stdin.write(`${JSON.stringify(message)}\n`);
  async function read() {
    const { value, done } = await lines.next();
    if (done) throw new Error(`the Python client ended with code ${(await ended)[0]}`);
    return JSON.parse(value);
  }

  const { page } = await read();
  write(Object.fromEntries(new URL(await signIn(page)).searchParams));
  const { ready } = await read();
  if (!ready) throw new Error("the Python client is not connected");
  return {
    async callTool(name, args) {
      write({ name, arguments: args });
      return read();
    },
    async close() {
      child.stdin.end();
      const [code] = await ended;
      if (code !== 0) throw new Error(`the Python client ended with code ${code}`);
    },
  };
}
