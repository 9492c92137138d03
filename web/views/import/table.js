// The items of a file as a table, by outcome and page by page.

import { promptAddress } from "../../lib/addresses.js";
import { fill, h } from "../../lib/h.js";
import { formatNumber } from "../../lib/format.js";
import { button } from "../../parts/button.js";
import { OUTCOMES, labelOf, listOutcomes, sentenceOf } from "./outcomes.js";

/** @import { Child } from "../../lib/h.js" */
/** @import { Item } from "./outcomes.js" */

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
  const filters = listFilters(items, isDone).map(([label, fitting]) => {
    const props = { type: "button", class: "filter", on: { click: () => show(fitting) } };
    return { fitting, element: h("button", props, `${label} ${formatNumber(fitting.length)}`) };
  });
  let shown = items;
  /** @param {Item[]} fitting */
  const addPage = (fitting) => {
    const from = rows.children.length;
    rows.append(...fitting.slice(from, from + PAGE).map((item) => row(item, isDone)));
    more.hidden = fitting.length <= rows.children.length;
  };
  const more = button({ label: "More" }, () => {
    const from = rows.children.length;
    addPage(shown);
    const next = rows.children[from];
    if (!more.hidden || !(next instanceof HTMLElement)) return;
    // The button is gone, and with it the place on the page.
    next.tabIndex = -1;
    next.focus({ preventScroll: true });
  });
  /** @param {Item[]} fitting */
  const show = (fitting) => {
    shown = fitting;
    fill(rows);
    addPage(fitting);
    for (const filter of filters) {
      filter.element.setAttribute("aria-pressed", String(filter.fitting === fitting));
    }
  };
  show(items);
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
 * The choices of items to show: all, by outcome, and those with notes, where they are not all.
 *
 * @param {Item[]} items
 * @param {boolean} isDone
 * @returns {[label: string, fitting: Item[]][]}
 */
function listFilters(items, isDone) {
  const noted = items.filter(({ notes }) => notes?.length);
  const hasChoice = noted.length > 0 && noted.length < items.length;
  return [
    ["All", items],
    ...listOutcomes(items).map((outcome) => {
      const fitting = items.filter((item) => item.outcome === outcome);
      return /** @type {[string, Item[]]} */ ([labelOf(outcome, isDone), fitting]);
    }),
    ...(hasChoice ? [/** @type {[string, Item[]]} */ (["With notes", noted])] : []),
  ];
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
 * A note, in which the server puts a text of the file between backticks.
 *
 * @param {string} note
 * @returns {Child[]}
 */
function withCode(note) {
  return note.split(/`([^`]+)`/).map((part, index) => (index % 2 ? h("code", {}, part) : part));
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
    reason && sentenceOf(reason),
    ...notes.map(withCode),
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
      kind === "candidate" && ["\u2002", h("span", { class: "muted small" }, "waits for review")],
      name && name !== place && ["\u2002", h("span", { class: "muted small" }, place)],
      details.map((content) => content && h("p", { class: "hint" }, content)),
    ),
    h("td", {}, h("span", { class: OUTCOMES[outcome].badge }, labelOf(outcome, isDone))),
  );
}
