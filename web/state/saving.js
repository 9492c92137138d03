// Saves a draft exactly once, also when the server goes away before it answers.

import { Problem } from "../api/problem.js";
import { createPrompt, savePrompt } from "../api/promptdb.js";
import { requestOf } from "./fields.js";

/** @import { SavedPrompt } from "../api/promptdb.js" */
/** @import { PromptFields } from "./fields.js" */
/** @import { Base, Draft } from "./drafts.js" */

/**
 * The parts of a prompt that a draft is compared with.
 *
 * @param {Base} prompt
 * @returns {Base}
 */
export function baseOf({ id, name, version, title, description, tags, content, variables }) {
  return { id, name, version, title, description, tags, content, variables };
}

/**
 * Saves a draft over the version that it began with, or as a new prompt. The draft changes as the
 * answers come in: `keep` is called before each request and after each answer.
 *
 * @param {Draft} draft
 * @param {() => void} keep
 * @returns {Promise<SavedPrompt>}
 * @throws {Problem}
 */
export async function saveDraft(draft, keep) {
  const open = draft.attempt;
  if (open && !isSame(open.fields, draft.fields)) await settle(draft, keep);
  draft.attempt ??= { key: crypto.randomUUID(), fields: structuredClone(draft.fields) };
  keep();
  return send(draft, keep);
}

/**
 * Learns whether an earlier save, of another text, has reached the server, by repeating it. Without
 * that, the text that is there now would look like another person's.
 *
 * @param {Draft} draft
 * @param {() => void} keep
 */
async function settle(draft, keep) {
  try {
    draft.base = baseOf(await send(draft, keep));
  } catch (error) {
    // It was refused: nothing of it is saved, and the new text has its own answer.
    if (!(error instanceof Problem) || draft.attempt) throw error;
  }
}

/**
 * Sends the attempt of a draft. It ends with the answer; without one it stays open.
 *
 * @param {Draft} draft
 * @param {() => void} keep
 */
async function send(draft, keep) {
  const { base, attempt } = draft;
  if (!attempt) throw new TypeError("there is nothing to send");
  const { key, fields } = attempt;
  try {
    const saved = base
      ? await savePrompt(base.id, requestOver(base, fields), { version: base.version, key })
      : await createPrompt(requestOf(fields), { key });
    delete draft.attempt;
    return saved;
  } catch (error) {
    const isAnswered = error instanceof Problem && !error.isTemporary && error.status !== 401;
    if (isAnswered) delete draft.attempt;
    throw error;
  } finally {
    keep();
  }
}

/**
 * @param {Base} base
 * @param {PromptFields} fields
 */
function requestOver(base, fields) {
  const { title, description, tags, content, variables } = { ...fields, ...requestOf(fields) };
  const name = fields.name.trim();
  const change = name && name !== base.name ? { name } : {};
  // The server refuses an empty title. Left out, it would mean no change.
  return { title, description, tags, content, variables, ...change };
}

/**
 * Whether two fillings of the form save the same.
 *
 * @param {PromptFields} one
 * @param {PromptFields} other
 */
export function isSame(one, other) {
  return JSON.stringify(requestOf(one)) === JSON.stringify(requestOf(other));
}
