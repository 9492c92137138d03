/**
 * The limits that the functions share with the server, which owns them: the functions repeat its
 * checks as a backstop. `tests/it/convex/limits.rs` compares each constant with the Rust item that its
 * comment names, and fails on a constant that it does not compare.
 */

/** The user of a server without sign-in. Rust: `domain::identity::UserId::local`. */
export const LOCAL_USER = "local";
/** Form of a user id. Rust: `domain::identity::USER_ID_MAX_CHARS` and `UserId::parse`. */
export const USER_ID_PATTERN = /^[\x21-\x7e]{1,128}$/;
/** Form of a client's name. Rust: `domain::identity::CLIENT_MAX_CHARS` and `Client::named`. */
export const CLIENT_PATTERN = /^\P{Cc}{0,64}$/u;

/** Form of a prompt's id. Rust: `domain::prompt::PromptId::parse`. */
export const PROMPT_ID_PATTERN = /^prm_[0-9a-f]{32}$/;
/** Form of a candidate's id. Rust: `domain::candidate::CandidateId::parse`. */
export const CANDIDATE_ID_PATTERN = /^cnd_[0-9a-f]{32}$/;
/** Form of a prompt's name. Rust: `domain::prompt::NAME_MAX_CHARS` and `Name::parse`. */
export const NAME_PATTERN = /^[a-z0-9][a-z0-9-]{0,63}$/;
/** Form of a tag. Rust: `domain::prompt::TAG_MAX_CHARS` and `Tag::parse`. */
export const TAG_PATTERN = /^[a-z0-9][a-z0-9-]{0,31}$/;

/**
 * Form of an id of Stripe. Rust: `domain::subscription::STRIPE_ID_MAX_CHARS` and `CustomerId::parse`.
 */
export const STRIPE_ID_PATTERN = /^[A-Za-z0-9_]{1,255}$/;

/** Form of a model's id. Rust: `domain::vector::ModelId::parse`. */
export const MODEL_PATTERN = /^[0-9a-f]{16}$/;

/** Maximum bytes of a whole body, in UTF-8. Rust: `domain::prompt::BODY_MAX_BYTES`. */
export const BODY_MAX_BYTES = 131_072;
/** Maximum bytes of a content. Rust: `domain::prompt::CONTENT_MAX_BYTES`. */
export const CONTENT_MAX_BYTES = 65_536;
/**
 * Maximum bytes of every other text. Rust: `domain::prompt::VARIABLE_DEFAULT_MAX_BYTES`, the longest
 * text after the content; no text that the server limits in characters takes more bytes than this.
 */
export const TEXT_MAX_BYTES = 4096;
/** Maximum tags of a prompt. Rust: `domain::prompt::TAGS_MAX`. */
export const TAGS_MAX = 10;
/** Maximum variables of a prompt. Rust: `domain::prompt::VARIABLES_MAX`. */
export const VARIABLES_MAX = 100;
/** Maximum bytes of a variable's name. Rust: `domain::prompt::VariableName::MAX_BYTES`. */
export const VARIABLE_NAME_MAX_BYTES = 256;

/** Days in which a deletion can be undone. Rust: `domain::prompt::RESTORABLE_DAYS`. */
export const RESTORABLE_DAYS = 30;
/** Days in which a candidate can be reviewed. Rust: `domain::candidate::CANDIDATE_DAYS`. */
export const CANDIDATE_DAYS = 7;
/** Maximum candidates of a user. Rust: `domain::candidate::QUEUE_MAX`. */
export const QUEUE_MAX = 200;

/** Maximum problems of a candidate. Rust: `domain::candidate::PROBLEMS_MAX`. */
export const PROBLEMS_MAX = 10;
/** Maximum kinds of replacements of a candidate. Rust: `domain::candidate::REDACTION_KINDS_MAX`. */
export const REDACTION_KINDS_MAX = 32;
/** Maximum characters of such a kind. Rust: `domain::candidate::REDACTION_KIND_MAX_CHARS`. */
export const REDACTION_KIND_MAX_CHARS = 32;

/** Days for which an audit entry is kept. Rust: `store::AUDIT_DAYS`. */
export const AUDIT_DAYS = 400;
/** Days in which a write can be repeated. Rust: `store::IDEMPOTENCY_DAYS`. */
export const IDEMPOTENCY_DAYS = 2;
/** Maximum bytes of an idempotency key. Rust: `store::IDEMPOTENCY_KEY_MAX_BYTES`. */
export const IDEMPOTENCY_KEY_MAX_BYTES = 255;
/** Days for which an ended session is kept. Rust: `store::SESSION_DAYS`. */
export const SESSION_DAYS = 30;
/** Days for which the id of an erased account is kept. Rust: `store::ERASURE_DAYS`. */
export const ERASURE_DAYS = 30;

