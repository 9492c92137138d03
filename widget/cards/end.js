// After the last candidate: what was saved and what was skipped.

import { formatCount } from "../model/words.js";
import { action } from "../parts/actions.js";
import { box, heading } from "../parts/elements.js";
import { openLibrary, openWaiting } from "../ways.js";
import { describeSaved } from "./candidate.js";

/** @import { Entry } from "../model/queue.js" */

/**
 * @param {Entry[]} entries
 * @param {number} earlier How many of the result were handled before it was shown.
 */
export function ending(entries, earlier) {
  const saves = entries.flatMap(({ state, saved }) => (state === "saved" && saved ? saved : []));
  const skips = entries.filter(({ state }) => state === "skipped").length;
  const counts = `${saves.length} saved, ${skips} skipped`;
  const isEmpty = entries.every(({ state }) => state === "read");
  return [
    heading(isEmpty ? "Nothing waits for review" : counts),
    earlier > 0 &&
      box("p.soft", `${formatCount(earlier, "candidate")} of this chat handled before.`),
    box(
      "ul",
      saves.map((saved) => box("li", describeSaved(saved))),
    ),
    box(
      "div.actions",
      action("Library", "small", openLibrary),
      action("Show what waits", "small", openWaiting),
    ),
  ];
}
