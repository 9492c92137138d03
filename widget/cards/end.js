// After the last candidate: what was saved and what was skipped.

import { formatCount } from "../model/words.js";
import { action } from "../parts/actions.js";
import { box, heading } from "../parts/elements.js";
import { openLibrary, openWaiting } from "../ways.js";
import { describeSaved, STATES } from "./candidate.js";

/** @import { Entry } from "../model/queue.js" */

/**
 * @param {Entry[]} entries
 * @param {number} earlier How many of the result were handled before it was shown.
 */
export function ending(entries, earlier) {
  const saves = entries.flatMap(({ stored }) => stored ?? []);
  const counts = /** @type {const} */ (["saved", "skipped", "undone", "gone"]).flatMap(
    (fate, place) => {
      const count = entries.filter(({ state }) => state === fate).length;
      return count || place < 2 ? `${count} ${STATES[fate].toLowerCase()}` : [];
    },
  );
  const isEmpty = entries.every(({ state }) => state === "read");
  return [
    heading(isEmpty ? "Nothing waits for review" : counts.join(", ")),
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