/** Days for which a processed event is kept. Rust: `store::EVENT_DAYS`. */
export const EVENT_DAYS = 30;
/** Milliseconds for which a customer stays leased. Rust: `store::LEASE`. */
export const LEASE_MS = 600_000;
/** Milliseconds until a kept state is compared again. Rust: `store::CHECK_EVERY`. */
export const CHECK_EVERY_MS = 86_400_000;
/** Maximum customers that one call leases. Rust: `store::LEASED_MAX`. */
export const LEASED_MAX = 100;

/** Maximum bytes of JSON of a page of several items. Rust: `domain::paging::PAGE_MAX_BYTES`. */
export const PAGE_MAX_BYTES = 1_048_576;
/** Maximum items of a page. Rust: `domain::paging::Limit::MAX`. */
export const PAGE_MAX = 100;
/** Maximum prompts that a search returns for ranking. Rust: `domain::ranking::MATCHES_MAX`. */
export const MATCHES_MAX = 50;
/** Maximum prompts that a search finds by name. Rust: `domain::ranking::NAMES_MAX`. */
export const NAMES_MAX = 25;
/** Maximum words of a search. Rust: `domain::ranking::QUERY_WORDS_MAX`. */
export const QUERY_WORDS_MAX = 16;
/** Components of a vector. Rust: `domain::vector::DIMENSIONS`. */
export const VECTOR_DIMENSIONS = 512;
/** Largest magnitude of a component. Rust: `domain::vector::Vector::from_bytes`. */
export const COMPONENT_MAX = 127;
/** Characters of a content that are embedded. Rust: `store::EMBEDDED_CONTENT_MAX_CHARS`. */
export const EMBEDDED_CONTENT_MAX_CHARS = 400;
/** Maximum vectors that one call keeps. Rust: `store::convex::KEPT_MAX`. */
export const KEPT_MAX = 50;
/** Maximum versions of one call of an import. Rust: `store::IMPORT_VERSIONS_MAX`. */
export const IMPORT_VERSIONS_MAX = 100;
/** Maximum prompts whose uses one call records. Rust: `store::convex::USES_MAX`. */
export const USES_MAX = 100;

/** Maximum clients of a user. Rust: `domain::identity::CLIENTS_MAX`. */
export const CLIENTS_MAX = 50;
/** Maximum prompts of a tag that are counted. Rust: `store::TAG_COUNT_MAX`. */
export const TAG_COUNT_MAX = 10_000;

/** The doors through which clients call. Rust: `domain::identity::Channel::WORDS`. */
export const CHANNELS = ["api", "browser", "mcp", "sse", "stdio"] as const;

/** What a customer can wait for. Rust: `store::CustomerWork::WORDS`. */
export const CUSTOMER_WORK = ["compare", "erase"] as const;
/** The statuses of subscriptions. Rust: `domain::subscription::Status::ALL`. */
export const SUBSCRIPTION_STATUSES = [
  "active",
  "trialing",
  "past_due",
  "unpaid",
  "paused",
  "incomplete",
  "canceled",
  "incomplete_expired",
] as const;
/** The intervals of prices. Rust: `domain::subscription::Interval::ALL`. */
export const PRICE_INTERVALS = ["month", "year"] as const;

/** The actions of audit entries. Rust: `domain::audit::Action::WORDS`. */
export const AUDIT_ACTIONS = [
  "created",
  "saved",
  "updated",
  "restored",
  "deleted",
  "undeleted",
  "harvested",
  "rejected",
  "imported",
  "purged",
  "pruned",
] as const;

/** The codes of failures. Rust: `store::convex::FAILURE_CODES`. */
export const FAILURE_CODES = [
  "NOT_FOUND",
  "NAME_TAKEN",
  "NOT_DELETED",
  "VERSION_CONFLICT",
  "QUOTA_EXCEEDED",
  "BYTES_EXCEEDED",
  "QUEUE_FULL",
  "CUSTOMER_TAKEN",
  "ACCOUNT_ERASED",
  "IDEMPOTENCY_MISMATCH",
  "INVALID_CURSOR",
  "INVALID_ARGUMENT",
  "UNAUTHORIZED",
] as const;
