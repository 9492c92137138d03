// What the card takes over from its host, and the room that it asks for.

import { resize } from "./bridge.js";
import { request } from "./bridge/host.js";
import { setLocale } from "./model/words.js";

/**
 * @typedef {object} HostContext The parts of a host's context that the widget uses.
 * @property {string} [theme]
 * @property {{ variables?: Record<string, string> }} [styles]
 * @property {string} [displayMode]
 * @property {string[]} [availableDisplayModes]
 * @property {string} [locale]
 * @property {Record<string, number>} [safeAreaInsets]
 */

/** @type {HostContext} */
let context = {};

/** Whether the card has the full screen. */
export const isLarge = () => context.displayMode === "fullscreen";

/**
 * Takes over what has changed of the context.
 *
 * @param {HostContext} changes
 */
export function applyContext(changes) {
  context = { ...context, ...changes };
  const { theme, styles, locale, safeAreaInsets } = context;
  const { style, dataset } = document.documentElement;
  // Another scheme than the host's would have an opaque backdrop, and the host's values are `light-dark()`.
  if (theme) style.colorScheme = dataset.theme = theme;
  for (const [name, value] of Object.entries(styles?.variables ?? {})) {
    // An address in a value would be a request, and an escape may spell one.
    if (name.startsWith("--") && !/url|image|\\/i.test(value)) style.setProperty(name, value);
  }
  for (const [side, pixels] of Object.entries(safeAreaInsets ?? {})) {
    document.body.style.setProperty(`padding-${side}`, `${pixels}px`);
  }
  if (locale) document.documentElement.lang = setLocale(locale);
}

/** Asks for the full screen, where there is one. What is shown fits without it. */
export function enlarge() {
  if (isLarge() || !context.availableDisplayModes?.includes("fullscreen")) return;
  // The host reports the change itself; VS Code answers without a mode, and changes nothing.
  request("ui/request-display-mode", { mode: "fullscreen" }).catch(() => undefined);
}

/**
 * Reports the height of the content, now and whenever it changes. The page is as high as its content
 * (`max-content`), so that the height of the frame does not feed back.
 */
export function reportHeight() {
  const root = document.documentElement;
  new ResizeObserver(() => resize(Math.ceil(root.getBoundingClientRect().height))).observe(root);
}
