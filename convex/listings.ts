/** The orders of a library: keeping them, and reading a page of one. */
import type { Doc } from "./_generated/dataModel";
import { fail } from "./errors";
import type { UserMutationCtx, UserQueryCtx } from "./functions";
import type { Filter } from "./words";

type Listing = Doc<"listings">;

/** The whole library stands under this tag, which no prompt can have. */
const EVERYTHING = "";
/** The character after `z`, the last that a slug may hold. */
const AFTER_SLUG = "{";
/** Most prompts that may have moved up in the order by save since the first page was read... */
const MOVED_MAX = 100;
/** ...and most that may have been saved since, new ones included. */
const SAVED_SINCE_MAX = 1000;

/** Puts a prompt where it stands now in each order. */
export async function place(
  ctx: UserMutationCtx,
  prompt: Doc<"prompts">,
  tags: string[],
): Promise<void> {
  const { db, userId } = ctx;
  const { id: promptId, favorite, deletedAt, name, change, seq, useCount } = prompt;
  const row = { userId, promptId, favorite, deletedAt, name, change, seq, useCount };
  const missing = new Set([EVERYTHING, ...tags]);
  for (const known of await placesOf(ctx, promptId)) {
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

/** Where a prompt stands: at most once for each tag and once for the whole library. */
export async function placesOf(ctx: UserQueryCtx, promptId: string): Promise<Listing[]> {
  const { db, userId } = ctx;
  return await db
    .query("listings")
    .withIndex("by_prompt", (q) => q.eq("userId", userId).eq("promptId", promptId))
    .collect();
}

/**
 * By the latest save, as of the moment when `watermark` was the number of the last write: what was
 * saved since stands where it stood then.
 */
export async function bySave(
  ctx: UserQueryCtx,
  filter: Filter,
  after: { watermark: number; seq: number },
  order: "asc" | "desc",
  count: number,
): Promise<{ row: Listing; key: number }[]> {
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
  const before = await Promise.all(
    moved.map(async (row) => ({ row, key: await lastChange(ctx, row.promptId, watermark) })),
  );
  const sign = order === "asc" ? 1 : -1;
  return [...unmoved.map((row) => ({ row, key: row.change })), ...before]
    .filter(({ key }) => sign * (key - seq) > 0)
    .sort((left, right) => sign * (left.key - right.key))
    .slice(0, count);
}

/** The number of the last save of a prompt up to `watermark`. */
async function lastChange(ctx: UserQueryCtx, promptId: string, watermark: number): Promise<number> {
  const { db, userId } = ctx;
  const version = await db
    .query("versions")
    .withIndex("by_change", (q) =>
      q.eq("userId", userId).eq("promptId", promptId).lte("change", watermark),
    )
    .order("desc")
    .first();
  return version?.change ?? 0;
}

/** Living prompts by name, those that come after `after` and, if given, begin with `prefix`. */
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

/** The most used first, then the newest. */
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
  const order = (left: Listing, right: Listing) =>
    right.useCount - left.useCount || right.seq - left.seq;
  return rows.sort(order).slice(0, count);
}

/** The latest deletion first, of those after `since`. */
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
  const order = (left: Listing, right: Listing) =>
    (right.deletedAt ?? 0) - (left.deletedAt ?? 0) || right.seq - left.seq;
  return rows.sort(order).slice(0, count);
}

/** The tags of living prompts that begin with `prefix`: one look into the index for each. */
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

/** Reads each half of a shelf that the filter asks for: the marked prompts, the others, or both. */
async function eachFavorite(
  { tag = EVERYTHING, favorite }: Filter,
  read: (favorite: boolean, tag: string) => Promise<Listing[]>,
): Promise<Listing[]> {
  const halves = favorite === undefined ? [true, false] : [favorite];
  const rows = await Promise.all(halves.map((half) => read(half, tag)));
  return rows.flat();
}
