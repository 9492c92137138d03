// One candidate of the review.

import { candidateAddress, promptAddress } from "../lib/addresses.js";
import { fill, h } from "../lib/h.js";
import { formatAge, formatMoment, formatSentence } from "../lib/format.js";
import { navigate } from "../lib/router.js";
import { Problem, isMissing } from "../api/problem.js";
import { acceptCandidate, getPrompt } from "../api/promptdb.js";
import { button, whileBusy } from "../parts/button.js";
import { redactionNotes, verdictBadge } from "../parts/candidate.js";
import { changeList } from "../parts/changes.js";
import { diffView } from "../parts/diff.js";
import { viewHeading } from "../parts/heading.js";
import { icon } from "../parts/icon.js";
import { describeError, problemBox } from "../parts/problem.js";
import { promptForm } from "../parts/prompt-form.js";
import { showToast } from "../parts/toast.js";
import { openDraft } from "../state/drafts.js";
import { fieldsOf, requestOf } from "../state/fields.js";
import {
  refreshCandidate,
  removeCandidate,
  sendSkip,
  skipCandidate,
  undoSkip,
} from "../state/review.js";
import { libraryChanged } from "../state/library.js";
import { rememberSave } from "../state/saved.js";
import { refreshSession } from "../state/session.js";

/** @import { Prompt } from "../api/promptdb.js" */
/** @import { Candidate } from "../state/review.js" */
/** @import { Place } from "../lib/router.js" */
/** @import { View } from "../lib/view.js" */
/** @import { PromptFields } from "../state/fields.js" */

/** Lines of a content that are shown at first. */
const SHOWN_LINES = 8;

/**
 * @param {Candidate} first
 * @param {Place} place
 * @returns {Promise<View>}
 */
export async function candidateView(first, { signal }) {
  let candidate = first;
  const slot = await openDraft(first.id);
  /** @type {ReturnType<typeof promptForm> | undefined} */
  let form;
  /** What was sent and had no answer. @type {{ name: string, content: string } | undefined} */
  let unanswered;
  const message = h("div", {});
  const body = h("div", { class: "stack" });
  const element = h(
    "article",
    { class: "candidate" },
    h("a", { class: "back back-link", href: "/app/review" }, icon("back"), "All candidates"),
  );

  const leave = (/** @type {Candidate | undefined} */ next) => {
    if (signal.aborted) return;
    navigate(next ? candidateAddress(next.id) : "/app/review", {
      replace: true,
    });
  };
  const skip = () => {
    const { id, title } = candidate;
    const next = skipCandidate(candidate);
    leave(next);
    const send = () => {
      sendSkip(id).catch((/** @type {unknown} */ error) => {
        showToast(`“${title}” waits again: ${describeError(error)}`);
      });
    };
    const undo = () => {
      undoSkip(id);
      navigate(candidateAddress(id));
    };
    showToast(`“${title}” skipped.`, { label: "Undo", run: undo, expire: send });
  };
  const accept = async () => {
    fill(message);
    const fields = form?.read();
    const request = requestFor(candidate, fields);
    const sent = {
      name: request.name ?? candidate.suggested.name,
      content: request.content ?? candidate.suggested.content,
    };
    try {
      finish(await acceptCandidate(candidate.id, request));
    } catch (error) {
      await explain(error, sent);
    }
  };
  const finish = (/** @type {Prompt & { notes: string[] }} */ saved) => {
    slot.remove();
    const next = removeCandidate(candidate.id);
    rememberSave(saved);
    libraryChanged(saved);
    showToast(`“${saved.title}” saved as version ${saved.version}.`, {
      label: "Open",
      run: () => navigate(promptAddress(saved)),
    });
    leave(next);
  };
  /**
   * @param {unknown} error
   * @param {{ name: string, content: string }} sent
   */
  const explain = async (error, sent) => {
    const { status = 0, type = "", isTemporary = false } = error instanceof Problem ? error : {};
    if (isTemporary) unanswered = sent;
    if (isMissing(error)) {
      await explainGone();
    } else if (signal.aborted) {
      showToast(`“${candidate.title}” was not accepted: ${describeError(error)}`, {
        label: "Open",
        run: () => navigate(candidateAddress(candidate.id)),
      });
    } else if (type === "name-taken") {
      edit();
      form?.showErrors(error);
    } else if (type === "version-conflict" || status === 412) {
      await update(
        `The prompt was changed meanwhile. Look at the difference before you save over it.`,
      );
      await compare();
    } else if (!form?.showErrors(error)) {
      fill(
        message,
        problemBox(error, () => void whileBusy(buttons.accept, accept)),
      );
    }
  };
  /** The server has it no more: by a save whose answer was lost, or by something else. */
  const explainGone = async () => {
    const saved = unanswered && (await getPrompt(unanswered.name).catch(() => undefined));
    if (saved && saved.content === unanswered?.content) {
      finish({ ...saved, notes: [] });
      return;
    }
    slot.remove();
    showToast(`“${candidate.title}” was accepted or skipped elsewhere.`);
    void refreshSession().catch(() => undefined);
    leave(removeCandidate(candidate.id));
  };
  const update = async (/** @type {string} */ notice) => {
    candidate = await refreshCandidate(candidate.id, signal);
    draw();
    fill(message, h("div", { class: "notice notice-warning", role: "alert" }, h("p", {}, notice)));
  };
  const edit = () => {
    if (form) return;
    fill(message);
    const kept = slot.read()?.fields;
    form = promptForm(kept ?? fieldsOf(candidate.suggested), () => {
      if (form) slot.write({ fields: form.read() });
      label();
    });
    draw();
    form.controls.title.focus();
  };
  /** Shows the candidate as it waits. What was edited stays for the next time. */
  const back = () => {
    form = undefined;
    const note = "Your changes are kept: Edit shows them again.";
    fill(message, slot.read() ? h("p", { class: "hint", role: "status" }, note) : null);
    draw();
    buttons.edit.focus();
  };
  const comparison = h("section", { class: "stack", hidden: true });
  const compare = async () => {
    comparison.hidden = false;
    try {
      const other = await readSimilar(candidate);
      fill(
        comparison,
        h("h2", {}, "From ", h("bdi", {}, other.title), " to this candidate"),
        changeList({ ...other, name: "" }, { ...candidate.suggested, name: "" }),
        diffView(other.content, candidate.suggested.content, "Changes of the content"),
      );
    } catch (error) {
      fill(
        comparison,
        problemBox(error, () => void compare()),
      );
    }
  };
  const toggleComparison = () => {
    if (comparison.hidden) void compare();
    else comparison.hidden = true;
  };
  const buttons = {
    accept: button(
      { label: "Accept", look: "primary" },
      () => void whileBusy(buttons.accept, accept),
    ),
    skip: button({ label: "Skip" }, skip),
    edit: button({ label: "Edit", look: "quiet" }, edit),
    compare: button({ label: "Compare", look: "quiet" }, toggleComparison),
    back: button({ label: "Back", look: "quiet" }, back),
  };
  const label = () => {
    const { expected_version: version } = requestFor(candidate, form?.read());
    const text = version ? `Save as version ${version + 1}` : "Accept";
    buttons.accept.textContent = text;
    // What is seen is part of the name, which is the same for every candidate.
    if (version) buttons.accept.setAttribute("aria-label", `${text} (Accept)`);
    else buttons.accept.removeAttribute("aria-label");
  };
  const draw = () => {
    label();
    buttons.compare.hidden = candidate.similar.length === 0;
    // What is suggested stands out.
    const isSkip = candidate.suggested.action === "skip";
    buttons.accept.classList.toggle("button-primary", !isSkip);
    buttons.skip.classList.toggle("button-primary", isSkip);
    const { accept: yes, skip: no, edit: change, compare: difference, back: undo } = buttons;
    const focused = document.activeElement;
    fill(
      body,
      facts(candidate),
      form ? form.element : contentBox(candidate.suggested.content),
      comparison,
      message,
      h("div", { class: "actions form-actions" }, yes, no, form ? undo : change, difference),
    );
    if (focused instanceof HTMLElement && body.contains(focused))
      focused.focus({ preventScroll: true });
  };
  element.append(viewHeading(candidate.title, verdictBadge(candidate)), body);
  if (slot.read()) edit();
  else draw();
  return {
    title: candidate.title,
    element,
    keys: [
      { keys: "a", label: "Accept", run: () => buttons.accept.click() },
      { keys: "e", label: "Edit", run: edit },
      { keys: "s", label: "Skip", run: skip },
      { keys: "mod+s", label: "Save while editing", run: () => form && buttons.accept.click() },
      { keys: "Escape", label: "Stop editing", run: () => form && back() },
    ],
  };
}

