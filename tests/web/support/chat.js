// A chat of one of the four hosts, connected to a real server, with a card of the widget in it.

import assert from "node:assert/strict";

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import {
  RESOURCE_MIME_TYPE,
  getToolUiResourceUri,
} from "@modelcontextprotocol/ext-apps/app-bridge";

import { defer, makeLibrary, startServer } from "../../clients/harness.js";
import { readObject, readString } from "../../clients/json.js";
import { PROFILES } from "../hosts/profiles.js";
import { servePages } from "../hosts/serve.js";
import { CardWatch } from "./card-watch.js";
import { assertProtocol } from "./protocol.js";
import { openContext } from "./context.js";
import { readJson } from "./prepared.js";
import { expectSoon } from "./wait.js";

/**
 * @import { TestContext } from "node:test"
 * @import { JSHandle } from "playwright-core"
 * @import { CallToolResult, Tool } from "@modelcontextprotocol/client"
 * @import { JsonObject } from "../../clients/json.js"
 * @import { Faults } from "../hosts/page/wire.js"
 * @import { ChatPage } from "../hosts/page/chat.js"
 * @import { Opening, Served } from "../hosts/page/card.js"
 * @import { HostName, Theme } from "../hosts/profiles.js"
 * @import { ContextOptions } from "./context.js"
 * @import { Draft } from "./prompts.js"
 */

/**
 * @typedef {object} OwnOptions
 * @property {Theme} [theme] of the chat; `light` by default
 * @property {number} [width] of the conversation, in pixels
 * @property {Draft[]} [prompts] that the library holds
 * @property {Opening["modes"]} [modes] of display, in place of those of the host
 * @property {Record<string, string>} [env] settings of the server, beside those of the harness
 * @property {boolean} [clock] whether the test moves the time of the pages
 */

/** @typedef {ContextOptions & OwnOptions} ChatOptions */

/** A call of a tool, as a card or a model makes it. @typedef {{ name: string, arguments: JsonObject }} Call */

/** @typedef {Call & { result?: CallToolResult }} MadeCall */

/**
 * What the chat does with a call of a card; by default it forwards it.
 *
 * @callback Handler
 * @param {Call} call
 * @param {() => Promise<CallToolResult>} forward
 * @returns {Promise<CallToolResult>}
 */

/** How a card is opened, beside its tool and the arguments. @typedef {Partial<Opening> & { faults?: Faults }} ShowOptions */

const EXTENSION = "io.modelcontextprotocol/ui";

/** The width of a conversation on a desktop, in pixels. */
const WIDTH_PX = 720;

/**
 * Opens an empty chat, which ends with the test `t`. The test fails if a card makes any request, writes
 * an error or a warning to the console, breaks its policy, or sends what the protocol or a host does not
 * allow.
 *
 * @param {TestContext} t
 * @param {HostName} host
 * @param {ChatOptions} [options]
 */
