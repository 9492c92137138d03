// The clients of `promptdb connect` that have no card of their own: what it prints for each of them.

import { SERVER_NAME, connectCommand, isStarted } from "./ways.js";

/** @import { Server } from "./ways.js" */

/**
 * @typedef {object} OtherClient
 * @property {string} app The argument of `promptdb connect`.
 * @property {string} title
 * @property {string[]} [steps]
 * @property {{ label: string, text: string }[]} codes
 * @property {string} [note]
 */
/**
 * @typedef {object} Known
 * @property {string} app The argument of `promptdb connect`.
 * @property {string} title
 * @property {string} restart When the client reads its file again.
 * @property {(url: string) => string} [command] The client's own command that adds the server.
 * @property {[path: string, content: (url: string) => object | string]} [file] Where it keeps the servers
 *   of a user, and what goes there: JSON, or lines of YAML.
 * @property {string} [signIn]
 */

/** @param {object} entry */
const mcpServers = (entry) => ({ mcpServers: { [SERVER_NAME]: entry } });

/** In the order of the alphabet. @type {Known[]} */
const KNOWN = [
  {
    app: "antigravity",
    title: "Antigravity",
    restart: "Restart Antigravity to use it.",
    file: ["~/.gemini/config/mcp_config.json", (serverUrl) => mcpServers({ serverUrl })],
  },
  {
    app: "cline",
    title: "Cline",
    restart: "Restart Cline, or the editor that it runs in, to use it.",
    file: [
      "~/.cline/data/settings/cline_mcp_settings.json",
      (url) => mcpServers({ type: "streamableHttp", url }),
    ],
  },
  {
    app: "codex",
    title: "Codex",
    restart: "Start a new session of Codex to use it.",
    command: (url) => `codex mcp add ${SERVER_NAME} --url ${url}`,
    signIn: "Then sign in: codex mcp login promptdb",
  },
  {
    app: "continue",
    title: "Continue",
    restart: "Restart the editor to use it in Continue's agent mode.",
    file: [
      "~/.continue/config.yaml",
      (url) =>
        `name: Local Config\nversion: 1.0.0\nschema: v1\nmcpServers:\n  - name: "${SERVER_NAME}"\n    type: "streamable-http"\n    url: "${url}"`,
    ],
  },
  {
    app: "copilot-cli",
    title: "Copilot CLI",
    restart: "Start a new session of Copilot CLI to use it.",
    file: ["~/.copilot/mcp-config.json", (url) => mcpServers({ type: "http", url, tools: ["*"] })],
  },
  {
    app: "gemini",
    title: "Gemini CLI",
    restart: "Start a new session of Gemini CLI to use it.",
    file: ["~/.gemini/settings.json", (httpUrl) => mcpServers({ httpUrl })],
    signIn: "Then type /mcp auth promptdb in Gemini CLI and sign in.",
  },
  {
    app: "goose",
    title: "goose",
    restart: "Start a new session of goose to use it.",
    file: [
      "~/.config/goose/config.yaml (on Windows: %APPDATA%\\Block\\goose\\config\\config.yaml)",
      (url) =>
        `extensions:\n  ${SERVER_NAME}:\n    name: "${SERVER_NAME}"\n    type: "streamable_http"\n    uri: "${url}"\n    enabled: true\n    description: "Your prompts, in every chat"\n    timeout: 300`,
    ],
  },
  {
    app: "lmstudio",
    title: "LM Studio",
    restart: "Restart LM Studio, and turn promptdb on among a chat's integrations.",
    file: ["~/.lmstudio/mcp.json", (url) => mcpServers({ url })],
  },
  {
    app: "opencode",
    title: "opencode",
    restart: "Start opencode again to use it.",
    file: [
      "~/.config/opencode/opencode.json",
      (url) => ({ mcp: { [SERVER_NAME]: { type: "remote", url } } }),
    ],
  },
  {
    app: "windsurf",
    title: "Windsurf",
    restart: "Restart Windsurf to use it.",
    file: ["~/.codeium/windsurf/mcp_config.json", (serverUrl) => mcpServers({ serverUrl })],
  },
  {
    app: "zed",
    title: "Zed",
    restart: "Restart Zed to use it in the agent panel.",
    file: [
      "~/.config/zed/settings.json (on Windows: %APPDATA%\\Zed\\settings.json)",
      (url) => ({ context_servers: { [SERVER_NAME]: { url } } }),
    ],
  },
];

