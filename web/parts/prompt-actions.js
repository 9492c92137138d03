// What can be done with a prompt from a row, its page, a key or the palette.

import { deletePrompt, renderPrompt, restorePrompt, savePrompt } from "../api/promptdb.js";
import { promptAddress } from "../lib/addresses.js";
import { navigate } from "../lib/router.js";
import { libraryChanged, libraryReplaced, list, opened, showPrompt } from "../state/library.js";
import { copyText } from "./copy.js";
import { isMissing } from "../api/problem.js";
import { describeError } from "./problem.js";
import { showToast } from "./toast.js";

/** @import { Prompt } from "../api/promptdb.js" */

/** The ids of the prompts that are being deleted. @type {Set<string>} */
const leaving = new Set();

/**
 * Copies the text as it is saved.
 *
 * @param {Prompt} prompt
 */
export function copyPrompt({ title, content }) {
  return copyText(content, `“${title}” was copied.`);
}

/**
 * Uses a prompt: copies its text, or opens the form for its variables.
 *
 * @param {Prompt} prompt
 */
export function usePrompt(prompt) {
  const address = promptAddress(prompt);
  const isOpen = window.location.pathname === address;
  if (prompt.variables.length > 0) navigate(`${address}#use`, { replace: isOpen });
  else void useText(prompt, prompt.content, {});
}

/**
 * Copies a rendered text and counts the use.
 *
 * @param {Prompt} prompt
 * @param {string} text
 * @param {Record<string, string>} values The arguments of the text.
 */
export async function useText(prompt, text, values) {
  // Before the request: a browser copies only right after a key or a click.
  await copyText(text, "Copied. Paste it into your chat.");
  await countUse(prompt, values);
}

/**
 * Counts a use of a prompt.
 *
 * @param {Prompt} prompt
 * @param {Record<string, string>} values
 */
export async function countUse(prompt, values) {
  try {
    await renderPrompt(prompt.id, { arguments: values, version: prompt.version });
    const current = list.value.prompts.find(({ id }) => id === prompt.id) ?? prompt;
    const last_used_at = new Date().toISOString();
    showPrompt({ ...current, use_count: current.use_count + 1, last_used_at });
  } catch (error) {
    if (isMissing(error)) promptIsGone(prompt);
    else showToast(`The use was not counted: ${describeError(error)}`);
  }
}

/**
 * Marks a prompt as a favourite, or takes the mark away. It shows at once.
 *
 * @param {Prompt} prompt
 */
export async function toggleFavorite(prompt) {
  const favorite = !prompt.favorite;
  showPrompt({ ...prompt, favorite });
  try {
    showPrompt(await savePrompt(prompt.id, { favorite }));
  } catch (error) {
    if (isMissing(error)) {
      promptIsGone(prompt);
      return;
    }
    showPrompt(prompt);
    showToast(describeError(error));
  }
}

/**
 * Deletes a prompt, and offers to take that back.
 *
 * @param {Prompt} prompt
 * @returns {Promise<boolean>} Whether this call has deleted it.
 */
export async function removePrompt(prompt) {
  if (leaving.has(prompt.id)) return false;
  leaving.add(prompt.id);
  try {
    libraryChanged(await deletePrompt(prompt.id));
  } catch (error) {
    if (isMissing(error)) promptIsGone(prompt);
    else showToast(describeError(error));
    return false;
  } finally {
    leaving.delete(prompt.id);
  }
  const undo = { label: "Undo", run: () => void bringBack(prompt) };
  showToast(`“${prompt.title}” was deleted.`, undo);
  return true;
}

/**
 * Takes a prompt that was deleted elsewhere out of the list. Where it is open, its page says so.
 *
 * @param {Prompt} prompt
 */
export function promptIsGone(prompt) {
  const isOpen = opened.value?.id === prompt.id;
  showPrompt({ ...prompt, deleted_at: new Date().toISOString() });
  libraryReplaced();
  if (isOpen) navigate(window.location.pathname, { replace: true });
  else showToast(`“${prompt.title}” was moved or deleted.`);
}

/**
 * Takes a deletion back.
 *
 * @param {Prompt} prompt
 * @returns {Promise<Prompt | undefined>} `undefined` where that failed, which is shown.
 */
export async function bringBack(prompt) {
  try {
    const restored = await restorePrompt(prompt.id, {});
    libraryChanged(restored);
    showToast(`“${restored.title}” is back.`);
    return restored;
  } catch (error) {
    showToast(describeError(error), { label: "Retry", run: () => void bringBack(prompt) });
    return undefined;
  }
}
