// The library: a search, rows, and the way into the form of a prompt.

import { ask, isChat } from "../bridge.js";
import { isLarge } from "../frame.js";
import { formatCount, showHidden } from "../model/words.js";
import { action, load, say } from "../parts/actions.js";
import { box, button, fill, h, isolated } from "../parts/elements.js";
import { openPrompt, openWaiting, show } from "../ways.js";

/** @import { Row } from "../bridge/call.js" */
/** @typedef {{ prompts: Row[], next_cursor?: string }} Page */
/** @typedef {{ query?: string, tag?: string }} Filter */

/** How long a search waits for the next key, in milliseconds. */
const TYPING_MS = 250;
/** Rows at a time in a chat, and on a full screen. */
const ROWS = 5;
const ROWS_LARGE = 20;

/** The latest search, to which the way back leads. */
let latest = "";

/**
 * @param {Page} [first] The first page, where it is here already.
 * @param {Filter} [filter] Of that page.
 */
export function showLibrary(first, { query = first ? "" : latest, tag } = {}) {
  const field = h("input", {
    class: "field",
    type: "search",
    "aria-label": "Search prompts",
    placeholder: "Search prompts",
    value: query,
  });
  const rows = box("ul");
  const below = box("div.actions");
  const title = box("h1.hidden", "Prompts");
  const card = h("section", { class: "stack", tabindex: -1 }, title, field, rows, below);
  /** @type {Row[]} */
  let prompts = [];
  /** @type {string | undefined} */
  let cursor;
  let shown = 0;
  /** Grows with each search: the answer of an earlier one is late. */
  let turn = 0;
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  const words = () => field.value.trim();
  const size = () => (isLarge() ? ROWS_LARGE : ROWS);

  /** @param {string} [from] The cursor of a further page. */
  async function read(from) {
    const mine = from ? turn : ++turn;
    latest = words();
    const page = await ask("prompts", "list_prompts", {
      ...(words() && { query: words() }),
      ...(tag && { tag }),
      ...(from && { cursor: from }),
    });
    if (mine === turn) add(page, Boolean(from));
  }

  /**
   * @param {Page} page
   * @param {boolean} isMore
   */
  function add(page, isMore) {
    prompts = [...(isMore ? prompts : []), ...page.prompts];
    cursor = page.next_cursor;
    if (!isMore) shown = size();
    draw();
  }

  function search() {
    clearTimeout(timer);
    tag = undefined;
    void load(rows, () => read());
  }

  async function more() {
    const from = shown;
    if (prompts.length <= from) await read(cursor);
    shown = from + size();
    draw();
    rows.querySelectorAll("button")[from]?.focus();
  }

  function clear() {
    field.value = "";
    field.focus();
    search();
  }

  function draw() {
    const isEmpty = prompts.length === 0;
    const isFiltered = words() || tag;
    fill(rows, prompts.slice(0, shown).map(row));
    const none = isFiltered
      ? "No prompt has these words."
      : "Nothing saved yet. Say: save this as a prompt.";
    say(box("span.hidden", isEmpty ? none : formatCount(prompts.length, "prompt")));
    fill(
      below,
      isEmpty && box("p", none),
      isEmpty && isFiltered && button("Clear", "small", clear),
      (prompts.length > shown || cursor) && action("Show more", "small", more),
      !isChat && action("Review", "small", openWaiting),
    );
  }

  /** @param {Row} prompt */
  function row({ id, name, title, tags, variables }) {
    const count = variables.length > 0 && formatCount(variables.length, "variable");
    const facts = [name, tags[0], count].filter(Boolean).join(" · ");
    const open = action("", "row", () => openPrompt({ id }));
    open.append(isolated(title), box("span.soft", showHidden(facts)));
    return box("li", open);
  }

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, TYPING_MS);
  });
  field.addEventListener("keydown", ({ key, isComposing }) => {
    if (key === "Enter" && !isComposing) search();
  });
  show(card, !first);
  if (first) add(first, false);
  else search();
}
