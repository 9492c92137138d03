/**
 * The full-text index. The server splits texts into words (`domain/words.rs`); the functions split
 * names, titles and tags themselves, and shorten words to what Convex's analyser keeps.
 */
import { v, type ObjectType } from "convex/values";

import type { Doc } from "./_generated/dataModel";
import type { UserMutationCtx, UserQueryCtx } from "./functions";
import { splitWords, trigramTerms } from "./folding";
import { QUERY_WORDS_MAX } from "./limits";
import { byteLength, checkCount } from "./shapes";

/** The analyser drops terms of 32 bytes or more, so longer words are cut in the index and in queries. */
const TERM_MAX_BYTES = 31;
/** Length of a prompt's words, in UTF-16 units, beyond which they are not indexed. */
const TEXT_MAX_LENGTH = 262_144;
/**
 * Rows and bytes after which a search stops. Convex finds 1,024 rows and fails a function that reads
 * one more; a transaction may read 16 MiB.
 */
const SCANNED_MAX = { rows: 1000, bytes: 6 * 1024 * 1024 };

/** Maximum prompts of each kind that a search for those like a text returns. */
const ALIKE_MAX = 100;

/** Narrows a search or a listing. */
export const filter = { tag: v.optional(v.string()), favorite: v.optional(v.boolean()) };
export type Filter = ObjectType<typeof filter>;

/** What a search for prompts like a text looks for: words of the text. */
export const alikeFields = { ...filter, words: v.array(v.string()), most: v.number() };

/**
 * Brings the words row of a prompt up to date: its marks and, if given, its words. The words row exists
 * from the first write, which always has words.
 */
export async function indexWords(
  ctx: UserMutationCtx,
  prompt: Pick<Doc<"prompts">, "id" | "name" | "favorite" | "deletedAt">,
  { title, tags }: { title: string; tags: string[] },
  words?: string,
): Promise<void> {
  const { db, userId } = ctx;
  const known = await db
    .query("words")
    .withIndex("by_prompt", (q) => q.eq("userId", userId).eq("promptId", prompt.id))
    .unique();
  const headings = headingsOf(prompt.name, title, tags);
  const living = prompt.deletedAt === undefined;
  const marks = { favorite: prompt.favorite, living, tags, headings };
  if (known === null) {
    const text = textOf(prompt.name, tags, words ?? "");
    await db.insert("words", { userId, promptId: prompt.id, text, ...marks });
  } else if (words === undefined) {
    await db.patch("words", known._id, marks);
  } else {
    await db.patch("words", known._id, { text: textOf(prompt.name, tags, words), ...marks });
  }
}

/** The indexed text: the words of name and tags, which hyphens separate, then the given words. */
export function textOf(name: string, tags: string[], words: string): string {
  const slugs = [name, ...tags].flatMap((slug) => slug.split("-"));
  const all = [...slugs, ...words.split(" ")].filter((word) => word !== "").map(cut);
  const text = [...new Set(all)].join(" ");
  return text.length <= TEXT_MAX_LENGTH
    ? text
    : text.slice(0, text.lastIndexOf(" ", TEXT_MAX_LENGTH));
}

/** The words of name, title and tags, and the trigrams of name and title. */
export function headingsOf(name: string, title: string, tags: string[]): string {
  const words = [name, title].flatMap(splitWords);
  const terms = [...words, ...tags.flatMap(splitWords), ...trigramTerms(words)];
  return [...new Set(terms.map(cut))].join(" ");
}

/** Cuts a word to `TERM_MAX_BYTES` at a character's end. */
export function cut(word: string): string {
  // A UTF-16 unit takes at most three bytes in UTF-8.
  if (word.length * 3 <= TERM_MAX_BYTES) {
    return word;
  }
  let [kept, bytes] = ["", 0];
  for (const character of word) {
    bytes += byteLength(character);
    if (bytes > TERM_MAX_BYTES) {
      break;
    }
    kept += character;
  }
  return kept;
}

/** Refuses a number of prompts outside 1 to `ALIKE_MAX`. */
export function checkMost(most: number): void {
  checkCount("most", most, 1, ALIKE_MAX);
}

/**
 * Finds the ids of at most `most` prompts with any of the given words, in Convex's order of relevance,
 * which prefers rare words and prompts with many of them.
 */
export async function findByWords(
  ctx: UserQueryCtx,
  given: string[],
  filter: Filter,
  most: number,
): Promise<string[]> {
  const found: string[] = [];
  const words = searchable(given);
  if (words.length === 0) {
    return found;
  }
  const { db, userId } = ctx;
  const rows = db.query("words").withSearchIndex("by_text", (q) => {
    const living = q.search("text", words.join(" ")).eq("userId", userId).eq("living", true);
    return filter.favorite === undefined ? living : living.eq("favorite", filter.favorite);
  });
  const scanned = { rows: 0, bytes: 0 };
  for await (const row of rows) {
    scanned.rows += 1;
    scanned.bytes += byteLength(row.text);
    // Convex also finds words that the last one begins.
    const held = new Set(row.text.split(" "));
    const isMatch = words.some((word) => held.has(word));
    if (isMatch && (filter.tag === undefined || row.tags.includes(filter.tag))) {
      found.push(row.promptId);
    }
    const { rows, bytes } = SCANNED_MAX;
    if (found.length >= most || scanned.rows >= rows || scanned.bytes >= bytes) {
      break;
    }
  }
  return found;
}

/** Selects the words of one search: always the last one, and the first of the others that fit. */
export function searchable(given: string[]): string[] {
  const words = given.map(cut).filter((word) => word !== "");
  const last = words.pop();
  if (last === undefined) {
    return [];
  }
  let room = QUERY_WORDS_MAX - countTerms(last);
  const kept = words.filter((word) => {
    room -= countTerms(word);
    return room >= 0;
  });
  return [...kept, last];
}

/** Counts the terms that the analyser makes of a word: it also splits at marks inside a word. */
function countTerms(word: string): number {
  return word.match(/[\p{Alphabetic}\p{N}]+/gu)?.length ?? 0;
}
