// The outer frame of a card, of another origin than the chat. It holds the frame with the card's
// document, and passes messages on in both directions.

/**
 * @import { McpUiSandboxResourceReadyNotification } from "@modelcontextprotocol/ext-apps/app-bridge"
 */

/** @typedef {{ method?: string, params?: Record<string, unknown> }} Message */

const parameters = new URLSearchParams(location.search);
const isWebview = parameters.get("document") === "webview";
const root = document.documentElement;

/** @type {Window | null} */
let card = null;

/**
 * VS Code's API for the document of a webview, whose `parent` is the document itself. Runs there, so it
 * uses nothing outside itself.
 */
function provideApi() {
  const outer = window.parent;
  const api = {
    /** @param {unknown} message */
    postMessage(message) {
      outer.postMessage(message, "*");
    },
  };
  Reflect.set(window, "acquireVsCodeApi", () => api);
  Reflect.set(window, "parent", window);
}

/** The styles that VS Code gives every webview, in a layer that any rule of the document overrides. */
const WEBVIEW_STYLES = `@layer vscode-default {
  body { margin: 0; padding: 0 20px; background: transparent; font-size: 13px; }
  code { padding: 1px 3px; border-radius: 4px; background: rgb(127 127 127 / 20%); }
}`;

/**
 * Returns a document as VS Code writes it: parsed, and with its API and styles first in the head.
 *
 * @param {string} html
 */
function writeWebview(html) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  const script = parsed.createElement("script");
  script.textContent = `(${provideApi.toString()})();`;
  const style = parsed.createElement("style");
  style.textContent = WEBVIEW_STYLES;
  parsed.head.prepend(script, style);
  return `<!DOCTYPE html>\n${parsed.documentElement.outerHTML}`;
}

/** @param {McpUiSandboxResourceReadyNotification["params"]} params */
function show({ html, sandbox = "allow-scripts" }) {
  const frame = document.createElement("iframe");
  frame.name = "card";
  frame.title = "PromptDB";
  frame.setAttribute("sandbox", sandbox);
  frame.allow = parameters.get("allow") ?? "";
  // Scripts of the test itself run first in a document with an address, and too late in one of `srcdoc`.
  const text = isWebview ? writeWebview(html) : html;
  frame.src = URL.createObjectURL(new Blob([text], { type: "text/html" }));
  document.body.replaceChildren(frame);
  card = frame.contentWindow;
}

/** A frame of another scheme than its document is opaque. @param {unknown} theme */
function follow(theme) {
  if (typeof theme === "string") root.style.colorScheme = theme;
}

window.addEventListener("message", (/** @type {MessageEvent<Message>} */ event) => {
  const { data: message, source } = event;
  if (card !== null && source === card) {
    window.parent.postMessage(message, "*");
    return;
  }
  if (source !== window.parent) return;
  if (message.method === "ui/notifications/sandbox-resource-ready") {
    show(/** @type {McpUiSandboxResourceReadyNotification["params"]} */ (message.params));
    return;
  }
  if (message.method === "ui/notifications/host-context-changed") follow(message.params?.theme);
  card?.postMessage(message, "*");
});

follow(parameters.get("theme"));
window.parent.postMessage(
  { jsonrpc: "2.0", method: "ui/notifications/sandbox-proxy-ready", params: {} },
  "*",
);
