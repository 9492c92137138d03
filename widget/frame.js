// What the card takes over from its host, and the height that it reports.

import { setLocale } from "./model/words.js";

/** @import { Bridge, HostContext } from "./bridge/call.js" */

/** @param {HostContext} context */
export function applyContext({ theme, styles, locale, safeAreaInsets }) {
  const root = document.documentElement;
  if (theme === "light" || theme === "dark") {
    // Another scheme than the host's would paint an opaque backdrop, and the host's own values are
    // `light-dark()`, which follows it.
    root.style.colorScheme = root.dataset.theme = theme;
  }
  for (const [name, value] of Object.entries(styles?.variables ?? {})) {
    // An address in a value would be a request.
    if (/^--[\w-]+$/.test(name) && !/url|image/i.test(value)) root.style.setProperty(name, value);
  }
  for (const [side, pixels] of Object.entries(safeAreaInsets ?? {})) {
    if (/^(top|right|bottom|left)$/.test(side)) {
      document.body.style.setProperty(`padding-${side}`, `${Number(pixels)}px`);
    }
  }
  if (locale) root.lang = setLocale(locale);
}

/**
 * Reports the height of the content, whenever it changes. The page is as high as its content (`max-content`), so
 * that a frame of another height does not feed back.
 *
 * @param {Bridge} bridge
 */
export function reportHeight(bridge) {
  new ResizeObserver(() => {
    bridge.resize(Math.ceil(document.documentElement.getBoundingClientRect().height));
  }).observe(document.documentElement);
}
