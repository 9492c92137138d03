// The rows of the library. A row is made once, and again only when its prompt has changed.

import { promptAddress } from "../lib/addresses.js";
import { h } from "../lib/h.js";
import { formatCount } from "../lib/format.js";
import { button } from "./button.js";
import { copyPrompt, toggleFavorite } from "./prompt-actions.js";

/** @import { Prompt } from "../api/promptdb.js" */

/** Tags of a row; the others are counted. */
const TAGS_SHOWN = 3;

/**
 * Makes a list whose rows follow its prompts.
 *
 * @param {(selected: Set<string>) => void} onSelect Called with the ids that are selected.
 */
export function promptRows(onSelect) {
  /** @type {Map<string, { prompt: Prompt, row: HTMLLIElement }>} */
  let known = new Map();
  /** @type {Prompt[]} */
  let shown = [];
  /** @type {string | undefined} */
  let current;
  /** The prompt that was open last. @type {string | undefined} */
  let last;
  /** @type {Set<string> | undefined} */
  let selected;
  const element = h("ul", { class: "rows" });

  const makeRow = (/** @type {Prompt} */ prompt) => {
    const row = promptRow(prompt);
    if (selected) row.prepend(selectBox(prompt, selected, onSelect));
    return row;
  };
  const markCurrent = () => {
    for (const [id, { row }] of known) {
      const link = row.querySelector(".row-link");
      if (id === current) link?.setAttribute("aria-current", "page");
      else link?.removeAttribute("aria-current");
    }
  };
  /** @param {boolean} isNew Makes every row again. */
  const draw = (isNew) => {
    const before = known;
    known = new Map();
    for (const prompt of shown) {
      const old = before.get(prompt.id);
      const row = old?.prompt === prompt && !isNew ? old.row : makeRow(prompt);
      if (old && old.row !== row) keepFocus(old.row, row);
      known.set(prompt.id, { prompt, row });
    }
    placeRows(
      element,
      [...known.values()].map(({ row }) => row),
    );
    markCurrent();
  };

  return {
    element,
    /** @param {Prompt[]} prompts */
    show(prompts) {
      if (prompts === shown) return;
      shown = prompts;
      draw(false);
      if (!selected) return;
      const all = selected;
      for (const id of all) if (!known.has(id)) all.delete(id);
      onSelect(all);
    },
    /** @param {string | undefined} id Of the prompt that is open. */
    mark(id) {
      current = id;
      last = id ?? last;
      markCurrent();
    },
    /** @param {boolean} isSelecting Whether rows have a box to select them. */
    select(isSelecting) {
      selected = isSelecting ? new Set() : undefined;
      draw(true);
      onSelect(selected ?? new Set());
    },
    selectAll: () => {
      selected = new Set(known.keys());
      draw(true);
      onSelect(selected);
    },
    /** The prompt whose row has the focus. */
    focused() {
      const row = document.activeElement?.closest("li");
      return [...known.values()].find((entry) => entry.row === row)?.prompt;
    },
    /**
     * Moves the focus by some rows from where it is, or from the prompt that is open or was.
     *
     * @param {number} step
     */
    move(step) {
      const rows = [...known.values()].map(({ row }) => row);
      const active = document.activeElement?.closest("li");
      const from = rows.findIndex((row) => row === active);
      const start = from >= 0 ? from : rows.findIndex((row) => row === known.get(last ?? "")?.row);
      const target = start < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, start + step));
      rows[target]?.querySelector("a")?.focus();
    },
  };
}

/** @param {Prompt} prompt */
function promptRow(prompt) {
  const { id, title, description, favorite } = prompt;
  const link = h(
    "a",
    { class: "row-link", id: `row-${id}`, href: promptAddress(prompt), dir: "auto" },
    title,
  );
  const star = button(
    {
      label: "Favourite",
      icon: "star",
      look: "quiet",
      isIconOnly: true,
      props: { "aria-pressed": String(favorite), "aria-describedby": link.id },
    },
    () => void toggleFavorite(prompt),
  );
  const copy = button(
    {
      label: "Copy",
      icon: "copy",
      look: "quiet",
      isIconOnly: true,
      props: { "aria-describedby": link.id },
    },
    () => void copyPrompt(prompt),
  );
  return h(
    "li",
    { class: "row" },
    h(
      "div",
      { class: "row-text" },
      link,
      description && h("p", { class: "row-description", dir: "auto" }, description),
      rowFacts(prompt),
    ),
    h("div", { class: "row-actions" }, star, copy),
  );
}

/** @param {Prompt} prompt */
function rowFacts({ name, variables, version, use_count: uses, tags }) {
  const facts = [
    variables.length > 0 && formatCount(variables.length, "variable"),
    `version ${version}`,
    uses > 0 && formatUses(uses),
  ].filter(Boolean);
  const shown = tags.slice(0, TAGS_SHOWN).map((tag) => h("span", { class: "tag" }, tag));
  const others = tags.length - shown.length;
  return h(
    "p",
    { class: "row-facts" },
    h("span", { class: "row-name" }, name),
    facts.map((fact) => h("span", {}, fact || "")),
    shown,
    others > 0 && h("span", {}, `and ${formatCount(others, "more tag")}`),
  );
}

/**
 * How often a prompt was used: "used once", "used 12 times".
 *
 * @param {number} uses
 */
export function formatUses(uses) {
  return uses === 1 ? "used once" : `used ${formatCount(uses, "time")}`;
}

/**
 * @param {Prompt} prompt
 * @param {Set<string>} selected
 * @param {(selected: Set<string>) => void} onSelect
 */
function selectBox({ id, title }, selected, onSelect) {
  const change = (/** @type {{ target: HTMLInputElement }} */ { target }) => {
    if (target.checked) selected.add(id);
    else selected.delete(id);
    onSelect(selected);
  };
  const box = h("input", {
    type: "checkbox",
    checked: selected.has(id),
    "aria-label": `Select ${title}`,
    on: { change },
  });
  return h("label", { class: "row-select" }, box);
}

/**
 * Puts the rows into their order, and leaves alone those that stand right.
 *
 * @param {HTMLElement} parent
 * @param {HTMLElement[]} rows
 */
function placeRows(parent, rows) {
  const kept = new Set(rows);
  for (const child of [...parent.children]) {
    if (child instanceof HTMLElement && !kept.has(child)) child.remove();
  }
  let next = parent.firstElementChild;
  for (const row of rows) {
    if (row === next) next = next.nextElementSibling;
    else parent.insertBefore(row, next);
  }
}

/**
 * Gives the focus to the same control of a row that takes the place of another.
 *
 * @param {HTMLElement} old
 * @param {HTMLElement} row
 */
function keepFocus(old, row) {
  const controls = "a, button, input";
  const index = [...old.querySelectorAll(controls)].indexOf(
    /** @type {Element} */ (document.activeElement),
  );
  if (index < 0) return;
  queueMicrotask(() => {
    const control = row.querySelectorAll(controls)[index];
    if (control instanceof HTMLElement) control.focus({ preventScroll: true });
  });
}