/**
 * What to send: what the user changed, or what the server suggests.
 *
 * @param {Candidate} candidate
 * @param {PromptFields | undefined} fields
 * @returns {Partial<ReturnType<typeof requestOf>> & { expected_version?: number }}
 */
function requestFor({ suggested }, fields) {
  const chosen = fields?.name.trim() ?? suggested.name;
  // Under another name it is a new prompt.
  const isUpdate = suggested.action === "update" && chosen === suggested.name;
  const version = suggested.expected_version;
  return {
    ...(fields && requestOf(fields)),
    name: chosen || suggested.name,
    ...(isUpdate && version && { expected_version: version }),
  };
}

/**
 * @param {Candidate} candidate
 * @returns {Promise<import("../parts/changes.js").Versioned & { content: string }>}
 */
async function readSimilar({ similar }) {
  const [closest] = similar;
  if (closest?.id) return getPrompt(closest.id);
  return (await refreshCandidate(closest?.candidate_id ?? "")).suggested;
}

/** @param {Candidate} candidate */
function facts({ why, source, created_at, expires_at, redactions, problems, suggested }) {
  const { name, tags, description } = suggested;
  const notes = [...redactionNotes(redactions), ...problems];
  const list = {
    class: "notice notice-warning candidate-notes",
    "aria-label": "Look at this first",
  };
  return h(
    "div",
    { class: "stack candidate-facts" },
    why ? h("p", { class: "candidate-why", dir: "auto" }, why) : null,
    notes.length > 0
      ? h(
          "ul",
          list,
          notes.map((note) => h("li", {}, formatSentence(note))),
        )
      : null,
    h(
      "p",
      { class: "hint" },
      "Proposed by ",
      h("bdi", {}, source),
      ` ${formatAge(created_at)} · `,
      h(
        "time",
        { datetime: expires_at, title: formatMoment(expires_at) },
        `expires ${formatAge(expires_at)}`,
      ),
    ),
    h(
      "p",
      { class: "hint candidate-name" },
      h("span", {}, "Name ", h("code", {}, name)),
      tags.map((tag) => h("span", { class: "tag" }, tag)),
    ),
    description ? h("p", { dir: "auto" }, description) : null,
  );
}

/** @param {string} content */
function contentBox(content) {
  const text = h("pre", { class: "content-box", dir: "auto" }, content);
  if (content.split("\n").length <= SHOWN_LINES && content.length < SHOWN_LINES * 120) return text;
  text.classList.add("content-cut");
  const all = button({ label: "Show all", look: "quiet" }, () => {
    text.classList.remove("content-cut");
    all.remove();
  });
  return h("div", { class: "stack candidate-content" }, text, all);
}
