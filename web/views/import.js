// Importing a file: choose it, see what would happen, let it happen, and take it back.

import { promptAddress } from "../lib/addresses.js";
import { fill, h } from "../lib/h.js";
import { formatCount, formatNumber, formatSentence } from "../lib/format.js";
import { navigate } from "../lib/router.js";
import { pollWhileShown } from "../lib/poll.js";
import { TAKEN, UnreadableFile, readUpload } from "../lib/upload.js";
import { getMe } from "../api/promptdb.js";
import { isAbort, Problem } from "../api/problem.js";
import { button, buttonLink, whileBusy } from "../parts/button.js";
import { skeleton, viewHeading } from "../parts/heading.js";
import { icon } from "../parts/icon.js";
import { problemBox } from "../parts/problem.js";
import { showToast } from "../parts/toast.js";
import { refreshList } from "../state/library.js";
import { refreshSession } from "../state/session.js";
import { importedItems, isWrite, namesOf, plannedItems, stoppedItems } from "./import/outcomes.js";
import { deleteAll, planImport, planRest, runImport } from "./import/run.js";
import { itemTable } from "./import/table.js";

/** @import { Child } from "../lib/h.js" */
/** @import { View } from "../lib/view.js" */
/** @import { Upload } from "../lib/upload.js" */
/** @import { ImportReport } from "../api/promptdb.js" */
/** @import { Item } from "./import/outcomes.js" */

/** Changed prompts that are named after an undo; the others are counted. */
const HISTORIES_SHOWN = 5;

/** The screen of an import that goes on, or has ended, while another screen is shown. @type {HTMLElement | undefined} */
let kept;
let isRunning = false;

/** @returns {View} */
export function openImport() {
  const element = kept ?? makeScreen();
  if (!isRunning) kept = undefined;
  return { title: "Import", element, update: () => true };
}

function makeScreen() {
  const stage = h("div", { class: "stack" });
  const element = h(
    "div",
    { class: "stack narrow" },
    viewHeading("Import"),
    h("p", {}, "Bring the prompts that you have. Nothing that is in your library is removed."),
    stage,
  );
  // A file that misses the area would otherwise replace the page.
  for (const type of ["dragover", "drop"]) {
    element.addEventListener(type, (event) => event.preventDefault());
  }
  element.addEventListener("drop", (/** @type {DragEvent} */ event) => {
    const file = event.dataTransfer?.files[0];
    if (file && !isRunning) void checkFile(element, stage, file);
  });
  offerChoice(element, stage, "Choose file");
  return element;
}

/**
 * @param {HTMLElement} screen
 * @param {HTMLElement} stage
 * @param {string} label
 * @param {...Child} before What stands above the choice.
 */
function offerChoice(screen, stage, label, ...before) {
  fill(
    stage,
    ...before,
    h(
      "div",
      { class: "drop-area" },
      icon("upload"),
      h("p", {}, "Drop a file here, or choose one."),
      chooser(screen, stage, label),
    ),
    h("p", { class: "hint" }, TAKEN, " At most 16 MB."),
  );
}

/**
 * @param {HTMLElement} screen
 * @param {HTMLElement} stage
 * @param {string} label
 */
function chooser(screen, stage, label) {
  const input = h("input", {
    type: "file",
    accept: ".json,.jsonl,.ndjson,.csv,.tsv,.yaml,.yml,.zip,.md,.markdown,.mdc,.txt",
    on: {
      change: () => {
        const file = input.files?.[0];
        if (file) void checkFile(screen, stage, file);
      },
    },
  });
  return h("label", { class: "button file-button" }, label, input);
}

/** Ends the check of the file before. */
let checking = new AbortController();

/**
 * Shows what an import of a file would do, in place of any other file that is being checked.
 *
 * @param {HTMLElement} screen
 * @param {HTMLElement} stage
 * @param {File} file
 */
async function checkFile(screen, stage, file) {
  checking.abort();
  checking = new AbortController();
  const { signal } = checking;
  fill(stage, h("p", { role: "status" }, `Reading ${file.name}`), skeleton(3));
  try {
    const upload = await readUpload(file);
    const report = await planImport(upload, signal);
    if (!signal.aborted) showPlan(screen, stage, upload, report);
  } catch (error) {
    if (signal.aborted) return;
    const isTemporary = error instanceof Problem && error.isTemporary;
    const box =
      error instanceof UnreadableFile
        ? h("div", { class: "problem", role: "alert" }, h("p", {}, error.message))
        : // What the server cannot read stays so.
          problemBox(error, isTemporary ? () => void checkFile(screen, stage, file) : undefined);
    const heading = h("h2", { tabindex: "-1" }, file.name);
    offerChoice(screen, stage, "Choose another file", heading, box);
    heading.focus();
  }
}

