// The requests and expectations from which cases are made.

/** @import { JsonObject } from "./json.js" */

/** @typedef {string | RegExp} Text */

/**
 * A call of a tool.
 *
 * @param {string} name
 * @param {JsonObject} args
 */
export function tool(name, args) {
  return { method: "tools/call", params: { name, arguments: args } };
}

/**
 * A tool result that reports a mistake to the model.
 *
 * @param {Text} message
 */
export function mistake(message) {
  return { result: { isError: true, content: [{ text: message }] } };
}

/** @param {JsonObject} content */
export function structured(content) {
  return { result: { structuredContent: content } };
}

/**
 * The JSON-RPC error for invalid parameters.
 *
 * @param {Text} message
 */
export function invalid(message) {
  return { error: { code: -32602, message } };
}
