// The items of a file as a table, by outcome and page by page.

import { promptAddress } from "../../lib/addresses.js";
import { fill, h } from "../../lib/h.js";
import { formatNumber } from "../../lib/format.js";
import { button } from "../../parts/button.js";
import { OUTCOMES, countOutcomes, labelOf, withoutPlace } from "./outcomes.js";

/** @import { Item, Outcome } from "./outcomes.js" */

/** Rows that "More" adds. */
const PAGE = 50;

/**
 * @param {Item[]} items
 * @param {boolean} isDone Whether the items are imported, so that their prompts have pages.
 */
export function itemTable(items, isDone) {
  const rows = h("tbody");
  const head = ["Prompt", "Outcome"].map((text) => h("th", { scope: "col" }, text));
  const table = h("table", { class: "items" }, h("thead", {}, h("tr", {}, head)), rows);
  const more = button({ label: "More" }, () => show(shown, limit + PAGE));
  /** @type {Outcome | undefined} */
  let shown;
  let limit = PAGE;
  const filters = [undefined, ...countOutcomes(items).map(({ outcome }) => outcome)].map(
    (outcome) => {
      const count = items.filter((item) => !outcome || item.outcome === outcome).length;
      const label = `${outcome ? labelOf(outcome, isDone) : "All"} ${formatNumber(count)}`;
      return { outcome, element: button({ label }, () => show(outcome, PAGE)) };
    },
  );
  /**
   * @param {Outcome | undefined} outcome
   * @param {number} max
   */
  function show(outcome, max) {
    [shown, limit] = [outcome, max];
    const fitting = items.filter((item) => !outcome || item.outcome === outcome);
    fill(
      rows,
      fitting.slice(0, max).map((item) => row(item, isDone)),
    );
    more.hidden = fitting.length <= max;
    for (const filter of filters) {
      filter.element.setAttribute("aria-pressed", String(filter.outcome === outcome));
    }
  }
  show(undefined, PAGE);
  return h(
    "div",
    { class: "stack" },
    h(
      "div",
      { class: "actions", role: "group", "aria-label": "Show" },
      filters.map(({ element }) => element),
    ),
    table,
    h("div", {}, more),
  );
}

/**
 * The place of an item in the words of a person: an index of JSON counts from 0.
 *
 * @param {string} at
 */
function placeOf(at) {
  return at.replace(/^(?:prompts)?\[(\d+)\]$/, (_, index) => `item ${Number(index) + 1}`);
}

/**
 * @param {Item} item
 * @param {boolean} isDone
 */
function row({ at, kind, name, outcome, reason, notes = [], variables = [] }, isDone) {
  const place = placeOf(at);
  const title = [name, place].find(Boolean) ?? place;
  const isThere = isDone && kind === "prompt" && name && !["refused", "waiting"].includes(outcome);
  const path = `${promptAddress(title)}${outcome === "updated" ? "/history" : ""}`;
  const details = [
    reason && withoutPlace(reason),
    ...notes,
    variables.length > 0 && `Variables: ${variables.join(", ")}`,
    isThere && outcome === "updated" && "Its versions are under History.",
  ];
  return h(
    "tr",
    {},
    h(
      "td",
      {},
      isThere ? h("a", { href: path }, title) : h("span", {}, title),
      kind === "candidate" && h("span", { class: "muted small" }, " · waits for review"),
      name && name !== place && h("span", { class: "muted small" }, ` · ${place}`),
      details.map((text) => text && h("p", { class: "hint" }, text)),
    ),
    h("td", {}, h("span", { class: OUTCOMES[outcome].badge }, labelOf(outcome, isDone))),
  );
}
