// How each client is connected: the same links and commands that `promptdb connect` prints.

import { TITLES } from "./clients.js";

/** @import { ClientApp } from "./clients.js" */

/** This server's name in the configuration of a client. */
const SERVER_NAME = "promptdb";

/**
 * @typedef {object} Server
 * @property {string} origin
 * @property {string} url The URL of its MCP endpoint.
 * @property {boolean} isLocal Whether only this computer reaches it.
 * @property {boolean} hasSignIn Whether a client signs in by OAuth.
 * @property {boolean} hasToken Whether a client sends the access token of the server instead.
 */
/**
 * A client that `promptdb connect` connects.
 *
 * @typedef {object} OtherClient
 * @property {string} title
 * @property {string} text The command.
 * @property {string} [note]
 */
/**
 * @typedef {object} Way
 * @property {ClientApp} app
 * @property {string} title
 * @property {{ label: string, href: string }} [link] Opens the client, which then asks for consent.
 * @property {string[]} [steps]
 * @property {{ label: string, text: string }[]} [codes] What is copied: commands, or lines of a file.
 * @property {[OtherClient, ...OtherClient[]]} [others] Further clients, of which one is chosen.
 * @property {string} [note]
 * @property {string} [unreachable] Why the client cannot be connected to this server.
 */

/**
 * Describes the server of this page.
 *
 * @param {string} signIn How users sign in: none, token or workos.
 * @returns {Server}
 */
export function describeServer(signIn) {
  const { origin, hostname } = window.location;
  const isLocal = /^(localhost|.*\.localhost|127\..*|\[::1\])$/.test(hostname);
  const [hasSignIn, hasToken] = [signIn === "workos", signIn === "token"];
  return { origin, url: `${origin}/mcp`, isLocal, hasSignIn, hasToken };
}

/**
 * The link that adds the server to Cursor.
 *
 * @param {string} url
 */
function cursorLink(url) {
  const query = new URLSearchParams({ name: SERVER_NAME, config: btoa(JSON.stringify({ url })) });
  return `cursor://anysphere.cursor-deeplink/mcp/install?${query}`;
}

/**
 * The link that adds the server to VS Code.
 *
 * @param {string} url
 */
function vsCodeLink(url) {
  return `vscode:mcp/install?${encodeURIComponent(vsCodeJson(url))}`;
}

/** @param {string} url */
function vsCodeJson(url) {
  return JSON.stringify({ name: SERVER_NAME, type: "http", url });
}

/**
 * The ways to connect, in the order of the page: clients that cannot be connected after those that can.
 *
 * @param {Server} server
 * @returns {Way[]}
 */
export function listWays(server) {
  const ways = server.hasToken
    ? waysWithToken(server)
    : [claude, chatgpt, claudeCode, claudeDesktop, cursor, vsCode].map((make) => make(server));
  const isReachable = (/** @type {Way} */ way) => way.unreachable === undefined;
  const last = other(server);
  return [...ways.filter(isReachable), ...ways.filter((way) => !isReachable(way)), last];
}

/**
 * The command that connects a client to the server.
 *
 * @param {string} client
 * @param {Server} server
 */
function connectCommand(client, { origin, isLocal, hasSignIn, hasToken }) {
  const command = `${SERVER_NAME} connect ${client}`;
  // On this computer the client starts PromptDB itself, on the same library.
  if (isLocal && !hasSignIn && !hasToken) return `${command} --write`;
  return `${command} --url ${origin}${hasToken ? " --token-stdin" : ""} --write`;
}

/**
 * The ways to a server with an access token, which the client must be able to send.
 *
 * @param {Server} server
 * @returns {Way[]}
 */
function waysWithToken(server) {
  const commands = /** @type {const} */ (["claude-code", "cursor", "vscode"]).map((app) => ({
    app,
    title: TITLES[app],
    codes: [{ label: "Run in a terminal", text: connectCommand(app, server) }],
    note: "It asks for the access token: paste it, press Enter, then Ctrl+D.",
  }));
  const needsAccounts =
    "It signs in by accounts alone (OAuth), which this server does not have: it has an access token.";
  const others = /** @type {const} */ (["claude", "chatgpt", "claude-desktop"]).map((app) => ({
    app,
    title: TITLES[app],
    unreachable: needsAccounts,
  }));
  return [...commands, ...others];
}

/**
 * @param {string} title
 * @param {string} instead
 */
function cannotReach(title, instead) {
  return (
    `${title} runs on the internet, and cannot reach a server on your computer. ${instead} Or run ` +
    "PromptDB on a server with a public https address."
  );
}

/**
 * The steps in Claude, whose connectors belong to the account: web, desktop and phone.
 *
 * @param {string} sequel
 */
function connectorSteps(sequel) {
  return [
    "In Claude, open Settings, then Connectors.",
    "Choose “Add custom connector”.",
    "Give it the name PromptDB and the address above.",
    sequel,
  ];
}

/**
 * @param {Server} server
 * @returns {Way}
 */
