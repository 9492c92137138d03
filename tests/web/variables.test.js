// The pages find and fill variables exactly as the server does: each text is saved and rendered by a
// server, and by the functions of the pages.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  foldName,
  listVariables,
  renderParts,
  splitKnown,
  splitVariables,
} from "../../web/lib/variables.js";
import { makeLibrary, startServer } from "../clients/harness.js";
import { parseJson, readArray, readColumn, readObject, readString } from "../clients/json.js";
import { PROMPTS } from "./support/prompts.js";

/**
 * @import { TestContext } from "node:test"
 */

/** Pieces of texts: variables in several spellings, what resembles them, and what stands around. */
const PIECES = [
  ..."{{a}}|{{b}}|{{ A }}|{{\ta}}|{{a\u{a0}\u{3000}}}|{{c-d}}|{{C_D}}|{{e\u{301}}}|{{É}}".split(
    "|",
  ),
  ..."{{Größe}}|{{GRÖSSE}}|{{İx}}|{{ix}}|{{σς}}|{{ΣΣ}}|{{名前}}|{{नाम}}|{{x٣}}|{{٣}}|{{ⅷ}}".split(
    "|",
  ),
  ..."{{ک\u{200c}ب}}|{{کب}}|{{a\u{200c}b}}|{{\u{115f}}}|{{a\u{ad}}}|{{🎉}}|{{_}}|{{a\u{2028}}}".split(
    "|",
  ),
  ..."{{1a}}|{{a.b}}|{{a b}}|{{#if}}|{{-a}}|{{}}|{{ }}|{{\na}}|\\{{|\\|{|{{|{{{|}|}}|}}}| |x|\n".split(
    "|",
  ),
  `{{${"a".repeat(64)}}}`,
  `{{${"a".repeat(65)}}}`,
];
/** Texts that are made of the pieces. */
const TEXTS = 150;
/** Pieces in one text, at most. */
const PIECES_MAX = 14;

/** Returns a function that returns the same numbers from 0 to `max` in each run. */
function makeNumbers() {
  let state = 20_240_229;
  return (/** @type {number} */ max) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * max);
  };
}

/** Texts that always are the same. */
function makeTexts() {
  const number = makeNumbers();
  return Array.from({ length: TEXTS }, () => {
    const pieces = Array.from(
      { length: 1 + number(PIECES_MAX) },
      () => PIECES[number(PIECES.length)],
    );
    return `.${pieces.join("")}.`;
  });
}

/** @param {TestContext} t */
async function startApi(t) {
  const { url } = await startServer(t, await makeLibrary(t));
  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   */
  return async (method, path, body) => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(url + path, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${text}`);
    return readObject(parseJson(text));
  };
}

/**
 * Checks one prompt: which variables it has, and what two of three of them filled make of its text.
 *
 * @param {Awaited<ReturnType<typeof startApi>>} api
 * @param {Record<string, unknown>} prompt As the server returns it.
 */
async function checkPrompt(api, prompt) {
  const content = readString(prompt.content);
  const syntax = typeof prompt.syntax === "number" ? prompt.syntax : 1;
  const parts = splitVariables(content, syntax);
  assert.equal(parts.map(({ text }) => text).join(""), content);
  const names = readColumn(prompt.variables, "name").map(String);
  const found = parts.flatMap(({ variable }) => variable ?? []);
  assert.deepEqual([...new Set(found)], names, JSON.stringify(content));
  if (syntax === 2) assert.deepEqual(listVariables(content), names);

  const filled = names.filter((_, index) => index % 3 !== 2);
  const values = Object.fromEntries(filled.map((name) => [name, `<${name}> {{a}} \\{{ $&`]));
  const path = `/api/prompts/${readString(prompt.id)}/render`;
  const { text } = await api("POST", path, { arguments: values });
  const given = new Map(filled.map((name) => [foldName(name), values[name] ?? ""]));
  for (const variable of readArray(prompt.variables).map(readObject)) {
    const folded = foldName(readString(variable.name));
    if (typeof variable.default === "string" && !given.has(folded))
      given.set(folded, variable.default);
  }
  assert.equal(renderParts(parts, given).join(""), text, JSON.stringify(content));
  if (syntax !== 2) return;
  const known = splitKnown(content, names);
  assert.equal(known.map((part) => part.text).join(""), content);
  assert.equal(renderParts(known, given).join(""), text, JSON.stringify(content));
}

test("texts of any braces have the variables that the server finds, and its rendering", async (t) => {
  const api = await startApi(t);
  for (const [index, content] of makeTexts().entries()) {
    await checkPrompt(api, await api("POST", "/api/prompts", { title: `Text ${index}`, content }));
  }
});

test("the prompts of a real library have them too", async (t) => {
  const api = await startApi(t);
  for (const prompt of PROMPTS) await checkPrompt(api, await api("POST", "/api/prompts", prompt));
});

test("texts of the first rule, which states no syntax, are read by that rule", async (t) => {
  const api = await startApi(t);
  const others = { description: "", tags: [], variables: [], source: "test" };
  const prompts = makeTexts().map((content, index) => ({
    id: `prm_${String(index).padStart(32, "0")}`,
    name: `text-${index}`,
    favorite: false,
    use_count: 0,
    versions: [
      {
        ...others,
        version: 1,
        title: `Text ${index}`,
        content,
        created_at: "2024-02-29T12:00:00Z",
      },
    ],
  }));
  const end = { prompts: prompts.length, candidates: 0, audit: 0, clients: 0 };
  const parts = { candidates: [], audit: [], clients: [], end };
  await api("POST", "/api/import", { format: "promptdb", version: 1, prompts, ...parts });
  let first = 0;
  for (const { name } of prompts) {
    const prompt = await api("GET", `/api/prompts/${name}`);
    if (prompt.syntax === undefined) first += 1;
    await checkPrompt(api, prompt);
  }
  assert.ok(first > 0, "no text has the first rule");
});
