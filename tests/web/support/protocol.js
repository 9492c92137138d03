// What every card must keep to: the lifecycle of MCP Apps 2026-01-26, and what hosts cannot bear.

import assert from "node:assert/strict";

import { readArray, readObject } from "../../clients/json.js";

/**
 * @import { Entry } from "../hosts/page/wire.js"
 */

/** Messages of the outer frame, which the card does not send. */
const FRAME = "ui/notifications/sandbox-";

/**
 * Fails unless what the cards sent is allowed.
 *
 * @param {Entry[][]} logs one for each time that a card was loaded
 */
export function assertProtocol(logs) {
  for (const log of logs) {
    const sent = log.filter(({ from, method }) => from === "card" && !method?.startsWith(FRAME));
    assertStart(sent, log);
    for (const { method, params } of sent) {
      if (method === "ui/notifications/size-changed") assertSize(params);
      if (method === "ui/message") readArray(readObject(params).content);
    }
  }
}

/**
 * A card asks to be initialized, and says once that it is, before anything else.
 *
 * @param {Entry[]} sent
 * @param {Entry[]} log
 */
function assertStart(sent, log) {
  const methods = sent.flatMap(({ method }) => method ?? []);
  const isAnswered = log.some(({ from, method }) => from === "chat" && method === "ui/initialize");
  const start = methods.filter((method) => method === "ui/initialize");
  const [first, second] = methods;
  if (methods.length === 0) return;
  assert.equal(first, "ui/initialize", "the first message of a card");
  if (isAnswered)
    assert.equal(second, "ui/notifications/initialized", "the second message of a card");
  else assert.deepEqual(methods, start, "a card sent more than ui/initialize to a silent chat");
  const count = methods.filter((method) => method === "ui/notifications/initialized").length;
  assert.equal(count, isAnswered ? 1 : 0, "ui/notifications/initialized is sent once");
}

/**
 * A card asks for a height alone: Goose applies a width, and pins the frame by it.
 *
 * @param {unknown} params
 */
function assertSize(params) {
  const { height, ...rest } = readObject(params);
  assert.ok(Number.isInteger(height) && Number(height) > 0, `not a height: ${String(height)}`);
  assert.deepEqual(rest, {}, "size-changed has more than a height");
}
