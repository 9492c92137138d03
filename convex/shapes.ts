/** The validators of arguments and answers, and the checks of values inside them. */
import { literals } from "convex-helpers/validators";
import { getConvexSize, v, type Infer } from "convex/values";

import { fail } from "./errors";
import {
  AUDIT_ACTIONS,
  BODY_MAX_BYTES,
  CANDIDATE_ID_PATTERN,
  CHANNELS,
  CLIENT_PATTERN,
  COMPONENT_MAX,
  CONTENT_MAX_BYTES,
  IDEMPOTENCY_KEY_MAX_BYTES,
  IMPORT_VERSIONS_MAX,
  MODEL_PATTERN,
  NAME_PATTERN,
  PAGE_MAX,
  PRICE_INTERVALS,
  PROBLEMS_MAX,
  PROMPT_ID_PATTERN,
  REDACTION_KIND_MAX_CHARS,
  REDACTION_KINDS_MAX,
  STRIPE_ID_PATTERN,
  SUBSCRIPTION_STATUSES,
  TAG_PATTERN,
  TAGS_MAX,
  TEXT_MAX_BYTES,
  USER_ID_PATTERN,
  VARIABLE_NAME_MAX_BYTES,
  VARIABLES_MAX,
  VECTOR_DIMENSIONS,
} from "./limits";

export const body = v.object({
  title: v.string(),
  description: v.string(),
  content: v.string(),
  tags: v.array(v.string()),
  variables: v.array(
    v.object({
      name: v.string(),
      description: v.optional(v.string()),
      default: v.optional(v.string()),
    }),
  ),
  /** The syntax of the content; absent in bodies of the first one. */
  syntax: v.optional(v.literal(2)),
});
export type Body = Infer<typeof body>;

/**
 * The context of a write: the client's name, the idempotency key and fingerprint, the id of the
 * candidate that the write accepts, and the bytes that the account may hold after it.
 */
export const write = v.object({
  client: v.string(),
  key: v.string(),
  fingerprint: v.string(),
  accepts: v.optional(v.string()),
  byteQuota: v.optional(v.number()),
});
export type Write = Infer<typeof write>;

/** The recorded outcome of a write, from which a repetition is answered. */
export const outcome = v.union(
  v.object({
    kind: v.literal("saved"),
    promptId: v.string(),
    version: v.number(),
    changed: v.boolean(),
  }),
  v.object({ kind: v.literal("harvested"), ids: v.array(v.string()) }),
  v.object({ kind: v.literal("removed"), count: v.number(), hasMore: v.boolean() }),
  v.object({ kind: v.literal("done") }),
);
export type Outcome = Infer<typeof outcome>;

export const version = v.object({
  version: v.number(),
  body,
  source: v.string(),
  createdAt: v.number(),
});
export type Version = Infer<typeof version>;

export const prompt = v.object({
  id: v.string(),
  name: v.string(),
  body,
  version: v.number(),
  source: v.string(),
  favorite: v.boolean(),
  createdAt: v.number(),
  updatedAt: v.number(),
  deletedAt: v.union(v.number(), v.null()),
  useCount: v.number(),
  lastUsedAt: v.union(v.number(), v.null()),
});
export type Prompt = Infer<typeof prompt>;

/** The meaning of a text: whole numbers from -127 to 127, and the id of the model that made them. */
export const embedding = v.object({ model: v.string(), vector: v.array(v.number()) });
export type Embedding = Infer<typeof embedding>;

export const saved = v.object({ prompt, changed: v.boolean() });
export type Saved = Infer<typeof saved>;

/** The result of one batch of a write that removes for good. */
export const removed = v.object({ count: v.number(), hasMore: v.boolean() });
export type Removed = Infer<typeof removed>;

/** What the check of a candidate found: the replacements by kind, and problems to correct. */
export const findings = v.object({
  redactions: v.record(v.string(), v.number()),
  problems: v.array(v.string()),
});
export type Findings = Infer<typeof findings>;

export const candidate = v.object({
  id: v.string(),
  name: v.string(),
  body,
  why: v.string(),
  findings: v.optional(findings),
  source: v.string(),
  createdAt: v.number(),
});
export type Candidate = Infer<typeof candidate>;

