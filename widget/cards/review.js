// The review: one candidate at a time, and on a full screen the list beside it.

import { CallError } from "../bridge/call.js";
import { Queue, describeSaves, fieldsOf, requestFor } from "../model/queue.js";
import { findWaiting, loadWhole, save, undo } from "../model/save.js";
import { createActions, button } from "../parts/actions.js";
import { clamped, fill, h, heading, isolated, textBox } from "../parts/text.js";
import { formatDate, formatNumber, listNotes, showHidden } from "../model/words.js";
import { closest, comparison } from "./compare.js";
import { editForm } from "./edit.js";
import { describeSaved, endOf } from "./end.js";

/** @import { App, Card } from "../app.js" */
/** @import { Candidate, Entry, SaveRequest } from "../model/queue.js" */

/** What an entry is called that is settled, and in the list. */
const STATES = {
  waiting: "",
  refused: "Not added",
  saved: "Saved",
  skipped: "Skipped",
  gone: "Handled elsewhere",
  undone: "Taken back",
};

/**
 * @param {App} app
 * @param {Candidate[]} candidates
 * @param {{ isFresh?: boolean, hasMore?: boolean }} [options] `isFresh` for a list that was read just now.
 * @returns {Card}
 */
export function reviewCard(app, candidates, { isFresh = false, hasMore = false } = {}) {
  const { call } = app.bridge;
  const queue = new Queue(candidates);
  const { said, load, button: action } = createActions(app);
  const [list, detail] = [h("ol", { class: "list" }), h("div", { class: "detail stack" })];
  const status = h("div", { class: "status", role: "status" });
  const element = h("section", { class: "review", tabindex: "-1" }, list, detail, status);
  /** Whether the candidates are known to wait: no button is offered before. */
  let isReconciled = isFresh;
  let isDescribed = false;
  /** The last save, which can be taken back. @type {Entry | undefined} */
  let last;

  /** @param {string} [focus] The key of what takes the focus; by default it stays where it is. */
  function draw(focus) {
    const key = focus ?? /** @type {HTMLElement | null} */ (document.activeElement)?.dataset.key;
    const entry = queue.current;
    fill(list, queue.entries.length > 1 && app.isLarge() && queue.entries.map(listItem));
    fill(detail, entry ? shown(entry) : endOf(app, queue, hasMore));
    if (!entry) describe();
    if (focus === "heading") fill(said);
    if (key) focusOn(key);
  }

  /** @param {string} key */
  function focusOn(key) {
    const controls = [...element.querySelectorAll("[data-key]")];
    const control = controls.find((one) => one instanceof HTMLElement && one.dataset.key === key);
    const target = control ?? detail.querySelector("h1");
    if (target instanceof HTMLElement) target.focus();
  }

  /**
   * @param {Entry} entry
   * @param {number} index
   */
  function listItem(entry, index) {
    const go = () => {
      queue.index = index;
      draw("heading");
    };
    const current = index === queue.index && "true";
    const item = button("", "row", go, { "aria-current": current, "data-key": `row-${index}` });
    item.append(isolated(titleOf(entry)), h("span", { class: "soft" }, STATES[entry.state]));
    return h("li", {}, item);
  }

  /** @param {Entry} entry */
  function shown(entry) {
    const { candidate, state } = entry;
    const isOpen = state === "waiting" || state === "refused";
    const step = `${formatNumber(queue.index + 1)} of ${formatNumber(queue.entries.length)}: `;
    const notes = listNotes(candidate);
    const body = h("div", { class: "stack", "data-key": "body" });
    const minor = h("div", { class: "minor" });
    const parts = [
      heading(h("span", { class: "soft" }, step), isolated(titleOf(entry))),
      h("p", { class: "meta" }, badge(entry), expiry(entry)),
      isOpen && candidate.why && h("p", { class: "why", dir: "auto" }, showHidden(candidate.why)),
      isOpen &&
        notes.length > 0 &&
        h(
          "ul",
          { class: "notes" },
          notes.map((note) => h("li", {}, note)),
        ),
      entry.conflict && conflictNote(entry.conflict),
      entry.saved && h("p", {}, "Saved as ", describeSaved(entry.saved), "."),
      body,
      said,
      isReconciled && h("div", { class: "actions" }, mainButtons(entry)),
      minor,
    ];
    if (entry.isEditing) {
      const stop = () => {
        entry.isEditing = false;
        draw("Edit");
      };
      fill(body, editForm(entry, { onInput: () => relabel(entry), onEscape: stop }));
      fill(minor, button("Done editing", "small", stop));
    } else {
      if (isOpen && candidate.suggested) fill(body, contentOf(entry));
      fill(minor, minorButtons(entry, body));
    }
    return parts;
  }

  /** @param {Entry} entry */
  function contentOf(entry) {
    const text = clamped(app, textBox(showHidden(fieldsOf(entry).content)));
    const loadText = async () => {
      await loadWhole(call, entry);
      draw();
    };
    if (entry.candidate.content_cut) void load(text, loadText);
    return text;
  }

  /** @param {Entry} entry */
  function mainButtons(entry) {
    if (entry.state !== "waiting") return [action("Next", "primary", next)];
    const { conflict } = entry;
    const skip = action("Skip", isSkip(entry) ? "primary" : "plain", () => reject(entry));
    if (!conflict) {
      const look = isSkip(entry) ? "plain" : "primary";
      const run = () => finish(entry, requestFor(entry));
      return [action(saveLabel(entry), look, run, { "data-key": "Save" }), skip];
    }
    const { name, version: expected_version } = conflict;
    const over = () => finish(entry, { ...requestFor(entry), name, expected_version });
    const rename = () => {
      const { suggested } = entry.candidate;
      const free = suggested?.action === "save" && suggested.name !== name && suggested.name;
      entry.draft = { ...fieldsOf(entry), name: free || `${name}-2` };
      entry.conflict = undefined;
      edit(entry, "Name");
    };
    return [
      action("Save as new version", "primary", over),
      action("Save under another name", "plain", rename),
    ];
  }

  /**
   * @param {Entry} entry
   * @param {HTMLElement} body
   */
  function minorButtons(entry, body) {
    const { candidate, state, conflict } = entry;
    let isComparing = false;
    const toggle = async () => {
      if (isComparing) fill(body, contentOf(entry));
      else {
        await loadWhole(call, entry);
        fill(body, await comparison(app, entry));
      }
      isComparing = !isComparing;
      compare.setAttribute("aria-expanded", String(isComparing));
    };
    const compare = action("Compare", "small", toggle, { "aria-expanded": "false" });
    const isOpen = isReconciled && state === "waiting";
    const canCompare = isOpen && (conflict ?? closest(candidate));
    if (canCompare && (conflict ?? app.isLarge())) queueMicrotask(() => void load(compare, toggle));
    const back = () => {
      queue.index--;
      draw("heading");
    };
    return [
      isOpen && action("Edit", "small", () => edit(entry, "Title")),
      canCompare && compare,
      isOpen && conflict && action("Skip", "small", () => reject(entry)),
      !isReconciled && queue.entries.length > 1 && button("Next", "small", next),
      queue.index > 0 && button("Back", "small", back),
      !app.bridge.isChat && button("Library", "small", () => void app.openLibrary()),
    ];
  }

  function next() {
    const entry = queue.current;
    if (entry?.state === "refused") entry.isRead = true;
    queue.advance();
    draw("heading");
  }

  /**
   * @param {Entry} entry
   * @param {string} focus
   */
  async function edit(entry, focus) {
    await loadWhole(call, entry);
    entry.isEditing = true;
    draw(focus);
    // The form is there in any case.
    app.bridge.enlarge().catch(() => undefined);
  }

  /** @param {Entry} entry */
  function relabel(entry) {
    const save = element.querySelector('.actions [data-key="Save"]');
    if (save) save.textContent = saveLabel(entry);
  }

  /**
   * @param {Entry} entry
   * @param {SaveRequest} request
   */
  async function finish(entry, request) {
    const outcome = await save(call, entry, request);
    if ("conflict" in outcome) {
      entry.conflict = outcome.conflict;
      entry.isEditing = false;
    } else if ("gone" in outcome) {
      queue.settle(entry, "gone");
      say(`${titleOf(entry)}: saved or skipped elsewhere.`);
    } else {
      last = entry;
      queue.settle(entry, "saved", outcome.saved);
      saySaved(entry);
    }
    draw("heading");
  }

  /** @param {Entry} entry */
  async function reject(entry) {
    const id = entry.candidate.candidate_id ?? "";
    try {
      await call("reject_candidate", { candidate_id: id });
    } catch (error) {
      const isRefused = error instanceof CallError && error.kind === "refused";
      if (!isRefused || (await findWaiting(call, [id])).has(id)) throw error;
    }
    queue.settle(entry, "skipped");
    draw("heading");
  }

  /** @param {string} text */
  const say = (text) => fill(status, h("p", {}, showHidden(text)));

  /** @param {Entry} entry */
  function saySaved(entry) {
    const like = entry.saved?.similar?.[0];
    const takeBack = action("Undo", "small", async () => {
      if (!entry.saved) return;
      await undo(call, entry.saved);
      entry.state = "undone";
      last = undefined;
      isDescribed = false;
      say(`Taken back: ${entry.saved.name}.`);
      draw("heading");
    });
    const text = ["Saved as ", describeSaved(entry.saved), "."];
    const resembles = like && [" It resembles ", isolated(like.name ?? like.title), "."];
    fill(status, h("p", {}, text, resembles ?? []), last === entry && takeBack);
  }

  /** Describes the outcome to the model, once it is complete. Not every chat takes it, and none has to. */
  function describe() {
    const isActed = queue.entries.some(({ state }) => state !== "refused" && state !== "gone");
    if (isDescribed || !isReconciled || !isActed) return;
    isDescribed = true;
    app.bridge.describe(describeSaves(queue)).catch(() => undefined);
  }

  const reconcile = async () => {
    queue.reconcile(await findWaiting(call, queue.ids));
    isReconciled = true;
    draw();
  };

  draw();
  return {
    element,
    start: () => {
      if (!isReconciled) void load(element, reconcile);
    },
    onMode: () => draw(),
  };
}

