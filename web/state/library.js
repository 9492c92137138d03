// The list that the library shows: its filter, its rows, and what changes them.

import { listPrompts, listTags } from "../api/promptdb.js";
import { createSignal } from "../lib/signal.js";
import { me, refreshSession } from "./session.js";

/** @import { Prompt, Schemas } from "../api/promptdb.js" */
/** @typedef {Schemas["TagResponse"]} Tag */
/**
 * @typedef {object} Filter
 * @property {string} q Words to search for.
 * @property {string} tag
 * @property {boolean} favorite
 * @property {string} sort Empty for the usual order: by relevance with words, else the latest first.
 */
/**
 * @typedef {object} List
 * @property {Filter} filter What is shown, or will be when the answer has come.
 * @property {Prompt[]} prompts
 * @property {string | undefined} next The cursor of the next page.
 * @property {number | undefined} total
 * @property {boolean} isLoaded Whether the rows are those of the filter.
 * @property {boolean} isLoading
 * @property {unknown} error Of the last request.
 * @property {boolean} isMore Whether that was for the next page.
 */

/** Rows that are loaded first. */
const PAGE = 50;
/** The server's maximum for one page. */
const PAGE_MAX = 100;
/** The parameters of an address that are the filter. */
export const FILTER_KEYS = ["q", "tag", "favorite", "sort"];

/** The orders that the server knows. */
const SORTS = ["recent", "name", "used", "relevance"];

/** @type {Filter} */
const EVERYTHING = { q: "", tag: "", favorite: false, sort: "" };

/** @type {List} */
const nothing = {
  filter: EVERYTHING,
  prompts: [],
  next: undefined,
  total: undefined,
  isLoaded: false,
  isLoading: false,
  error: undefined,
  isMore: false,
};

export const list = createSignal(nothing);
/**
 * The tags of the library: those of the rows until all of them are asked for.
 *
 * @type {import("../lib/signal.js").Signal<{ tags: Tag[], areAll: boolean }>}
 */
export const tags = createSignal({ tags: /** @type {Tag[]} */ ([]), areAll: false });
/** The prompt that is open. */
export const opened = createSignal(/** @type {Prompt | undefined} */ (undefined));

let running = new AbortController();
let loadedAt = 0;

/**
 * What was changed here since the request for the rows began. Its answer may be older.
 *
 * @type {Map<string, Prompt>}
 */
const changed = new Map();

/**
 * @param {URLSearchParams} query
 * @returns {Filter}
 */
export function readFilter(query) {
  return {
    q: query.get("q") ?? "",
    tag: query.get("tag") ?? "",
    favorite: query.get("favorite") === "true",
    sort: SORTS.find((sort) => sort === query.get("sort")) ?? "",
  };
}

/**
 * @param {Filter} filter
 * @param {URLSearchParams} [others] Further parameters, which stay.
 */
export function writeFilter(filter, others = new URLSearchParams()) {
  const query = new URLSearchParams(others);
  for (const key of FILTER_KEYS) query.delete(key);
  if (filter.q) query.set("q", filter.q);
  if (filter.tag) query.set("tag", filter.tag);
  if (filter.favorite) query.set("favorite", "true");
  if (filter.sort) query.set("sort", filter.sort);
  return query;
}

/**
 * The number of prompts of a list, as far as it is known.
 *
 * @param {List} list
 */
export function countList({ filter: { q, tag, favorite }, prompts, next, total }) {
  if (!next) return prompts.length;
  if (total !== undefined) return total;
  if (q.trim() || favorite) return undefined;
  if (!tag) return me.value?.use.prompts;
  const { tags: known, areAll } = tags.value;
  return areAll ? known.find(({ name }) => name === tag)?.count : undefined;
}

/** The address of the list as it is filtered. */
export function listAddress(filter = list.value.filter) {
  const query = writeFilter(filter).toString();
  return `/app${query && `?${query}`}`;
}

/** @param {Filter} filter */
export function isEverything({ q, tag, favorite }) {
  return !q.trim() && !tag && !favorite;
}

/**
 * Loads the rows of a filter, in place of any other request.
 *
 * @param {Filter} filter
 * @param {{ count?: number, isQuiet?: boolean }} [options] `isQuiet` shows nothing until the answer.
 */
export async function loadList(filter, { count = PAGE, isQuiet = false } = {}) {
  running.abort();
  running = new AbortController();
  changed.clear();
  const { signal } = running;
  const isSame = filter === list.value.filter && list.value.isLoaded;
  const isLoading = !isQuiet;
  list.value = {
    ...list.value,
    filter,
    isLoaded: isSame,
    isLoading,
    error: undefined,
    isMore: false,
  };
  try {
    const page = await fetchRows(filter, count, signal);
    loadedAt = Date.now();
    const current = page.prompts.map((prompt) => changed.get(prompt.id) ?? prompt);
    const prompts = current.filter(({ deleted_at: deletedAt }) => !deletedAt);
    list.value = { ...nothing, filter, ...page, prompts, isLoaded: true };
    if (isEverything(filter)) collectTags();
    else if (tags.value.tags.length === 0) loadTags().catch(showError);
    // Without the number of its prompts, the list says only how many there are at least.
    else if (filter.tag && page.next && !tags.value.areAll) loadTags().catch(() => undefined);
  } catch (error) {
    if (!signal.aborted) showError(error);
  }
}

/** Loads the rows again, as many as there are. */
function reloadList() {
  const { filter, prompts } = list.value;
  return loadList(filter, { count: Math.max(PAGE, prompts.length), isQuiet: true });
}

/**
 * Loads the rows again if they are older than some milliseconds.
 *
 * @param {number} age
 */
export function refreshList(age) {
  if (list.value.isLoaded && Date.now() - loadedAt > age) void reloadList();
}

