/**
 * The tables. Every row carries the `userId` of its owner, and every index that a public function
 * reads begins with it. Rows refer to each other by our own ids, never by document ids.
 */
import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

import { body, outcome } from "./shapes";

/** The fields that every index of `listings` by an order begins with. */
const shelf = ["userId", "tag", "favorite", "deletedAt"] as const;

export default defineSchema({
  /**
   * One row a user. `seq` numbers the user's writes in order: versions, prompts, candidates and audit
   * entries take their numbers from it, so no order depends on a clock.
   */
  accounts: defineTable({
    userId: v.string(),
    createdAt: v.number(),
    /** Set when the user has left: the row alone is kept, so that nothing on its way comes back. */
    erasedAt: v.optional(v.number()),
    seq: v.number(),
    /** Living prompts. */
    living: v.number(),
    /** Deleted prompts that are not purged yet. */
    deleted: v.number(),
    /** Candidates that are not purged yet. */
    waiting: v.number(),
  })
    .index("by_user", ["userId"])
    .index("by_erasure", ["erasedAt"]),

  /** What of a prompt has no versions. */
  prompts: defineTable({
    userId: v.string(),
    id: v.string(),
    name: v.string(),
    /** The current version. */
    version: v.number(),
    /** The number of the save that made the current version. */
    change: v.number(),
    /** The number of the creation. */
    seq: v.number(),
    favorite: v.boolean(),
    createdAt: v.number(),
    deletedAt: v.optional(v.number()),
    useCount: v.number(),
    lastUsedAt: v.optional(v.number()),
  })
    .index("by_id_of_anybody", ["id"])
    .index("by_id_of_user", ["userId", "id"])
    .index("by_name", ["userId", "name", "deletedAt"])
    .index("by_user_and_deletion", ["userId", "deletedAt"])
    .index("by_deletion", ["deletedAt"]),

  /** One row a save; inserted and purged, never changed. */
  versions: defineTable({
    userId: v.string(),
    promptId: v.string(),
    version: v.number(),
    change: v.number(),
    body,
    source: v.string(),
    createdAt: v.number(),
  })
    .index("by_version", ["userId", "promptId", "version"])
    .index("by_change", ["userId", "promptId", "change"]),

  /**
   * Where a prompt stands in each order: one row for the whole library (`tag` is empty) and one for
   * each tag, so that a filtered page is read from an index like any other.
   */
  listings: defineTable({
    userId: v.string(),
    promptId: v.string(),
    tag: v.string(),
    favorite: v.boolean(),
    deletedAt: v.optional(v.number()),
    name: v.string(),
    change: v.number(),
    seq: v.number(),
    useCount: v.number(),
  })
    .index("by_prompt", ["userId", "promptId"])
    .index("by_change", [...shelf, "change"])
    .index("by_name", [...shelf, "name"])
    .index("by_use", [...shelf, "useCount", "seq"])
    .index("by_deletion", [...shelf, "seq"])
    .index("by_tag", ["userId", "deletedAt", "tag"]),

  /** The words of a prompt, for the full-text index. */
  words: defineTable({
    userId: v.string(),
    promptId: v.string(),
    text: v.string(),
    tags: v.array(v.string()),
    favorite: v.boolean(),
    living: v.boolean(),
  })
    .index("by_prompt", ["userId", "promptId"])
    .searchIndex("by_text", {
      searchField: "text",
      filterFields: ["userId", "living", "favorite"],
    }),

  /** Proposals that wait for a review. */
  candidates: defineTable({
    userId: v.string(),
    id: v.string(),
    seq: v.number(),
    name: v.string(),
    body,
    why: v.string(),
    source: v.string(),
    createdAt: v.number(),
  })
    .index("by_id_of_anybody", ["id"])
    .index("by_id_of_user", ["userId", "id"])
    .index("by_seq", ["userId", "seq"])
    .index("by_user_and_age", ["userId", "createdAt"])
    .index("by_age", ["createdAt"]),

  /** One entry a write. */
  audit: defineTable({
    userId: v.string(),
    seq: v.number(),
    action: v.string(),
    promptId: v.optional(v.string()),
    candidateId: v.optional(v.string()),
    name: v.string(),
    version: v.optional(v.number()),
    client: v.string(),
    at: v.number(),
  }).index("by_seq", ["userId", "seq"]),

  /** Sign-ins that have ended; they are remembered beyond the erasure of their user. */
  endedSessions: defineTable({
    userId: v.string(),
    sessionId: v.string(),
    at: v.number(),
  })
    .index("by_session", ["userId", "sessionId"])
    .index("by_age", ["at"]),

  /** The outcomes of writes, for their repetitions. */
  idempotency: defineTable({
    userId: v.string(),
    key: v.string(),
    path: v.string(),
    fingerprint: v.string(),
    outcome,
    at: v.number(),
  })
    .index("by_key", ["userId", "key"])
    .index("by_age", ["at"]),
});
