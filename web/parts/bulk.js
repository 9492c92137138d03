// What is done with many prompts at once.

import { BULK_MAX, changePrompts } from "../api/promptdb.js";
import { EXPORT_FORMATS } from "../lib/export-formats.js";
import { formatCount, formatNumber } from "../lib/format.js";
import { fill, h } from "../lib/h.js";
import { countList, libraryReplaced, list, loadUpTo, tags } from "../state/library.js";
import { button, whileBusy } from "./button.js";
import { openDialog } from "./dialog.js";
import { describeError } from "./problem.js";
import { Problem } from "../api/problem.js";
import { showToast } from "./toast.js";

/** @import { Schemas } from "../api/promptdb.js" */
/** @typedef {Schemas["BulkRequest"]["action"]} Action */
/** @typedef {{ done: string[], refused: { id: string, reason: string }[] }} Report */

/** How many prompts are selected at once. */
const SELECTED_MAX = 1000;
/** Refusals shown with their reason; the others are counted. */
const REASONS_SHOWN = 5;

/**
 * The bar that stands over the rows while prompts are selected.
 *
 * @param {{ selectAll: () => void, finish: () => void }} rows
 */
export function bulkBar({ selectAll, finish }) {
  /** @type {string[]} */
  let ids = [];
  const count = h("p", { class: "bulk-count", role: "status" });
  const report = h("div", { class: "bulk-report" });

  /**
   * @param {HTMLButtonElement} control
   * @param {Action} action
   * @param {string} [tag]
   */
  const run = async (control, action, tag) => {
    const before = [...ids];
    const result = await whileBusy(control, () => changeMany(before, action, tag));
    if (!result) return;
    showRefused(report, result.refused);
    if (result.done.length === 0) return;
    libraryReplaced();
    const text = `${formatCount(result.done.length, "prompt")} ${PAST[action] ?? "changed"}.`;
    if (action !== "delete") {
      showToast(text);
      return;
    }
    finish();
    showToast(text, { label: "Undo", run: () => void undoDelete(result.done) });
  };
  /**
   * @param {HTMLButtonElement} control
   * @param {Action} action
   * @param {() => Promise<string | undefined>} ask
   */
  const askAndRun = async (control, action, ask) => {
    const tag = await ask();
    if (tag) await run(control, action, tag);
  };
  const loadAndSelect = async () => {
    await whileBusy(all, () => loadUpTo(SELECTED_MAX));
    if (!element.hidden) selectAll();
  };
  const all = button({ label: "Select all", look: "quiet" }, () => void loadAndSelect());
  const controls = [
    button({ label: "Tag" }, () => void askAndRun(tagButton, "tag", askTag)),
    button({ label: "Untag" }, () => void askAndRun(untagButton, "untag", () => askOwnTag(ids))),
    button({ label: "Export" }, () => void offerExport(ids)),
    button({ label: "Delete", look: "danger" }, () => void run(deleteButton, "delete")),
  ];
  const [tagButton, untagButton, , deleteButton] =
    /** @type {[HTMLButtonElement, HTMLButtonElement, HTMLButtonElement, HTMLButtonElement]} */ (
      controls
    );
  const element = h(
    "section",
    { class: "bulk", "aria-label": "Selection", hidden: true },
    count,
    h("div", { class: "actions" }, all, controls, button({ label: "Done", look: "quiet" }, finish)),
    report,
  );
  return {
    element,
    /** @param {Set<string>} selected */
    show(selected) {
      ids = [...selected];
      count.textContent = describeSelection(ids.length);
      for (const control of controls) control.disabled = ids.length === 0;
    },
    /** @param {boolean} isOpen */
    open(isOpen) {
      element.hidden = !isOpen;
      fill(report);
    },
  };
}

/** @param {number} count */
function describeSelection(count) {
  const { next } = list.value;
  // While all rows are there, what is not selected can be seen.
  const all = next ? countList(list.value) : undefined;
  const of = all === undefined ? "" : ` of ${formatNumber(all)}`;
  return `${formatNumber(count)}${of} selected`;
}

/** @type {Partial<Record<Action, string>>} */
const PAST = { delete: "deleted", restore: "restored", tag: "tagged", untag: "untagged" };

/**
 * Does one action to many prompts, some at a time. What follows a failure is refused with its reason.
 *
 * @param {string[]} ids
 * @param {Action} action
 * @param {string} [tag]
 * @returns {Promise<Report>}
 */