/** A subscription at Stripe. `amount` is in minor units of the currency, the times in milliseconds. */
export const subscription = v.object({
  id: v.string(),
  status: literals(...SUBSCRIPTION_STATUSES),
  /** Absent where it is not of one amount for every month or every year. */
  price: v.optional(
    v.object({
      id: v.string(),
      amount: v.number(),
      currency: v.string(),
      interval: literals(...PRICE_INTERVALS),
    }),
  ),
  isLive: v.boolean(),
  createdAt: v.number(),
  periodEnd: v.number(),
  /** When it ends or has ended; absent while it renews itself. */
  endsAt: v.optional(v.number()),
  /** Since when a payment is due. */
  pastDueSince: v.optional(v.number()),
});
export type Subscription = Infer<typeof subscription>;

/** The door through which a client calls. */
export const channel = literals(...CHANNELS);

/** What an audit entry records. */
export const auditAction = literals(...AUDIT_ACTIONS);
export type AuditAction = Infer<typeof auditAction>;

/** Maximum bytes of the words of a prompt, joined by spaces. */
const WORDS_MAX_BYTES = 1_048_576;
const FORMS = {
  userId: USER_ID_PATTERN,
  promptId: PROMPT_ID_PATTERN,
  candidateId: CANDIDATE_ID_PATTERN,
  name: NAME_PATTERN,
  tag: TAG_PATTERN,
  client: CLIENT_PATTERN,
  stripeId: STRIPE_ID_PATTERN,
  model: MODEL_PATTERN,
};

const encoder = new TextEncoder();

/** The length of `text` in UTF-8. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** The size of a body in a document, in bytes: what reading it costs a transaction. */
export function bodySize(body: Body): number {
  return getConvexSize(body);
}

/** The bytes of all texts of a body, in UTF-8: what its user is charged for. */
export function bodyBytes({ title, description, content, tags, variables }: Body): number {
  const parts = variables.flatMap((one) => [one.name, one.description ?? "", one.default ?? ""]);
  const texts = [title, description, content, ...tags, ...parts];
  return texts.reduce((sum, text) => sum + byteLength(text), 0);
}

/** Whether `text` has the form of a `kind`. A lookup treats a malformed id as an unknown one. */
export function isFormOf(kind: keyof typeof FORMS, text: string): boolean {
  return FORMS[kind].test(text);
}

/** Refuses a text that does not have the form of a `kind`. */
export function checkForm(kind: keyof typeof FORMS, field: string, text: string): void {
  if (!isFormOf(kind, text)) {
    fail({ code: "INVALID_ARGUMENT", field, message: `must match ${FORMS[kind].source}` });
  }
}

/** Refuses a text outside `min` to `max` bytes of UTF-8. */
export function checkLength(field: string, text: string, min: number, max: number): void {
  const bytes = byteLength(text);
  if (bytes < min || bytes > max) {
    fail({ code: "INVALID_ARGUMENT", field, message: `must have ${min} to ${max} bytes` });
  }
}

/** Refuses a number that is not a whole number from `min` to `max`. */
export function checkCount(field: string, count: number, min: number, max: number): void {
  if (!Number.isInteger(count) || count < min || count > max) {
    fail({
      code: "INVALID_ARGUMENT",
      field,
      message: `must be a whole number from ${min} to ${max}`,
    });
  }
}

/** Refuses a page size outside 1 to `PAGE_MAX`. */
export function checkLimit(limit: number): void {
  checkCount("limit", limit, 1, PAGE_MAX);
}

/**
 * Refuses a body that exceeds a limit. The server checks more than this; here the size of a document
 * is bounded for every caller that holds the API key.
 */
export function checkBody(body: Body): void {
  checkTexts(body);
  if (bodyBytes(body) > BODY_MAX_BYTES) {
    const message = `must have at most ${BODY_MAX_BYTES} bytes`;
    fail({ code: "INVALID_ARGUMENT", field: "body", message });
  }
}

/** Refuses a body of which a part exceeds a limit. Bodies from before `BODY_MAX_BYTES` pass. */
export function checkTexts({ title, description, content, tags, variables }: Body): void {
  checkLength("body.title", title, 1, TEXT_MAX_BYTES);
  checkLength("body.description", description, 0, TEXT_MAX_BYTES);
  checkLength("body.content", content, 1, CONTENT_MAX_BYTES);
  checkCount("body.tags", tags.length, 0, TAGS_MAX);
  tags.forEach((tag) => checkForm("tag", "body.tags", tag));
  checkCount("body.variables", variables.length, 0, VARIABLES_MAX);
  for (const { name, description, default: fallback } of variables) {
    checkLength("body.variables", name, 1, VARIABLE_NAME_MAX_BYTES);
    checkLength("body.variables", description ?? "", 0, TEXT_MAX_BYTES);
    checkLength("body.variables", fallback ?? "", 0, TEXT_MAX_BYTES);
  }
}

