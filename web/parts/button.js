// Buttons and the links that look like them.

import { h } from "../lib/h.js";
import { icon } from "./icon.js";

/** @import { IconName } from "./icon.js" */
/** @import { Props } from "../lib/h.js" */

/**
 * @typedef {object} ButtonOptions
 * @property {string} label What it is called; also its text unless `isIconOnly`.
 * @property {IconName} [icon]
 * @property {"primary" | "quiet" | "danger"} [look]
 * @property {boolean} [isIconOnly]
 * @property {Props} [props] Further attributes.
 */

/**
 * @param {ButtonOptions} options
 * @param {(event: MouseEvent) => void} run
 */
export function button(options, run) {
  return h(
    "button",
    { type: "button", on: { click: run }, ...propsOf(options) },
    ...insides(options),
  );
}

/**
 * A link that looks like a button.
 *
 * @param {ButtonOptions} options
 * @param {string} href
 */
export function buttonLink(options, href) {
  return h("a", { href, ...propsOf(options) }, ...insides(options));
}

/**
 * Disables a button while its work runs. A failure is the caller's to show.
 *
 * @template T
 * @param {HTMLButtonElement} element
 * @param {() => Promise<T>} work
 * @returns {Promise<T | undefined>} `undefined` if the work is running already.
 */
export async function whileBusy(element, work) {
  if (element.getAttribute("aria-busy") === "true") return undefined;
  element.setAttribute("aria-busy", "true");
  element.setAttribute("aria-disabled", "true");
  try {
    return await work();
  } finally {
    element.removeAttribute("aria-busy");
    element.removeAttribute("aria-disabled");
  }
}

/**
 * @param {ButtonOptions} options
 * @returns {Props}
 */
function propsOf({ label, look, isIconOnly = false, props = {} }) {
  const classes = ["button", look && `button-${look}`, isIconOnly && "button-icon"];
  const named = isIconOnly ? { "aria-label": label, title: label } : {};
  return { class: classes.filter(Boolean).join(" "), ...named, ...props };
}

/** @param {ButtonOptions} options */
function insides({ label, icon: name, isIconOnly = false }) {
  return [name ? icon(name) : null, isIconOnly ? null : h("span", {}, label)];
}