/** What a client does that has no words of its own for it. */
const SIGN_IN = "It asks you to sign in when it first connects.";

/**
 * Lists the clients with what connects each of them; the last stands for all that are not known.
 *
 * @param {Server} server
 * @returns {OtherClient[]}
 */
export function listOtherClients(server) {
  const known = KNOWN.map((client) => describe(client, server));
  // Its documentation names no field for a token.
  const jetBrains = server.hasToken ? [] : [describeJetBrains(server)];
  return [...known, ...jetBrains, describeAny(server)];
}

/**
 * @param {Known} client
 * @param {Server} server
 * @returns {OtherClient}
 */
function describe({ app, title, restart, command, file, signIn = SIGN_IN }, server) {
  const write = connectCommand(app, server);
  if (isStarted(server)) {
    const note = `${title} starts PromptDB itself; no server needs to run. ${restart}`;
    return { app, title, codes: [{ label: "Run in a terminal", text: write }], note };
  }
  if (server.hasToken) {
    return { app, title, codes: [{ label: "Run in a terminal", text: write }], note: restart };
  }
  const codes = [];
  if (command) codes.push({ label: "Run in a terminal", text: command(server.url) });
  if (file) {
    const [path, content] = file;
    codes.push({ label: `Put this into ${path}`, text: linesOf(content(server.url)) });
  }
  codes.push({ label: "Or run, where promptdb is installed", text: write });
  return { app, title, codes, note: server.hasSignIn ? `${restart} ${signIn}` : restart };
}

/** @param {object | string} content */
function linesOf(content) {
  return typeof content === "string" ? content : JSON.stringify(content, undefined, 2);
}

/**
 * Its settings are a form, without a file that another program may write.
 *
 * @param {Server} server
 * @returns {OtherClient}
 */
function describeJetBrains(server) {
  const [app, title] = ["jetbrains", "JetBrains AI Assistant"];
  const place = "In the IDE: Settings, Tools, AI Assistant, Model Context Protocol (MCP), Add.";
  const apply = "Choose the level Global, and Apply.";
  if (isStarted(server)) {
    const text = `${SERVER_NAME} connect jetbrains`;
    const codes = [{ label: "Run in a terminal: it prints what to paste", text }];
    return { app, title, steps: [place, "Paste what the command prints.", apply], codes };
  }
  const codes = [{ label: "What to paste", text: linesOf(mcpServers({ url: server.url })) }];
  return {
    app,
    title,
    steps: [place, "Paste the lines below.", apply],
    codes,
    ...(server.hasSignIn && { note: SIGN_IN }),
  };
}

/**
 * @param {Server} server
 * @returns {OtherClient}
 */
function describeAny(server) {
  const [app, title] = ["other", "Any other client"];
  const remote = "a remote MCP server of the type “Streamable HTTP”, with the address above";
  if (isStarted(server)) {
    const text = `${SERVER_NAME} stdio`;
    return {
      app,
      title,
      codes: [{ label: "Let the client start this command; no server needs to run", text }],
      note: `Or add ${remote}, which must run. It needs no sign-in.`,
    };
  }
  const proof = server.hasToken
    ? "Let it send the header “Authorization”, with the value “Bearer”, a space and the access token."
    : server.hasSignIn
      ? "The client opens the sign-in in your browser."
      : "It needs no sign-in.";
  return { app, title, steps: [`Add ${remote}.`, proof], codes: [] };
}
