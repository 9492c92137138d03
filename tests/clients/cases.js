// What every client is asked, in this order, and what it must be told.
//
// An expectation names what matters of an answer; that the rest is the same for all clients too is
// for the test to find out, but for a value that may be one of a set. `keep` names a part of an answer that differs from run to run, for
// later questions and so that it can be left out of the comparison.

/** The prompts that are in the library before the first question, over a page of them. */
export const SEED = [
  {
    name: "code-review",
    title: "Code review",
    description: 'A "strict" review: of one file',
    content: "Review {{code}} in a {{tone}} tone. Leave \\{{this}} alone.",
    tags: ["coding", "review"],
    variables: [
      { name: "code", description: "The file" },
      { name: "tone", default: "kind" },
    ],
  },
  { name: "umlaut", title: "Überschrift 標題 🎉", content: "Zeile eins\r\n\tZeile zwei 🎉" },
  ...Array.from({ length: 128 }, (_, index) => ({
    name: `seed-${String(index).padStart(3, "0")}`,
    content: `Prompt number ${index} of many that fill the pages`,
    tags: ["seeded"],
  })),
];

const SEEDED_NAMES = SEED.map(({ name }) => name).sort();

const EMAIL = "ada.lovelace@analytical-engines.org";
// Split, so that nobody's scanner takes it for a leak.
const TOKEN = ["ghp", "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"].join("_");

const candidate = (index) => ({
  title: `Candidate ${index}`,
  content: `Write a short ${["poem", "letter", "speech", "fable", "memo", "riddle", "song", "essay", "story"][index]} about {{topic}} number ${index} for the reader`,
  why: "It worked at once.",
});
const candidates = (count) => Array.from({ length: count }, (_, index) => candidate(index));

const tool = (name, args) => ({ method: "tools/call", params: { name, arguments: args } });
const mistake = (message) => ({ result: { isError: true, content: [{ text: message }] } });
const structured = (content) => ({ result: { structuredContent: content } });
const invalid = (message) => ({ error: { code: -32602, message } });
const hints = (readOnlyHint, destructiveHint) => ({
  annotations: { readOnlyHint, destructiveHint, openWorldHint: false },
});

