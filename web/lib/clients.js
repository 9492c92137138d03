// The programs that people connect: how this page names them, and which of them have called.

/** @import { Client } from "../api/promptdb.js" */
/** @typedef {keyof typeof TITLES | "other"} ClientApp */

export const TITLES = {
  claude: "Claude",
  chatgpt: "ChatGPT",
  "claude-code": "Claude Code",
  "claude-desktop": "Claude Desktop",
  cursor: "Cursor",
  vscode: "VS Code",
};

/** The ways by which chats call. Programs that use REST are not connected by a person here. */
const CHAT_CHANNELS = ["mcp", "sse", "stdio"];

/** The names that the programs give themselves; the first that fits counts. @type {[RegExp, ClientApp][]} */
const NAMES = [
  [/^claude[- ]code/i, "claude-code"],
  [/^claude[- ]desktop/i, "claude-desktop"],
  [/^(claude|anthropic)/i, "claude"],
  [/^(chatgpt|openai)/i, "chatgpt"],
  [/^cursor/i, "cursor"],
  [/^(vs ?code|visual[- ]studio[- ]code)/i, "vscode"],
];

/**
 * Returns the chats among the programs that have called, the latest call first.
 *
 * @param {Client[]} clients
 */
export function findChats(clients) {
  return clients
    .filter(({ name, via }) => CHAT_CHANNELS.includes(via) && name !== "browser")
    .map((client) => {
      const app = appOf(client);
      return { app, title: app === "other" ? client.name : TITLES[app], at: client.last_seen_at };
    });
}

/** @typedef {ReturnType<typeof findChats>[number]} Chat */

/**
 * @param {Client} client
 * @returns {ClientApp}
 */
function appOf({ name, via }) {
  const app = NAMES.find(([pattern]) => pattern.test(name))?.[1] ?? "other";
  // Claude Desktop calls itself Claude; it alone starts a program on the computer.
  return app === "claude" && via === "stdio" ? "claude-desktop" : app;
}
