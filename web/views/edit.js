// Writing a prompt: a new one, or the next version of one.

import { promptAddress } from "../lib/addresses.js";
import { h } from "../lib/h.js";
import { goBack, leaveView, navigate } from "../lib/router.js";
import { Problem, isMissing } from "../api/problem.js";
import { getPrompt, restorePrompt } from "../api/promptdb.js";
import { button, whileBusy } from "../parts/button.js";
import { conflictView } from "../parts/conflict.js";
import { viewHeading } from "../parts/heading.js";
import { describeError, problemBox } from "../parts/problem.js";
import { promptForm } from "../parts/prompt-form.js";
import { showToast } from "../parts/toast.js";
import { findNamedDraft, nameDraft, openDraft } from "../state/drafts.js";
import { NO_FIELDS, fieldsOf, requestOf } from "../state/fields.js";
import { libraryChanged, opened } from "../state/library.js";
import { me } from "../state/session.js";
import { rememberSave } from "../state/saved.js";
import { baseOf, isSame, saveDraft } from "../state/saving.js";
import { missingPrompt } from "./prompt-missing.js";

/** @import { Prompt } from "../api/promptdb.js" */
/** @import { Place } from "../lib/router.js" */
/** @import { View } from "../lib/view.js" */
/** @import { Base, Draft, DraftSlot } from "../state/drafts.js" */

/** How long the second click of a double click may take, in milliseconds. */
const DOUBLE_CLICK_MS = 500;

/** How long after a key the draft is kept, in milliseconds. */
const KEEP_AFTER_MS = 250;

/**
 * @param {Place} place
 * @returns {Promise<View>}
 */
export async function openNew(place) {
  const slot = await openDraft("new");
  return editor(place, slot, slot.read() ?? { fields: NO_FIELDS }, undefined);
}

/**
 * @param {Place} place
 * @returns {Promise<View>}
 */
export async function openEdit(place) {
  const name = place.params.name ?? "";
  try {
    const prompt = await getPrompt(name, undefined, { signal: place.signal });
    const slot = await openDraft(prompt.id);
    const base = baseOf(prompt);
    void nameDraft(name, prompt.id);
    opened.value = prompt;
    return editor(place, slot, slot.read() ?? { fields: fieldsOf(base), base }, base);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const isGone = isMissing(error);
    // Drafts are keyed by user id, so the caller must be loaded.
    if (!isGone && !(error.isTemporary && me.value)) throw error;
    opened.value = undefined;
    // What was written here is not lost with the prompt, nor with the answer.
    const id = await findNamedDraft(name);
    const slot = id ? await openDraft(id) : undefined;
    const draft = slot?.read();
    if (slot && draft) return editor(place, slot, draft, isGone ? undefined : draft.base, error);
    if (isGone) return missingPrompt(name, place.signal);
    throw error;
  }
}

/**
 * @param {Place} place
 * @param {DraftSlot} slot
 * @param {Draft} draft
 * @param {Base | undefined} current The prompt as it is now.
 * @param {Problem} [problem] Why it could not be read.
 * @returns {View}
 */
