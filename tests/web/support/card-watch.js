// What must not happen in a card: any request, and any error or warning in the console. `Watch` looks at
// violations of policies, in all frames.

import { failOn } from "./checks.js";

/**
 * @import { BrowserContext, ConsoleMessage, Request } from "playwright-core"
 */

/** The name of the frame that holds a card's document. */
const CARD = "card";

/** Schemes of documents that are there without a request. */
const LOCAL = ["about:", "blob:"];

export class CardWatch {
  /** @type {string[]} */
  #faults = [];

  /** @type {BrowserContext} */
  #context;

  /** @param {BrowserContext} context */
  constructor(context) {
    this.#context = context;
    context.on("request", (request) => this.#readRequest(request));
    context.on("console", (message) => this.#readMessage(message));
  }

  /** Fails if anything went wrong so far. */
  async assertClean() {
    for (const page of this.#context.pages()) await page.evaluate(() => undefined);
    failOn(this.#faults, "in the card");
  }

  /** @param {Request} request */
  #readRequest(request) {
    const url = new URL(request.url());
    const isOwnDocument = request.isNavigationRequest() && LOCAL.includes(url.protocol);
    if (request.frame().name() !== CARD || isOwnDocument) return;
    this.#faults.push(`request: ${request.method()} ${url.href}`);
  }

  /** @param {ConsoleMessage} message */
  #readMessage(message) {
    const { url } = message.location();
    if (!["error", "warning", "assert"].includes(message.type())) return;
    if (!URL.canParse(url) || !LOCAL.includes(new URL(url).protocol)) return;
    this.#faults.push(`console ${message.type()}: ${message.text()}`);
  }
}
