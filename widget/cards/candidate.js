// What is known of a candidate, in words.

import { closest, fieldsOf, requestFor } from "../model/queue.js";
import { formatNumber, sentence, showHidden } from "../model/words.js";
import { box, isolated, said } from "../parts/elements.js";

/** @import { Entry, Saved, State } from "../model/queue.js" */

/** @type {Record<State, string>} */
export const STATES = {
  "": "",
  refused: "Not added",
  read: "Not added",
  saved: "Saved",
  skipped: "Skipped",
  gone: "Settled elsewhere",
  undone: "Taken back",
};

/** What stands before the name of what a candidate resembles. @type {Record<string, string>} */
const RELATIONS = {
  variant: "Variant of ",
  duplicate: "Already saved as ",
  related: "Related to ",
};

/** @param {Entry} entry */
export const titleOf = (entry) => isolated(fieldsOf(entry).title || entry.title || "Untitled");

/** @param {Entry} entry */
export function saveLabel(entry) {
  const { expected_version: version } = requestFor(entry);
  return version ? `Save as version ${version + 1}` : "Save";
}

/** @param {Saved} saved */
export const describeSaved = ({ name, version }) =>
  box("span", box("bdi.name", name), `, version ${version}`);

/** @param {{ name?: string | null, title: string } | undefined} similar */
export const resembles = (similar) => similar && isolated(similar.name ?? similar.title);

/** @param {Entry} entry */
export function facts(entry) {
  const { state, stored, conflict, verdict, why, redactions, problems } = entry;
  const relation = state || conflict ? "" : (RELATIONS[verdict ?? ""] ?? "");
  const word = STATES[state] || (conflict ? "Not saved" : "New");
  const badge = box("span.badge", relation || word, relation && resembles(closest(entry)));
  const notes = [
    ...redactions.map(
      ({ kind, count }) => `${formatNumber(count)} ${kind.replaceAll("_", " ")} replaced.`,
    ),
    ...(conflict
      ? [`A prompt named ${conflict.name} exists, at version ${conflict.version}.`]
      : // What follows is advice for models.
        problems.map((problem) => sentence(problem.replace(/; choose .*/, "")))),
  ].map((note) => box("li", showHidden(note)));
  return [
    box("p.meta", badge),
    stored ? box("p", "Saved as ", describeSaved(stored), ".") : why && said("p", why),
    box("ul.notes", notes),
  ];
}
