// The transport between a chat and one card: every message is recorded, and the chat can be made to fall
// silent or to repeat itself.

import { PostMessageTransport } from "@modelcontextprotocol/ext-apps/app-bridge";

/**
 * @import { JSONRPCMessage, Transport } from "@modelcontextprotocol/client"
 */

/**
 * @typedef {object} Entry
 * @property {"card" | "chat"} from
 * @property {string} [method] also of the request that an answer answers
 * @property {unknown} [params]
 * @property {unknown} [result] of an answer
 * @property {unknown} [error] of an answer
 */

/**
 * @typedef {object} Faults
 * @property {string[]} [silent] methods of requests that get no answer
 * @property {string[]} [twice] methods of requests that get their answer twice
 * @property {Record<string, unknown>} [results] results in place of those of the official bridge
 */

/** @implements {Transport} */
export class Wire {
  /** @type {Entry[]} */
  log = [];

  /** @type {Map<unknown, string>} */
  #methods = new Map();

  /** @type {Faults} */
  #faults;

  #inner;

  /** @type {Transport["onmessage"]} */
  onmessage = undefined;

  /** Called after a request was answered, with its method. @type {((method: string) => void) | undefined} */
  onanswered = undefined;

  /** @type {Transport["onclose"]} */
  onclose = undefined;

  /** @type {Transport["onerror"]} */
  onerror = undefined;

  /**
   * @param {Window} frame
   * @param {Faults} faults
   */
  constructor(frame, faults) {
    this.#faults = faults;
    this.#inner = new PostMessageTransport(frame, frame);
    this.#inner.onmessage = (message) => {
      this.#receive(message);
    };
    this.#inner.onclose = () => this.onclose?.();
    // A message that is not JSON-RPC 2.0 is a fault of the card.
    this.#inner.onerror = (error) => {
      console.error(error.message);
      this.onerror?.(error);
    };
  }

  start() {
    return this.#inner.start();
  }

  /** @param {JSONRPCMessage} message */
  async send(message) {
    if ("method" in message) {
      this.log.push({ from: "chat", method: message.method, params: message.params });
      return this.#inner.send(message);
    }
    const method = this.#methods.get(message.id) ?? "";
    const { silent = [], twice = [], results = {} } = this.#faults;
    if (silent.includes(method)) return;
    const replaced = method in results ? { ...message, result: results[method] } : message;
    const answer = /** @type {JSONRPCMessage} */ (replaced);
    for (let times = twice.includes(method) ? 2 : 1; times > 0; times -= 1) {
      this.log.push({ from: "chat", method, ...answer });
      await this.#inner.send(answer);
    }
    this.onanswered?.(method);
  }

  /**
   * Sends a message that the official bridge would refuse to send.
   *
   * @param {string} method
   * @param {unknown} params
   */
  sendRaw(method, params) {
    return this.send(/** @type {JSONRPCMessage} */ ({ jsonrpc: "2.0", method, params }));
  }

  close() {
    return this.#inner.close();
  }

  /** @param {JSONRPCMessage} message */
  #receive(message) {
    if ("method" in message) {
      this.log.push({ from: "card", method: message.method, params: message.params });
      if ("id" in message) this.#methods.set(message.id, message.method);
    } else {
      this.log.push({ from: "card", ...message });
    }
    this.onmessage?.(message);
  }
}
