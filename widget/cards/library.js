// The library: search, rows, and the way into the form of a prompt.

import { createActions, button } from "../parts/actions.js";
import { formatCount, showHidden } from "../model/words.js";
import { fill, h, isolated } from "../parts/text.js";

/** @import { App, Card } from "../app.js" */
/** @import { components } from "../../web/api/schema.js" */
/** @typedef {components["schemas"]["BodyResponse"] & { id: string, name: string, version: number }} Prompt */
/** @typedef {{ prompts: Prompt[], next_cursor?: string }} Page */

/** How long a search waits for the next key, in milliseconds. */
const TYPING_MS = 250;
/** Rows at a time in the chat, and on a full screen. */
const ROWS = 5;
const ROWS_LARGE = 20;

/**
 * @param {App} app
 * @param {Page | undefined} first The first page, where it is here already.
 * @param {{ query?: string, tag?: string }} [filter] Of that page.
 * @returns {Card}
 */
export function libraryCard(app, first, { query = "", tag } = {}) {
  const { said, load, button: action } = createActions(app);
  const field = h("input", {
    id: "search",
    class: "field",
    type: "search",
    role: "searchbox",
    "aria-label": "Search prompts",
    placeholder: "Search prompts",
    autocomplete: "off",
    enterkeyhint: "search",
    value: query,
  });
  const rows = h("ul", { class: "rows", "aria-label": "Prompts" });
  const [below, count] = [
    h("div", { class: "minor" }),
    h("p", { class: "hidden", role: "status" }),
  ];
  const ways = h("div", { class: "minor" });
  const element = h(
    "section",
    { class: "stack", tabindex: "-1" },
    field,
    count,
    said,
    rows,
    below,
    ways,
  );
  /** @type {Prompt[]} */
  let prompts = [];
  /** @type {string | undefined} */
  let cursor;
  let shown = 0;
  /** Grows with each search: an answer of an earlier one is late. */
  let turn = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const size = () => (app.isLarge() ? ROWS_LARGE : ROWS);

  /** @param {Page} page */
  const add = (page) => {
    prompts = [...prompts, ...page.prompts];
    cursor = page.next_cursor;
  };

  const read = async () => {
    const mine = ++turn;
    const page = /** @type {Page} */ (await app.bridge.call("list_prompts", filter()));
    if (mine !== turn) return;
    prompts = [];
    add({ ...page, prompts: page.prompts ?? [] });
    shown = size();
    draw();
  };
  const filter = () => ({
    ...(field.value.trim() && { query: field.value.trim() }),
    ...(tag && { tag }),
  });

  const search = () => {
    clearTimeout(timer);
    tag = undefined;
    void load(rows, read);
  };

  const more = async () => {
    const from = shown;
    if (prompts.length <= shown && cursor) {
      const mine = turn;
      const page = /** @type {Page} */ (
        await app.bridge.call("list_prompts", { ...filter(), cursor })
      );
      if (mine !== turn) return;
      add(page);
    }
    shown += size();
    draw();
    rows.querySelectorAll("button")[from]?.focus();
  };

  function draw() {
    fill(rows, prompts.slice(0, shown).map(row));
    const hasMore = prompts.length > shown || cursor;
    const isFound = prompts.length > 0;
    const words = field.value.trim();
    rows.hidden = !isFound;
    fill(
      count,
      isFound ? `${formatCount(prompts.length, "prompt")}${cursor ? " and more" : ""}` : "",
    );
    fill(
      below,
      !isFound && h("p", { role: "status" }, words || tag ? "No prompt has these words." : EMPTY),
      !isFound && (words || tag) && button("Clear", "small", clear),
      hasMore && action("Show more", "small", more),
    );
  }

  function clear() {
    field.value = "";
    field.focus();
    search();
  }

  /** @param {Prompt} prompt */
  function row({ id, name, title, tags, variables }) {
    const facts = [
      name,
      tags[0],
      variables.length > 0 && formatCount(variables.length, "variable"),
    ];
    const text = facts.filter(Boolean).join(" · ");
    const open = action("", "row", () => app.openPrompt({ id }), { "data-key": undefined });
    open.append(isolated(title), h("span", { class: "soft" }, showHidden(text)));
    return h("li", {}, open);
  }

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, TYPING_MS);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) search();
  });
  if (!app.bridge.isChat) fill(ways, action("Review", "small", app.openWaiting));
  if (first) {
    add(first);
    shown = size();
    draw();
  }
  return {
    element,
    start: () => {
      if (!first) void load(rows, read);
    },
  };
}

const EMPTY = "Nothing saved yet. Say: save this as a prompt.";
