/**
 * The tables. Every row carries the `userId` of its owner, and every index that a user's function reads
 * begins with it. The rows of `migrations` and `stripeEvents` have no owner, nor has a customer whose user
 * was erased. Rows refer to each other by our own ids, never by
 * document ids.
 */
import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

import { VECTOR_DIMENSIONS } from "./limits";
import { auditAction, body, channel, findings, outcome, subscription } from "./shapes";

/** The first fields of every index that orders `listings`. */
const shelf = ["userId", "tag", "favorite", "deletedAt"] as const;

export default defineSchema({
  /**
   * One row per user. `seq` numbers the user's writes: versions, prompts, candidates and audit entries
   * take their numbers from it, so no order depends on a clock.
   */
  accounts: defineTable({
    userId: v.string(),
    createdAt: v.number(),
    /** Set by an erasure. The row is kept, so that a write in flight cannot recreate the account. */
    erasedAt: v.optional(v.number()),
    seq: v.number(),
    /** Living prompts. */
    living: v.number(),
    /** Deleted prompts that have not been purged. */
    deleted: v.number(),
    /** Candidates that have not been purged. */
    waiting: v.number(),
    /**
     * Bytes of the versions of all prompts that have not been purged, and of the candidates. Rows
     * without `bytes` of their own are not in it.
     */
    bytes: v.optional(v.number()),
    /** Whether `bytes` covers every row: from the start, or since `migrations.ts` filled it. */
    counted: v.optional(v.boolean()),
    /** Whether the rows of an erased account are gone. */
    emptied: v.optional(v.boolean()),
  })
    .index("by_user", ["userId"])
    .index("by_erasure", ["erasedAt"]),

  /** The fields of a prompt that have no versions. */
  prompts: defineTable({
    userId: v.string(),
    id: v.string(),
    name: v.string(),
    /** The current version. */
    version: v.number(),
    /** The number of the save that made the current version. */
    change: v.number(),
    /** Size of the current body in a document. `migrations.ts` fills it in older rows. */
    bytes: v.optional(v.number()),
    /** Sum of the `bytes` of its versions. */
    totalBytes: v.optional(v.number()),
    /** The number of the save that made the newest of its pruned versions. */
    prunedChange: v.optional(v.number()),
    /** The number of the creation. */
    seq: v.number(),
    favorite: v.boolean(),
    createdAt: v.number(),
    /** The time of the deletion, or `REMOVED_AT` while the rows of the prompt are removed. */
    deletedAt: v.optional(v.number()),
    useCount: v.number(),
    lastUsedAt: v.optional(v.number()),
    /** The model of the current version's vector; absent while it has none. */
    model: v.optional(v.string()),
  })
    .index("by_id_of_anybody", ["id"])
    .index("by_id_of_user", ["userId", "id"])
    .index("by_name", ["userId", "name", "deletedAt"])
    .index("by_user_and_deletion", ["userId", "deletedAt"])
    .index("by_model", ["userId", "deletedAt", "model", "seq"])
    .index("by_deletion", ["deletedAt"]),

  /** One row per save; inserted, pruned and purged. What users read of it never changes. */
  versions: defineTable({
    userId: v.string(),
    promptId: v.string(),
    version: v.number(),
    change: v.number(),
    body,
    /** Size of the body, as users are charged for it. `migrations.ts` fills it in older rows. */
    bytes: v.optional(v.number()),
    source: v.string(),
    createdAt: v.number(),
  })
    .index("by_version", ["userId", "promptId", "version"])
    .index("by_change", ["userId", "promptId", "change"])
    .index("by_size", ["userId", "bytes"]),

  /**
   * The keys of a prompt in every order: one row for the whole library (`tag` is empty) and one per
   * tag, so that a page filtered by tag is one range of an index.
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
    /** Words and trigrams of the headings. `migrations.ts` fills them in older rows. */
    headings: v.optional(v.string()),
    tags: v.array(v.string()),
    favorite: v.boolean(),
    living: v.boolean(),
  })
    .index("by_prompt", ["userId", "promptId"])
    .searchIndex("by_headings", {
      searchField: "headings",
      filterFields: ["userId", "living", "favorite"],
    })
    .searchIndex("by_text", {
      searchField: "text",
      filterFields: ["userId", "living", "favorite"],
    }),

  /** The vector of a prompt's current version: at most one row for each prompt. */
  vectors: defineTable({
    userId: v.string(),
    promptId: v.string(),
    /** The version that the vector was made from. */
    version: v.number(),
    model: v.string(),
    /** Whole numbers: `Embedding` of `shapes.ts`. */
    vector: v.array(v.number()),
    /** `shelfOf` the user and the model while the prompt lives, so that no search finds a deleted one. */
    shelf: v.optional(v.string()),
  })
    .index("by_prompt", ["userId", "promptId"])
    .vectorIndex("by_meaning", {
      vectorField: "vector",
      dimensions: VECTOR_DIMENSIONS,
      filterFields: ["shelf"],
    }),

  /** Proposals in the review queue. */
  candidates: defineTable({
    userId: v.string(),
    id: v.string(),
    seq: v.number(),
    name: v.string(),
    body,
    /** Size of the body, as users are charged for it. `migrations.ts` fills it in older rows. */
    bytes: v.optional(v.number()),
    why: v.string(),
    /** Absent in rows from before findings were kept. */
    findings: v.optional(findings),
    source: v.string(),
    createdAt: v.number(),
  })
    .index("by_id_of_anybody", ["id"])
    .index("by_id_of_user", ["userId", "id"])
    .index("by_seq", ["userId", "seq"])
    .index("by_user_and_age", ["userId", "createdAt"])
    .index("by_size", ["userId", "bytes"])
    .index("by_age", ["createdAt"]),

  /** One entry per write, for `AUDIT_DAYS`. `name` is empty once what it names is gone. */
  audit: defineTable({
    userId: v.string(),
    seq: v.number(),
    action: auditAction,
    promptId: v.optional(v.string()),
    candidateId: v.optional(v.string()),
    name: v.string(),
    version: v.optional(v.number()),
    client: v.string(),
    at: v.number(),
  })
    .index("by_seq", ["userId", "seq"])
    .index("by_prompt", ["userId", "promptId", "name"])
    .index("by_version", ["userId", "promptId", "version", "name"])
    .index("by_candidate", ["userId", "candidateId", "promptId", "name"])
    .index("by_age", ["at"]),

  /** Programs that call for a library, one row for each name and channel. */
  clients: defineTable({
    userId: v.string(),
    name: v.string(),
    via: channel,
    firstSeenAt: v.number(),
    lastSeenAt: v.number(),
  })
    .index("by_name", ["userId", "name", "via"])
    .index("by_time", ["userId", "lastSeenAt"]),

  /** Sessions that have ended; kept beyond the erasure of their user. */
  endedSessions: defineTable({
    userId: v.string(),
    sessionId: v.string(),
    at: v.number(),
  })
    .index("by_session", ["userId", "sessionId"])
    .index("by_age", ["at"]),

  /** One row for each customer of Stripe, with the subscription that counts. */
  subscriptions: defineTable({
    /** Absent once the user was erased. */
    userId: v.optional(v.string()),
    customer: v.string(),
    /** Whether the user was erased, and the customer waits to be deleted at Stripe. */
    erased: v.boolean(),
    /** When its comparison or deletion is due; a lease puts it off. */
    dueAt: v.number(),
    /** The last number that was given to a reading of Stripe's state. */
    sequence: v.number(),
    /** The number of the reading that is kept. */
    keptSequence: v.number(),
    subscription: v.optional(subscription),
  })
    .index("by_user", ["userId"])
    .index("by_customer", ["customer"])
    .index("by_work", ["erased", "dueAt"]),

  /** The events of Stripe that were processed, for `EVENT_DAYS`. */
  stripeEvents: defineTable({ event: v.string(), at: v.number() })
    .index("by_event", ["event"])
    .index("by_age", ["at"]),

  /** The outcomes of writes, from which repetitions are answered. */
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

  /** The state of each migration; belongs to the system, and no user can read it. */
  migrations: defineTable({
    name: v.string(),
    /** Where the next batch starts; `null` at the beginning and at the end. */
    cursor: v.union(v.string(), v.null()),
    /** Rows visited so far. */
    rows: v.number(),
    /** Rows that failed and were left as they were. */
    failed: v.optional(v.number()),
    startedAt: v.number(),
    doneAt: v.optional(v.number()),
    /** The scheduled next batch. */
    job: v.optional(v.id("_scheduled_functions")),
  }).index("by_name", ["name"]),
});
