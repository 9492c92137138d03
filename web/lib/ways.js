// How each client is connected: the same links and commands that `promptdb connect` prints.

import { TITLES } from "./clients.js";

/** @import { ClientApp } from "./clients.js" */

/** This server's name in the configuration of a client. */
export const SERVER_NAME = "promptdb";

/**
 * @typedef {object} Server
 * @property {string} origin
 * @property {string} url The URL of its MCP endpoint.
 * @property {boolean} isLocal Whether only this computer reaches it.
 * @property {boolean} hasSignIn Whether a client signs in by OAuth.
 * @property {boolean} hasToken Whether a client sends the access token of the server instead.
 */
/**
 * @typedef {object} Way
 * @property {ClientApp} app
 * @property {string} title
 * @property {{ label: string, href: string }} [link] Opens the client, which then asks for consent.
 * @property {string[]} [steps]
 * @property {{ label: string, text: string }[]} [codes] What is copied: commands, or lines of a file.
 * @property {string} [note]
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
 * The ways to connect the clients that have a card, in the order of the page.
 *
 * @param {Server} server
 * @returns {Way[]}
 */
export function listWays(server) {
  const { isLocal, hasSignIn, hasToken } = server;
  // Both connect from the internet, and with an account.
  const hosted = isLocal || hasToken ? [] : [claude, chatgpt];
  // Where it cannot start PromptDB itself, it has the connectors of Claude.
  const desktop = hasToken || (isLocal && hasSignIn) ? [] : [claudeDesktop];
  return [...hosted, claudeCode, ...desktop, cursor, vsCode].map((make) => make(server));
}

/**
 * The clients that people look for and that cannot use the server, each with the reason and what to do.
 *
 * @param {Server} server
 * @returns {{ app: ClientApp, title: string, reason: string }[]}
 */
export function listUnreachable({ isLocal, hasSignIn, hasToken }) {
  /** @param {keyof typeof TITLES} app @param {string} reason */
  const explain = (app, reason) => ({ app, title: TITLES[app], reason });
  if (hasToken) {
    const reason = "needs sign-in by accounts (OAuth), which this server does not have.";
    return [
      explain("claude", `Claude on the web ${reason}`),
      explain("claude-desktop", `Claude Desktop ${reason}`),
      explain("chatgpt", `ChatGPT ${reason}`),
    ];
  }
  if (!isLocal) return [];
  const reason = "runs on the internet, and cannot reach a server on your computer.";
  const instead = hasSignIn ? "Claude Code" : "Claude Desktop or Claude Code";
  const elsewhere = "run PromptDB on a server with a public https address.";
  return [
    explain("claude", `Claude on the web ${reason} Use ${instead} here, or ${elsewhere}`),
    explain("chatgpt", `ChatGPT ${reason} For ChatGPT, ${elsewhere}`),
  ];
}

/**
 * Whether the command lets a client start PromptDB itself, on the library of this server.
 *
 * @param {Server} server
 */
export function isStarted({ isLocal, hasSignIn, hasToken }) {
  return isLocal && !hasSignIn && !hasToken;
}

/**
 * The command that connects a client to the server.
 *
 * @param {string} client
 * @param {Server} server
 */
export function connectCommand(client, server) {
  const command = `${SERVER_NAME} connect ${client}`;
  if (isStarted(server)) return `${command} --write`;
  return `${command} --url ${server.origin}${server.hasToken ? " --token-stdin" : ""} --write`;
}

/** When a client knows of the server. */
const RESTARTS = {
  "claude-code": "Then start a new session of Claude Code.",
  cursor: "Then restart Cursor.",
  vscode: "VS Code asks whether you trust it when a chat in agent mode first starts it.",
};

/**
 * The way of a client that sends the access token, from a file that the command writes.
 *
 * @param {"claude-code" | "cursor" | "vscode"} app
 * @param {Server} server
 * @returns {Way}
 */
function withToken(app, server) {
  const codes = [{ label: "Run in a terminal", text: connectCommand(app, server) }];
  return { app, title: TITLES[app], codes, note: RESTARTS[app] };
}

/**
 * The steps in Claude, whose connectors belong to the account: web, desktop and phone.
 *
 * @param {boolean} hasSignIn
 */
function connectorSteps(hasSignIn) {
  return [
    "In Claude, open Settings, then Connectors.",
    "Choose “Add custom connector”.",
    "Give it the name PromptDB and the address above.",
    `Choose Connect${hasSignIn ? ", and sign in here" : ""}.`,
  ];
}

/**
 * @param {Server} server
 * @returns {Way}
 */
function claude({ hasSignIn }) {
  return { app: "claude", title: TITLES.claude, steps: connectorSteps(hasSignIn) };
}

/**
 * @param {Server} server
 * @returns {Way}
 */
function chatgpt({ hasSignIn }) {
  const authentication = hasSignIn ? "OAuth" : "none";
  return {
    app: "chatgpt",
    title: TITLES.chatgpt,
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
function claudeCode(server) {
  const app = "claude-code";
  if (server.hasToken) return withToken(app, server);
  const text = `claude mcp add --transport http --scope user ${SERVER_NAME} ${server.url}`;
  return {
    app,
    title: TITLES[app],
    codes: [{ label: "Run in a terminal", text }],
    note: server.hasSignIn
      ? "Then type /mcp in Claude Code, choose promptdb, and sign in."
      : RESTARTS[app],
  };
}

/**
 * @param {Server} server
 * @returns {Way}
 */
function claudeDesktop(server) {
  const title = TITLES["claude-desktop"];
  if (!server.isLocal) {
    return {
      app: "claude-desktop",
      title,
      steps: connectorSteps(server.hasSignIn),
      note: "It is the same connector as in Claude on the web: once it is there, it is here, too.",
    };
  }
  return {
    app: "claude-desktop",
    title,
    codes: [{ label: "Run in a terminal", text: connectCommand("claude-desktop", server) }],
    note: "Then quit Claude Desktop and start it again. It starts PromptDB by itself, with the same library.",
  };
}

/**
 * @param {Server} server
 * @returns {Way}
 */
function cursor(server) {
  const app = "cursor";
  const { url, hasSignIn, hasToken } = server;
  if (hasToken) return withToken(app, server);
  const file = JSON.stringify({ mcpServers: { [SERVER_NAME]: { url } } });
  return {
    app,
    title: TITLES[app],
    link: { label: "Add to Cursor", href: cursorLink(url) },
    codes: [{ label: "Or put this into ~/.cursor/mcp.json", text: file }],
    ...(hasSignIn && { note: "Cursor asks you to sign in when it first connects." }),
  };
}

/**
 * @param {Server} server
 * @returns {Way}
 */
function vsCode(server) {
  const app = "vscode";
  const { url, hasSignIn, hasToken } = server;
  if (hasToken) return withToken(app, server);
  return {
    app,
    title: TITLES[app],
    link: { label: "Add to VS Code", href: vsCodeLink(url) },
    codes: [{ label: "Or run in a terminal", text: `code --add-mcp '${vsCodeJson(url)}'` }],
    ...(hasSignIn && { note: "VS Code asks you to sign in when it first connects." }),
  };
}
