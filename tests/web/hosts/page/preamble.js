// What VS Code puts into the document of a card before it runs it.

import { makePolicy } from "../profiles.js";

/**
 * @import { McpUiResourceCsp } from "@modelcontextprotocol/ext-apps/app-bridge"
 */

/**
 * Takes the place of the parent: its `postMessage` is that of VS Code's API, and messages from outside
 * have it as their source. Runs in the card's document, so it uses nothing outside itself.
 */
function wrapParent() {
  /** @typedef {(event: MessageEvent) => void} Listener */
  /** @typedef {[type: string, listener: Listener, options?: AddEventListenerOptions]} Arguments */
  const acquireApi = /** @type {unknown} */ (Reflect.get(window, "acquireVsCodeApi"));
  const api = /** @type {() => { postMessage: (message: unknown) => void }} */ (acquireApi)();
  const postMessage = (/** @type {unknown} */ message) => {
    api.postMessage(message);
  };
  const parent = new Proxy(/** @type {Window} */ (window), {
    get: (target, property) =>
      property === "postMessage"
        ? postMessage
        : /** @type {unknown} */ (Reflect.get(target, property)),
  });
  Reflect.set(window, "parent", parent);

  /** @type {WeakMap<Listener, Listener>} */
  const wrappers = new WeakMap();
  const add = /** @type {(...args: Arguments) => void} */ (window.addEventListener.bind(window));
  const remove = /** @type {(...args: Arguments) => void} */ (
    window.removeEventListener.bind(window)
  );
  const wrapEvent = (/** @type {MessageEvent} */ event) =>
    new Proxy(event, {
      get: (target, property) =>
        property === "source" ? parent : /** @type {unknown} */ (Reflect.get(target, property)),
    });
  /** @param {Arguments} args */
  function addWrapped(...args) {
    const [type, listener, options] = args;
    if (type !== "message") {
      add(...args);
      return;
    }
    /** @type {Listener} */
    const wrapper = (event) => {
      const isOutside = event.origin === location.origin && event.source !== window;
      listener(isOutside ? wrapEvent(event) : event);
    };
    wrappers.set(listener, wrapper);
    add(type, wrapper, options);
  }
  /** @param {Arguments} args */
  function removeWrapped(...args) {
    const [type, listener, options] = args;
    remove(type, wrappers.get(listener) ?? listener, options);
  }
  Reflect.set(window, "addEventListener", addWrapped);
  Reflect.set(window, "removeEventListener", removeWrapped);
}

/**
 * Puts the policy and the script after the first head of an HTML text, found as VS Code finds it.
 *
 * @param {string} html
 * @param {McpUiResourceCsp} [csp]
 */
export function injectPreamble(html, csp) {
  const policy = `<meta http-equiv="Content-Security-Policy" content="${makePolicy(csp)}">`;
  const preamble = `${policy}<script>(${wrapParent.toString()})();</script>`;
  const head = /<head[^>]*>/i.exec(html);
  const end = head ? head.index + head[0].length : 0;
  return `${html.slice(0, end)}\n${preamble}${html.slice(end)}`;
}