/** Refuses findings that exceed a limit. */
export function checkFindings(found: Findings | undefined): void {
  const { redactions, problems } = found ?? { redactions: {}, problems: [] };
  const kinds = Object.entries(redactions);
  checkCount("findings.redactions", kinds.length, 0, REDACTION_KINDS_MAX);
  for (const [kind, count] of kinds) {
    checkLength("findings.redactions", kind, 1, REDACTION_KIND_MAX_CHARS);
    checkCount("findings.redactions", count, 0, Number.MAX_SAFE_INTEGER);
  }
  checkCount("findings.problems", problems.length, 0, PROBLEMS_MAX);
  problems.forEach((problem) => checkLength("findings.problems", problem, 0, TEXT_MAX_BYTES));
}

/** Refuses a subscription with a malformed id, a text that is too long, or a number that is not whole. */
export function checkSubscription(subscription: Subscription | undefined): void {
  if (subscription === undefined) {
    return;
  }
  const { id, price, createdAt, periodEnd, endsAt = 0, pastDueSince = 0 } = subscription;
  checkForm("stripeId", "subscription.id", id);
  if (price !== undefined) {
    checkLength("subscription.price", price.id, 1, TEXT_MAX_BYTES);
    checkLength("subscription.price", price.currency, 0, TEXT_MAX_BYTES);
  }
  const most = Number.MAX_SAFE_INTEGER;
  for (const number of [price?.amount ?? 0, createdAt, periodEnd, endsAt, pastDueSince]) {
    checkCount("subscription", number, -most, most);
  }
}

/** Refuses a vector of another form than the server's, by which its search would fail. */
export function checkEmbedding(embedding: Embedding | undefined): void {
  if (embedding === undefined) {
    return;
  }
  const { model, vector } = embedding;
  checkForm("model", "embedding.model", model);
  checkCount("embedding.vector", vector.length, VECTOR_DIMENSIONS, VECTOR_DIMENSIONS);
  for (const component of vector) {
    checkCount("embedding.vector", component, -COMPONENT_MAX, COMPONENT_MAX);
  }
}

/** Refuses more words than a body of the maximum size holds. */
export function checkWords(words: string): void {
  checkLength("words", words, 0, WORDS_MAX_BYTES);
}

/** Refuses versions that are not numbered without a gap after `current`, and too many of them. */
export function checkVersions(versions: Version[], current: number): void {
  checkCount("versions", versions.length, 1, IMPORT_VERSIONS_MAX);
  versions.forEach(({ version, body, source }, index) => {
    checkCount("versions", version, current + 1 + index, current + 1 + index);
    checkLength("versions", source, 0, TEXT_MAX_BYTES);
    checkBody(body);
  });
}

/** Refuses a write whose client, key, fingerprint, candidate or quota is malformed. */
export function checkWrite({ client, key, fingerprint, accepts, byteQuota = 0 }: Write): void {
  checkCount("write.byteQuota", byteQuota, 0, Number.MAX_SAFE_INTEGER);
  checkForm("client", "write.client", client);
  checkLength("write.key", key, 1, IDEMPOTENCY_KEY_MAX_BYTES);
  checkLength("write.fingerprint", fingerprint, 0, IDEMPOTENCY_KEY_MAX_BYTES);
  if (accepts !== undefined) {
    checkForm("candidateId", "write.accepts", accepts);
  }
}

/** Whether two bodies are equal; an absent description or default equals only an absent one. */
export function isSameBody(before: Body, after: Body): boolean {
  return JSON.stringify(toComparable(before)) === JSON.stringify(toComparable(after));
}

/** Whether two bodies have the same texts of those that a vector is made from. */
export function hasSameTexts(before: Body, after: Body): boolean {
  const texts = ({ title, description, content }: Body) => [title, description, content];
  return JSON.stringify(texts(before)) === JSON.stringify(texts(after));
}

/** The fields of a body in one order, so that equal bodies have equal JSON. */
function toComparable({ title, description, content, tags, variables, syntax }: Body) {
  return [
    title,
    description,
    content,
    tags,
    variables.map((one) => [one.name, one.description ?? null, one.default ?? null]),
    syntax ?? null,
  ];
}
