// A value that views follow.

/**
 * @template T
 * @typedef {object} Signal
 * @property {T} value Setting it runs the followers unless it is the same.
 * @property {(follower: (value: T) => void, signal?: AbortSignal) => void} follow Calls `follower`
 *   now and after each change, until `signal` aborts.
 */

/**
 * @template T
 * @param {T} initial
 * @returns {Signal<T>}
 */
export function createSignal(initial) {
  let current = initial;
  /** @type {Set<(value: T) => void>} */
  const followers = new Set();
  return {
    get value() {
      return current;
    },
    set value(next) {
      if (Object.is(next, current)) return;
      current = next;
      for (const follower of [...followers]) follower(next);
    },
    follow(follower, signal) {
      followers.add(follower);
      signal?.addEventListener("abort", () => followers.delete(follower));
      follower(current);
    },
  };
}
