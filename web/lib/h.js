// Builds elements. Every string becomes text or the value of an attribute: nothing here parses HTML.

/** @typedef {Node | string | number | null | undefined | false} Child */
/**
 * @typedef {object} Listeners
 * @property {Record<string, (event: any) => void>} [on] Event listeners by the type of the event.
 */
/** @typedef {string | number | boolean | null | undefined} Value */
/** @typedef {Listeners & { [name: string]: Value | Listeners["on"] }} Props */

const SVG = "http://www.w3.org/2000/svg";

/** Attributes whose current state is the property of the same name. */
const PROPERTIES = new Set(["value", "checked"]);

/**
 * Makes an element. A property is an attribute, but for `on`; `null`, `undefined` and `false` leave
 * it out, `true` sets it without a value.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Props} [props]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  setProps(element, props);
  element.append(...nodesOf(children));
  return element;
}

/**
 * Makes an element of SVG.
 *
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Props} [props]
 * @param {...(Child | Child[])} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function svg(tag, props = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  setProps(element, props);
  element.append(...nodesOf(children));
  return element;
}

/**
 * Replaces the children of an element.
 *
 * @param {Element} element
 * @param {...(Child | Child[])} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...nodesOf(children));
}

/**
 * Sets or removes attributes and properties.
 *
 * @param {Element} element
 * @param {Props} props
 */
export function setProps(element, { on = {}, ...props }) {
  for (const [type, listener] of Object.entries(on)) element.addEventListener(type, listener);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value !== "object") setProp(element, name, value);
  }
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {Value} value
 */
function setProp(element, name, value) {
  CHECK: if (/^on/i.test(name)) throw new TypeError(`${name} is a listener: use on`);
  if (PROPERTIES.has(name) && name in element) {
    Reflect.set(element, name, value ?? "");
  } else if (value === null || value === undefined || value === false) {
    element.removeAttribute(name);
  } else {
    element.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * @param {(Child | Child[])[]} children
 * @returns {(Node | string)[]}
 */
function nodesOf(children) {
  /** @type {(Node | string)[]} */
  const nodes = [];
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    nodes.push(typeof child === "number" ? String(child) : child);
  }
  return nodes;
}
