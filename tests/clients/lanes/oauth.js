// MCP clients that sign in by themselves: the official TypeScript and Python ones. Each starts from
// the 401 alone (RFC 9728, section 5.1), and passes the URL for the browser to `signIn`, which
// returns the URL that the browser is redirected to at the end.

import assert from "node:assert/strict";

import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { readString } from "../json.js";
import { startScript } from "./script.js";

/**
 * @import { OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js"
 * @import { OAuthClientInformationMixed, OAuthTokens } from "@modelcontextprotocol/sdk/shared/auth.js"
 * @import { JsonObject } from "../json.js"
 */

/** @typedef {(page: string) => Promise<string>} SignIn */

/**
 * @typedef {object} SignedInClient
 * @property {(name: string, args: JsonObject) => Promise<JsonObject>} callTool
 * @property {() => Promise<void>} close
 */

export const REDIRECT_URI = "http://localhost:9/callback";

/**
 * What the TypeScript client stores of its sign-in.
 *
 * @implements {OAuthClientProvider}
 */
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

  /** @type {OAuthClientInformationMixed | undefined} */
  #information;
  /** @type {OAuthTokens | undefined} */
  #tokens;
  /** @type {URL | undefined} */
  #page;
  #verifier = "";

  /** The URL that the client wanted to show in a browser. */
  get page() {
    assert.ok(this.#page, "the client did not ask for a browser");
    return this.#page.href;
  }

  get accessToken() {
    assert.ok(this.#tokens, "the client has no tokens");
    return this.#tokens.access_token;
  }

  clientInformation() {
    return this.#information;
  }

  /** @param {OAuthClientInformationMixed} information */
  saveClientInformation(information) {
    this.#information = information;
  }

  tokens() {
    return this.#tokens;
  }

  /** @param {OAuthTokens} tokens */
  saveTokens(tokens) {
    this.#tokens = tokens;
  }

  /** @param {URL} page */
  redirectToAuthorization(page) {
    this.#page = page;
  }

  /** @param {string} verifier */
  saveCodeVerifier(verifier) {
    this.#verifier = verifier;
  }

  codeVerifier() {
    return this.#verifier;
  }
}

/**
 * Opens the TypeScript client, over HTTP or, at `/sse`, over HTTP+SSE.
 *
 * @param {string} url
 * @param {SignIn} signIn
 * @param {"/mcp" | "/mcp/" | "/sse"} path
 */
export async function openTypeScript(url, signIn, path = "/mcp") {
  const wallet = new Wallet();
  const makeTransport = () => {
    const Transport = path === "/sse" ? SSEClientTransport : StreamableHTTPClientTransport;
    return new Transport(new URL(path, url), { authProvider: wallet });
  };
  const first = makeTransport();
  // The client asks for the sign-in by this error, and needs a fresh transport after it.
  await assert.rejects(makeClient().connect(first), UnauthorizedError);
  const { searchParams } = new URL(await signIn(wallet.page));
  const code = searchParams.get("code");
  assert.ok(code, `the sign-in failed: ${searchParams.toString()}`);
  await first.finishAuth(code);
  const client = await connect(makeTransport());
  return { ...client, getAccessToken: () => wallet.accessToken };
}

/**
 * Opens the TypeScript client over HTTP+SSE with a token that was issued for `/mcp`.
 *
 * @param {string} url
 * @param {string} accessToken
 */
export function openSse(url, accessToken) {
  const requestInit = { headers: { authorization: `Bearer ${accessToken}` } };
  return connect(new SSEClientTransport(new URL("/sse", url), { requestInit }));
}

function makeClient() {
  return new Client({ name: "oauth-ts", version: "1.0.0" });
}

/**
 * @param {SSEClientTransport | StreamableHTTPClientTransport} transport
 * @returns {Promise<SignedInClient>}
 */
async function connect(transport) {
  const client = makeClient();
  await client.connect(transport);
  return {
    close: () => client.close(),
    callTool: (name, args) => client.callTool({ name, arguments: args }),
  };
}

/**
 * Opens the Python client over HTTP.
 *
 * @param {string} url
 * @param {SignIn} signIn
 * @param {"/mcp" | "/mcp/"} path
 * @returns {Promise<SignedInClient>}
 */
export async function openPython(url, signIn, path = "/mcp") {
  const script = startScript("oauth.py", [url + path, REDIRECT_URI]);
  const { page } = await script.read();
  const end = new URL(await signIn(readString(page)));
  script.write(Object.fromEntries(end.searchParams));
  const { ready } = await script.read();
  assert.equal(ready, true, "the Python client is not connected");
  return {
    callTool(name, args) {
      script.write({ name, arguments: args });
      return script.read();
    },
    close: () => script.close(),
  };
}
