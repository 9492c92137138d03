// Waits for a condition, and shows what it was instead.

import assert from "node:assert/strict";

/** How long a condition may take, in milliseconds. */
const PATIENCE_MS = 20_000;
/** Milliseconds between two looks. */
const PAUSE_MS = 25;

/**
 * Waits until `read` returns a value that equals `expected`.
 *
 * @template T
 * @param {() => T | Promise<T>} read
 * @param {T} expected
 */
export async function until(read, expected) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const value = await read();
    try {
      assert.deepEqual(value, expected);
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
