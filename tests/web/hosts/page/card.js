// One card in a chat: its frames, and the official bridge that serves it.

import { AppBridge, buildAllowAttribute } from "@modelcontextprotocol/ext-apps/app-bridge";

import { PROFILES } from "../profiles.js";
import { BEHAVIOURS } from "./behaviours.js";
import { makeContext } from "./context.js";
import { injectPreamble } from "./preamble.js";
import { Wire } from "./wire.js";

/**
 * @import { CallToolResult, Tool } from "@modelcontextprotocol/client"
 * @import { McpUiDisplayMode, McpUiHostCapabilities, McpUiHostContext, McpUiResourceCsp, McpUiResourcePermissions } from "@modelcontextprotocol/ext-apps/app-bridge"
 * @import { HostName, Theme } from "../profiles.js"
 * @import { Talk } from "./talk.js"
 * @import { Faults } from "./wire.js"
 */

/**
 * @typedef {object} Served the resource of a card
 * @property {string} html
 * @property {McpUiResourceCsp} [csp]
 * @property {McpUiResourcePermissions} [permissions]
 * @property {boolean} [prefersBorder]
 */

/**
 * @typedef {object} Opening
 * @property {Served} served
 * @property {Tool} tool
 * @property {Record<string, unknown>} input of the tool
 * @property {CallToolResult} [result] of the tool; absent, it is sent later or never
 * @property {string} [cancelled] why the call of the tool was cancelled, in place of a result
 * @property {Faults} [faults]
 * @property {Partial<McpUiHostCapabilities>} [capabilities] in place of some that the host declares
 * @property {McpUiDisplayMode[]} [modes] in place of those of the host
 */

/** The call of the server that the test process makes for a card. */
const SERVER = "forwardToServer";

/**
 * Sends a request of a card to the server.
 *
 * @param {string} method
 * @param {unknown} params
 */
export function forward(method, params) {
  const send = /** @type {unknown} */ (Reflect.get(window, SERVER));
  return /** @type {(method: string, params: unknown) => Promise<never>} */ (send)(method, params);
}

export class Card {
  /** @type {McpUiDisplayMode} */
  #mode = "inline";

  /** @type {Theme} */
  #theme;

  /** @type {AppBridge | undefined} */
  #bridge;

  /** One for each time that the card was loaded. @type {Wire[]} */
  wires = [];

  /** Links that the card asked for, and what it wrote into the model's context. */
  requests = { links: /** @type {string[]} */ ([]), contexts: /** @type {unknown[]} */ ([]) };

  #sizes = new ResizeObserver(() => this.#bridge?.setHostContext(this.#describe()));

  /**
   * @param {HostName} host
   * @param {Talk} talk
   * @param {Theme} theme
   * @param {string} sandbox the address of the outer frame, of another origin
   * @param {Opening} opening
   */
  constructor(host, talk, theme, sandbox, opening) {
    this.host = host;
    this.profile = PROFILES[host];
    this.talk = talk;
    this.#theme = theme;
    this.sandbox = sandbox;
    this.opening = opening;
    this.place = talk.addPlace();
  }

