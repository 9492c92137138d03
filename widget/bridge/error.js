// How calls fail.

/**
 * @typedef {"refused" | "no-answer" | "unavailable" | "signed-out"} Failure
 * `refused`: the server's own words. `no-answer`: the same call may be repeated. `unavailable`: the chat
 * passes no calls on. `signed-out`: the session of the browser has ended.
 */

/** The longest wait for an answer, in milliseconds. */
export const PATIENCE_MS = 30_000;

/** A call without a result. Its message is a sentence for the person. */
export class CallError extends Error {
  /**
   * @param {Failure} kind
   * @param {string} message
   */
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

/** @param {string} whose */
export const noAnswer = (whose) =>
  new CallError("no-answer", `${whose} does not answer. Check your connection and try again.`);