export const CASES = [
  {
    name: "the tools with their hints",
    method: "tools/list",
    expect: {
      result: {
        tools: [
          { name: "get_prompt", ...hints(true, false) },
          { name: "list_prompts", ...hints(true, false) },
          { name: "save_prompt", ...hints(false, false) },
          { name: "harvest_session", ...hints(false, false) },
          { name: "delete_prompt", ...hints(false, true) },
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
    name: "an argument that the tool does not have",
    ...tool("get_prompt", { name: "code-review", tone: "kind" }),
    expect: mistake(/^tone: unknown field/),
  },

  {
    name: "a first save",
    ...tool("save_prompt", {
      title: "Release notes",
      content: "Write release notes for {{product}} from {{commits}}.",
      tags: ["writing"],
      variables: [{ name: "product", default: "PromptDB" }],
    }),
    keep: { saved: ({ result }) => result.structuredContent.id },
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
    name: "a save over a version that has gone by",
    ...tool("save_prompt", { name: "release-notes", content: "Mine", expected_version: 1 }),
    expect: mistake(/at version 2, .* nothing was written; .*expected_version: 2$/),
  },
  {
    name: "a save that does not say what it has seen",
    ...tool("save_prompt", { name: "release-notes", content: "Mine" }),
    expect: mistake(/nothing was written; .*expected_version: 2,/),
  },
  {
    name: "the first version",
    ...tool("get_prompt", { name: "release-notes", version: 1 }),
    expect: structured({ version: 1, missing: ["commits"] }),
  },
  {
    name: "the prompt by its id",
    method: "tools/call",
    params: ({ saved }) => ({ name: "get_prompt", arguments: { id: saved } }),
    expect: structured({ name: "release-notes", version: 2 }),
  },
  {
    name: "its deletion",
    ...tool("delete_prompt", { name: "release-notes" }),
    keep: { until: ({ result }) => result.structuredContent.restorable_until },
    expect: structured({ name: "release-notes", restorable_until: /^\d{4}-\d\d-\d\dT.*Z$/ }),
  },
  {
    name: "the prompt that is gone",
    ...tool("get_prompt", { name: "release-notes" }),
    expect: mistake(/release-notes/),
  },
  {
    name: "a page of the library",
    ...tool("list_prompts", { tag: "seeded", sort: "name", limit: 2 }),
    keep: { cursor: ({ result }) => result.structuredContent.next_cursor },
    expect: structured({ prompts: [{ name: "seed-000" }, { name: "seed-001" }] }),
  },
  {
    name: "the page after it",
    method: "tools/call",
    params: ({ cursor }) => ({
      name: "list_prompts",
      arguments: { tag: "seeded", sort: "name", limit: 2, cursor },
    }),
    keep: { cursor2: ({ result }) => result.structuredContent.next_cursor },
    expect: structured({ prompts: [{ name: "seed-002" }, { name: "seed-003" }] }),
  },
  {
    name: "a page by a cursor of nobody",
    ...tool("list_prompts", { cursor: "nonsense" }),
    expect: mistake(/^cursor: is not one of this listing/),
  },

  {
    name: "every prompt, over all pages",
    method: "prompts/list",
    expect: { result: { prompts: ["harvest", ...SEEDED_NAMES].map((name) => ({ name })) } },
  },
  {
    name: "prompts by a cursor of nobody",
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
    name: "a prompt with an argument that it does not have",
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
      result: { resources: SEEDED_NAMES.map((name) => ({ uri: `promptdb://prompts/${name}` })) },
    },
  },
  {
    name: "resources by a cursor of nobody",
    method: "resources/list",
    params: { cursor: "nonsense" },
    expect: invalid(/cursor/),
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
    // Revision 2026-07-28 gave up the code of its own (SEP-2164), and so did one client for itself.
    expect: {
      error: { code: new Set([-32002, -32602]), message: /^Resource not found:.*nowhere/ },
    },
  },

  {
    name: "names that begin so",
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
    name: "tags that begin so",
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
    ...tool("harvest_session", { candidates: candidates(8) }),
    keep: Object.fromEntries(
      candidates(8).map((_, index) => [
        `candidate${index}`,
        ({ result }) => result.structuredContent.candidates[index].candidate_id,
      ]),
    ),
    expect: structured({
      candidates: candidates(8).map(({ title }) => ({ title, redactions: [] })),
    }),
  },
  {
    name: "a harvest of nine",
    ...tool("harvest_session", { candidates: candidates(9) }),
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
    keep: { redacted: ({ result }) => result.structuredContent.candidates[0].candidate_id },
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
      candidates: [{ title: "Again", content: SEED[0].content.toUpperCase(), why: "Once more." }],
    }),
    keep: { duplicate: ({ result }) => result.structuredContent?.candidates[0].candidate_id },
    expect: structured({
      candidates: [{ verdict: /duplicate|variant/, similar: [{ name: "code-review" }] }],
    }),
  },
  {
    name: "a candidate that becomes a prompt",
    method: "tools/call",
    params: ({ redacted }) => ({ name: "save_prompt", arguments: { candidate_id: redacted } }),
    keep: { accepted: ({ result }) => result.structuredContent.id },
    expect: structured({ name: "deploy", version: 1, created: true }),
  },
  {
    name: "the same candidate once more",
    method: "tools/call",
    params: ({ redacted }) => ({ name: "save_prompt", arguments: { candidate_id: redacted } }),
    expect: mistake(/candidate/),
  },
  {
    name: "the prompt that it became",
    ...tool("get_prompt", { name: "deploy" }),
    expect: structured({ missing: ["branch", "api_key", "email"] }),
    never: [TOKEN, EMAIL],
  },
  {
    name: "a candidate of nobody",
    ...tool("save_prompt", { candidate_id: "nonsense" }),
    expect: mistake(/^candidate_id: is not a candidate id/),
  },
];
