/** The shapes that functions take and return, and the rules of their texts. */
import { v, type Infer } from "convex/values";

import { fail } from "./errors";

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
});
export type Body = Infer<typeof body>;

/** Who writes, under which key the outcome is recorded, and which candidate the write accepts. */
export const write = v.object({
  client: v.string(),
  key: v.string(),
  fingerprint: v.string(),
  accepts: v.optional(v.string()),
});
export type Write = Infer<typeof write>;

/** What is recorded of a write: enough to answer its repetition. */
export const outcome = v.union(
  v.object({
    kind: v.literal("saved"),
    promptId: v.string(),
    version: v.number(),
    changed: v.boolean(),
  }),
  v.object({ kind: v.literal("harvested"), ids: v.array(v.string()) }),
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

export const saved = v.object({ prompt, changed: v.boolean() });
export type Saved = Infer<typeof saved>;

export const candidate = v.object({
  id: v.string(),
  name: v.string(),
  body,
  why: v.string(),
  source: v.string(),
  createdAt: v.number(),
});
export type Candidate = Infer<typeof candidate>;

const MAX_PAGE = 100;
/** Most versions that one call of an import brings. */
const MAX_VERSIONS = 100;
/** Most bytes of a content, of all words of a prompt, and of every other text. */
export const BYTES_MAX = { text: 4096, content: 65_536, words: 1_048_576 };
const FORMS = {
  userId: /^[\x21-\x7e]{1,128}$/,
  promptId: /^prm_[0-9a-f]{32}$/,
  candidateId: /^cnd_[0-9a-f]{32}$/,
  name: /^[a-z0-9][a-z0-9-]{0,63}$/,
  tag: /^[a-z0-9][a-z0-9-]{0,31}$/,
  client: /^.{0,64}$/u,
};

const encoder = new TextEncoder();

/** The length of `text` in UTF-8. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/**
 * Whether `text` has the form of a `kind`; for lookups, where a malformed id is as good as an
 * unknown one.
 */
export function isFormOf(kind: keyof typeof FORMS, text: string): boolean {
  return FORMS[kind].test(text);
}

/** Refuses a text that does not have the form of a `kind`. */
export function checkForm(kind: keyof typeof FORMS, field: string, text: string): void {
  if (!isFormOf(kind, text)) {
    fail({ code: "INVALID_ARGUMENT", field, message: `must match ${FORMS[kind].source}` });
  }
}

/** Refuses a text that is empty or longer than any that the server passes. */
export function checkLength(field: string, text: string, min: number, max: number): void {
  const bytes = byteLength(text);
  if (bytes < min || bytes > max) {
    fail({ code: "INVALID_ARGUMENT", field, message: `must have ${min} to ${max} bytes` });
  }
}

/** Refuses a number that does not count from `min` to `max`. */
export function checkCount(field: string, count: number, min: number, max: number): void {
  if (!Number.isInteger(count) || count < min || count > max) {
    fail({
      code: "INVALID_ARGUMENT",
      field,
      message: `must be a whole number from ${min} to ${max}`,
    });
  }
}

/** Refuses a page of no items or of too many. */
export function checkLimit(limit: number): void {
  checkCount("limit", limit, 1, MAX_PAGE);
}

/**
 * The backstop behind the server's own rules: nothing larger than a prompt may be gets into a
 * document, whoever calls.
 */
export function checkBody({ title, description, content, tags, variables }: Body): void {
  checkLength("body.title", title, 1, BYTES_MAX.text);
  checkLength("body.description", description, 0, BYTES_MAX.text);
  checkLength("body.content", content, 1, BYTES_MAX.content);
  checkCount("body.tags", tags.length, 0, 10);
  tags.forEach((tag) => checkForm("tag", "body.tags", tag));
  checkCount("body.variables", variables.length, 0, 100);
  for (const { name, description, default: fallback } of variables) {
    checkLength("body.variables", name, 1, 32);
    checkLength("body.variables", description ?? "", 0, BYTES_MAX.text);
    checkLength("body.variables", fallback ?? "", 0, BYTES_MAX.text);
  }
}

/** Refuses more words than any prompt can hold. */
export function checkWords(words: string): void {
  checkLength("words", words, 0, BYTES_MAX.words);
}

/** Refuses versions that do not go on behind `current` without a gap, and too many of them. */
export function checkVersions(versions: Version[], current: number): void {
  checkCount("versions", versions.length, 1, MAX_VERSIONS);
  versions.forEach(({ version, body, source }, index) => {
    checkCount("versions", version, current + 1 + index, current + 1 + index);
    checkLength("versions", source, 0, BYTES_MAX.text);
    checkBody(body);
  });
}

/** Refuses a write without a key that its outcome can be recorded under. */
export function checkWrite({ client, key, fingerprint, accepts }: Write): void {
  checkForm("client", "write.client", client);
  checkLength("write.key", key, 1, 255);
  checkLength("write.fingerprint", fingerprint, 0, 255);
  if (accepts !== undefined) {
    checkForm("candidateId", "write.accepts", accepts);
  }
}

/** Whether a save of `after` over `before` would change nothing. */
export function isSameBody(before: Body, after: Body): boolean {
  const spelled = ({ title, description, content, tags, variables }: Body) => [
    title,
    description,
    content,
    tags,
    variables.map((one) => [one.name, one.description ?? null, one.default ?? null]),
  ];
  return JSON.stringify(spelled(before)) === JSON.stringify(spelled(after));
}
