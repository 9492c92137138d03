// After the last candidate: what was saved and what was skipped.

import { formatCount, formatNumber } from "../model/words.js";
import { h, heading } from "../parts/text.js";
import { button } from "../parts/actions.js";

/** @import { App } from "../app.js" */
/** @import { Queue, Saved } from "../model/queue.js" */

/**
 * @param {App} app
 * @param {Queue} queue
 * @param {boolean} hasMore Whether more waits than was loaded.
 */
export function endOf(app, queue, hasMore) {
  const saved = queue.withState("saved");
  const skipped = queue.withState("skipped").length;
  const isEmpty = saved.length + skipped + queue.withState("undone").length === 0;
  const counts = [`${formatNumber(saved.length)} saved`, `${formatNumber(skipped)} skipped`];
  return [
    heading(isEmpty ? "Nothing waits for review" : counts.join(", ")),
    queue.earlier > 0 &&
      h("p", {}, `${formatCount(queue.earlier, "candidate")} of this chat handled before.`),
    isEmpty &&
      !hasMore &&
      h("p", { class: "soft" }, "In any chat, say: review this session for prompts."),
    saved.length > 0 &&
      h(
        "ul",
        { class: "plain-list" },
        saved.map((entry) => h("li", {}, describeSaved(entry.saved))),
      ),
    h(
      "div",
      { class: "minor" },
      hasMore && button("Show what waits", "small", () => void app.openWaiting()),
      button("Library", "small", () => void app.openLibrary()),
    ),
  ];
}

/** @param {Saved | undefined} saved */
export function describeSaved(saved) {
  const version = saved?.version ? `, version ${formatNumber(saved.version)}` : "";
  return h("span", {}, h("bdi", { class: "name" }, saved?.name ?? ""), version);
}
