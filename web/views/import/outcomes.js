// What becomes of the items of a file: what is planned, and what was done.

import { formatSentence } from "../../lib/format.js";

/** @import { ImportReport, ImportedItem } from "../../api/promptdb.js" */
/** @typedef {"created" | "updated" | "unchanged" | "refused" | "waiting"} Outcome */
/** @typedef {Omit<ImportedItem, "outcome"> & { outcome: Outcome }} Item */

/** The outcomes in the order of the page. @type {Record<Outcome, { label: string, badge: string }>} */
export const OUTCOMES = {
  created: { label: "Created", badge: "badge" },
  updated: { label: "Updated", badge: "badge" },
  unchanged: { label: "Unchanged", badge: "tag" },
  refused: { label: "Refused", badge: "badge badge-danger" },
  waiting: { label: "Not imported", badge: "badge badge-warning" },
};

/** What a dry run says of writes, which are still to come. @type {Partial<Record<Outcome, string>>} */
const PLANNED = { created: "New", updated: "Changed" };

/**
 * @param {Outcome} outcome
 * @param {boolean} isDone Whether the items are imported.
 */
export function labelOf(outcome, isDone) {
  const planned = isDone ? undefined : PLANNED[outcome];
  return planned ?? OUTCOMES[outcome].label;
}

/**
 * Why an item was refused, as a sentence. The server names the field at fault before a colon.
 *
 * @param {string} reason
 */
export function sentenceOf(reason) {
  return formatSentence(reason.replace(/^([a-z_]+): /, "$1 "));
}

/**
 * The items as a dry run reports them.
 *
 * @param {ImportReport} report
 */
export function plannedItems(report) {
  return /** @type {Item[]} */ (report.items);
}

/**
 * The items after the import. What an earlier request of the same import has written is unchanged for
 * the last one.
 *
 * @param {Item[]} plan
 * @param {ImportReport} report
 * @returns {Item[]}
 */
export function importedItems(plan, report) {
  const done = plannedItems(report);
  return plan.map((planned, index) => {
    const item = done[index] ?? { ...planned, outcome: "waiting" };
    return item.outcome === "unchanged" ? { ...item, outcome: planned.outcome } : item;
  });
}

/**
 * The items after an import that was stopped, by another dry run: what it would still write is not
 * there yet.
 *
 * @param {Item[]} plan
 * @param {ImportReport} report
 * @returns {Item[]}
 */
export function stoppedItems(plan, report) {
  const left = plannedItems(report);
  return plan.map((planned, index) =>
    isWrite(left[index] ?? planned) ? { ...planned, outcome: "waiting" } : planned,
  );
}

/**
 * Whether something is written for an item.
 *
 * @param {Item} item
 */
export function isWrite({ outcome }) {
  return outcome === "created" || outcome === "updated";
}

/**
 * The outcomes that some of the items have.
 *
 * @param {Item[]} items
 */
export function listOutcomes(items) {
  const names = /** @type {Outcome[]} */ (Object.keys(OUTCOMES));
  return names.filter((name) => items.some(({ outcome }) => outcome === name));
}

/**
 * The names of the prompts that an import created, or changed.
 *
 * @param {Item[]} items
 * @param {"created" | "updated"} wanted
 */
export function namesOf(items, wanted) {
  return items
    .filter(({ kind, outcome }) => kind === "prompt" && outcome === wanted)
    .flatMap(({ name }) => name ?? []);
}
