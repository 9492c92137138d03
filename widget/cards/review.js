// The review: one candidate at a time, and on a full screen the list beside it.

import { call, describe, isChat } from "../bridge.js";
import { failure } from "../bridge/call.js";
import { enlarge, isLarge } from "../frame.js";
import {
  closest,
  describeSaves,
  emptyField,
  entryOf,
  fieldsOf,
  nextOpen,
  refresh,
  requestFor,
} from "../model/queue.js";
import { findWaiting, isWaiting, loadWhole, save, undo } from "../model/save.js";
import { showHidden } from "../model/words.js";
import { action, alerts, load, say } from "../parts/actions.js";
import { box, button, clamped, fill, h, heading } from "../parts/elements.js";
import { openLibrary, show } from "../ways.js";
import { describeSaved, facts, resembles, saveLabel, STATES, titleOf } from "./candidate.js";
import { comparison } from "./compare.js";
import { editForm } from "./edit.js";
import { ending } from "./end.js";

/** @import { Candidate } from "../bridge/call.js" */
/** @import { Entry, SaveRequest, State } from "../model/queue.js" */

/**
 * @param {Candidate[]} candidates
 * @param {boolean} [isFresh] Whether they were read just now, and are not as old as the chat.
 */
export function showReview(candidates, isFresh = false) {
  let entries = candidates.map(entryOf);
  let index = 0;
  /** What is shown of the candidate. @type {"" | "edit" | "compare"} */
  let mode = "";
  /** What is said of the last save, with its Undo. @type {HTMLElement | undefined} */
  let last;
  /** Whether the entries are known to wait: nothing can be done with them before. */
  let isKnown = isFresh;
  /** How many were handled before the result was shown. */
  let earlier = 0;
  let described = "";
  const [list, detail] = [box("ol.list"), box("div.stack")];
  const card = h("section", { class: "review", tabindex: -1 }, list, detail);

  /** @param {string} [focus] The name of the control that takes the focus; empty for the heading. */
  function draw(focus) {
    const entry = entries[index];
    fill(detail, entry ? shown(entry) : ending(entries, earlier));
    drawList();
    if (!entry) describeToModel();
    if (focus === undefined) return;
    // The way to read again what waits stays until that succeeds.
    if (isKnown) fill(alerts);
    /** @type {HTMLElement | null} */
    const target = detail.querySelector(focus ? `[name="${focus}"]` : "h1");
    target?.focus();
  }

  function drawList() {
    const items = entries.map((entry, place) => {
      const item = button("", "row", () => go(place));
      item.ariaCurrent = String(place === index);
      item.append(titleOf(entry), box("span.soft", STATES[entry.state]));
      return box("li", item);
    });
    fill(list, isLarge() && items.length > 1 && items);
  }

  /** @param {number} place Behind the last one is the end. */
  function go(place) {
    select(place);
    draw("");
  }

  /** @param {number} place */
  function select(place) {
    index = place < 0 ? entries.length : place;
    const entry = entries[index];
    mode = isKnown && entry && isLarge() && closest(entry) ? "compare" : "";
  }

  /** @param {Entry} entry */
  function shown(entry) {
    const step = `${index + 1} of ${entries.length}: `;
    const body = box("div");
    if (!entry.state) showBody(entry, body);
    return [
      heading(box("span", step), titleOf(entry)),
      ...facts(entry),
      body,
      box(
        "div.actions",
        isKnown && !entry.state
          ? choices(entry)
          : (isKnown || entries[1]) && button("Next", "plain", next),
        mode === "edit" && button("Done", "small", stop),
        mode !== "edit" && index > 0 && button("Back", "small", () => go(index - 1)),
        !isChat && action("Library", "small", openLibrary),
      ),
    ];
  }

  /**
   * @param {Entry} entry
   * @param {HTMLElement} body
   */
  function showBody(entry, body) {
    const relabel = () => {
      const control = detail.querySelector('[name="Save"]');
      if (control) fill(control, saveLabel(entry));
    };
    const show = () => {
      const { content } = fieldsOf(entry);
      fill(body, mode ? editForm(entry, relabel, stop) : clamped(box("pre", showHidden(content))));
    };
    const isCompared = mode === "compare";
    if (!isCompared) show();
    if (isKnown && (isCompared || entry.content_cut))
      void load(body, async () => {
        await loadWhole(entry);
        if (isCompared) fill(body, await comparison(entry));
        else show();
      });
  }

  /** @param {Entry} entry */
  function choices(entry) {
    const { conflict, suggested } = entry;
    const isSkipped = suggested.action === "skip";
    const saving = action(saveLabel(entry), isSkipped ? "plain" : "primary", () =>
      finish(entry, requestFor(entry)),
    );
    saving.name = "Save";
    const compare = action("Compare", "small", () => {
      mode = mode ? "" : "compare";
      draw("Compare");
    });
    compare.ariaPressed = String(mode === "compare");
    return box(
      "div.actions",
      conflict ? waysOut(entry, conflict) : saving,
      action("Skip", conflict ? "small" : isSkipped ? "primary" : "plain", () => reject(entry)),
      mode !== "edit" && [
        action("Edit", "small", () => edit(entry, "title")),
        (conflict ?? closest(entry)) && compare,
      ],
    );
  }

  /**
   * @param {Entry} entry
   * @param {NonNullable<Entry["conflict"]>} current
   */
  function waysOut(entry, { name, version }) {
    const replace = { name, expected_version: version };
    const rename = () => {
      const { suggested, draft } = entry;
      const free = suggested.name === name ? `${name}-2` : suggested.name;
      entry.draft = { ...draft, name: free };
      entry.conflict = undefined;
      return edit(entry, "name");
    };
    return box(
      "div.actions",
      action("Save as new version", "primary", () =>
        finish(entry, { ...requestFor(entry), ...replace }),
      ),
      action("Save under another name", "plain", rename),
    );
  }

  function stop() {
    mode = "";
    draw("Edit");
  }

  function next() {
    const entry = entries[index];
    if (entry?.state === "refused") entry.state = "read";
    go(nextOpen(entries, index));
  }

  /**
   * @param {Entry} entry
   * @param {string} focus
   */
  async function edit(entry, focus) {
    await loadWhole(entry);
    mode = "edit";
    draw(focus);
    enlarge();
  }

  /**
   * @param {Entry} entry
   * @param {SaveRequest} request
   */
  async function finish(entry, request) {
    const empty = emptyField(entry);
    if (empty) {
      await edit(entry, empty);
      throw failure("refused", `The ${empty} is empty.`);
    }
    const outcome = await save(entry, request);
    if (outcome === "conflict") {
      mode = "compare";
      draw("");
    } else if (outcome === "gone") {
      settle(entry, "gone");
      say(box("p", titleOf(entry), " was saved or skipped elsewhere."), last);
    } else {
      entry.stored = outcome;
      settle(entry, "saved");
      const like = resembles(outcome.similar?.[0]);
      last = box(
        "p",
        "Saved as ",
        describeSaved(outcome),
        like ? ". It resembles " : "",
        like,
        ". ",
        action("Undo", "small", () => takeBack(entry, outcome)),
      );
      say(last);
    }
  }

  /**
   * @param {Entry} entry
   * @param {import("../model/queue.js").Saved} saved
   */
  async function takeBack(entry, saved) {
    await undo(saved);
    entry.state = "undone";
    entry.stored = undefined;
    last = undefined;
    say(box("p", "Taken back: ", describeSaved(saved), "."));
    draw("");
  }

  /** @param {Entry} entry */
  async function reject(entry) {
    /** @type {State} */
    let state = "skipped";
    try {
      await call("reject_candidate", { candidate_id: entry.candidate_id });
    } catch (error) {
      // A skip that arrived and was not answered is done.
      const { kind } = /** @type {import("../bridge/call.js").CallError} */ (error);
      if (kind !== "refused" || (await isWaiting(entry))) throw error;
      // A save that had no answer may have arrived as well.
      if (entry.lost) state = "gone";
    }
    settle(entry, state);
    if (!last) say();
  }

  /**
   * @param {Entry} entry
   * @param {State} state
   */
  function settle(entry, state) {
    Object.assign(entry, { state, draft: undefined, conflict: undefined });
    go(nextOpen(entries, index));
  }

  /** Describes the outcome to the model, once it is complete, and again only after an undo. */
  function describeToModel() {
    const text = describeSaves(entries);
    const isNews = entries.some(({ state }) => state && state !== "read") && text !== described;
    if (isNews) describe((described = text));
  }

  select(0);
  draw();
  show(card, isFresh, drawList);
  if (isKnown) return;
  void load(card, async () => {
    const ids = entries.flatMap(({ candidate_id: id }) => id || []);
    const waiting = await findWaiting(ids);
    earlier = entries.length;
    entries = entries.filter(({ candidate_id: id }) => !id || waiting.has(id));
    earlier -= entries.length;
    for (const entry of entries) refresh(entry, waiting.get(entry.candidate_id));
    isKnown = true;
    select(0);
    draw();
  });
}
