// What an answer of the server says went wrong.

/** @import { components } from "./schema.js" */
/** @typedef {components["schemas"]["Problem"] & Record<string, unknown>} ProblemDocument */

/** Milliseconds in a second. */
const SECOND = 1000;

/** A request that failed: a problem document (RFC 9457), or no answer at all. */
export class Problem extends Error {
  /**
   * @param {Partial<ProblemDocument>} document
   * @param {number} [retryAfterSeconds]
   */
  constructor(document, retryAfterSeconds) {
    super(document.detail ?? document.title ?? "the request failed");
    this.name = "Problem";
    /** The last part of the problem's type, such as `version-conflict`; `no-answer` without one. */
    this.type = (document.type ?? "no-answer").split(/[/:#]/).at(-1) ?? "";
    /** The status of the answer; 0 without one. */
    this.status = document.status ?? 0;
    /** The current version of the prompt, where a save named another one. */
    this.currentVersion = document.current_version ?? undefined;
    /** The fields at fault, each with what is wrong. */
    this.errors = document.errors ?? [];
    this.requestId = document.request_id;
    /** Further members of the document. */
    this.document = document;
    /** When the request may be repeated, in milliseconds since 1970; absent if at any time. */
    this.retryAt =
      retryAfterSeconds === undefined ? undefined : Date.now() + retryAfterSeconds * SECOND;
  }

  /** Whether the server did not answer, or could not. The same request may work later. */
  get isTemporary() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/**
 * Reads the problem of a failed response.
 *
 * @param {Response} response
 */
export async function readProblem(response) {
  const after = Number(response.headers.get("retry-after") ?? Number.NaN);
  const retryAfter = Number.isFinite(after) ? after : undefined;
  /** @type {unknown} */
  const body = await response.json().catch(() => ({}));
  const otherwise = {
    type: "unexpected",
    status: response.status,
    detail: `The server answered ${response.status}. Try again in a moment.`,
  };
  const document = /** @type {Partial<ProblemDocument>} */ (body);
  return new Problem({ ...otherwise, ...document }, retryAfter);
}

/** The problem of a request that has no answer. */
export function noAnswer() {
  return new Problem({
    detail: "The server does not answer. Check your connection and try again.",
  });
}

/**
 * Whether an error says that what was asked for is not there.
 *
 * @param {unknown} error
 */
export function isMissing(error) {
  return error instanceof Problem && error.status === 404;
}

/**
 * Whether an error is the end of a request that is no longer needed.
 *
 * @param {unknown} error
 */
export function isAbort(error) {
  return error instanceof DOMException && error.name === "AbortError";
}
