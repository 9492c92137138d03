// Requests of the REST API: JSON in and out, problems as errors, and one new try after a sign-in.

import { noAnswer, readProblem } from "./problem.js";

/**
 * @typedef {object} RequestOptions
 * @property {unknown} [json] A body of JSON.
 * @property {BodyInit} [body] Another body; its media type is in `headers`.
 * @property {Record<string, string | number | boolean | undefined>} [query]
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 * @property {number} [version] The version that a write replaces (`If-Match`).
 * @property {boolean} [keepalive] Lets the request outlive the page.
 * @property {boolean} [isFinal] Whether a missing session is an error, and no reason to sign in again.
 * @property {string} [key] Makes a write safe to repeat (`Idempotency-Key`).
 * @property {number} [patience] How long the answer may take, in milliseconds; 30 s by default.
 */

/** How long a request may take before the page calls it unanswered, in milliseconds. */
const PATIENCE_MS = 30_000;

/** @type {() => Promise<boolean>} */
let signInAgain = () => Promise.resolve(false);

/**
 * Sets what happens when the session has ended. It resolves to whether the user signed in again.
 *
 * @param {() => Promise<boolean>} handler
 */
export function onSessionEnd(handler) {
  signInAgain = handler;
}

/**
 * Sends a request and returns the JSON of its answer; `undefined` for an answer without a body.
 *
 * @template T
 * @param {string} method
 * @param {string} path Below `/api`; its segments are encoded.
 * @param {RequestOptions} [options]
 * @returns {Promise<T>}
 * @throws {import("./problem.js").Problem} Or an `AbortError`.
 */
export async function send(method, path, options = {}) {
  let response = await attempt(method, path, options);
  if (response.status === 401 && !options.isFinal) {
    const problem = await readProblem(response);
    // The session is there, and its account is not: a sign-in changes nothing.
    if (problem.type === "account-erased" || !(await signInAgain())) throw problem;
    response = await attempt(method, path, options);
  }
  if (!response.ok) throw await readProblem(response);
  try {
    /** @type {unknown} */
    const body = response.status === 204 ? undefined : await response.json();
    return /** @type {T} */ (body);
  } catch {
    options.signal?.throwIfAborted();
    throw noAnswer();
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {RequestOptions} options
 */
async function attempt(
  method,
  path,
  {
    json,
    body,
    query = {},
    headers = {},
    signal,
    version,
    key,
    keepalive = false,
    patience = PATIENCE_MS,
  },
) {
  const url = new URL(path, window.location.origin);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") url.searchParams.append(name, String(value));
  }
  /** @type {Record<string, string>} */
  const all = { accept: "application/json", ...headers };
  if (json !== undefined) all["content-type"] = "application/json";
  if (version !== undefined) all["if-match"] = `"${version}"`;
  if (key !== undefined) all["idempotency-key"] = key;
  const deadline = AbortSignal.timeout(patience);
  const signals = signal ? [signal, deadline] : [deadline];
  try {
    return await fetch(url, {
      method,
      headers: all,
      keepalive,
      body: json === undefined ? (body ?? null) : JSON.stringify(json),
      signal: AbortSignal.any(signals),
    });
  } catch {
    signal?.throwIfAborted();
    throw noAnswer();
  }
}
