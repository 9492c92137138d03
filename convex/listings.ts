/** The orders of a library: maintaining their rows, and reading ranges of them. */
import type { Doc } from "./_generated/dataModel";
import { charge, isSpent, newSkipping } from "./batches";
import { fail } from "./errors";
import type { UserMutationCtx, UserQueryCtx } from "./functions";
import { TAG_COUNT_MAX } from "./limits";
import type { Filter } from "./words";

type Listing = Doc<"listings">;

/** The tag of the rows for the whole library; no prompt can have it. */
const EVERYTHING = "";
/** The character after `z`, which is the last one in a slug. */
const AFTER_SLUG = "{";
/** Maximum prompts of the listing that may be saved again between its first page and its last. */
const MOVED_MAX = 100;
/** Maximum prompts, including new ones, that may be saved between its first page and its last. */
const SAVED_SINCE_MAX = 1000;

/** A prompt in an order, with the position from which a listing continues after it. */
export interface Entry<Position> {
  promptId: string;
  position: Position;
}

/**
 * Brings the rows of a prompt up to date: one for the library and one per tag. Every write to a field
 * of these rows calls this, but for `recordUses`, which changes `useCount` alone.
 */
export async function updateListings(
  ctx: UserMutationCtx,
  prompt: Doc<"prompts">,
  tags: string[],
): Promise<void> {
  const { db, userId } = ctx;
  const { id: promptId, favorite, deletedAt, name, change, seq, useCount } = prompt;
  const row = { userId, promptId, favorite, deletedAt, name, change, seq, useCount };
  const missing = new Set([EVERYTHING, ...tags]);
  for (const known of await listingsOf(ctx, promptId)) {
    if (missing.delete(known.tag)) {
      await db.replace("listings", known._id, { ...row, tag: known.tag });
    } else {
      await db.delete("listings", known._id);
    }
  }
  for (const tag of missing) {
    await db.insert("listings", { ...row, tag });
  }
}

/** Whether a prompt lives and passes a filter. */
export async function passes(
  ctx: UserQueryCtx,
  promptId: string,
  { tag = EVERYTHING, favorite }: Filter,
): Promise<boolean> {
  const row = (await listingsOf(ctx, promptId)).find((one) => one.tag === tag);
  const isLiving = row !== undefined && row.deletedAt === undefined;
  return isLiving && (favorite === undefined || row.favorite === favorite);
}

/** Finds the rows of a prompt. */
export async function listingsOf(ctx: UserQueryCtx, promptId: string): Promise<Listing[]> {
  const { db, userId } = ctx;
  return await db
    .query("listings")
    .withIndex("by_prompt", (q) => q.eq("userId", userId).eq("promptId", promptId))
    .collect();
}

/**
 * Lists living prompts by their latest save up to the write number `watermark`, the last one before
 * the first page was read. A prompt saved since then keeps its old place, so that paging neither skips
 * nor repeats it. Fails with `INVALID_CURSOR` when too many prompts were saved since.
 */
export async function bySave(
  ctx: UserQueryCtx,
  filter: Filter,
  after: { watermark: number; seq: number },
  order: "asc" | "desc",
  count: number,
): Promise<Entry<{ watermark: number; seq: number }>[]> {
  const { db, userId } = ctx;
  const { watermark, seq } = after;
  const unmoved = await eachFavorite(filter, (favorite, tag) =>
    db
      .query("listings")
      .withIndex("by_change", (q) => {
        const shelf = q.eq("userId", userId).eq("tag", tag).eq("favorite", favorite);
        const living = shelf.eq("deletedAt", undefined);
        if (order === "asc") {
          return living.gt("change", seq).lte("change", watermark);
        }
        return seq <= watermark ? living.lt("change", seq) : living.lte("change", watermark);
      })
      .order(order)
      .take(count),
  );
  const savedSince = await eachFavorite(filter, (favorite, tag) =>
    db
      .query("listings")
      .withIndex("by_change", (q) =>
        q
          .eq("userId", userId)
          .eq("tag", tag)
          .eq("favorite", favorite)
          .eq("deletedAt", undefined)
          .gt("change", watermark),
      )
      .take(SAVED_SINCE_MAX),
  );
  const moved = savedSince.filter((row) => row.seq <= watermark);
  if (savedSince.length >= SAVED_SINCE_MAX || moved.length > MOVED_MAX) {
    fail({ code: "INVALID_CURSOR" });
  }
  const before = await findPlacesBefore(ctx, moved, watermark);
  const sign = order === "asc" ? 1 : -1;
  return [...unmoved, ...before]
    .filter(({ change }) => sign * (change - seq) > 0)
    .sort((left, right) => sign * (left.change - right.change))
    .slice(0, count)
    .map(({ promptId, change }) => ({ promptId, position: { watermark, seq: change } }));
}