  /** Shows the card, and resolves as soon as its document is on the way. */
  async mount() {
    const { profile, opening } = this;
    const outer = document.createElement("iframe");
    outer.title = "PromptDB";
    outer.setAttribute("sandbox", this.#outerSandbox());
    outer.allow = this.#allow();
    const url = new URL(this.sandbox);
    url.searchParams.set("host", this.host);
    url.searchParams.set("document", profile.document);
    url.searchParams.set("allow", outer.allow);
    url.searchParams.set("theme", this.#theme);
    url.searchParams.set("csp", JSON.stringify(opening.served.csp ?? {}));
    outer.src = url.href;
    this.place.replaceChildren(outer);
    this.place.dataset.mode = this.#mode;
    this.place.dataset.border = String(opening.served.prefersBorder ?? false);
    if (!outer.contentWindow) throw new Error("the frame has no window");

    this.#bridge = this.#makeBridge();
    const bridge = this.#bridge;
    const wire = new Wire(outer.contentWindow, this.#makeFaults());
    this.wires.push(wire);
    wire.onanswered = (method) => {
      const isStart = method === "ui/initialize" && !profile.waits;
      if (isStart) setTimeout(() => void this.deliver());
    };
    const isReady = new Promise((resolve) => {
      bridge.addEventListener("sandboxready", resolve);
    });
    await bridge.connect(wire);
    await isReady;
    const { html: source, csp } = opening.served;
    const html = profile.document === "webview" ? injectPreamble(source, csp) : source;
    await bridge.sendSandboxResourceReady({ html, sandbox: profile.sandbox });
    this.#sizes.observe(this.place);
  }

  /** Unloads the card as a chat does that is closed. */
  async unmount() {
    await this.#bridge?.close();
    this.#sizes.disconnect();
    this.place.replaceChildren();
  }

  get bridge() {
    if (!this.#bridge) throw new Error("the card is not mounted");
    return this.#bridge;
  }

  /** @param {Theme} theme */
  setTheme(theme) {
    this.#theme = theme;
    this.#bridge?.setHostContext(this.#describe());
  }

  /** @param {McpUiDisplayMode} mode */
  setMode(mode) {
    this.#mode = mode;
    this.place.dataset.mode = mode;
    this.#bridge?.setHostContext(this.#describe());
  }

  /** Sends the input and the result of the tool, in the order of the host. */
  async deliver() {
    const { opening, profile, bridge } = this;
    const input = { arguments: opening.input };
    if (profile.input === "before") await bridge.sendToolInput(input);
    else await this.wires.at(-1)?.sendRaw("ui/notifications/tool-input", { arguments: null });
    if (opening.cancelled !== undefined) {
      await bridge.sendToolCancelled({ reason: opening.cancelled });
    } else if (opening.result) {
      await bridge.sendToolResult(opening.result);
    }
    if (profile.input === "after") await bridge.sendToolInput(input);
  }

  get #modes() {
    return this.opening.modes ?? this.profile.modes;
  }

  /** @returns {McpUiHostContext} */
  #describe() {
    const { opening, profile, place } = this;
    return makeContext(
      { profile, tool: opening.tool, modes: this.#modes, place },
      this.#mode,
      this.#theme,
    );
  }

  #makeBridge() {
    const { profile, opening } = this;
    const capabilities = { ...profile.capabilities, ...opening.capabilities };
    const bridge = new AppBridge(null, profile.info, capabilities, {
      hostContext: this.#describe(),
    });
    bridge.addEventListener("initialized", () => {
      if (profile.waits) void this.deliver();
    });
    if (capabilities.serverTools) bridge.oncalltool = (params) => forward("tools/call", params);
    if (capabilities.serverResources) {
      bridge.onreadresource = (params) => forward("resources/read", params);
    }
    bridge.addEventListener("sizechange", (size) => this.#resize(size));
    bridge.onrequestdisplaymode = ({ mode }) => Promise.resolve({ mode: this.#changeMode(mode) });
    bridge.onopenlink = ({ url }) => {
      this.requests.links.push(url);
      return Promise.resolve({});
    };
    const behaviour = BEHAVIOURS[this.host];
    bridge.onmessage = async ({ content }) => {
      const texts = content.map((block) => (block.type === "text" ? block.text : ""));
      return behaviour.message(texts.join("\n\n"), this.talk);
    };
    if (behaviour.context !== "unknown") {
      bridge.onupdatemodelcontext = (params) => {
        this.requests.contexts.push(params);
        return Promise.resolve({});
      };
    }
    return bridge;
  }

  /** @returns {Faults} */
  #makeFaults() {
    const { context, mode } = BEHAVIOURS[this.host];
    const own = this.opening.faults ?? {};
    const silent = [...(own.silent ?? [])];
    if (context === "unanswered") silent.push("ui/update-model-context");
    const results = mode === "empty" ? { "ui/request-display-mode": {} } : {};
    return { ...own, silent, results: { ...results, ...own.results } };
  }

  /** @param {McpUiDisplayMode} mode */
  #changeMode(mode) {
    if (this.#modes.includes(mode)) this.setMode(mode);
    return this.#mode;
  }

  /** @param {{ width?: number, height?: number }} size */
  #resize({ width, height }) {
    const outer = this.place.querySelector("iframe");
    if (!outer || this.#mode !== "inline") return;
    if (height !== undefined) {
      outer.style.height = `${Math.min(height, this.profile.maxHeight ?? height)}px`;
    }
    if (width !== undefined && this.profile.width === "applied") outer.style.width = `${width}px`;
  }

  /** The outer frame has its own origin, and may do no less than the card. */
  #outerSandbox() {
    return [
      ...new Set(["allow-scripts", "allow-same-origin", ...this.profile.sandbox.split(" ")]),
    ].join(" ");
  }

  #allow() {
    const { clipboard } = this.profile;
    if (clipboard === "always") return "clipboard-read; clipboard-write";
    return clipboard === "asked" ? buildAllowAttribute(this.opening.served.permissions) : "";
  }
}
