// One prompt: what it says, and how to use it.

import { getPrompt } from "../api/promptdb.js";
import { Problem, isAbort, isMissing } from "../api/problem.js";
import { promptAddress } from "../lib/addresses.js";
import { fill, h } from "../lib/h.js";
import { leaveView, navigate } from "../lib/router.js";
import { setTitle } from "../lib/view.js";
import { button } from "../parts/button.js";
import { chatLinks } from "../parts/chat-links.js";
import { fillForm } from "../parts/fill.js";
import {
  copyPrompt,
  countUse,
  promptIsGone,
  removePrompt,
  useText,
} from "../parts/prompt-actions.js";
import { historySummary, promptHead, saying, similarNotice } from "../parts/prompt-head.js";
import { promptText } from "../parts/prompt-text.js";
import { saveNotes } from "../parts/save-notes.js";
import { list, listAddress, opened, showPrompt } from "../state/library.js";
import { missingPrompt } from "./prompt-missing.js";

/** @import { Prompt } from "../api/promptdb.js" */
/** @import { Place } from "../lib/router.js" */
/** @import { View } from "../lib/view.js" */
/** @import { Filled } from "../parts/fill.js" */

/**
 * @param {Place} place
 * @returns {Promise<View>}
 */
export async function openPrompt(place) {
  const { params, signal } = place;
  const name = params.name ?? "";
  try {
    const known = list.value.prompts.find((prompt) => prompt.name === name);
    return promptView(known ?? (await getPrompt(name, undefined, { signal })), place);
  } catch (error) {
    if (isMissing(error)) return missingPrompt(name, signal);
    throw error;
  }
}

/**
 * @param {Prompt} first
 * @param {Place} place
 * @returns {View}
 */
function promptView(first, place) {
  const page = promptPage(first);
  const follow = (/** @type {AbortSignal} */ signal) => {
    opened.follow((next) => next?.id === first.id && page.show(next), signal);
    refresh(first, page, signal).catch((/** @type {unknown} */ error) => {
      if (isMissing(error)) {
        promptIsGone(first);
      } else if (!isAbort(error) && !(error instanceof Problem)) {
        throw error;
      }
      // After any other failure the prompt stands there; only what is beside it is missing.
    });
  };
  opened.value = first;
  follow(place.signal);
  return {
    title: first.title,
    element: page.element,
    keys: [{ keys: "Escape", label: "Back", run: () => leaveView(listAddress()) }],
    ...(place.hash === "use" && { focus: page.use }),
    update: (next) => {
      if (opened.value?.deleted_at) return false;
      follow(next.signal);
      if (next.hash === "use") page.use();
      return true;
    },
  };
}

/**
 * Reads a prompt again, which may have changed elsewhere, with what is beside it.
 *
 * @param {Prompt} prompt
 * @param {ReturnType<typeof promptPage>} page
 * @param {AbortSignal} signal
 */
async function refresh({ id }, page, signal) {
  const before = opened.value;
  const { similar, ...current } = await getPrompt(id, { similar: true }, { signal });
  // What was changed here meanwhile is newer than the answer.
  if (opened.value === before) showPrompt(current);
  fill(page.similar, similarNotice(similar ?? []));
  if (current.version > 1) fill(page.history, await historySummary(current, signal));
}

/** @param {Prompt} first */
function promptPage(first) {
  let prompt = first;
  let drawn = "";
  /** @type {ReturnType<typeof fillForm> | undefined} */
  let form;
  const head = promptHead();
  const chats = chatLinks(() => void countUse(prompt, read().values));
  const body = h("div", { class: "prompt-body" });
  const similar = h("div", { class: "prompt-similar" });
  const history = h("div", {});

  /** @returns {Filled} */
  const read = () => form?.read() ?? { text: prompt.content, values: {} };
  const use = () => {
    if (form && !form.isComplete()) {
      form.focus();
      return;
    }
    const { text, values } = read();
    void useText(prompt, text, values);
  };
  const remove = async () => {
    if (await removePrompt(prompt)) navigate(listAddress(), { replace: true });
  };
  const drawBody = () => {
    const hasForm = prompt.variables.length > 0;
    const onChange = (/** @type {Filled} */ filled) => chats.show(filled.text);
    form = hasForm ? fillForm(prompt, { onUse: use, onChange }) : undefined;
    if (!form) chats.show(prompt.content);
    const filling = form && section("Fill in", form.element, chats.element);
    fill(
      body,
      filling,
      section("Text", promptText(prompt), !form && chats.element),
      saying(prompt),
    );
  };
  const actions = h(
    "div",
    { class: "actions prompt-actions" },
    button({ label: "Use", icon: "use", look: "primary" }, use),
    button({ label: "Copy", icon: "copy" }, () => void copyPrompt(prompt)),
    button({ label: "Edit", icon: "edit" }, () => navigate(`${promptAddress(prompt)}/edit`)),
    button({ label: "History", icon: "history" }, () =>
      navigate(`${promptAddress(prompt)}/history`),
    ),
    button({ label: "Delete", icon: "trash", look: "quiet" }, () => void remove()),
  );
  return {
    element: h(
      "article",
      { class: "prompt" },
      head.element,
      actions,
      saveNotes(first),
      similar,
      body,
      history,
    ),
    similar,
    history,
    use: () => (form ? form.focus() : void 0),
    /** @param {Prompt} next */
    show: (next) => {
      prompt = next;
      head.show(next);
      setTitle(next.title);
      const text = JSON.stringify([next.name, next.content, next.syntax, next.variables]);
      if (text !== drawn) drawBody();
      drawn = text;
    },
  };
}

/**
 * @param {string} title
 * @param {...(Node | false)} children
 */
function section(title, ...children) {
  return h("section", { class: "prompt-section" }, h("h2", {}, title), children);
}