/**
 * Finds the number of the last save up to `watermark` of each prompt. This reads a version with its
 * body per prompt, so it fails with `INVALID_CURSOR` where the bodies exceed what an answer may read, and
 * where that version was pruned among others.
 */
async function findPlacesBefore(
  ctx: UserQueryCtx,
  moved: Listing[],
  watermark: number,
): Promise<{ promptId: string; change: number }[]> {
  const { db, userId } = ctx;
  const budget = newSkipping();
  const places = [];
  for (const { promptId } of moved) {
    const version = await db
      .query("versions")
      .withIndex("by_change", (q) =>
        q.eq("userId", userId).eq("promptId", promptId).lte("change", watermark),
      )
      .order("desc")
      .first();
    if (version !== null) {
      charge(budget, version);
    }
    const change = version?.change ?? (await findPruned(ctx, promptId, watermark));
    if (isSpent(budget) || change === null) {
      return fail({ code: "INVALID_CURSOR" });
    }
    places.push({ promptId, change });
  }
  return places;
}

/**
 * Finds the number of the last pruned save up to `watermark` of a prompt that has no version of that
 * time; `null` where only saves after it are known.
 */
async function findPruned(
  { db, userId }: UserQueryCtx,
  promptId: string,
  watermark: number,
): Promise<number | null> {
  const prompt = await db
    .query("prompts")
    .withIndex("by_id_of_user", (q) => q.eq("userId", userId).eq("id", promptId))
    .unique();
  const change = prompt?.prunedChange ?? 0;
  return change <= watermark ? change : null;
}

/** Lists living prompts by name: those after `after`, or those that begin with `prefix` if given. */
export async function byName(
  ctx: UserQueryCtx,
  filter: Filter,
  { after = "", prefix = "" }: { after?: string; prefix?: string },
  count: number,
): Promise<Listing[]> {
  const { db, userId } = ctx;
  const rows = await eachFavorite(filter, (favorite, tag) =>
    db
      .query("listings")
      .withIndex("by_name", (q) => {
        const shelf = q.eq("userId", userId).eq("tag", tag).eq("favorite", favorite);
        const living = shelf.eq("deletedAt", undefined);
        return prefix === ""
          ? living.gt("name", after)
          : living.gte("name", prefix).lt("name", prefix + AFTER_SLUG);
      })
      .take(count),
  );
  return rows.sort((left, right) => (left.name < right.name ? -1 : 1)).slice(0, count);
}

/** Lists living prompts by use, most used first; of equal use, the newest first. */
export async function byUse(
  ctx: UserQueryCtx,
  filter: Filter,
  after: { useCount: number; seq: number },
  count: number,
): Promise<Listing[]> {
  const { db, userId } = ctx;
  const rows = await eachFavorite(filter, async (favorite, tag) => {
    const ofEqualUse = await db
      .query("listings")
      .withIndex("by_use", (q) => {
        const shelf = q.eq("userId", userId).eq("tag", tag).eq("favorite", favorite);
        return shelf.eq("deletedAt", undefined).eq("useCount", after.useCount).lt("seq", after.seq);
      })
      .order("desc")
      .take(count);
    const ofLessUse = await db
      .query("listings")
      .withIndex("by_use", (q) => {
        const shelf = q.eq("userId", userId).eq("tag", tag).eq("favorite", favorite);
        return shelf.eq("deletedAt", undefined).lt("useCount", after.useCount);
      })
      .order("desc")
      .take(count);
    return [...ofEqualUse, ...ofLessUse];
  });
  return rows
    .sort((left, right) => right.useCount - left.useCount || right.seq - left.seq)
    .slice(0, count);
}

