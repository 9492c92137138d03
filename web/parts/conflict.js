// Two versions of one prompt: what is here, what was saved meanwhile, and what both began with.

import { h } from "../lib/h.js";
import { formatAge } from "../lib/format.js";
import { button } from "./button.js";
import { changeList } from "./changes.js";
import { diffView } from "./diff.js";
import { viewHeading } from "./heading.js";
import { savedBy } from "./saved-by.js";

/** @import { Prompt } from "../api/promptdb.js" */
/** @import { Base } from "../state/drafts.js" */

/**
 * @typedef {object} Conflict
 * @property {Omit<Base, "id" | "version">} mine
 * @property {Prompt} theirs
 * @property {Base} base
 * @property {() => Promise<unknown>} saveMine
 * @property {() => void} takeTheirs
 * @property {() => void} goOn Back to the form, without a choice.
 */

/**
 * @param {Conflict} conflict
 */
export function conflictView({ mine, theirs, base, saveMine, takeTheirs, goOn }) {
  const save = button({ label: "Save mine", look: "primary" }, (event) => choose(event, saveMine));
  const take = button({ label: "Take theirs" }, (event) => choose(event, takeTheirs));
  const edit = button({ label: "Go on editing", look: "quiet" }, (event) => choose(event, goOn));
  let isChosen = false;
  /**
   * Each choice leads away from here, so that there is one only. The second click of a double click
   * meant what stood here before.
   *
   * @param {MouseEvent} event
   * @param {() => unknown} act
   */
  const choose = ({ detail: clicks }, act) => {
    if (isChosen || clicks > 1) return;
    isChosen = true;
    for (const one of [save, take, edit]) one.setAttribute("aria-disabled", "true");
    void act();
  };
  const next = theirs.version + 1;
  return h(
    "section",
    { class: "conflict stack" },
    viewHeading(`“${base.title}” was saved meanwhile`),
    h(
      "p",
      {},
      `You began with version ${base.version}. Version ${theirs.version} was saved `,
      formatAge(theirs.updated_at),
      savedBy(theirs.source),
      ". Both texts are kept while you choose.",
    ),
    h(
      "div",
      { class: "conflict-columns" },
      column("Mine", `Would become version ${next}`, changesOf(base, mine, "Changes of mine")),
      column("Theirs", `Version ${theirs.version}`, changesOf(base, theirs, "Changes of theirs")),
      column("Base", `Version ${base.version}, which both began with`, [
        h("pre", { class: "content-box conflict-base", tabindex: "0", dir: "auto" }, base.content),
      ]),
    ),
    h(
      "div",
      { class: "actions form-actions" },
      save,
      take,
      edit,
      h(
        "p",
        { class: "hint" },
        `Save mine adds version ${next}; version ${theirs.version} stays in the history.`,
      ),
    ),
  );
}

/**
 * @param {string} title
 * @param {string} hint
 * @param {(Node | null)[]} children
 */
function column(title, hint, children) {
  return h(
    "section",
    { class: "conflict-column stack", "aria-label": title },
    h("header", {}, h("h2", {}, title), h("p", { class: "hint" }, hint)),
    ...children,
  );
}

/**
 * @param {Base} base
 * @param {Omit<Base, "id" | "version">} other
 * @param {string} label
 */
function changesOf(base, other, label) {
  return [changeList(base, other), diffView(base.content, other.content, label)];
}
