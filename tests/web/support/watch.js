// What must not happen on any page: messages of warning in the console, errors, violations of the
// content security policy, failed requests, and requests to other origins.

import assert from "node:assert/strict";

import { failOn } from "./checks.js";

/**
 * @import { BrowserContext, ConsoleMessage, Request, Response } from "playwright-core"
 */

/** How the browser says in the console that a request failed, which the request itself reports. */
const FAILED_REQUEST = "Failed to load resource: ";

/** The failure of a request that the page itself ended, by leaving or by an abort signal. */
const ABORTED = "net::ERR_ABORTED";

/** The name of the function by which a page reports a violation of its policy. */
const REPORT = "reportPolicyViolation";

/** Collects what went wrong on the pages of one context. */
export class Watch {
  /** @type {string[]} */
  #faults = [];

  /** @type {string[]} */
  #failures = [];

  /** @type {RegExp[]} */
  #expected = [];

  /** @type {{ pattern: RegExp, isSeen: boolean }[]} */
  #expectedMessages = [];

  /** @type {Set<string>} */
  #origins;

  /** @type {{ method: string, url: string, type: string }[]} */
  requests = [];

  /**
   * Begins to watch. Only the first origin is the product's; pages and failures of the others are not
   * looked at.
   *
   * @param {BrowserContext} context
   * @param {[string, ...string[]]} origins
   */
  static async start(context, origins) {
    const watch = new Watch(context, origins);
    await context.exposeBinding(REPORT, (_source, /** @type {string} */ text) => {
      watch.#faults.push(`content security policy: ${text}`);
    });
    await context.addInitScript((report) => {
      document.addEventListener("securitypolicyviolation", (event) => {
        const { effectiveDirective, blockedURI, sourceFile, lineNumber, sample } = event;
        const text = [effectiveDirective, blockedURI, sourceFile, lineNumber, sample].join(" ");
        const bindings = /** @type {Record<string, (text: string) => void>} */ (
          /** @type {unknown} */ (window)
        );
        bindings[report]?.(text);
      });
    }, REPORT);
    return watch;
  }

  /**
   * @param {BrowserContext} context
   * @param {[string, ...string[]]} origins
   */
  constructor(context, origins) {
    this.context = context;
    this.origin = new URL(origins[0]).origin;
    this.#origins = new Set(origins.map((origin) => new URL(origin).origin));
    context.on("console", (message) => this.#readMessage(message));
    context.on("weberror", (error) => this.#faults.push(`page error: ${error.error().stack}`));
    context.on("request", (request) => this.#readRequest(request));
    context.on("response", (response) => this.#readResponse(response));
    context.on("requestfailed", (request) => this.#readFailure(request));
  }

  /**
   * Expects requests to fail whose description, as in `PUT /api/prompts/x 409` or
   * `GET /api/me net::ERR_CONNECTION_REFUSED`, matches `pattern`. At least one must, by the end.
   *
   * @param {RegExp} pattern
   */
  expectFailures(pattern) {
    this.#expected.push(pattern);
  }

  /**
   * Expects warnings or errors in the console whose text matches `pattern`. At least one must come, by the
   * end.
   *
   * @param {RegExp} pattern
   */
  expectMessages(pattern) {
    this.#expectedMessages.push({ pattern, isSeen: false });
  }

  /** Fails if anything went wrong so far. */
  async assertClean() {
    await this.#flush();
    const isExpected = (/** @type {string} */ failure) =>
      this.#expected.some((pattern) => pattern.test(failure));
    const failures = this.#failures.filter((failure) => !isExpected(failure));
    const faults = [...this.#faults, ...failures.map((failure) => `failed request: ${failure}`)];
    failOn(faults, `on the pages of ${this.origin}`);
    for (const { pattern, isSeen } of this.#expectedMessages) {
      assert.ok(isSeen, `no message came as expected: ${pattern}`);
    }
    for (const pattern of this.#expected) {
      const happened = this.#failures.some((failure) => pattern.test(failure));
      assert.ok(happened, `no request failed as expected: ${pattern}`);
    }
  }

  /** Waits until the events that the pages have caused so far have arrived. */
  async #flush() {
    for (const page of this.context.pages()) await page.evaluate(() => undefined);
  }

  /** @param {string} url */
  #isOwn(url) {
    return new URL(url).origin === this.origin;
  }

  /** @param {ConsoleMessage} message */
  #readMessage(message) {
    const { url, lineNumber } = message.location();
    if (!["error", "warning", "assert"].includes(message.type())) return;
    if (message.text().startsWith(FAILED_REQUEST)) return;
    const expected = this.#expectedMessages.find(({ pattern }) => pattern.test(message.text()));
    if (expected) {
      expected.isSeen = true;
      return;
    }
    if (url && URL.canParse(url) && !this.#isOwn(url)) return;
    this.#faults.push(`console ${message.type()}: ${message.text()} (${url}:${lineNumber})`);
  }

  /** @param {Request} request */
  #readRequest(request) {
    const { protocol, origin } = new URL(request.url());
    this.requests.push({
      method: request.method(),
      url: request.url(),
      type: request.resourceType(),
    });
    if (["data:", "blob:", "about:"].includes(protocol) || this.#origins.has(origin)) return;
    this.#faults.push(`foreign request: ${request.method()} ${request.url()}`);
  }

  /** @param {Response} response */
  #readResponse(response) {
    if (response.status() < 400) return;
    this.#addFailure(response.request(), String(response.status()));
  }

  /** @param {Request} request */
  #readFailure(request) {
    const reason = request.failure()?.errorText ?? "failed";
    if (reason !== ABORTED) this.#addFailure(request, reason);
  }

  /**
   * @param {Request} request
   * @param {string} reason
   */
  #addFailure(request, reason) {
    if (!this.#isOwn(request.url())) return;
    const { pathname, search } = new URL(request.url());
    this.#failures.push(`${request.method()} ${pathname}${search} ${reason}`);
  }
}
