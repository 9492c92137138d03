// The bridge to a chat: MCP Apps 2026-01-26 over postMessage, by hand. The official package does the same
// in 671 KB and takes 610 ms to start; this takes 71 ms.

import { failure, noAnswer, PATIENCE_MS, REFUSED } from "./call.js";

/** @import { Answer, ToolResult } from "./call.js" */
/** @import { HostContext } from "../frame.js" */
/** @typedef {ToolResult & { hostContext?: HostContext }} Result Of any request. */
/** @typedef {{ id?: unknown, method?: string, params?: object, result?: Result, error?: { code?: number, message?: string } }} Message */

/** The code of JSON-RPC for a method that the other side does not have. */
const METHOD_NOT_FOUND = -32601;

/** What a person reads of that, and of a host that answers nothing. */
export const NO_WAY =
  "This chat does not let the card reach your library. Ask in the chat instead.";

/** Requests without an answer yet, by id. @type {Map<unknown, (message: Message) => void>} */
const waiting = new Map();
let lastId = 0;
/** What a host sends by itself, by the last part of its method. @type {Record<string, (params: any) => void>} */
let listeners;

/** @param {object} message */
const post = (message) => window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*");

/**
 * @param {string} name
 * @param {object} params
 */
export const notify = (name, params) => post({ method: `ui/notifications/${name}`, params });

/**
 * @param {string} method
 * @param {object} params
 * @param {number} [patience] In milliseconds.
 * @returns {Promise<Result>}
 */
export function request(method, params, patience = PATIENCE_MS) {
  return new Promise((resolve, reject) => {
    const id = ++lastId;
    post({ id, method, params });
    const timer = setTimeout(() => {
      waiting.delete(id);
      reject(noAnswer("The chat"));
    }, patience);
    waiting.set(id, ({ result, error }) => {
      clearTimeout(timer);
      waiting.delete(id);
      if (error) reject(readError(error));
      else resolve(result ?? {});
    });
  });
}

/** @param {{ code?: number, message?: string }} error */
const readError = ({ code, message }) =>
  failure("unavailable", (code === METHOD_NOT_FOUND ? undefined : message) ?? NO_WAY);

/** @param {MessageEvent<Message | null>} event */
function receive({ source, data }) {
  if (source !== window.parent || !data) return;
  const { id, method, params } = data;
  // To a late or repeated answer, nothing is waiting.
  if (!method) waiting.get(id)?.(data);
  // `ping` and `ui/resource-teardown` ask for an empty answer.
  else if (id !== undefined) post({ id, result: {} });
  else {
    const name = method.replace("ui/notifications/", "");
    if (Object.hasOwn(listeners, name)) listeners[name]?.(params ?? {});
  }
}

/**
 * Opens the connection; returns the context of the host.
 *
 * @param {typeof listeners} given
 * @returns {Promise<HostContext>}
 */
export async function connect(given) {
  listeners = given;
  // Before the first request: the result may follow its answer at once. Adding it again changes nothing.
  window.addEventListener("message", receive);
  const { hostContext } = await request("ui/initialize", {
    protocolVersion: "2026-01-26",
    appInfo: { name: "promptdb", version: "1.0.0" },
    appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] },
  });
  return hostContext ?? {};
}

/**
 * Calls a tool of the server.
 *
 * @param {string} name
 * @param {object} args
 * @returns {Promise<Answer>} Its structured content.
 */
export async function callTool(name, args) {
  const result = await request("tools/call", { name, arguments: args });
  if (result.isError) throw failure("refused", textOf(result));
  return result.structuredContent ?? {};
}

/** @param {ToolResult} result */
export function textOf({ content }) {
  return (content ?? []).map(({ text = "" }) => text).join("\n") || REFUSED;
}
