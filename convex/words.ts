/**
 * The full-text index. The server reads text as words (`domain/words.rs`); here they are only cut to
 * what Convex's analyser keeps, and compared.
 */
import type { Doc } from "./_generated/dataModel";
import type { UserMutationCtx, UserQueryCtx } from "./functions";
import { byteLength, type Body } from "./shapes";

/** The analyser drops terms of 32 bytes or more, so longer words are cut, here and in queries. */
const TERM_MAX_BYTES = 31;
/** Most terms of a search; the analyser also ends terms at marks that are parts of a word. */
const TERMS_MAX = 16;
/** Words beyond this many characters of a prompt are not indexed. */
const TEXT_MAX_LENGTH = 262_144;
/**
 * A search looks at this many prompts at most and stops after this many bytes. Convex finds 1,024 and
 * ends a function that asks for one more; a transaction may read 16 MiB.
 */
const LOOKED_AT_MAX = { rows: 1000, bytes: 6 * 1024 * 1024 };

/** Narrows a search or a listing. */
export interface Filter {
  tag?: string;
  favorite?: boolean;
}

/** What a search found: ids of prompts with all words and of those with any, the best first. */
interface Found {
  all: string[];
  any: string[];
}

/** Writes the words of a prompt, new ones or none but the marks. */
export async function indexWords(
  ctx: UserMutationCtx,
  prompt: Pick<Doc<"prompts">, "id" | "name" | "favorite" | "deletedAt">,
  { tags }: Body,
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

/** A slug's words are what stands between its hyphens. */
function textOf(name: string, tags: string[], words: string): string {
  const slugs = [name, ...tags].flatMap((slug) => slug.split("-"));
  const all = [...slugs, ...words.split(" ")].filter((word) => word !== "").map(cut);
  const text = [...new Set(all)].join(" ");
  return text.length <= TEXT_MAX_LENGTH
    ? text
    : text.slice(0, text.lastIndexOf(" ", TEXT_MAX_LENGTH));
}

function cut(word: string): string {
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
 * The prompts that hold the words of a query, of which the last may be the beginning of a word, or
 * of a text, where no word is. Looks through those that Convex finds most relevant until `enough`
 * have been found.
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
  const lookedAt = { rows: 0, bytes: 0 };
  for await (const row of rows) {
    lookedAt.rows += 1;
    lookedAt.bytes += byteLength(row.text);
    if (filter.tag === undefined || row.tags.includes(filter.tag)) {
      const held = row.text.split(" ");
      const distinct = new Set(held);
      const holds = (word: string) =>
        distinct.has(word) ||
        (lastIsPrefix && word === last && held.some((one) => one.startsWith(word)));
      const count = words.filter(holds).length;
      if (count === words.length) {
        found.all.push(row.promptId);
      }
      if (count > 0) {
        found.any.push(row.promptId);
      }
    }
    const { rows, bytes } = LOOKED_AT_MAX;
    if (enough(found) || lookedAt.rows >= rows || lookedAt.bytes >= bytes) {
      break;
    }
  }
  return found;
}

/** The words that one search can take: the last one always, of the others the first that fit. */
function searchable(given: string[]): string[] {
  const words = given.map(cut).filter((word) => word !== "");
  const last = words.pop();
  if (last === undefined) {
    return [];
  }
  let room = TERMS_MAX - countTerms(last);
  const kept = words.filter((word) => {
    room -= countTerms(word);
    return room >= 0;
  });
  return [...kept, last];
}

/** How many terms the analyser makes of a word. */
function countTerms(word: string): number {
  return word.match(/[\p{Alphabetic}\p{N}]+/gu)?.length ?? 0;
}
