// What clients and models send in place of what a schema asks for, and the one reading that it has.
//
// Clients that check their own requests cannot send every variant; tests/it/mcp/lenient.rs has those.

import { mistake, structured, tool } from "./shapes.js";

/** @import { Case } from "./cases.js" */

const REVIEWED = "Review main.rs in a 3 tone. Leave {{this}} alone.";

const CANDIDATE = {
  title: "A limerick",
  content: "Write a limerick about {{animal}} with a moral at its end",
  tags: "poems, short",
  variables: ["animal"],
  why: "It made everyone laugh.",
};

/** @type {Case[]} */
export const FORGIVING_CASES = [
  {
    name: "a dummy argument of a tool without any",
    ...tool("health_check", { random_string: "x" }),
    expect: structured({ status: "ok", hint: 'Ignored unknown fields: "random_string".' }),
  },
  {
    name: "an extra argument, and empty texts for what is left out",
    ...tool("list_prompts", {
      query: "",
      tag: "",
      cursor: "",
      sort: "name",
      limit: "1",
      favorite: "false",
      wait_for_previous: true,
    }),
    keep: { forgiven: ["next_cursor"] },
    expect: structured({
      prompts: [{ name: "code-review" }],
      hint: 'Ignored unknown fields: "wait_for_previous".',
    }),
  },
  {
    name: "a number with a fraction of zero as text",
    ...tool("list_prompts", { tag: "seeded", sort: "name", limit: "2.0" }),
    keep: { forgivenToo: ["next_cursor"] },
    expect: structured({ prompts: [{ name: "seed-000" }, { name: "seed-001" }] }),
  },
  {
    name: "a number as the value of a variable",
    ...tool("get_prompt", { name: "code-review", arguments: { code: "main.rs", tone: 3 } }),
    expect: structured({ text: REVIEWED, missing: [] }),
  },
  {
    name: "the values of variables as JSON text, and a version as text",
    ...tool("get_prompt", {
      name: "code-review",
      id: null,
      query: "",
      version: "1",
      arguments: '{"code": "main.rs", "tone": 3}',
    }),
    expect: structured({ text: REVIEWED, missing: [] }),
  },
  {
    name: "the values of variables, encoded twice",
    ...tool("get_prompt", {
      name: "code-review",
      arguments: JSON.stringify(JSON.stringify({ code: "main.rs", tone: "3" })),
    }),
    expect: structured({ text: REVIEWED, missing: [] }),
  },
  {
    name: "a save with lists as text",
    ...tool("save_prompt", {
      name: "limerick",
      content: "Write a limerick about {{animal}}",
      tags: '["poems", "short"]',
      variables: ["animal"],
      expected_version: "",
      candidate_id: null,
    }),
    keep: { limerick: ["id"] },
    expect: structured({ name: "limerick", version: 1, created: true }),
  },
  {
    name: "the prompt of that save",
    ...tool("get_prompt", { name: "limerick" }),
    expect: structured({ tags: ["poems", "short"], variables: [{ name: "animal" }] }),
  },
  {
    name: "a version with comma-separated tags, over a version as text",
    ...tool("save_prompt", { name: "limerick", tags: "poems, funny", expected_version: "1" }),
    expect: structured({ name: "limerick", version: 2 }),
  },
  {
    name: "the tags of that version",
    ...tool("get_prompt", { name: "limerick" }),
    expect: structured({ tags: ["poems", "funny"] }),
  },
  {
    name: "a harvest as JSON text",
    ...tool("harvest_session", { candidates: JSON.stringify([CANDIDATE]), focus: "" }),
    keep: { sung: ["candidates", 0, "candidate_id"] },
    expect: structured({
      candidates: [
        { title: "A limerick", suggested: { tags: ["poems", "short"] }, redactions: [] },
      ],
    }),
  },
  {
    name: "a number in words",
    ...tool("list_prompts", { limit: "twenty" }),
    expect: mistake("limit: must be integer"),
  },
  {
    name: "a number over its limit",
    ...tool("list_prompts", { limit: 1000 }),
    expect: mistake("limit: must be <= 100"),
  },
  {
    name: "a text outside its choices",
    ...tool("list_prompts", { sort: "newest" }),
    expect: mistake("sort: must be one of relevance, recent, name, used"),
  },
  {
    name: "a structure as the value of a variable",
    ...tool("get_prompt", { name: "code-review", arguments: { code: ["main.rs"] } }),
    expect: mistake("arguments.code: must be string"),
  },
  {
    name: "a harvest without its candidates",
    ...tool("harvest_session", { focus: "poems" }),
    expect: mistake("candidates: is required"),
  },
  {
    name: "a misspelt field",
    ...tool("save_prompt", { contents: "Write a limerick" }),
    expect: mistake(/^content: .*\nIgnored unknown fields: "contents"\.$/),
  },
];