/** @param {Entry} entry */
const titleOf = (entry) => fieldsOf(entry).title || entry.candidate.title || "Untitled";

/** @param {Entry} entry */
const isSkip = ({ candidate, draft }) => candidate.suggested?.action === "skip" && !draft;

/** @param {Entry} entry */
function saveLabel(entry) {
  const { expected_version: version } = requestFor(entry);
  return version ? `Save as version ${formatNumber(version + 1)}` : "Save";
}

/** @param {Entry} entry */
function badge({ candidate, state }) {
  const { verdict } = candidate;
  const like = closest(candidate);
  if (state !== "waiting") return h("span", { class: "badge" }, STATES[state]);
  if (verdict === "duplicate") return h("span", { class: "badge" }, "Already saved");
  if (verdict !== "variant" || !like) return h("span", { class: "badge" }, "New");
  return h("span", { class: "badge" }, "Variant of ", isolated(like.name ?? like.title));
}

/** @param {Entry} entry */
function expiry({ candidate: { expires_at: time }, state }) {
  return time && state === "waiting" && h("span", {}, `Waits until ${formatDate(time)}`);
}

/** @param {{ name: string, version: number }} current */
function conflictNote({ name, version }) {
  const text = `, at version ${formatNumber(version)}. Nothing was saved. Look at the difference, then choose.`;
  return h("p", { class: "notice" }, "There is a prompt named ", isolated(name), text);
}
