// The candidates of one review, in the order of the result, and what became of each. Knows no element
// and no request.

/** @import { components } from "../../web/api/schema.js" */
/** @typedef {components["schemas"]["CandidateResponse"]} Candidate */
/** @typedef {components["schemas"]["SuggestedResponse"]} Suggested */
/**
 * @typedef {"waiting" | "refused" | "saved" | "skipped" | "gone" | "undone"} State
 * `refused`: the server did not add it, so it can only be read. `gone`: saved or skipped elsewhere. `undone`:
 * saved here, and taken back.
 */
/** @typedef {{ id?: string, name: string, version?: number, created?: boolean, similar?: Candidate["similar"] }} Saved */
/** @typedef {{ title: string, name: string, tags: string, content: string }} Fields */
/** @typedef {{ name: string, version: number, text: string }} Current A saved prompt as it was read. */
/**
 * @typedef {object} Entry
 * @property {Candidate} candidate
 * @property {State} state
 * @property {boolean} [isRead] Of a refused one, that the person went on.
 * @property {boolean} [isEditing]
 * @property {Fields} [draft] What was typed. It stays until the entry is settled.
 * @property {Current} [conflict] What has the name now.
 * @property {SaveRequest} [unanswered] A save that may have arrived.
 * @property {Saved} [saved]
 */
/**
 * @typedef {object} SaveRequest What `save_prompt` gets: the candidate, and the changed fields.
 * @property {string} candidate_id
 * @property {string} name
 * @property {number} [expected_version]
 * @property {string} [title]
 * @property {string} [content]
 * @property {string[]} [tags]
 */

export class Queue {
  /** @type {Entry[]} */
  entries;
  index = 0;
  /** How many of the result were settled before it was shown. */
  earlier = 0;

  /** @param {Candidate[]} candidates */
  constructor(candidates) {
    this.entries = candidates.map((candidate) => ({
      candidate,
      state: candidate.candidate_id ? "waiting" : "refused",
    }));
  }

  /** The entry that is shown; `undefined` after the last one. */
  get current() {
    return this.entries[this.index];
  }

  /** The ids of those that are shown as waiting. */
  get ids() {
    return this.entries.flatMap(({ state, candidate }) =>
      state === "waiting" ? (candidate.candidate_id ?? []) : [],
    );
  }

  /**
   * Removes those that wait no more, and takes over the facts of the others: a result is as old as its chat.
   *
   * @param {Map<string, Candidate>} waiting By id.
   */
  reconcile(waiting) {
    const before = this.entries.length;
    this.entries = this.entries.filter(
      ({ candidate: { candidate_id: id } }) => !id || waiting.has(id),
    );
    this.earlier += before - this.entries.length;
    for (const entry of this.entries) {
      const fresh = waiting.get(entry.candidate.candidate_id ?? "");
      if (fresh) refresh(entry, fresh);
    }
    this.index = 0;
  }

  /**
   * Sets what became of the current entry, and moves on to the next one that is open.
   *
   * @param {Entry} entry
   * @param {State} state
   * @param {Saved} [saved]
   */
  settle(entry, state, saved) {
    Object.assign(entry, { state, isEditing: false, draft: undefined, conflict: undefined });
    if (saved) entry.saved = saved;
    this.advance();
  }

  /** Moves on to the next open entry, also one that was left behind; behind the last one if there is none. */
  advance() {
    const all = this.entries.map((_, index) => index);
    const next = [...all.slice(this.index + 1), ...all.slice(0, this.index + 1)];
    const isOpen = (/** @type {number} */ index) => {
      const { state, isRead } = this.entries[index] ?? {};
      return state === "waiting" || (state === "refused" && !isRead);
    };
    this.index = next.find(isOpen) ?? all.length;
  }

  /** @param {State} state */
  withState(state) {
    return this.entries.filter((entry) => entry.state === state);
  }
}

/**
 * Takes over what the server has now. A text that is whole stays whole.
 *
 * @param {Entry} entry
 * @param {Candidate} fresh
 */
export function refresh(entry, fresh) {
  const { candidate } = entry;
  const isWhole = !candidate.content_cut && candidate.suggested && fresh.suggested;
  entry.candidate = fresh;
  if (!fresh.content_cut || !isWhole) return;
  const { content, description, variables } = /** @type {Suggested} */ (candidate.suggested);
  const suggested = {
    .../** @type {Suggested} */ (fresh.suggested),
    content,
    description,
    variables,
  };
  entry.candidate = { ...fresh, suggested, content_cut: undefined };
}

/**
 * @param {Entry} entry
 * @returns {Fields} What is typed, or what is suggested.
 */
export function fieldsOf({ draft, candidate: { suggested } }) {
  if (draft) return draft;
  const { title = "", name = "", tags = [], content = "" } = suggested ?? {};
  return { title, name, tags: tags.join(", "), content };
}

/**
 * Makes the request that saves an entry as it is shown.
 *
 * @param {Entry} entry
 * @returns {SaveRequest}
 */
export function requestFor(entry) {
  const { candidate } = entry;
  const given = fieldsOf(entry);
  const suggested = fieldsOf({ candidate, state: "waiting" });
  const name = given.name.trim() || suggested.name;
  const version = candidate.suggested?.expected_version;
  return {
    candidate_id: candidate.candidate_id ?? "",
    name,
    // Under another name it is a new prompt.
    ...(version && name === suggested.name && { expected_version: version }),
    ...(given.title !== suggested.title && { title: given.title }),
    ...(given.content !== suggested.content && { content: given.content }),
    ...(given.tags !== suggested.tags && {
      tags: given.tags
        .split(",")
        .map((tag) => tag.trim())
        .filter(Boolean),
    }),
  };
}

/**
 * Describes to the model what was saved.
 *
 * @param {Queue} queue
 */
export function describeSaves(queue) {
  const names = queue
    .withState("saved")
    .map(({ saved }) => `${saved?.name ?? ""}${saved?.version ? ` v${saved.version}` : ""}`);
  return names.length > 0
    ? `The user saved: ${names.join(", ")}.`
    : "The user saved none of these.";
}
