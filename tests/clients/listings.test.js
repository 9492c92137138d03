// The texts for the directories: within the limits of the forms, complete, and about one server.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import {
  readCode,
  readFile,
  readJsonFile,
  readList,
  readOrigin,
  readRows,
  readSection,
} from "./documents.js";
import { ROOT, makeEnvironment, makeLibrary, startProcess, BINARY } from "./harness.js";
import { readObject, readString } from "./json.js";

const FOLDER = "docs/submission";
const CHATGPT = readFile(`${FOLDER}/chatgpt.md`);
const CLAUDE = readFile(`${FOLDER}/claude.md`);
const DOCUMENTS = readdirSync(join(ROOT, FOLDER)).filter((name) => name.endsWith(".md"));

/** The limits of the forms, in characters. "" is a field without one, such as a choice. */
const CHATGPT_LIMITS = {
  "Package name": "64",
  "Display name": "30",
  "Short description": "30",
  "Developer name": "80",
  Category: "",
  Website: "1024",
  Support: "1024",
  "Privacy policy": "1024",
  "Terms of service": "1024",
  "Logo, composer icon": "",
  "Brand colour": "",
  Capabilities: "120",
  Countries: "",
};
const CLAUDE_LIMITS = {
  Name: "100",
  Tagline: "55",
  Categories: "",
  Slug: "64",
  Documentation: "1024",
  "Privacy policy": "1024",
  Terms: "1024",
  Support: "1024",
  Company: "100",
  Icon: "",
};

/** The categories of OpenAI's form. */
const CATEGORIES = [
  "Productivity",
  "Creativity",
  "Developer Tools",
  "Business & Operations",
  "Data & Analytics",
  "Communication",
  "Education & Research",
  "Security",
  "Finance",
  "Healthcare",
  "Travel",
  "Entertainment",
  "Other",
];

/** Words of a sale. Neither directory allows them in a listing or a chat. */
const SALES =
  /\b(plans?|pric(?:e|es|ing)|upgrad\w+|subscri\w+|trials?|billing|paid|premium|pro|free)\b/i;

/** Hosts of other services that the documents name. */
const FOREIGN_HOSTS = [
  "api.workos.com",
  "claude.ai",
  "platform.openai.com",
  "static.modelcontextprotocol.io",
];

/** Minimum width of a picture for Claude, in pixels. */
const PICTURE_MIN_WIDTH = 1000;

/** @type {[directory: string, text: string, limits: Record<string, string>][]} */
const LISTINGS = [
  ["ChatGPT", CHATGPT, CHATGPT_LIMITS],
  ["Claude", CLAUDE, CLAUDE_LIMITS],
];

for (const [directory, text, limits] of LISTINGS) {
  test(`every field of the listing for ${directory} keeps its limit`, () => {
    const rows = readRows(readSection(text, "Listing"));
    const stated = rows.map(({ field, limit }) => [field, limit]);
    assert.deepEqual(stated, Object.entries(limits));
    for (const { field, limit, value = "" } of rows) {
      assert.notEqual(value, "", field);
      if (limit === "") continue;
      for (const one of value.split("; ")) {
        assert.ok(countCharacters(one) <= Number(limit), `${field}: ${one}`);
      }
    }
  });
}

test("every long text keeps its limit", () => {
  assert.deepEqual(measureTexts(CHATGPT), [
    ["Long description", 4000, true],
    ["Release notes", 4000, true],
  ]);
  assert.deepEqual(measureTexts(CLAUDE), [["Description", 2000, true]]);
});

test("ChatGPT gets a category of its form and at most 20 capabilities", () => {
  const { Category = "", Capabilities = "" } = readFields(CHATGPT);
  assert.ok(CATEGORIES.includes(Category), Category);
  assert.ok(Capabilities.split("; ").length <= 20);
});

test("there are at most three starter prompts, of at most 128 characters, as in the plugin", () => {
  const prompts = readStarterPrompts();
  assert.ok(prompts.length > 0 && prompts.length <= 3);
  assert.equal(new Set(prompts.map((prompt) => prompt.toLowerCase())).size, prompts.length);
  for (const prompt of prompts) {
    assert.ok(countCharacters(prompt) <= 128, prompt);
    assert.doesNotMatch(prompt, /@/);
  }
  const { defaultPrompt } = readInterface();
  assert.deepEqual(defaultPrompt, prompts);
});

test("the plugin for Codex has the listing of ChatGPT", () => {
  const fields = readFields(CHATGPT);
  const plugin = readInterface();
  assert.equal(plugin.displayName, fields["Display name"]);
  assert.equal(plugin.shortDescription, fields["Short description"]);
  assert.equal(plugin.category, fields.Category);
  assert.deepEqual(plugin.capabilities, fields.Capabilities?.split("; "));
  assert.equal(plugin.websiteURL, fields.Website);
  assert.equal(plugin.privacyPolicyURL, fields["Privacy policy"]);
  assert.equal(plugin.termsOfServiceURL, fields["Terms of service"]);
  assert.ok(countCharacters(readString(plugin.longDescription)) <= 4000);
  assert.ok(countCharacters(readString(plugin.developerName)) <= 80);
});

test("there are at least three use cases, each with its tool", () => {
  const cases = readList(readSection(CLAUDE, "Use cases (at least 3)"));
  assert.ok(cases.length >= 3, `${cases.length}`);
  for (const one of cases) assert.ok(readCode(one).length > 0, one);
});