async function changeMany(ids, action, tag) {
  /** @type {Report} */
  const report = { done: [], refused: [] };
  for (let from = 0; from < ids.length; from += BULK_MAX) {
    const names = ids.slice(from, from + BULK_MAX);
    try {
      const { results } = await changePrompts({ action, names, ...(tag && { tag }) });
      for (const [index, { outcome, problem }] of results.entries()) {
        const id = names[index] ?? "";
        if (outcome === "refused")
          report.refused.push({ id, reason: describeError(new Problem(problem ?? {})) });
        else report.done.push(id);
      }
    } catch (error) {
      const reason = describeError(error);
      report.refused.push(...ids.slice(from).map((id) => ({ id, reason })));
      break;
    }
  }
  return report;
}

/** @param {string[]} ids */
async function undoDelete(ids) {
  const { done, refused } = await changeMany(ids, "restore");
  libraryReplaced();
  const failed =
    refused.length > 0 &&
    ` ${formatCount(refused.length, "prompt")} stayed in the trash: ${refused[0]?.reason ?? ""}`;
  showToast(`${formatCount(done.length, "prompt")} restored.${failed || ""}`);
}

/**
 * @param {HTMLElement} element
 * @param {Report["refused"]} refused
 */
function showRefused(element, refused) {
  if (refused.length === 0) {
    fill(element);
    return;
  }
  const titles = new Map(list.value.prompts.map(({ id, title }) => [id, title]));
  const shown = refused.slice(0, REASONS_SHOWN);
  const others = refused.length - shown.length;
  fill(
    element,
    h(
      "div",
      { class: "problem", role: "alert" },
      h("p", {}, `${formatCount(refused.length, "prompt")} could not be changed:`),
      h(
        "ul",
        {},
        shown.map(({ id, reason }) => h("li", {}, `${titles.get(id) ?? id}: ${reason}`)),
        others > 0 && h("li", {}, `and ${formatCount(others, "other")}`),
      ),
    ),
  );
}

/**
 * Offers the prompts as files.
 *
 * @param {string[]} ids
 */
async function offerExport(ids) {
  const query = ids.map((id) => `&prompt=${encodeURIComponent(id)}`).join("");
  await openDialog(`Export ${formatCount(ids.length, "prompt")}`, (close) => [
    ids.length > BULK_MAX
      ? h(
          "p",
          {},
          `At most ${BULK_MAX} prompts go into one file. Select fewer, or export all under Account.`,
        )
      : h(
          "div",
          { class: "actions" },
          EXPORT_FORMATS.map(([label, format]) =>
            h(
              "a",
              { class: "button", href: `/api/export?format=${format}${query}`, download: "" },
              label,
            ),
          ),
        ),
    h(
      "div",
      { class: "actions" },
      button({ label: "Close", look: "quiet" }, () => close()),
    ),
  ]);
}

/** Asks for a tag to add. */
function askTag() {
  const names = h(
    "datalist",
    { id: "known-tags" },
    tags.value.tags.map(({ name }) => h("option", { value: name })),
  );
  const input = h("input", {
    class: "input",
    id: "bulk-tag",
    list: "known-tags",
    autocomplete: "off",
    required: true,
    maxlength: 64,
  });
  return askInDialog(
    "Add a tag",
    "Tag the selection",
    h("div", { class: "field" }, h("label", { for: "bulk-tag" }, "Name of the tag"), input, names),
    () => input.value.trim(),
  );
}

/**
 * Asks which of the prompts' tags goes.
 *
 * @param {string[]} ids
 */
function askOwnTag(ids) {
  const chosen = list.value.prompts.filter(({ id }) => ids.includes(id));
  const own = [...new Set(chosen.flatMap((prompt) => prompt.tags))].sort();
  if (own.length === 0) {
    showToast("The selected prompts have no tags.");
    return Promise.resolve(undefined);
  }
  const select = h(
    "select",
    { class: "input", id: "bulk-tag" },
    own.map((name) => h("option", { value: name }, name)),
  );
  return askInDialog(
    "Remove a tag",
    "Remove the tag",
    h("div", { class: "field" }, h("label", { for: "bulk-tag" }, "Tag"), select),
    () => select.value,
  );
}

/**
 * @param {string} title
 * @param {string} action
 * @param {HTMLElement} field
 * @param {() => string} read
 * @returns {Promise<string | undefined>}
 */
function askInDialog(title, action, field, read) {
  return openDialog(title, (close) => {
    const submit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      if (read()) close(read());
    };
    return [
      h(
        "form",
        { class: "stack", on: { submit } },
        field,
        h(
          "div",
          { class: "actions" },
          h("button", { type: "submit", class: "button button-primary" }, action),
          button({ label: "Cancel" }, () => close()),
        ),
      ),
    ];
  });
}