function editor(place, slot, draft, current, problem) {
  const title = draft.base ? `Edit ${draft.base.title}` : "New prompt";
  const address = window.location.pathname;
  const start = () => (current ? fieldsOf(current) : NO_FIELDS);
  const isChanged = () => !isSame(form.read(), start());
  let isOver = false;
  let isKept = true;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const keep = () => {
    clearTimeout(timer);
    if (isOver) return;
    if (isChanged() || draft.attempt) isKept = slot.write(draft);
    else slot.remove();
  };
  const read = () => {
    draft.fields = form.read();
    keep();
  };
  const form = promptForm(draft.fields, () => {
    clearTimeout(timer);
    timer = setTimeout(read, KEEP_AFTER_MS);
  });
  const message = h("div", { class: "stack" });
  const save = button({ label: "Save", look: "primary" }, () => void run());
  const origin = draft.base ? promptAddress(draft.base) : "/app";
  const cancel = button({ label: "Cancel", look: "quiet" }, () => {
    drop();
    goBack(origin);
  });
  const heading = viewHeading(title);
  const page = h(
    "div",
    { class: "stack" },
    form.element,
    message,
    h("div", { class: "actions form-actions" }, save, cancel),
  );
  const element = h("div", { class: "editor" }, heading, page);

  const finish = () => {
    isOver = true;
    clearTimeout(timer);
    slot.remove();
  };
  /** Ends the draft, and offers to take that back. */
  const drop = () => {
    if (isOver || !isChanged()) {
      finish();
      return;
    }
    const dropped = { ...draft, fields: form.read() };
    finish();
    showToast("Changes dropped.", {
      label: "Undo",
      run: () => {
        slot.write(dropped);
        navigate(address);
      },
    });
  };
  const run = async () => {
    await whileBusy(save, async () => {
      message.replaceChildren();
      draft.fields = form.read();
      const before = draft.base?.version;
      try {
        const saved = await saveDraft(draft, keep);
        finish();
        rememberSave(saved);
        libraryChanged(saved);
        const isNew = saved.version !== before;
        showToast(isNew ? `Saved as version ${saved.version}.` : "Saved. The text is the same.");
        if (place.signal.aborted) return;
        navigate(promptAddress(saved), { replace: true });
      } catch (error) {
        await explain(error);
      }
    });
  };
  /** Shows the form in place of a conflict. */
  const showForm = () => {
    if (page.isConnected) return;
    element.replaceChildren(heading, page);
    heading.querySelector("h1")?.focus();
  };
  /** @param {unknown} error */
  const explain = async (error) => {
    if (place.signal.aborted) {
      const open = { label: "Open", run: () => navigate(address) };
      showToast(`“${draft.fields.title}” is not saved. Its draft is kept.`, open);
      return;
    }
    showForm();
    const { base } = draft;
    const { status = 0, type = "" } = error instanceof Problem ? error : {};
    if (base && (status === 412 || type === "version-conflict")) return askForChoice(base);
    if (base && isMissing(error)) {
      showDeleted(base);
      return;
    }
    if (!form.showErrors(error)) showMessage(problemBox(error, () => void run()));
  };
  const showMessage = (/** @type {HTMLElement} */ box) => {
    message.replaceChildren(box);
    box.scrollIntoView({ block: "nearest" });
  };
  /** @param {Base} base */
  const askForChoice = async (base) => {
    try {
      showConflict(base, await getPrompt(base.id));
    } catch (error) {
      if (isMissing(error)) showDeleted(base);
      else showMessage(problemBox(error, () => void run()));
    }
  };
  /**
   * @param {Base} base
   * @param {Prompt} theirs
   */
  const showConflict = (base, theirs) => {
    const view = conflictView({
      mine: { ...form.read(), variables: requestOf(form.read()).variables },
      theirs,
      base,
      saveMine: async () => {
        draft.base = baseOf(theirs);
        await run();
      },
      takeTheirs: () => {
        drop();
        navigate(promptAddress(theirs), { replace: true });
      },
      goOn: () => {
        showForm();
        // A second click must not hit what stands now where the choice stood.
        page.inert = true;
        setTimeout(() => (page.inert = false), DOUBLE_CLICK_MS);
      },
    });
    element.replaceChildren(view);
    view.querySelector("h1")?.focus();
  };
  /** @param {Base} base */
  const showDeleted = (base) => {
    const saveAsNew = () => {
      delete draft.base;
      return run();
    };
    const box = deletedBox(base, saveAsNew, async () => {
      const restored = await restorePrompt(base.id, {});
      // It may have been changed before it was deleted.
      if (restored.version === base.version) await run();
      else showConflict(base, restored);
    });
    showMessage(box);
    box.querySelector("button")?.focus();
  };

  if (!isSame(draft.fields, start())) {
    const note = restoredNote(draft, current, () => {
      note.remove();
      const dropped = { ...draft, fields: form.read() };
      Object.assign(draft, { fields: start(), base: current, attempt: undefined });
      form.write(draft.fields);
      slot.remove();
      showToast("Draft discarded.", {
        label: "Undo",
        run: () => {
          Object.assign(draft, dropped);
          form.write(draft.fields);
          read();
        },
      });
    });
    page.prepend(note);
    if (draft.base && !current) showDeleted(draft.base);
  }
  if (problem?.isTemporary) {
    page.prepend(problemBox(problem, () => navigate(address, { replace: true })));
  }
  const flush = () => {
    if (!isOver) read();
  };
  const warn = (/** @type {BeforeUnloadEvent} */ event) => {
    flush();
    if (!isKept && !isOver) event.preventDefault();
  };
  window.addEventListener("pagehide", flush);
  window.addEventListener("beforeunload", warn);
  place.signal.addEventListener("abort", () => {
    flush();
    window.removeEventListener("pagehide", flush);
    window.removeEventListener("beforeunload", warn);
  });
  return {
    title,
    element,
    keys: [
      { keys: "mod+s", label: "Save", run: () => void run() },
      { keys: "Escape", label: "Back, and keep the draft", run: () => leaveView(origin) },
    ],
  };
}

/**
 * @param {Draft} draft
 * @param {Base | undefined} current
 * @param {() => void} discard
 */
function restoredNote({ base }, current, discard) {
  const isOld = base && current && base.version < current.version;
  const text = isOld
    ? `Draft restored. It began with version ${base.version}; version ${current.version} was saved meanwhile.`
    : "Draft restored.";
  return h(
    "div",
    { class: "notice", role: "status" },
    h("p", {}, text),
    button({ label: "Discard draft", look: "quiet" }, discard),
  );
}

/**
 * @param {Base} base
 * @param {() => Promise<unknown>} saveAsNew
 * @param {() => Promise<unknown>} restore
 */
function deletedBox(base, saveAsNew, restore) {
  const message = h("p", { class: "error", role: "alert", hidden: true });
  const both = button({ label: "Restore and save", look: "primary" }, () => {
    void whileBusy(both, async () => {
      try {
        await restore();
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        const isGone = isMissing(error);
        const words = isGone
          ? "It was removed for good. Save your text as a new prompt."
          : undefined;
        message.textContent = words ?? `It cannot be restored: ${describeError(error)}`;
        message.hidden = false;
      }
    });
  });
  return h(
    "div",
    { class: "notice notice-warning" },
    h("p", {}, `“${base.title}” was deleted meanwhile. Your text is still here.`),
    h(
      "div",
      { class: "actions" },
      both,
      button({ label: "Save as new prompt" }, () => void saveAsNew()),
    ),
    message,
  );
}
