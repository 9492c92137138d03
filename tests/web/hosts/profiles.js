// How four chats differ, as data: what they declare, how they frame a card, and which colours they have.
// What they do with a request of a card is in `page/behaviours.js`.

/**
 * @import { McpUiDisplayMode, McpUiHostCapabilities, McpUiResourceCsp } from "@modelcontextprotocol/ext-apps/app-bridge"
 */

/** @typedef {"chatgpt" | "claude" | "vscode" | "goose"} HostName */

/** @typedef {"light" | "dark"} Theme */

/**
 * @typedef {object} Profile
 * @property {string} label
 * @property {{ name: string, version: string }} info as it introduces itself to a card
 * @property {boolean} declares whether it declares the extension for cards to the server
 * @property {"auto" | "legacy"} revision of MCP that it speaks: the newest, or the last with a handshake
 * @property {McpUiHostCapabilities} capabilities
 * @property {McpUiDisplayMode[]} modes
 * @property {string} sandbox attribute of the frame that holds the card
 * @property {"plain" | "webview"} document how the card's document comes into its frame
 * @property {"never" | "asked" | "always"} clipboard whether a card may write to it
 * @property {"before" | "after"} input whether a card gets the tool's input before the result, or only
 *   an empty one before it and the whole after it
 * @property {boolean} waits whether it waits for `ui/notifications/initialized` before it sends anything
 * @property {"applied" | "ignored"} width that a card asks for
 * @property {number} [maxHeight] of a card inline, in pixels
 * @property {boolean} hasVariables whether it passes its colours and fonts on
 * @property {Record<Theme, { page: string, card: string, text: string }>} colors
 */

/** The height of a card inline that Claude cuts, in pixels. */
export const CLAUDE_MAX_HEIGHT_PX = 500;

/** @type {Record<HostName, Profile>} */
export const PROFILES = {
  chatgpt: {
    label: "ChatGPT",
    info: { name: "chatgpt", version: "1.0.0" },
    declares: true,
    revision: "auto",
    capabilities: {
      openLinks: {},
      serverTools: {},
      serverResources: {},
      logging: {},
      message: { text: {} },
      updateModelContext: { text: {}, structuredContent: {} },
    },
    modes: ["inline", "fullscreen", "pip"],
    sandbox: "allow-scripts",
    document: "plain",
    clipboard: "never",
    input: "after",
    waits: true,
    width: "ignored",
    hasVariables: true,
    colors: {
      light: { page: "#ffffff", card: "#ffffff", text: "#0d0d0d" },
      dark: { page: "#212121", card: "#212121", text: "#ffffff" },
    },
  },
  claude: {
    label: "Claude",
    info: { name: "Claude", version: "1.0.0" },
    declares: false,
    revision: "legacy",
    capabilities: {
      openLinks: {},
      serverTools: {},
      serverResources: {},
      logging: {},
      message: { text: {} },
      updateModelContext: { text: {} },
    },
    modes: ["inline", "fullscreen"],
    sandbox: "allow-scripts",
    document: "plain",
    clipboard: "asked",
    input: "before",
    waits: true,
    width: "ignored",
    maxHeight: CLAUDE_MAX_HEIGHT_PX,
    hasVariables: true,
    colors: {
      light: { page: "#faf9f5", card: "#ffffff", text: "#141413" },
      dark: { page: "#262624", card: "#30302e", text: "#faf9f5" },
    },
  },
  vscode: {
    label: "VS Code",
    info: { name: "Visual Studio Code", version: "1.110.0" },
    declares: true,
    revision: "auto",
    capabilities: {
      openLinks: {},
      serverTools: { listChanged: true },
      serverResources: { listChanged: true },
      logging: {},
    },
    modes: ["inline"],
    sandbox: "allow-scripts allow-same-origin allow-forms allow-pointer-lock allow-downloads",
    document: "webview",
    clipboard: "always",
    input: "before",
    waits: false,
    width: "ignored",
    maxHeight: 600,
    hasVariables: false,
    colors: {
      light: { page: "#f8f8f8", card: "#f8f8f8", text: "#3b3b3b" },
      dark: { page: "#181818", card: "#181818", text: "#cccccc" },
    },
  },
  goose: {
    label: "Goose",
    info: { name: "goose", version: "1.20.0" },
    declares: true,
    revision: "legacy",
    capabilities: {
      openLinks: {},
      serverTools: {},
      serverResources: {},
      logging: {},
      message: { text: {} },
    },
    modes: ["inline", "fullscreen", "pip"],
    sandbox: "allow-scripts allow-same-origin allow-forms",
    document: "plain",
    clipboard: "never",
    input: "before",
    waits: true,
    width: "applied",
    hasVariables: false,
    colors: {
      light: { page: "#ffffff", card: "#ffffff", text: "#22252a" },
      dark: { page: "#22252a", card: "#22252a", text: "#ffffff" },
    },
  },
};

export const HOSTS = /** @type {HostName[]} */ (Object.keys(PROFILES));

/**
 * Returns the policy of the document of a card: the one of the specification, with the origins that the
 * card's resource names.
 *
 * @param {McpUiResourceCsp} [declared]
 */
export function makePolicy(declared = {}) {
  const { connectDomains = [], resourceDomains = [] } = declared;
  const resources = resourceDomains.map((domain) => ` ${domain}`).join("");
  return [
    "default-src 'none'",
    `script-src 'self' 'unsafe-inline'${resources}`,
    `style-src 'self' 'unsafe-inline'${resources}`,
    `img-src 'self' data:${resources}`,
    `media-src 'self' data:${resources}`,
    `connect-src ${connectDomains.join(" ") || "'none'"}`,
  ].join("; ");
}