function claude({ isLocal }) {
  const title = TITLES.claude;
  const instead = "On this computer, use Claude Desktop or Claude Code.";
  return isLocal
    ? { app: "claude", title, unreachable: cannotReach("Claude on the web", instead) }
    : { app: "claude", title, steps: connectorSteps("Choose Connect, and sign in here.") };
}

/**
 * @param {Server} server
 * @returns {Way}
 */
function chatgpt({ isLocal, hasSignIn }) {
  const title = TITLES.chatgpt;
  const instead = "On this computer, use one of the clients above.";
  if (isLocal) return { app: "chatgpt", title, unreachable: cannotReach(title, instead) };
  const authentication = hasSignIn ? "OAuth" : "none";
  return {
    app: "chatgpt",
    title,
    steps: [
      "In ChatGPT, open Settings, Apps & Connectors, Advanced settings, and turn on Developer mode.",
      "Go back to Apps & Connectors and choose Create.",
      `Give it the name PromptDB, the address above, and the authentication ${authentication}.`,
      ...(hasSignIn ? ["Sign in here when ChatGPT opens the page."] : []),
    ],
  };
}

/**
 * @param {Server} server
 * @returns {Way}
 */
function claudeCode({ url, hasSignIn }) {
  const text = `claude mcp add --transport http --scope user ${SERVER_NAME} ${url}`;
  return {
    app: "claude-code",
    title: TITLES["claude-code"],
    codes: [{ label: "Run in a terminal", text }],
    note: hasSignIn
      ? "Then type /mcp in Claude Code, choose promptdb, and sign in."
      : "Then start a new session of Claude Code.",
  };
}

/**
 * @param {Server} server
 * @returns {Way}
 */
function claudeDesktop({ isLocal, hasSignIn }) {
  const title = TITLES["claude-desktop"];
  if (isLocal && hasSignIn) {
    const instead = "On this computer, use Claude Code.";
    return {
      app: "claude-desktop",
      title,
      unreachable: cannotReach("A connector of Claude", instead),
    };
  }
  if (!isLocal) {
    return {
      app: "claude-desktop",
      title,
      steps: connectorSteps("Choose Connect, and sign in here."),
      note: "It is the same connector as in Claude on the web: once it is there, it is here, too.",
    };
  }
  return {
    app: "claude-desktop",
    title,
    codes: [{ label: "Run in a terminal", text: `${SERVER_NAME} connect claude-desktop --write` }],
    note: "Then quit Claude Desktop and start it again. It starts PromptDB by itself, with the same library.",
  };
}

/**
 * @param {Server} server
 * @returns {Way}
 */
function cursor({ url, hasSignIn }) {
  const file = JSON.stringify({ mcpServers: { [SERVER_NAME]: { url } } });
  return {
    app: "cursor",
    title: TITLES.cursor,
    link: { label: "Add to Cursor", href: cursorLink(url) },
    codes: [{ label: "Or put this into ~/.cursor/mcp.json", text: file }],
    ...(hasSignIn && { note: "Cursor asks you to sign in when it first connects." }),
  };
}

/**
 * @param {Server} server
 * @returns {Way}
 */
function vsCode({ url, hasSignIn }) {
  return {
    app: "vscode",
    title: TITLES.vscode,
    link: { label: "Add to VS Code", href: vsCodeLink(url) },
    codes: [{ label: "Or run in a terminal", text: `code --add-mcp '${vsCodeJson(url)}'` }],
    ...(hasSignIn && { note: "VS Code asks you to sign in when it first connects." }),
  };
}

/** The clients of `promptdb connect` that have no card of their own, with the names of their arguments. */
const OTHERS = {
  codex: "Codex",
  gemini: "Gemini CLI",
  "copilot-cli": "Copilot CLI",
  windsurf: "Windsurf",
  zed: "Zed",
  antigravity: "Antigravity",
  cline: "Cline",
  continue: "Continue",
  opencode: "opencode",
  goose: "goose",
  lmstudio: "LM Studio",
};

/**
 * @param {Server} server
 * @returns {Way}
 */
function other(server) {
  const { isLocal, hasSignIn, hasToken } = server;
  const codes = [{ label: "Or let the client start this command", text: `${SERVER_NAME} stdio` }];
  const others = Object.entries(OTHERS).map(([client, title]) => ({
    title,
    text: connectCommand(client, server),
  }));
  // Its settings are a form, without a file that another program may write.
  const [first, ...rest] = others;
  const jetBrains = {
    title: "JetBrains AI Assistant",
    text: connectCommand("jetbrains", server).replace(" --token-stdin", "").replace(" --write", ""),
    note: "It prints what to paste into the settings of the assistant.",
  };
  const proof = hasToken
    ? "Let it send the header “Authorization: Bearer” and the access token."
    : hasSignIn
      ? "The client opens the sign-in in your browser."
      : "It needs no sign-in.";
  return {
    app: "other",
    title: "Another client",
    steps: [
      "Add a remote MCP server of the type “Streamable HTTP”, with the address above.",
      proof,
    ],
    ...(isLocal && !hasSignIn && !hasToken && { codes }),
    ...(first && { others: [first, ...rest, jetBrains] }),
  };
}
