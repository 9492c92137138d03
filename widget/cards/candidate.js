// What is known of a candidate, in words.

import { closest, fieldsOf, requestFor } from "../model/queue.js";
import { formatDate, formatNumber, sentence, showHidden } from "../model/words.js";
import { box, isolated, said } from "../parts/elements.js";

/** @import { Entry, Saved, State } from "../model/queue.js" */

/** @type {Record<State, string>} */
export const STATES = {
  "": "",
  refused: "Not added",
  read: "Not added",
  saved: "Saved",
  skipped: "Skipped",
  gone: "Saved or skipped elsewhere",
  undone: "Taken back",
};

/** @param {Entry} entry */
export const titleOf = (entry) => fieldsOf(entry).title || entry.candidate.title || "Untitled";

/** @param {Entry} entry */
export function saveLabel(entry) {
  const { expected_version: version } = requestFor(entry);
  return version ? `Save as version ${formatNumber(version + 1)}` : "Save";
}

/** @param {Saved} saved */
export const describeSaved = ({ name, version = 1 }) =>
  box("span", box("bdi.name", name), `, version ${formatNumber(version)}`);

/** @param {Entry} entry */
export function facts(entry) {
  const { state, saved, conflict, candidate } = entry;
  const { verdict, why, redactions, problems, expires_at: time } = candidate;
  const like = verdict === "variant" && closest(entry);
  const badge = like
    ? ["Variant of ", isolated(like.name ?? like.title)]
    : [STATES[state] || (verdict === "duplicate" ? "Already saved" : "New")];
  const notes = redactions
    .map(({ kind, count }) => `${formatNumber(count)} ${kind.replaceAll("_", " ")} replaced.`)
    .concat(problems.map(sentence));
  if (conflict) {
    const { name, version } = conflict;
    notes.unshift(
      `${name} is at version ${formatNumber(version)}, which this was not compared with. Nothing was saved.`,
    );
  }
  return [
    box(
      "p.meta",
      box("span.badge", state ? STATES[state] : badge),
      !state && time && `Waits until ${formatDate(time)}`,
    ),
    saved ? box("p", "Saved as ", describeSaved(saved), ".") : why && said("p", why),
    notes.length > 0 &&
      box(
        "ul.notes",
        notes.map((note) => box("li", showHidden(note))),
      ),
  ];
}
