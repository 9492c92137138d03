// The cases: what each client sends, in this order, and what the server must answer.
//
// An expectation names the parts of an answer that matter. The parity test checks that the rest is
// the same for all clients, except for a value that is expected to be one of a set.

import { FORGIVING_CASES } from "./forgiving-cases.js";
import { readString } from "./json.js";
import { invalid, mistake, structured, tool } from "./shapes.js";

/**
 * @import { JsonObject } from "./json.js"
 * @import { Text } from "./shapes.js"
 */

/**
 * @typedef {object} Expectation
 * @property {JsonObject} [result]
 * @property {{ code: number | Set<number>, message: Text }} [error]
 */

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {string} method
 * @property {JsonObject | ((kept: Record<string, string>) => JsonObject)} [params] Parameters, or a
 *   function of the values that earlier cases kept.
 * @property {Record<string, (string | number)[]>} [keep] Paths in the structured content to values
 *   that differ between runs: later cases use them, and the comparison leaves them out.
 * @property {Expectation} expect
 * @property {string[]} [never] Secrets that must not appear in the answer.
 */

const CODE_REVIEW = {
  name: "code-review",
  title: "Code review",
  description: 'A "strict" review: of one file',
  content: "Review {{code}} in a {{tone}} tone. Leave \\{{this}} alone.",
  tags: ["coding", "review"],
  variables: [
    { name: "code", description: "The file" },
    { name: "tone", default: "kind" },
  ],
};

/** The prompts of the library before the first case: more than fit on one page. */
export const SEED = [
  CODE_REVIEW,
  { name: "umlaut", title: "Überschrift 標題 🎉", content: "Zeile eins\r\n\tZeile zwei 🎉" },
  ...Array.from({ length: 128 }, (_, index) => ({
    name: `seed-${String(index).padStart(3, "0")}`,
    content: `Prompt number ${index} of many that fill the pages`,
    tags: ["seeded"],
  })),
];

export const WIDGET_URI = /^ui:\/\/promptdb\/[0-9a-f]{12}\/view\.html$/;
const SEEDED_NAMES = SEED.map(({ name }) => name).sort();

const EMAIL = "ada.lovelace@analytical-engines.org";
// In two parts, so that no scanner for secrets reports this file.
const TOKEN = ["ghp", "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"].join("_");

const KINDS = ["poem", "letter", "speech", "fable", "memo", "riddle", "song", "essay", "story"];

/** @param {number} count */
function makeCandidates(count) {
  return KINDS.slice(0, count).map((kind, index) => ({
    title: `Candidate ${index}`,
    content: `Write a short ${kind} about {{topic}} number ${index} for the reader`,
    why: "It worked at once.",
  }));
}

/**
 * @param {boolean} readOnlyHint
 * @param {boolean} destructiveHint
 */
function hints(readOnlyHint, destructiveHint) {
  return { annotations: { readOnlyHint, destructiveHint, openWorldHint: false } };
}

/**
 * A save of the candidate that the case of a secret and an address kept.
 *
 * @param {Record<string, string>} kept
 */
function acceptRedacted({ redacted }) {
  return { name: "save_prompt", arguments: { candidate_id: readString(redacted) } };
}