test("three to five pictures of the cards are there, and wide enough", () => {
  const names = [...CLAUDE.matchAll(/\]\((pictures\/[^)]+)\)/g)].map(([, name = ""]) => name);
  assert.ok(names.length >= 3 && names.length <= 5, `${names.length}`);
  const narrow = names.filter((name) => readPngWidth(`${FOLDER}/${name}`) < PICTURE_MIN_WIDTH);
  assert.deepEqual(narrow, []);
});

test("the texts that people and chats read name no plan, price or purchase", () => {
  const texts = [
    ...Object.values(readFields(CHATGPT)),
    ...Object.values(readFields(CLAUDE)),
    ...readStarterPrompts(),
    ...readFences(CHATGPT),
    ...readFences(CLAUDE),
    readSection(CLAUDE, "Use cases (at least 3)"),
    readFile(`${FOLDER}/test-prompts.md`),
    readFile(`${FOLDER}/tools.md`),
    readFile(`${FOLDER}/demo-library.json`),
    readFile("server.json"),
    ...["README.md", ".claude-plugin/plugin.json", ".codex-plugin/plugin.json"].map((name) =>
      readFile(`plugin/${name}`),
    ),
    readFile("plugin/skills/harvest/SKILL.md"),
  ];
  assert.deepEqual(
    texts.flatMap((text) => SALES.exec(text)?.[0] ?? []),
    [],
  );
});

test("every placeholder is in the list of what the owner fills in, and used", () => {
  const readPlaceholders = (/** @type {string} */ text) =>
    [...text.matchAll(/[`"]<([a-z][a-z -]*)>[`"]/g)].map(([, name = ""]) => name);
  const listed = readRows(readSection(readFile(`${FOLDER}/README.md`), "What the owner fills in"));
  const names = listed.flatMap(({ placeholder = "" }) => readPlaceholders(placeholder));
  const used = DOCUMENTS.filter((name) => name !== "README.md").flatMap((name) =>
    readPlaceholders(readFile(`${FOLDER}/${name}`)),
  );
  assert.deepEqual([...new Set(used)].sort(), [...names].sort());
});

test("every address of the documents is one that the server has", async (t) => {
  const origin = readOrigin();
  const texts = [...DOCUMENTS.map((name) => `${FOLDER}/${name}`), ...findPluginFiles()].map(
    readFile,
  );
  const found = texts.flatMap((text) => text.match(/https:\/\/[^\s"'`|)<>,;]+/g) ?? []);
  const addresses = [...new Set(found)]
    .map((address) => new URL(address))
    .filter(({ hostname }) => !FOREIGN_HOSTS.includes(hostname));
  assert.deepEqual([...new Set(addresses.map((address) => address.origin))], [origin]);

  const challenge = "a-token-of-openai";
  const env = { ...makeEnvironment(await makeLibrary(t)), OPENAI_APPS_CHALLENGE: challenge };
  const { url } = await startProcess(t, BINARY, ["--port", "0"], env);
  for (const { pathname } of addresses) {
    const response = await fetch(new URL(pathname, url));
    // An MCP client posts; the server says so to a browser.
    assert.equal(response.status, pathname === "/mcp" ? 405 : 200, pathname);
  }
  const file = await fetch(new URL("/.well-known/openai-apps-challenge", url));
  assert.match(file.headers.get("content-type") ?? "", /^text\/plain/);
  assert.equal(await file.text(), challenge);
});

/** @param {string} text */
function countCharacters(text) {
  return Array.from(text).length;
}

/**
 * Returns the value of each field of a listing.
 *
 * @param {string} text
 * @returns {Record<string, string>}
 */
function readFields(text) {
  const rows = readRows(readSection(text, "Listing"));
  return Object.fromEntries(rows.map(({ field = "", value = "" }) => [field, value]));
}

function readStarterPrompts() {
  return readList(readSection(CHATGPT, "Starter prompts (at most 3, of 128 characters)"));
}

/** Returns what the plugin for Codex shows to people. */
function readInterface() {
  return readObject(readObject(readJsonFile("plugin/.codex-plugin/plugin.json")).interface);
}

/**
 * Returns the texts of a document that stand in a fence.
 *
 * @param {string} text
 */
function readFences(text) {
  return [...text.matchAll(/^```text\n(.+?)\n```$/gms)].map(([, content = ""]) => content);
}

/**
 * Returns the name and the limit of each long text, and whether the text keeps it.
 *
 * @param {string} text
 */
function measureTexts(text) {
  const headings = /^### ([^\n]+) \(at most (\d+) characters\)\n\n```text\n(.+?)\n```$/gms;
  return [...text.matchAll(headings)].map(([, name, limit, content = ""]) => {
    const length = countCharacters(content);
    return [name, Number(limit), length > 0 && length <= Number(limit)];
  });
}

/**
 * Returns the width of a PNG file in pixels (PNG, 11.2.2: the first chunk, at byte 8).
 *
 * @param {string} path
 */
function readPngWidth(path) {
  const bytes = readFileSync(join(ROOT, path));
  assert.equal(bytes.toString("latin1", 1, 4), "PNG", path);
  assert.equal(bytes.toString("latin1", 12, 16), "IHDR", path);
  return bytes.readUInt32BE(16);
}

function findPluginFiles() {
  const files = readdirSync(join(ROOT, "plugin"), { recursive: true, withFileTypes: true });
  return [
    "server.json",
    ...files
      .filter((file) => file.isFile())
      .map((file) => join(file.parentPath, file.name).slice(ROOT.length)),
  ];
}