/** @type {Promise<void> | undefined} */
let loadingMore;

/**
 * Loads rows until there are so many, or all.
 *
 * @param {number} max
 */
export async function loadUpTo(max) {
  for (;;) {
    const { filter, prompts, next } = list.value;
    if (!next || prompts.length >= max) return;
    await (loadingMore ?? loadMore(max - prompts.length));
    const now = list.value;
    if (now.error || now.filter !== filter || now.next === next) return;
  }
}

/**
 * Loads the next page below the rows.
 *
 * @param {number} [max] How many rows it has at most.
 */
export function loadMore(max = PAGE_MAX) {
  return (loadingMore ??= fetchMore(max).finally(() => (loadingMore = undefined)));
}

/** @param {number} max */
async function fetchMore(max) {
  const { filter, next, isLoading } = list.value;
  if (!next || isLoading) return;
  const { signal } = running;
  list.value = { ...list.value, isLoading: true, error: undefined, isMore: true };
  try {
    const page = await listPrompts(
      { ...queryOf(filter), limit: Math.min(PAGE_MAX, max), cursor: next },
      { signal },
    );
    const known = new Set(list.value.prompts.map(({ id }) => id));
    // What was saved meanwhile shifts the pages.
    const more = page.prompts.filter(({ id }) => !known.has(id));
    list.value = {
      ...list.value,
      prompts: [...list.value.prompts, ...more],
      next: page.next_cursor ?? undefined,
      isLoading: false,
    };
  } catch (error) {
    if (!signal.aborted) showError(error);
  }
}

/** Does again what failed. */
export function retryList() {
  const { filter, isLoaded, isMore, prompts } = list.value;
  if (isMore) return loadMore();
  return loadList(filter, { count: Math.max(PAGE, isLoaded ? prompts.length : 0) });
}

/** Loads all tags with their counts. */
export async function loadTags() {
  /** @type {Tag[]} */
  const all = [];
  /** @type {string | undefined} */
  let cursor;
  do {
    const page = await listTags({ ...(cursor && { cursor }) });
    all.push(...page.tags);
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
  tags.value = { tags: all, areAll: true };
}

/** Takes the tags from the rows of the whole library, which saves the first load a request. */
function collectTags() {
  const { prompts, next } = list.value;
  if (tags.value.areAll) return;
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const name of prompts.flatMap((prompt) => prompt.tags)) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const found = Array.from(counts, ([name, count]) => ({ name, count }));
  found.sort((one, other) => (one.name < other.name ? -1 : 1));
  tags.value = { tags: found, areAll: next === undefined };
}

/**
 * Shows a prompt that was saved, restored or deleted, and counts again.
 *
 * @param {Prompt} prompt
 */
export function libraryChanged(prompt) {
  showPrompt(prompt);
  recount();
}

/** Loads everything again after changes of many prompts. */
export function libraryReplaced() {
  void reloadList();
  recount();
}

/**
 * Shows a prompt as it is now. Its row stays where it is; a new one comes where its order puts it.
 *
 * @param {Prompt} prompt
 */
export function showPrompt(prompt) {
  const { prompts, filter, isLoaded } = list.value;
  changed.set(prompt.id, prompt);
  const index = prompts.findIndex(({ id }) => id === prompt.id);
  if (prompt.deleted_at) setPrompts(prompts.filter(({ id }) => id !== prompt.id));
  else if (index >= 0) setPrompts(prompts.with(index, prompt));
  else if (isLoaded) addPrompt(prompt, filter);
  if (opened.value?.id === prompt.id) opened.value = prompt;
}

/**
 * @param {Prompt} prompt
 * @param {Filter} filter
 */
function addPrompt(prompt, { q, tag, favorite, sort }) {
  if ((tag && !prompt.tags.includes(tag)) || (favorite && !prompt.favorite)) return;
  if (q || (sort && sort !== "recent")) {
    void reloadList();
    return;
  }
  const { prompts, next } = list.value;
  const before = prompts.findIndex(({ updated_at }) => updated_at < prompt.updated_at);
  if (before >= 0) setPrompts(prompts.toSpliced(before, 0, prompt));
  else if (!next) setPrompts([...prompts, prompt]);
}

/** @param {Prompt[]} prompts */
function setPrompts(prompts) {
  const change = prompts.length - list.value.prompts.length;
  const total = list.value.total === undefined ? undefined : list.value.total + change;
  list.value = { ...list.value, prompts, total };
}

/** @param {unknown} error */
function showError(error) {
  list.value = { ...list.value, isLoading: false, error };
}

/** Reads the counts of the library again. */
export function recount() {
  // Counts are beside the point of the change: where they fail, the old ones stay.
  Promise.all([refreshSession(), loadTags()]).catch(() => undefined);
}

/**
 * @param {Filter} filter
 * @param {number} count
 * @param {AbortSignal} signal
 */
async function fetchRows(filter, count, signal) {
  /** @type {Prompt[]} */
  const prompts = [];
  /** @type {string | undefined} */
  let cursor;
  for (;;) {
    const limit = Math.min(PAGE_MAX, count - prompts.length);
    const page = await listPrompts(
      { ...queryOf(filter), limit, ...(cursor && { cursor }) },
      { signal },
    );
    prompts.push(...page.prompts);
    cursor = page.next_cursor ?? undefined;
    if (!cursor || prompts.length >= count) {
      return { prompts, next: cursor, total: page.total ?? undefined };
    }
  }
}

/** @param {Filter} filter */
function queryOf({ q, tag, favorite, sort }) {
  const query = q.trim();
  return {
    ...(query && { query }),
    ...(tag && { tag }),
    ...(favorite && { favorite }),
    ...(sort && (query || sort !== "relevance") && { sort }),
  };
}
