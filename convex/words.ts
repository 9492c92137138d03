/**
 * The full-text index. The server splits text into words (`domain/words.rs`); the functions only
 * shorten words to what Convex's analyser keeps, and compare them.
 */
import type { Doc } from "./_generated/dataModel";
import type { UserMutationCtx, UserQueryCtx } from "./functions";
import { QUERY_WORDS_MAX } from "./limits";
import { byteLength } from "./shapes";

/** The analyser drops terms of 32 bytes or more, so longer words are cut in the index and in queries. */
const TERM_MAX_BYTES = 31;
/** Length of a prompt's words, in UTF-16 units, beyond which they are not indexed. */
const TEXT_MAX_LENGTH = 262_144;
/**
 * Rows and bytes after which a search stops. Convex finds 1,024 rows and fails a function that reads
 * one more; a transaction may read 16 MiB.
 */
const SCANNED_MAX = { rows: 1000, bytes: 6 * 1024 * 1024 };

/** Narrows a search or a listing. */
export interface Filter {
  tag?: string;
  favorite?: boolean;
}

/** Ids of prompts with all words of a search and of those with any, most relevant first. */
interface Found {
  all: string[];
  any: string[];
}

/**
 * Brings the words row of a prompt up to date: its marks and, if given, its words. The words row exists
 * from the first write, which always has words.
 */
export async function indexWords(
  ctx: UserMutationCtx,
  prompt: Pick<Doc<"prompts">, "id" | "name" | "favorite" | "deletedAt">,
  tags: string[],
  words?: string,
): Promise<void> {
  const { db, userId } = ctx;
  const known = await db
    .query("words")
    .withIndex("by_prompt", (q) => q.eq("userId", userId).eq("promptId", prompt.id))
    .unique();
  const marks = { favorite: prompt.favorite, living: prompt.deletedAt === undefined, tags };
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
function textOf(name: string, tags: string[], words: string): string {
  const slugs = [name, ...tags].flatMap((slug) => slug.split("-"));
  const all = [...slugs, ...words.split(" ")].filter((word) => word !== "").map(cut);
  const text = [...new Set(all)].join(" ");
  return text.length <= TEXT_MAX_LENGTH
    ? text
    : text.slice(0, text.lastIndexOf(" ", TEXT_MAX_LENGTH));
}

/** Cuts a word to `TERM_MAX_BYTES` at a character's end. */
function cut(word: string): string {
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

/**
 * Finds prompts with the given words. With `lastIsPrefix` the last word also matches the beginning of
 * a word. Scans the rows in Convex's order of relevance until `enough` are found.
 */
export async function findByWords(
  ctx: UserQueryCtx,
  given: string[],
  filter: Filter,
  { enough, lastIsPrefix }: { enough: (found: Found) => boolean; lastIsPrefix: boolean },
): Promise<Found> {
  const found: Found = { all: [], any: [] };
  const words = searchable(given);
  const last = words.at(-1);
  if (last === undefined) {
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
    if (filter.tag === undefined || row.tags.includes(filter.tag)) {
      const held = row.text.split(" ");
      const distinct = new Set(held);
      const count = words.filter(
        (word) =>
          distinct.has(word) ||
          (lastIsPrefix && word === last && held.some((one) => one.startsWith(word))),
      ).length;
      if (count === words.length) {
        found.all.push(row.promptId);
      }
      if (count > 0) {
        found.any.push(row.promptId);
      }
    }
    const { rows, bytes } = SCANNED_MAX;
    if (enough(found) || scanned.rows >= rows || scanned.bytes >= bytes) {
      break;
    }
  }
  return found;
}

/** Selects the words of one search: always the last one, and the first of the others that fit. */
function searchable(given: string[]): string[] {
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
