// Addresses of the application: which view shows a path, and where each entry of the history was.

import { tab } from "./storage.js";

/**
 * @typedef {object} Place What an address stands for.
 * @property {string} path
 * @property {Record<string, string>} params The decoded variable segments of the path.
 * @property {URLSearchParams} query
 * @property {string} hash Without `#`.
 * @property {AbortSignal} signal Aborts when the place is left.
 */
/**
 * @template View
 * @typedef {object} Route
 * @property {string} path Segments; one that begins with `:` is variable.
 * @property {View} view
 */
/** @typedef {{ key: string }} Entry The state of an entry of the history. */

/** The beginning of every address of the application. */
const ROOT = "/app";

/** Shows the current address. @type {(isBack: boolean) => void} */
let show = () => undefined;

/** Where the scroll of the entry that is shown is kept. When the history moves, the state is the next one's. */
let shown = "";

/**
 * Returns the route of a path, and its variable segments.
 *
 * @template View
 * @param {Route<View>[]} routes
 * @param {string} path
 * @returns {{ view: View, params: Record<string, string> } | undefined}
 */
export function findRoute(routes, path) {
  const segments = path.replace(/\/+$/, "").split("/");
  for (const { path: template, view } of routes) {
    const params = matchPath(template.split("/"), segments);
    if (params) return { view, params };
  }
  return undefined;
}

/**
 * @param {string[]} template
 * @param {string[]} segments
 */
function matchPath(template, segments) {
  if (template.length !== segments.length) return undefined;
  /** @type {Record<string, string>} */
  const params = {};
  for (const [index, expected] of template.entries()) {
    const segment = segments[index] ?? "";
    if (expected.startsWith(":")) {
      const value = decode(segment);
      if (!value) return undefined;
      params[expected.slice(1)] = value;
    } else if (expected !== segment) {
      return undefined;
    }
  }
  return params;
}

/**
 * Decodes a part of an address; `undefined` if it is malformed.
 *
 * @param {string} segment
 */
export function decode(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/**
 * Begins to route: shows the current address, and from then on each that a link, the history or
 * `navigate` leads to.
 *
 * @param {(isBack: boolean) => void} showAddress `isBack` where the history was moved through.
 */
export function startRouter(showAddress) {
  show = showAddress;
  history.scrollRestoration = "manual";
  if (!isEntry(history.state)) history.replaceState(newEntry(), "");
  shown = nameOf("scroll");
  window.addEventListener("popstate", (event) => {
    rememberScroll();
    if (!isEntry(event.state)) history.replaceState(newEntry(), "");
    shown = nameOf("scroll");
    show(true);
  });
  window.addEventListener("pagehide", rememberScroll);
  document.addEventListener("click", followLink);
  show(true);
}

/**
 * Goes to an address of the application.
 *
 * @param {string} address Path, query and hash.
 * @param {{ replace?: boolean }} [options] `replace` keeps the address out of the history.
 */
export function navigate(address, { replace = false } = {}) {
  rememberScroll();
  if (replace) history.replaceState(history.state, "", address);
  else history.pushState(newEntry(), "", address);
  shown = nameOf("scroll");
  show(false);
}

/**
 * Changes the query of the current address; the view keeps what it shows.
 *
 * @param {URLSearchParams} query
 */
export function replaceQuery(query) {
  const text = query.toString();
  const address = `${window.location.pathname}${text && `?${text}`}${window.location.hash}`;
  history.replaceState(history.state, "", address);
}

/** Goes back, or to `otherwise` where the application was opened at this address. */
export function goBack(/** @type {string} */ otherwise) {
  if (readNumber("depth") > 0) history.back();
  else navigate(otherwise, { replace: true });
}

/**
 * Leaves the field that has the focus, or else goes back.
 *
 * @param {string} otherwise
 */
export function leaveView(otherwise) {
  const active = document.activeElement;
  if (active?.matches("input, textarea, select")) document.querySelector("h1")?.focus();
  else goBack(otherwise);
}

/**
 * Follows a link that leads back: where the entry before has its path, it is that entry, with its scroll.
 *
 * @param {string} address
 */
function leadBack(address) {
  const before = readNumber("depth") > 0 ? tab.read(nameOf("before")) : undefined;
  if (before === new URL(address, window.location.origin).pathname) history.back();
  else navigate(address);
}

/** Scrolls to where the current entry of the history was left. */
export function restoreScroll() {
  window.scrollTo(0, readNumber("scroll"));
}

/** Remembers how far the entry that is shown is scrolled. */
function rememberScroll() {
  tab.write(shown, String(Math.round(window.scrollY)));
}

/** @param {string} value */
function nameOf(value) {
  /** @type {unknown} */
  const state = history.state;
  return `${value}:${isEntry(state) ? state.key : ""}`;
}

/** @param {string} value */
function readNumber(value) {
  return Number(tab.read(nameOf(value)) ?? 0);
}

/** @returns {Entry} */
function newEntry() {
  const depth = isEntry(history.state) ? readNumber("depth") + 1 : 0;
  const entry = { key: Math.random().toString(36).slice(2, 10) };
  tab.write(`depth:${entry.key}`, String(depth));
  if (depth > 0) tab.write(`before:${entry.key}`, window.location.pathname);
  return entry;
}

/**
 * @param {unknown} state
 * @returns {state is Entry}
 */
function isEntry(state) {
  return typeof state === "object" && state !== null && "key" in state;
}

/** Takes a click on a link of the application, which may have `data-back`, unless it opens something else than this view. */
function followLink(/** @type {MouseEvent} */ event) {
  const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
  if (event.defaultPrevented || !isPlain || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
  const { origin, pathname, search, hash } = new URL(link.href);
  const isOurs = pathname === ROOT || pathname.startsWith(`${ROOT}/`);
  if (origin !== window.location.origin || !isOurs) return;
  event.preventDefault();
  const follow = "back" in link.dataset ? leadBack : navigate;
  follow(pathname + search + hash);
}