/** Lists prompts deleted after `since`, latest deletion first. */
export async function byDeletion(
  ctx: UserQueryCtx,
  filter: Filter,
  after: { deletedAt: number; seq: number },
  since: number,
  count: number,
): Promise<Listing[]> {
  const { db, userId } = ctx;
  const rows = await eachFavorite(filter, async (favorite, tag) => {
    const atOnce =
      after.deletedAt <= since
        ? []
        : await db
            .query("listings")
            .withIndex("by_deletion", (q) => {
              const shelf = q.eq("userId", userId).eq("tag", tag).eq("favorite", favorite);
              return shelf.eq("deletedAt", after.deletedAt).lt("seq", after.seq);
            })
            .order("desc")
            .take(count);
    const earlier = await db
      .query("listings")
      .withIndex("by_deletion", (q) => {
        const shelf = q.eq("userId", userId).eq("tag", tag).eq("favorite", favorite);
        return shelf.gt("deletedAt", since).lt("deletedAt", after.deletedAt);
      })
      .order("desc")
      .take(count);
    return [...atOnce, ...earlier];
  });
  return rows
    .sort((left, right) => (right.deletedAt ?? 0) - (left.deletedAt ?? 0) || right.seq - left.seq)
    .slice(0, count);
}

/**
 * Lists the tags of living prompts that begin with `prefix`. Each tag costs one read: the next row
 * after the last tag found.
 */
export async function tagsOf(ctx: UserQueryCtx, prefix: string, most: number): Promise<string[]> {
  const { db, userId } = ctx;
  const tags: string[] = [];
  while (tags.length < most) {
    const last = tags.at(-1) ?? EVERYTHING;
    const next = await db
      .query("listings")
      .withIndex("by_tag", (q) => {
        const living = q.eq("userId", userId).eq("deletedAt", undefined);
        const from = last < prefix ? living.gte("tag", prefix) : living.gt("tag", last);
        return from.lt("tag", prefix + AFTER_SLUG);
      })
      .first();
    if (next === null) {
      break;
    }
    tags.push(next.tag);
  }
  return tags;
}

/** Counts the living prompts of each tag after `after`, up to the rows of one call. */
export async function countTags({ db, userId }: UserQueryCtx, after = EVERYTHING) {
  const rows = await db
    .query("listings")
    .withIndex("by_tag", (q) => q.eq("userId", userId).eq("deletedAt", undefined).gt("tag", after))
    .take(TAG_COUNT_MAX + 1);
  const counts = new Map<string, number>();
  for (const { tag } of rows.slice(0, TAG_COUNT_MAX)) {
    counts.set(tag, (counts.get(tag) ?? 0) + 1);
  }
  const tags = [...counts].map(([name, count]) => ({ name, count }));
  const next = rows.at(TAG_COUNT_MAX)?.tag;
  // The next call counts a tag whose rows have only begun. One with more rows than a call reads stays.
  if (tags.length > 1 && tags.at(-1)?.name === next) {
    tags.pop();
  }
  return { tags, more: next !== undefined };
}

/**
 * Reads the rows for the filter's mark, or for both marks if it has none: `favorite` precedes the key
 * of every order, so each mark is its own range of the index.
 */
async function eachFavorite(
  { tag = EVERYTHING, favorite }: Filter,
  read: (favorite: boolean, tag: string) => Promise<Listing[]>,
): Promise<Listing[]> {
  const halves = favorite === undefined ? [true, false] : [favorite];
  const rows = await Promise.all(halves.map((half) => read(half, tag)));
  return rows.flat();
}
