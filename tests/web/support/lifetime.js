// Stands in for a test where something lasts longer than one, or where its end is what is tested.

/**
 * @import { TestContext } from "node:test"
 */

export class Lifetime {
  /** @type {(() => unknown)[]} */
  #ends = [];

  /** What `defer` and the makers of servers and folders take for a test. */
  t = /** @type {TestContext} */ (
    /** @type {unknown} */ ({ after: (/** @type {() => unknown} */ end) => this.#ends.push(end) })
  );

  /** Runs what was to run after the test, and throws what it throws. */
  async end() {
    for (const end of this.#ends) await end();
  }
}