/**
 * @param {HTMLElement} screen
 * @param {HTMLElement} stage
 * @param {Upload} upload
 * @param {ImportReport} report
 */
function showPlan(screen, stage, upload, report) {
  const plan = plannedItems(report);
  const writes = plan.filter(isWrite).length;
  const start = button({ label: "Import", look: "primary" }, () => {
    void whileBusy(start, () => carryOut(screen, stage, upload, plan));
  });
  const heading = h("h2", { tabindex: "-1" }, upload.name);
  fill(
    stage,
    heading,
    h(
      "p",
      { role: "status" },
      writes > 0
        ? `${formatCount(writes, "item")} of ${formatNumber(plan.length)} would change the library.`
        : "There is nothing to import: see below.",
    ),
    ...fileNotices(report),
    h(
      "div",
      { class: "actions" },
      writes > 0 && start,
      chooser(screen, stage, "Choose another file"),
    ),
    itemTable(plan, false),
  );
  heading.focus();
}

/**
 * Where the file could not be read, and what was passed over in it.
 *
 * @param {ImportReport} report
 */
function fileNotices({ broken, notes = [] }) {
  const text = broken && `The file could not be read to its end: ${broken.at}: ${broken.reason}.`;
  return [
    text && h("div", { class: "notice notice-warning" }, h("p", {}, text)),
    ...notes.map((note) => h("div", { class: "notice" }, h("p", {}, formatSentence(note)))),
  ];
}

/** Asks before the page is left. The browser has its own words. */
const askToStay = (/** @type {BeforeUnloadEvent} */ event) => event.preventDefault();

/**
 * Imports the file, and shows how far it is.
 *
 * @param {HTMLElement} screen
 * @param {HTMLElement} stage
 * @param {Upload} upload
 * @param {Item[]} plan
 */
async function carryOut(screen, stage, upload, plan) {
  kept = screen;
  isRunning = true;
  window.addEventListener("beforeunload", askToStay);
  const stopping = new AbortController();
  const stop = button({ label: "Stop" }, () => stopping.abort());
  /** @type {(() => void) | undefined} */
  let endProgress;
  try {
    const before = await getMe();
    const progress = progressOf(plan, before.use.prompts);
    endProgress = progress.end;
    fill(stage, h("h2", {}, upload.name), progress.element, h("div", { class: "actions" }, stop));
    stop.focus();
    const report = await runImport(upload, plan.length, stopping.signal);
    await showReport(screen, stage, upload, plan, importedItems(plan, report), report);
  } catch (error) {
    const isStopped = isAbort(error);
    const again = () => void carryOut(screen, stage, upload, plan);
    const box = isStopped ? h("p", { role: "status" }, "Stopping") : problemBox(error, again);
    showBox(stage, upload, box);
    if (isStopped) await showRest(screen, stage, upload, plan);
  } finally {
    endProgress?.();
    isRunning = false;
    window.removeEventListener("beforeunload", askToStay);
    if (screen.isConnected) kept = undefined;
    else showToast("The import has ended.", { label: "Show", run: () => navigate("/app/import") });
  }
}

/**
 * Shows a message alone, in place of what had the focus.
 *
 * @param {HTMLElement} stage
 * @param {Upload} upload
 * @param {HTMLElement} box
 */
function showBox(stage, upload, box) {
  const heading = h("h2", { tabindex: "-1" }, upload.name);
  fill(stage, heading, box);
  if (stage.isConnected) heading.focus();
}

/**
 * The bar of an import. It follows the number of prompts in the library, which the import raises.
 *
 * @param {Item[]} plan
 * @param {number} before
 */
