// Serves the pages of a chat on the loopback interface. The chat and the outer frames of its cards have
// different origins: `localhost` and `127.0.0.1`.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import * as esbuild from "esbuild";

import { listen } from "../../clients/harness.js";
import { PROFILES, makePolicy } from "./profiles.js";

/**
 * @import { TestContext } from "node:test"
 * @import { McpUiResourceCsp } from "@modelcontextprotocol/ext-apps/app-bridge"
 * @import { HostName } from "./profiles.js"
 */

const FOLDER = join(import.meta.dirname, "page");
const TYPES = { html: "text/html; charset=utf-8", js: "text/javascript", css: "text/css" };

/** @type {Promise<Map<string, { type: string, body: string | Uint8Array }>> | undefined} */
let files;

async function build() {
  const { outputFiles } = await esbuild.build({
    entryPoints: ["chat.js", "sandbox.js"].map((name) => join(FOLDER, name)),
    bundle: true,
    format: "iife",
    outdir: FOLDER,
    write: false,
    // The bridge writes every message to the console.
    pure: ["console.debug"],
    minifySyntax: true,
    logLevel: "warning",
  });
  /** @type {Map<string, { type: string, body: string | Uint8Array }>} */
  const built = new Map();
  for (const { path, contents } of outputFiles) {
    built.set(path.slice(FOLDER.length), { type: TYPES.js, body: contents });
  }
  for (const kind of /** @type {const} */ (["html", "css"])) {
    const body = await readFile(join(FOLDER, `chat.${kind}`), "utf8");
    built.set(`/chat.${kind}`, { type: TYPES[kind], body });
  }
  const sandbox = await readFile(join(FOLDER, "sandbox.html"), "utf8");
  built.set("/sandbox.html", { type: TYPES.html, body: sandbox });
  return built;
}

/**
 * Returns the policy of an outer frame, which the card's document inherits, and the address of that
 * document. VS Code writes its own policy into that document.
 *
 * @param {URLSearchParams} query
 */
function makeFramePolicy(query) {
  const profile = PROFILES[/** @type {HostName} */ (query.get("host"))];
  if (profile.document === "webview") return undefined;
  /** @type {unknown} */
  const csp = JSON.parse(query.get("csp") ?? "{}");
  return `${makePolicy(/** @type {McpUiResourceCsp} */ (csp))}; frame-src blob:`;
}

/**
 * Starts the server, which runs until the end of `t`.
 *
 * @param {TestContext} t
 */
export async function servePages(t) {
  files ??= build();
  const built = await files;
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    const file = built.get(pathname);
    if (!file) {
      response.writeHead(404).end();
      return;
    }
    const policy = pathname === "/sandbox.html" ? makeFramePolicy(searchParams) : undefined;
    const headers = policy === undefined ? {} : { "content-security-policy": policy };
    response.writeHead(200, { "content-type": file.type, ...headers }).end(file.body);
  });
  const port = await listen(t, server);
  return {
    chat: `http://localhost:${port}/chat.html`,
    sandbox: `http://127.0.0.1:${port}/sandbox.html`,
  };
}
