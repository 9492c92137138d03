/// <reference lib="dom" />
// Measurements inside a page. The browser gets the text of each function, so none uses anything outside
// itself.

/**
 * Returns the elements that make the page wider than its window, and the page itself if it scrolls
 * horizontally.
 */
export function findOverflow() {
  const width = document.documentElement.clientWidth;
  /** @type {string[]} */
  const offenders = [];
  const page = document.scrollingElement ?? document.documentElement;
  if (page.scrollWidth > width) offenders.push(`the page is ${page.scrollWidth} px wide`);

  /** @param {Element} element */
  function describe(element) {
    const id = element.id && `#${element.id}`;
    const classes = [...element.classList].map((name) => `.${name}`).join("");
    const text = element.textContent.trim().replaceAll(/\s+/g, " ").slice(0, 40);
    return `${element.localName}${id}${classes} "${text}"`;
  }
  /**
   * Returns whether a box around the element hides or scrolls what is wider than it.
   *
   * @param {Element} element
   */
  function isContained(element) {
    for (let box = element.parentElement; box; box = box.parentElement) {
      const clips = getComputedStyle(box).overflowX !== "visible";
      if (clips && box !== document.body && box !== document.documentElement) return true;
    }
    return false;
  }
  for (const element of document.body.querySelectorAll("*")) {
    const { left, right, width: own, height } = element.getBoundingClientRect();
    const isVisible =
      element.checkVisibility({ visibilityProperty: true }) && own > 1 && height > 1;
    // What is wholly beyond the left edge is hidden on purpose, and causes no scrolling.
    const isOutside = right > width + 1 || (left < -1 && right > 0);
    if (isVisible && isOutside && !isContained(element)) {
      offenders.push(`${describe(element)} spans ${Math.round(left)} to ${Math.round(right)} px`);
    }
  }
  return offenders;
}

/**
 * Returns the controls that a click reaches on less than `min` by `min` px.
 *
 * @param {number} min
 */
export function findSmallTargets(min) {
  const controls =
    "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0'], " +
    "[role=button], [role=link], [role=tab], [role=option], [role=menuitem], [role=switch]";

  /**
   * Returns whether a link stands in a line of text: its line height is the text's, not its own.
   *
   * @param {Element} element
   */
  function isInText(element) {
    if (!element.matches("a") || getComputedStyle(element).display !== "inline") return false;
    const nodes = [...(element.parentElement?.childNodes ?? [])];
    return nodes.some(
      (node) => node.nodeType === Node.TEXT_NODE && /\w/.test(node.nodeValue ?? ""),
    );
  }
  /**
   * Returns whether a click at a point reaches the control, itself or through its label.
   *
   * @param {Element} element
   * @param {number} x
   * @param {number} y
   */
  function isHit(element, x, y) {
    const hit = document.elementFromPoint(x, y);
    const label = hit?.closest("label");
    return hit !== null && (element.contains(hit) || label?.control === element);
  }
  /**
   * Returns for how many pixels from a point, in one direction, a click reaches the control; at most
   * `min`. More than its box may: the link of a row often covers the row.
   *
   * @param {Element} element
   * @param {number} x
   * @param {number} y
   * @param {number} dx
   * @param {number} dy
   */
  function measure(element, x, y, dx, dy) {
    const step = 0.5;
    let reach = 0;
    while (reach < min && isHit(element, x + dx * (reach + step), y + dy * (reach + step))) {
      reach += step;
    }
    return reach;
  }
  /** @type {string[]} */
  const offenders = [];
  for (const element of document.querySelectorAll(controls)) {
    const isVisible = element.checkVisibility({ visibilityProperty: true, opacityProperty: false });
    if (!isVisible || element.closest("[inert]") || isInText(element)) continue;
    element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
    const { left, top, width, height } = element.getBoundingClientRect();
    const [x, y] = [left + width / 2, top + height / 2];
    const isInWindow = x > 0 && x < innerWidth && y > 0 && y < innerHeight;
    // A link that shows only when it has the focus.
    if (!isInWindow || (width <= 1 && height <= 1)) continue;
    if (width >= min - 0.5 && height >= min - 0.5) continue;
    const isWide =
      width >= min || 1 + measure(element, x, y, -1, 0) + measure(element, x, y, 1, 0) >= min;
    const isHigh =
      height >= min || 1 + measure(element, x, y, 0, -1) + measure(element, x, y, 0, 1) >= min;
    if (isWide && isHigh) continue;
    const name = element.getAttribute("aria-label") ?? element.textContent;
    const size = `${Math.round(width)} by ${Math.round(height)} px`;
    offenders.push(`${element.localName} "${name.trim().slice(0, 40)}" is ${size}, not ${min}`);
  }
  scrollTo({ top: 0, behavior: "instant" });
  return offenders;
}