/** @type {Case[]} */
export const CASES = [
  {
    name: "the tools with their hints",
    method: "tools/list",
    expect: {
      result: {
        tools: [
          { name: "get_prompt", ...hints(true, false) },
          { name: "list_prompts", ...hints(true, false) },
          { name: "list_versions", ...hints(true, false) },
          { name: "save_prompt", ...hints(false, false) },
          { name: "restore_prompt", ...hints(false, false) },
          { name: "delete_prompt", ...hints(false, true) },
          { name: "harvest_session", ...hints(false, false) },
          { name: "list_candidates", ...hints(true, false) },
          { name: "reject_candidate", ...hints(false, false) },
          { name: "open_library", ...hints(true, false) },
          { name: "health_check", ...hints(true, false) },
        ],
      },
    },
  },
  {
    name: "health",
    ...tool("health_check", {}),
    expect: structured({ status: "ok" }),
  },
  {
    name: "an unknown tool",
    ...tool("shred_prompt", {}),
    expect: invalid("Unknown tool: shred_prompt"),
  },
  {
    name: "an unknown argument of a tool",
    ...tool("get_prompt", { name: "code-review", tone: "kind" }),
    expect: structured({
      name: "code-review",
      hint: 'Missing arguments: code. Ignored unknown fields: "tone".',
    }),
  },

  {
    name: "a first save",
    ...tool("save_prompt", {
      title: "Release notes",
      content: "Write release notes for {{product}} from {{commits}}.",
      tags: ["writing"],
      variables: [{ name: "product", default: "PromptDB" }],
    }),
    keep: { saved: ["id"] },
    expect: structured({ name: "release-notes", version: 1, created: true, similar: [] }),
  },
  {
    name: "a search that finds it",
    ...tool("list_prompts", { query: "release" }),
    expect: structured({
      prompts: [
        {
          name: "release-notes",
          variables: [{ name: "product", default: "PromptDB" }, { name: "commits" }],
        },
      ],
    }),
  },
  {
    name: "the prompt rendered, arguments never expanded again",
    ...tool("get_prompt", { name: "release-notes", arguments: { commits: "{{product}}" } }),
    expect: structured({
      text: "Write release notes for PromptDB from {{product}}.",
      missing: [],
    }),
  },
  {
    name: "the second version",
    ...tool("save_prompt", {
      name: "release-notes",
      content: "Write short release notes for {{product}}.",
      expected_version: 1,
    }),
    expect: structured({ version: 2, created: false }),
  },
  {
    name: "a save over a version that is out of date",
    ...tool("save_prompt", { name: "release-notes", content: "Mine", expected_version: 1 }),
    expect: mistake(/at version 2, .* nothing was written; .*expected_version: 2$/),
  },
  {
    name: "a save without the version that it replaces",
    ...tool("save_prompt", { name: "release-notes", content: "Mine" }),
    expect: mistake(/nothing was written; choose another name, or, .* read it with get_prompt/),
  },
  {
    name: "a mark as a favorite, without a version",
    ...tool("save_prompt", { name: "release-notes", favorite: true }),
    expect: structured({ version: 2, created: false }),
  },
  {
    name: "the first version",
    ...tool("get_prompt", { name: "release-notes", version: 1 }),
    expect: structured({
      version: 1,
      missing: ["commits"],
      hint: "Missing arguments: commits.",
    }),
  },
  {
    name: "the first version, raw",
    ...tool("get_prompt", { name: "release-notes", version: 1, raw: true }),
    expect: structured({
      text: "Write release notes for {{product}} from {{commits}}.",
      missing: [],
    }),
  },
  {
    name: "the first version as a new one",
    ...tool("restore_prompt", { name: "release-notes", version: 1 }),
    expect: structured({ name: "release-notes", version: 3 }),
  },
  {
    name: "the prompt by its id",
    method: "tools/call",
    params: ({ saved }) => ({ name: "get_prompt", arguments: { id: saved } }),
    expect: structured({ name: "release-notes", version: 3 }),
  },
  {
    name: "the deletion of the prompt",
    ...tool("delete_prompt", { name: "release-notes" }),
    keep: { until: ["restorable_until"] },
    expect: structured({ name: "release-notes", restorable_until: /^\d{4}-\d\d-\d\dT.*Z$/ }),
  },
  {
    name: "the deleted prompt",
    ...tool("get_prompt", { name: "release-notes" }),
    expect: mistake(/release-notes; it was deleted, and restore_prompt brings it back/),
  },
  {
    name: "the deleted prompts",
    ...tool("list_prompts", { deleted: true }),
    expect: structured({ prompts: [{ name: "release-notes" }] }),
  },
  {
    name: "the deletion taken back",
    ...tool("restore_prompt", { name: "release-notes" }),
    expect: structured({ name: "release-notes", version: 3 }),
  },
  {
    name: "the library, open at a prompt",
    ...tool("open_library", { name: "release-notes" }),
    expect: structured({ text: "Write release notes for {{product}} from {{commits}}." }),
  },
  {
    name: "the library, open",
    ...tool("open_library", { tag: "review" }),
    expect: structured({ prompts: [{ name: "code-review" }] }),
  },
  {
    name: "the restored prompt deleted again",
    ...tool("delete_prompt", { name: "release-notes" }),
    keep: { until2: ["restorable_until"] },
    expect: structured({ name: "release-notes" }),
  },
  {
    name: "a page of the library",
    ...tool("list_prompts", { tag: "seeded", sort: "name", limit: 2 }),
    keep: { cursor: ["next_cursor"] },
    expect: structured({ prompts: [{ name: "seed-000" }, { name: "seed-001" }] }),
  },
  {
    name: "the next page",
    method: "tools/call",
    params: ({ cursor }) => ({
      name: "list_prompts",
      arguments: { tag: "seeded", sort: "name", limit: 2, cursor },
    }),
    keep: { cursor2: ["next_cursor"] },
    expect: structured({ prompts: [{ name: "seed-002" }, { name: "seed-003" }] }),
  },
  {
    name: "a page by an unknown cursor",
    ...tool("list_prompts", { cursor: "nonsense" }),
    expect: mistake(/^cursor: belongs to another listing/),
  },

  {
    name: "every prompt, over all pages",
    method: "prompts/list",
    expect: { result: { prompts: ["harvest", ...SEEDED_NAMES].map((name) => ({ name })) } },
  },
  {
    name: "prompts by an unknown cursor",
    method: "prompts/list",
    params: { cursor: "nonsense" },
    expect: invalid(/cursor/),
  },
  {
    name: "a prompt with an argument and a default",
    method: "prompts/get",
    params: { name: "code-review", arguments: { code: "main.rs" } },
    expect: {
      result: {
        messages: [
          {
            role: "user",
            content: { text: "Review main.rs in a kind tone. Leave {{this}} alone." },
          },
        ],
      },
    },
  },
  {
    name: "a prompt without its required argument",
    method: "prompts/get",
    params: { name: "code-review", arguments: { tone: "harsh" } },
    expect: invalid("Missing required arguments of code-review: code"),
  },
  {
    name: "a prompt with an unknown argument",
    method: "prompts/get",
    params: { name: "code-review", arguments: { code: "main.rs", colour: "red" } },
    expect: invalid(/colour/),
  },
  {
    name: "an unknown prompt",
    method: "prompts/get",
    params: { name: "nowhere", arguments: {} },
    expect: invalid(/^Unknown prompt: nowhere/),
  },
  {
    name: "the built-in prompt",
    method: "prompts/get",
    params: { name: "harvest", arguments: { focus: "tests" } },
    expect: { result: { messages: [{ content: { text: /Look above all for: tests/ } }] } },
  },

  {
    name: "the resource template",
    method: "resources/templates/list",
    expect: {
      result: {
        resourceTemplates: [
          { uriTemplate: "promptdb://prompts/{name}", mimeType: "text/markdown" },
        ],
      },
    },
  },
  {
    name: "every resource, over all pages",
    method: "resources/list",
    expect: {
      result: {
        resources: [
          { uri: WIDGET_URI, mimeType: "text/html;profile=mcp-app" },
          ...SEEDED_NAMES.map((name) => ({ uri: `promptdb://prompts/${name}` })),
        ],
      },
    },
  },
  {
    name: "resources by an unknown cursor",
    method: "resources/list",
    params: { cursor: "nonsense" },
    expect: invalid(/cursor/),
  },
  {
    name: "the widget, by the URI of an earlier one",
    method: "resources/read",
    params: { uri: "ui://promptdb/0123456789ab/view.html" },
    expect: {
      result: {
        contents: [
          {
            uri: "ui://promptdb/0123456789ab/view.html",
            mimeType: "text/html;profile=mcp-app",
            text: /^<!doctype html>/,
            _meta: { ui: { csp: { connectDomains: [], resourceDomains: [] } } },
          },
        ],
      },
    },
  },
  {
    name: "a resource",
    method: "resources/read",
    params: { uri: "promptdb://prompts/code-review" },
    expect: {
      result: {
        contents: [
          {
            uri: "promptdb://prompts/code-review",
            text: /^---\nname: "code-review"\n[^]*\{\{code\}\}/,
          },
        ],
      },
    },
  },
  {
    name: "a resource in many scripts",
    method: "resources/read",
    params: { uri: "promptdb://prompts/umlaut" },
    expect: {
      result: { contents: [{ text: /Überschrift 標題 🎉[^]*Zeile eins\r\n\tZeile zwei 🎉\n$/ }] },
    },
  },
  {
    name: "an unknown resource",
    method: "resources/read",
    params: { uri: "promptdb://prompts/nowhere" },
    // Revision 2026-07-28 dropped the code -32002 (SEP-2164); one client translates it by itself.
    expect: {
      error: { code: new Set([-32002, -32602]), message: /^Resource not found:.*nowhere/ },
    },
  },

  {
    name: "names with a prefix",
    method: "completion/complete",
    params: {
      ref: { type: "ref/resource", uri: "promptdb://prompts/{name}" },
      argument: { name: "name", value: "co" },
    },
    expect: { result: { completion: { values: ["code-review"] } } },
  },
  {
    name: "more names than fit",
    method: "completion/complete",
    params: {
      ref: { type: "ref/resource", uri: "promptdb://prompts/{name}" },
      argument: { name: "name", value: "seed-" },
    },
    expect: { result: { completion: { hasMore: true } } },
  },
  {
    name: "tags with a prefix",
    method: "completion/complete",
    params: {
      ref: { type: "ref/prompt", name: "harvest" },
      argument: { name: "tag", value: "re" },
    },
    expect: { result: { completion: { values: ["review"] } } },
  },
  {
    name: "the default of an argument",
    method: "completion/complete",
    params: {
      ref: { type: "ref/prompt", name: "code-review" },
      argument: { name: "tone", value: "" },
    },
    expect: { result: { completion: { values: ["kind"] } } },
  },
  {
    name: "completion for an unknown prompt",
    method: "completion/complete",
    params: {
      ref: { type: "ref/prompt", name: "nowhere" },
      argument: { name: "tone", value: "" },
    },
    expect: invalid(/^Unknown prompt: nowhere/),
  },

  {
    name: "a harvest of eight",
    ...tool("harvest_session", { candidates: makeCandidates(8) }),
    keep: Object.fromEntries(
      makeCandidates(8).map((_, index) => [
        `candidate${index}`,
        ["candidates", index, "candidate_id"],
      ]),
    ),
    expect: structured({
      candidates: makeCandidates(8).map(({ title }) => ({ title, redactions: [] })),
    }),
  },
  {
    name: "a harvest of nine",
    ...tool("harvest_session", { candidates: makeCandidates(9) }),
    expect: mistake(/^candidates: .*8/),
  },
  {
    name: "a harvest of a secret and an address",
    ...tool("harvest_session", {
      candidates: [
        {
          title: "Deploy",
          content: `Deploy {{branch}} with the token ${TOKEN} and write to ${EMAIL} when it is done`,
          why: "It is done every week.",
        },
      ],
    }),
    keep: { redacted: ["candidates", 0, "candidate_id"] },
    expect: structured({
      candidates: [
        {
          redactions: [
            { kind: "api_key", count: 1 },
            { kind: "email", count: 1 },
          ],
          suggested: {
            content:
              "Deploy {{branch}} with the token {{api_key}} and write to {{email}} when it is done",
          },
        },
      ],
    }),
    never: [TOKEN, EMAIL],
  },
  {
    name: "a harvest of a duplicate",
    ...tool("harvest_session", {
      candidates: [
        { title: "Again", content: CODE_REVIEW.content.toUpperCase(), why: "Once more." },
      ],
    }),
    keep: { duplicate: ["candidates", 0, "candidate_id"] },
    expect: structured({
      candidates: [{ verdict: /duplicate|variant/, similar: [{ name: "code-review" }] }],
    }),
  },
  {
    name: "a harvest with one bad candidate",
    ...tool("harvest_session", {
      candidates: [{ title: "Bad", content: "Too short", why: "No reason." }, ...makeCandidates(1)],
    }),
    keep: { second: ["candidates", 1, "candidate_id"] },
    expect: structured({
      candidates: [
        { title: "Bad", problems: [/^content: must have at least 4 words/] },
        { title: "Candidate 0", verdict: "duplicate", suggested: { action: "skip" } },
      ],
    }),
  },
  {
    name: "a candidate that waits",
    method: "tools/call",
    params: ({ second }) => ({ name: "list_candidates", arguments: { candidate_id: second } }),
    keep: { expires: ["candidates", 0, "expires_at"] },
    expect: structured({ candidates: [{ title: "Candidate 0", verdict: "duplicate" }] }),
  },
  {
    name: "a candidate that is rejected",
    method: "tools/call",
    params: ({ second }) => ({ name: "reject_candidate", arguments: { candidate_id: second } }),
    expect: structured({ candidate_id: /^cnd_/ }),
  },
  {
    name: "a candidate that becomes a prompt",
    method: "tools/call",
    params: acceptRedacted,
    keep: { accepted: ["id"] },
    expect: structured({ name: "deploy", version: 1, created: true }),
  },
  {
    name: "the same candidate a second time",
    method: "tools/call",
    params: acceptRedacted,
    expect: mistake(/candidate/),
  },
  {
    name: "the prompt made of the candidate",
    ...tool("get_prompt", { name: "deploy" }),
    expect: structured({ missing: ["branch", "api_key", "email"] }),
    never: [TOKEN, EMAIL],
  },
  {
    name: "an unknown candidate",
    ...tool("save_prompt", { candidate_id: "nonsense" }),
    expect: mistake(/^candidate_id: is not a candidate id/),
  },
  ...FORGIVING_CASES,
  // The last one: what it keeps is a word that other answers may contain.
  {
    name: "the versions of a prompt",
    ...tool("list_versions", { name: "deploy" }),
    keep: { at: ["versions", 0, "created_at"], source: ["versions", 0, "source"] },
    expect: structured({ versions: [{ version: 1, title: "Deploy" }] }),
  },
];
