// The way to the server and to the person's chat, whichever of the two bridges there is.

import { failure } from "./bridge/call.js";
import { callTool, notify, request } from "./bridge/host.js";
import { callRest } from "./bridge/rest.js";

/** @import { Answer } from "./bridge/call.js" */

/** Whether this is the frame of a chat. There is no cookie in one, so REST is never tried there. */
export const isChat = window.parent !== window;

/** What a person reads where a chat keeps what the server returned. */
export const NOT_PASSED = "The chat did not pass the result on.";

/** The longest wait for a chat that may ignore messages, in milliseconds. */
const MESSAGE_MS = 6000;

/**
 * Calls a tool of the server.
 *
 * @type {(name: string, args: object) => Promise<Answer>}
 * @throws {import("./bridge/call.js").CallError}
 */
export const call = isChat ? callTool : callRest;

/**
 * Calls a tool whose answer is needed.
 *
 * @template {keyof Answer} Key
 * @param {Key} key What every answer has, unless the chat passes none on.
 * @param {string} tool
 * @param {object} args
 * @returns {Promise<Answer & { [K in Key]-?: NonNullable<Answer[K]> }>}
 */
export async function ask(key, tool, args) {
  const answer = await call(tool, args);
  if (!answer[key]) throw failure("unavailable", NOT_PASSED);
  return /** @type {any} */ (answer);
}

/** @param {string} text */
const textBlocks = (text) => [{ type: "text", text }];

/**
 * Gives the chat a message of the person; resolves to whether the chat took it.
 *
 * @param {string} text
 */
export async function send(text) {
  try {
    // An array, as the types of the specification have it; its prose shows an object.
    const message = { role: "user", content: textBlocks(text) };
    return !(await request("ui/message", message, MESSAGE_MS)).isError;
  } catch {
    // Each failure has the same way on, which the card shows.
    return false;
  }
}

/**
 * Describes to the model what the person did. Not every chat takes it, and none has to.
 *
 * @param {string} text
 */
export function describe(text) {
  if (isChat) {
    request("ui/update-model-context", { content: textBlocks(text) }).catch(() => undefined);
  }
}

let lastHeight = 0;

/**
 * Reports a height, once. A width is left out: some hosts apply it and pin the frame.
 *
 * @param {number} height
 */
export function resize(height) {
  if (isChat && height !== lastHeight) notify("size-changed", { height: (lastHeight = height) });
}