function progressOf(plan, before) {
  const max = plan.filter(({ kind, outcome }) => kind === "prompt" && outcome === "created").length;
  const bar = h("progress", { "aria-label": "Import", max: max || null });
  const text = h("p", { role: "status" }, `Importing ${formatCount(plan.length, "item")}`);
  const element = h("div", { class: "stack" }, text, bar);
  const look = async () => {
    const done = Math.min((await getMe()).use.prompts - before, max);
    if (done <= 0) return;
    bar.value = done;
    text.textContent = `${formatNumber(done)} of ${formatCount(max, "new prompt")} imported`;
  };
  // The import goes on while another screen is shown.
  return { element, end: pollWhileShown(element, look, { isKept: true }) };
}

/**
 * Shows what an import that was stopped has done.
 *
 * @param {HTMLElement} screen
 * @param {HTMLElement} stage
 * @param {Upload} upload
 * @param {Item[]} plan
 */
async function showRest(screen, stage, upload, plan) {
  try {
    const rest = await planRest(upload);
    await showReport(screen, stage, upload, plan, stoppedItems(plan, rest));
  } catch (error) {
    const again = () => void showRest(screen, stage, upload, plan);
    showBox(stage, upload, problemBox(error, again));
  }
}

/**
 * @param {HTMLElement} screen
 * @param {HTMLElement} stage
 * @param {Upload} upload
 * @param {Item[]} plan
 * @param {Item[]} items
 * @param {ImportReport} [report] Absent if the import was stopped.
 */
async function showReport(screen, stage, upload, plan, items, report) {
  refreshList(0);
  await refreshSession().catch(() => undefined);
  const created = namesOf(items, "created");
  const writes = items.filter(isWrite).length;
  const isLeft = items.some(({ outcome }) => outcome === "waiting");
  const goOn = button({ label: "Import the rest" }, () => {
    void whileBusy(goOn, () => carryOut(screen, stage, upload, plan));
  });
  const text = `${report ? "Imported" : "Stopped"}: ${formatNumber(writes)} of ${formatCount(items.length, "item")} changed the library.`;
  const heading = h("h2", { tabindex: "-1" }, upload.name);
  fill(
    stage,
    heading,
    h("p", { role: "status" }, text),
    ...(report ? fileNotices(report) : []),
    h(
      "div",
      { class: "actions" },
      buttonLink({ label: "Open the library", look: "primary" }, "/app"),
      created.length > 0 && undoButton(screen, stage, created, namesOf(items, "updated")),
      isLeft && goOn,
      chooser(screen, stage, "Choose another file"),
    ),
    itemTable(items, true),
  );
  if (stage.isConnected) heading.focus();
}

/**
 * @param {HTMLElement} screen
 * @param {HTMLElement} stage
 * @param {string[]} names Of the prompts that were created.
 * @param {string[]} updated Names of those that stay as the import left them.
 */
function undoButton(screen, stage, names, updated) {
  const count = names.length;
  const undo = button({ label: "Undo" }, () => void run());
  const place = h("div");
  const run = async () => {
    fill(place);
    stage.prepend(place);
    try {
      const refused = await whileBusy(undo, () => deleteAll(names));
      if (refused === undefined) return;
      refreshList(0);
      offerChoice(screen, stage, "Choose file", undoneNotice(count - refused, refused, updated));
      screen.querySelector("h1")?.focus();
      await refreshSession();
    } catch (error) {
      fill(
        place,
        problemBox(error, () => void run()),
      );
    }
  };
  return undo;
}

/**
 * @param {number} deleted
 * @param {number} refused
 * @param {string[]} updated
 */
function undoneNotice(deleted, refused, updated) {
  const left = refused > 0 ? ` ${formatCount(refused, "prompt")} could not be deleted.` : "";
  return h(
    "div",
    { class: "notice", role: "status" },
    h(
      "p",
      {},
      `Deleted ${formatCount(deleted, "prompt")} that the import had created.${left} The `,
      h("a", { href: "/app/trash" }, "trash"),
      " has what was deleted.",
    ),
    updated.length > 0 && updatedNote(updated),
  );
}

/** @param {string[]} names */
function updatedNote(names) {
  const shown = names
    .slice(0, HISTORIES_SHOWN)
    .flatMap((name, index) => [
      index > 0 && ", ",
      h("a", { href: `${promptAddress(name)}/history` }, `History of ${name}`),
    ]);
  const others = names.length - HISTORIES_SHOWN;
  return h(
    "p",
    {},
    `The changes of ${formatCount(names.length, "prompt")} stay. The versions before can be restored: `,
    ...shown,
    others > 0 && ` and under History of ${formatCount(others, "other")}`,
    ".",
  );
}