export async function openChat(t, host, options = {}) {
  const { theme = "light", width = WIDTH_PX, prompts = [], modes, env } = options;
  const [server, pages] = await Promise.all([
    makeLibrary(t).then((library) => startServer(t, library, env)),
    servePages(t),
  ]);
  const { context, watch } = await openContext(t, [pages.chat, pages.sandbox], options);
  const cards = new CardWatch(context);
  defer(t, () => cards.assertClean());
  const client = await connectHost(t, server.url, host);

  /** @type {MadeCall[]} */
  const calls = [];
  const forwarding = { handle: /** @type {Handler} */ ((_call, forward) => forward()) };
  /** @param {Call} call */
  const callServer = async (call) => /** @type {CallToolResult} */ (await client.callTool(call));
  /** @param {unknown} params */
  async function callForCard(params) {
    const { name, arguments: given = {} } = readObject(params);
    const call = { name: readString(name), arguments: readObject(given) };
    /** @type {MadeCall} */
    const made = { ...call };
    calls.push(made);
    made.result = await forwarding.handle(call, () => callServer(call));
    return made.result;
  }
  const page = await context.newPage();
  await page.exposeBinding(
    "forwardToServer",
    async ({ frame }, /** @type {unknown} */ method, /** @type {unknown} */ params) => {
      assert.equal(frame, page.mainFrame(), "only the chat calls the server");
      if (method === "tools/call") return callForCard(params);
      assert.equal(method, "resources/read");
      return client.readResource(/** @type {{ uri: string }} */ (params));
    },
  );
  if (options.clock) await page.clock.install();
  const query = new URLSearchParams({ host, theme, sandbox: pages.sandbox });
  await page.goto(`${pages.chat}?${query.toString()}`);
  /** @type {JSHandle<ChatPage>} */
  const controls = await page.evaluateHandle("chat");
  await controls.evaluate((self, pixels) => {
    self.setWidth(pixels);
  }, width);
  defer(t, async () => {
    assertProtocol(await controls.evaluate((self) => self.logs));
  });

  /**
   * Calls REST.
   *
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   */
  async function api(method, path, body) {
    const response = await fetch(server.url + path, {
      method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return readJson(text);
  }
  for (const prompt of prompts) await api("POST", "/api/prompts", prompt);

  const { tools } = await client.listTools();
  const chat = {
    host,
    profile: PROFILES[host],
    page,
    watch,
    /** The chat inside the page. */
    controls,
    client,
    calls,
    api,
    url: server.url,
    /** The document of the last card. */
    card: page.locator(".card").last().frameLocator("iframe").frameLocator("iframe"),
    /** Replaces what the chat does with calls of the card. */
    handleCalls(/** @type {Handler} */ handle) {
      forwarding.handle = handle;
    },
    /**
     * Holds back the next call of a tool.
     *
     * @param {string} name
     */
    holdNext(name) {
      const released = makeSignal();
      const before = forwarding.handle;
      let isCalled = false;
      forwarding.handle = async (call, forward) => {
        if (call.name !== name) return before(call, forward);
        forwarding.handle = before;
        isCalled = true;
        await released.fired;
        return before(call, forward);
      };
      return { waitForCall: () => expectSoon(() => isCalled, true), release: released.fire };
    },
    /** The calls that the card made of one tool. */
    callsOf: (/** @type {string} */ name) => calls.filter((call) => call.name === name),
    /** Adds a message to the conversation. */
    post: (/** @type {"user" | "assistant"} */ role, /** @type {string} */ text) =>
      controls.evaluate(
        (self, [who, words]) => self.post(who, words),
        /** @type {const} */ ([role, text]),
      ),
    /** Calls a tool as the model. */
    call: (/** @type {string} */ name, /** @type {JsonObject} */ input) =>
      callServer({ name, arguments: input }),
    /**
     * Calls a tool as the model, and shows its card with the result.
     *
     * @param {string} name
     * @param {JsonObject} input
     * @param {ShowOptions} [showOptions]
     */
    async show(name, input, showOptions = {}) {
      const result = await callServer({ name, arguments: input });
      await chat.open(name, { input, result, ...showOptions });
      return result;
    },
    /**
     * Shows the card of a tool with another result, or with none.
     *
     * @param {string} name
     * @param {ShowOptions} [showOptions]
     */
    async open(name, showOptions = {}) {
      const tool = tools.find((one) => one.name === name);
      assert.ok(tool, `the server has no tool ${name}`);
      const served = showOptions.served ?? (await readCard(client, tool));
      /** @type {Opening} */
      const opening = { input: {}, modes, ...showOptions, served, tool };
      await controls.evaluate(
        (self, value) => self.open(/** @type {Opening} */ (value)),
        /** @type {unknown} */ (opening),
      );
    },
  };
  return chat;
}

/** @typedef {Awaited<ReturnType<typeof openChat>>} ChatUnderTest */

/** Returns a promise, and what resolves it. */
function makeSignal() {
  /** @type {(() => void)[]} */
  const resolvers = [];
  /** @type {Promise<void>} */
  const fired = new Promise((resolve) => resolvers.push(resolve));
  const fire = () => {
    for (const resolve of resolvers) resolve();
  };
  return { fired, fire };
}

/**
 * Connects an MCP client that declares what the host declares.
 *
 * @param {TestContext} t
 * @param {string} url
 * @param {HostName} host
 */
async function connectHost(t, url, host) {
  const { info, declares, revision } = PROFILES[host];
  const extensions = { [EXTENSION]: { mimeTypes: [RESOURCE_MIME_TYPE] } };
  const client = new Client(info, {
    capabilities: declares ? { extensions } : {},
    versionNegotiation: { mode: revision },
  });
  await client.connect(new StreamableHTTPClientTransport(new URL("/mcp", url)));
  defer(t, () => client.close());
  return client;
}

/**
 * Reads the card that a tool names, as the specification says.
 *
 * @param {Client} client
 * @param {Tool} tool
 * @returns {Promise<Served>}
 */
async function readCard(client, tool) {
  const uri = getToolUiResourceUri(tool);
  assert.ok(uri, `${tool.name} has no card`);
  const { contents } = await client.readResource({ uri });
  assert.equal(contents.length, 1);
  const content = readObject(contents[0]);
  assert.equal(content.mimeType, RESOURCE_MIME_TYPE);
  const { ui } = readObject(content._meta);
  const meta = /** @type {Omit<Served, "html">} */ (readObject(ui));
  return { ...meta, html: readString(content.text) };
}
