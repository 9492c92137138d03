/**
 * Selecting the prompts that a search returns for ranking, without their texts. The server ranks them
 * (`domain/ranking.rs`); the selection is that of `store/sqlite/prompts/selection.rs`.
 */
import { v, type ObjectType } from "convex/values";

import type { Doc } from "./_generated/dataModel";
import type { UserQueryCtx } from "./functions";
import { countTrigrams, trigramTerms } from "./folding";
import { MATCHES_MAX, NAMES_MAX, QUERY_WORDS_MAX } from "./limits";
import * as listings from "./listings";
import { byteLength, isFormOf } from "./shapes";
import { cut, filter, searchable, type Filter } from "./words";

/**
 * Rows and bytes after which a lookup stops, by words of all texts and by headings. Convex finds 1,024
 * rows and fails a function that reads one more; a transaction may read 16 MiB.
 */
const BY_TEXT_MAX = { rows: 500, bytes: 4 * 1024 * 1024 };
const BY_HEADINGS_MAX = { rows: 200, bytes: 2 * 1024 * 1024 };

/** The part of a word's weight that a row has by it, by where it has the word. */
const SHARES = { heading: 0.9, text: 0.5, beginning: 0.3 };
/** The parts of words and title in a score: `WORDS_WEIGHT` and `TITLE_WEIGHT` of `domain/ranking.rs`. */
const WEIGHTS = { words: 0.3, title: 0.2 };

/** What a search looks for: the beginning of a name, and words. */
export const searchFields = {
  ...filter,
  name: v.optional(v.string()),
  words: v.array(v.string()),
};

/** What a search selects. */
interface Selection {
  /** Ids of prompts, the most promising first. */
  ids: string[];
  /** The number of rows with at least one of the words. */
  rows: number;
  /** The number of rows with each word. */
  withWord: number[];
}

interface Row {
  shares: number[];
  headings: Set<string>;
}

/**
 * Finds prompts whose name equals or begins with `name`, then those with any of the words or with a title
 * that resembles one; at most `MATCHES_MAX`.
 */
export async function findByQuery(
  ctx: UserQueryCtx,
  { name, words, ...filter }: ObjectType<typeof searchFields>,
): Promise<Selection> {
  const named =
    name === undefined || !isFormOf("name", name)
      ? []
      : await listings.byName(ctx, filter, { prefix: name }, NAMES_MAX);
  const { ids, rows, withWord } = await selectMatches(ctx, words, filter);
  const all = new Set([...named.map((row) => row.promptId), ...ids]);
  return { ids: [...all].slice(0, MATCHES_MAX), rows, withWord };
}

/** Finds prompts with any of the words, or with a title that resembles a word which no heading has. */
export async function selectMatches(
  ctx: UserQueryCtx,
  given: string[],
  filter: Filter,
): Promise<Selection> {
  const words = given.map(cut);
  const found = new Map<string, Row>();
  const add = (row: Doc<"words">) => found.set(row.promptId, readRow(row, words));

  await scan(ctx, "text", searchable(words), filter, BY_TEXT_MAX, add);
  // A title among many texts with its words has to be found as well.
  await scan(ctx, "headings", searchable(words), filter, BY_HEADINGS_MAX, add);
  const known = new Set([...found.values()].flatMap(({ headings }) => [...headings]));
  const unknown = trigramTerms(words.filter((word) => !known.has(word)));
  await scan(ctx, "headings", spread(unknown), filter, BY_HEADINGS_MAX, add);

  const rows = [...found];
  const withWord = words.map(
    (_, index) => rows.filter(([, { shares }]) => (shares[index] ?? 0) > 0).length,
  );
  const count = rows.filter(([, { shares }]) => shares.some((share) => share > 0)).length;
  const weights = withWord.map((number) => Math.log1p((count - number + 0.5) / (number + 0.5)));
  const all = countTrigrams(words);
  const estimates = rows.map(
    ([id, row]) => [id, estimate(row, weights, unknown, Math.max(all, 1))] as const,
  );
  // The sort is stable, so of equals the more relevant one comes first.
  estimates.sort(([, a], [, b]) => b - a);
  const ids = estimates.filter(([, score]) => score > 0).map(([id]) => id);
  return { ids: ids.slice(0, MATCHES_MAX), rows: count, withWord };
}

/** Calls `visit` with the rows that have any of the terms, in Convex's order of relevance. */
async function scan(
  { db, userId }: UserQueryCtx,
  field: "text" | "headings",
  terms: string[],
  filter: Filter,
  most: { rows: number; bytes: number },
  visit: (row: Doc<"words">) => void,
): Promise<void> {
  if (terms.length === 0) {
    return;
  }
  const index = { text: "by_text", headings: "by_headings" } as const;
  const rows = db.query("words").withSearchIndex(index[field], (q) => {
    const living = q.search(field, terms.join(" ")).eq("userId", userId).eq("living", true);
    return filter.favorite === undefined ? living : living.eq("favorite", filter.favorite);
  });
  const left = { ...most };
  for await (const row of rows) {
    left.rows -= 1;
    left.bytes -= byteLength(row.text) + byteLength(row.headings ?? "");
    if (filter.tag === undefined || row.tags.includes(filter.tag)) {
      visit(row);
    }
    if (left.rows <= 0 || left.bytes <= 0) {
      break;
    }
  }
}

/** Looks up where a row has the words. The last one also begins a word. */
function readRow(row: Doc<"words">, words: string[]): Row {
  const held = row.text.split(" ");
  const texts = new Set(held);
  const headings = new Set((row.headings ?? "").split(" "));
  const shares = words.map((word, index) => {
    if (headings.has(word)) {
      return SHARES.heading;
    }
    if (texts.has(word)) {
      return SHARES.text;
    }
    const isLast = index === words.length - 1;
    return isLast && held.some((one) => one.startsWith(word)) ? SHARES.beginning : 0;
  });
  return { shares, headings };
}

/** Estimates the score of a row: `estimate` of `domain/ranking.rs`. */
function estimate(row: Row, weights: number[], trigrams: string[], all: number): number {
  const whole = weights.reduce((sum, weight) => sum + weight, 0);
  const part = weights.reduce((sum, weight, at) => sum + weight * (row.shares[at] ?? 0), 0);
  const shared = trigrams.filter((trigram) => row.headings.has(trigram)).length;
  return WEIGHTS.words * (whole > 0 ? part / whole : 0) + (WEIGHTS.title * shared) / all;
}

/** Selects as many terms as a search takes, from all parts of the list. */
function spread(terms: string[]): string[] {
  const step = Math.max(1, terms.length / QUERY_WORDS_MAX);
  return terms.filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step));
}
