// Search, filters and order of the library.

import { fill, h } from "../lib/h.js";
import { formatNumber } from "../lib/format.js";
import { icon } from "./icon.js";

/** @import { Filter, Tag } from "../state/library.js" */

/** How long typing has to pause before the search begins, in milliseconds. */
const PAUSE_MS = 60;
/** Tags that are offered before the others are asked for. */
const TAGS_SHOWN = 6;
/** The natural order of names: t2 before t10. */
const NAMES = new Intl.Collator(undefined, { numeric: true });
/** @type {[string, string][]} */
const ORDERS = [
  ["", "Latest first"],
  ["name", "By name"],
  ["used", "Most used"],
];
/** @type {[string, string][]} */
const ORDERS_OF_SEARCH = [["", "Best match"], ["recent", "Latest first"], ...ORDERS.slice(1)];

/**
 * @param {object} events
 * @param {(filter: Filter, isTyped: boolean) => void} events.onChange `isTyped` where each letter is a change.
 * @param {() => void} events.onAllTags Where more tags are wanted than those of the rows.
 * @param {() => void} events.onDown The arrow that leads from the field to the rows.
 */
export function libraryFilters({ onChange, onAllTags, onDown }) {
  /** @type {Filter} */
  let filter = { q: "", tag: "", favorite: false, sort: "" };
  /** @type {Tag[]} */
  let tags = [];
  let areAll = false;
  let showsAll = false;
  const placeTags = makeOrder();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const change = (/** @type {Partial<Filter>} */ some, isTyped = false) => {
    clearTimeout(timer);
    timer = undefined;
    filter = { ...filter, q: input.value, ...some };
    draw();
    onChange(filter, isTyped);
  };
  const type = () => {
    clearTimeout(timer);
    timer = setTimeout(() => change({}, true), PAUSE_MS);
  };
  const press = (/** @type {KeyboardEvent} */ event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") onDown();
    else if (event.key === "Enter") change({}, true);
    else if (event.key === "Escape" && input.value) change({ q: (input.value = "") }, true);
    else return;
    event.preventDefault();
  };
  const input = h("input", {
    class: "input",
    type: "search",
    placeholder: "Search prompts",
    "aria-label": "Search prompts",
    autocomplete: "off",
    spellcheck: "false",
    enterkeyhint: "search",
    on: { input: type, keydown: press },
  });
  const order = h("select", {
    class: "order",
    "aria-label": "Order",
    on: { change: () => change({ sort: order.value }) },
  });
  const chips = h("div", { class: "filters", role: "group", "aria-label": "Filters" });

  const chip = (
    /** @type {string} */ label,
    /** @type {boolean} */ isOn,
    /** @type {() => void} */ run,
    /** @type {(Node | false)[]} */ ...rest
  ) =>
    h(
      "button",
      { type: "button", class: "filter", "aria-pressed": String(isOn), on: { click: run } },
      ...rest,
      label,
    );

  const drawChips = () => {
    const shown = placeTags(tags, areAll, showsAll, filter.tag);
    const hidden = tags.length - shown.length;
    const focused =
      document.activeElement instanceof HTMLElement && chips.contains(document.activeElement)
        ? document.activeElement.textContent
        : undefined;
    fill(
      chips,
      chip(
        "Favourites",
        filter.favorite,
        () => change({ favorite: !filter.favorite }),
        icon("star"),
      ),
      shown.map(({ name, count }) => {
        const isOn = name === filter.tag;
        const one = chip(name, isOn, () => change({ tag: isOn ? "" : name }));
        if (areAll && count > 0) {
          one.append(
            h("span", { class: "filter-count", "aria-hidden": "true" }, formatNumber(count)),
          );
        }
        return one;
      }),
      (hidden > 0 || !(areAll || tags.length === 0)) &&
        h(
          "button",
          { type: "button", class: "filter filter-more", on: { click: showAllTags } },
          areAll ? `${formatNumber(hidden)} more tags` : "All tags",
        ),
    );
    for (const child of chips.children) {
      if (child instanceof HTMLElement && child.textContent === focused) child.focus();
    }
  };
  const showAllTags = () => {
    showsAll = true;
    if (areAll) drawChips();
    else onAllTags();
  };
  const draw = () => {
    const orders = filter.q.trim() ? ORDERS_OF_SEARCH : ORDERS;
    fill(
      order,
      orders.map(([value, label]) => h("option", { value }, label)),
    );
    order.value = orders.some(([value]) => value === filter.sort) ? filter.sort : "";
    drawChips();
  };

  return {
    search: h("search", { class: "search" }, icon("search"), input),
    chips,
    order,
    /** @param {Filter} next As the address has it. */
    show(next) {
      filter = next;
      // What is being typed is newer than the address.
      if (timer === undefined && input.value !== next.q) input.value = next.q;
      draw();
    },
    /** @param {{ tags: Tag[], areAll: boolean }} next */
    showTags: (next) => {
      ({ tags, areAll } = next);
      drawChips();
    },
    focus: () => {
      input.focus();
      input.select();
    },
  };
}

/**
 * Keeps the tags that are offered in their places: others only come behind them.
 *
 * @returns {(tags: Tag[], areAll: boolean, showsAll: boolean, chosen: string) => Tag[]}
 */
function makeOrder() {
  /** The names of those that stay. @type {string[]} */
  let kept = [];
  return (tags, areAll, showsAll, chosen) => {
    const known = new Map(tags.map((tag) => [tag.name, tag]));
    // A tag that is on no row so far may be on one that is not loaded.
    if (areAll) kept = kept.filter((name) => known.has(name));
    const others = tags
      .filter(({ name }) => !kept.includes(name))
      .toSorted((one, other) => other.count - one.count)
      .slice(0, showsAll ? tags.length : Math.max(0, TAGS_SHOWN - kept.length))
      .map(({ name }) => name)
      .sort(NAMES.compare);
    kept = [...kept, ...others];
    const isOffered = !chosen || kept.includes(chosen);
    const names = isOffered ? kept : [...kept, chosen];
    return names.map((name) => known.get(name) ?? { name, count: 0 });
  };
}
