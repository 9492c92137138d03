// The lints can fail: they refuse what makes markup of text in a page, and what reaches a function of
// Convex without a check of its caller.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { ESLint } from "eslint";

import { ROOT } from "../clients/harness.js";

/** Lines that no file of the pages may have. */
const FORBIDDEN = [
  "document.body.innerHTML = text;",
  'document.body["innerHTML"] = text;',
  "document.body.outerHTML = text;",
  "Object.assign(document.body, { innerHTML: text });",
  'document.body.insertAdjacentHTML("beforeend", text);',
  "document.write(text);",
  "document.writeln(text);",
  "document.createElement('iframe').srcdoc = text;",
  "document.createRange().createContextualFragment(text);",
  'new DOMParser().parseFromString(text, "text/html");',
  "document.body.setHTMLUnsafe(text);",
  'document.body.setAttribute("onclick", text);',
  'document.body.setAttribute("STYLE", text);',
  "eval(text);",
  "new Function(text)();",
  "setTimeout(text, 1);",
  'location.href = "javascript:void 0";',
];

const ALLOWED = [
  "document.body.textContent = text;",
  'document.body.setAttribute("aria-label", text);',
  'document.body.addEventListener("click", () => text);',
];

/** The files whose places in the tree the lines take: their rules apply. */
const PLACES = ["web/app.js", "widget/main.js"];

/** The line of the first statement in the file that is linted. */
const FIRST_LINE = 3;

test("the lints refuse what makes markup of text, and what runs text", async () => {
  for (const place of PLACES) await checkLints(join(ROOT, place));
});

/** @param {string} filePath */
async function checkLints(filePath) {
  const statements = [...FORBIDDEN, ...ALLOWED];
  const code = `/** @param {string} text */\nexport function run(text) {\n${statements.join("\n")}\n}\n`;
  const [result] = await new ESLint({ cwd: ROOT }).lintText(code, { filePath });
  assert.ok(result);
  assert.deepEqual(
    result.messages.filter(({ fatal }) => fatal),
    [],
  );
  // Rules about types find `any` and deprecated names, which is not what is tested.
  const found = result.messages.filter(({ ruleId }) => !/unsafe|deprecated/.test(ruleId ?? ""));
  const refused = new Set(found.map(({ line }) => statements[line - FIRST_LINE]));
  assert.deepEqual([...refused], FORBIDDEN);
}

test("the lints refuse functions of Convex without a check, and those without a user elsewhere", async () => {
  const eslint = new ESLint({ cwd: ROOT });
  const refusals = async (/** @type {string} */ place, /** @type {string} */ line) => {
    const [result] = await eslint.lintText(`${line}\n`, { filePath: join(ROOT, place) });
    const imports = "@typescript-eslint/no-restricted-imports";
    return result?.messages.filter(({ ruleId }) => ruleId === imports).length;
  };
  const unchecked = 'import { mutation } from "./_generated/server";';
  const ofSystem = 'import { systemMutation } from "./functions";';
  const ofUser = 'import { userMutation } from "./functions";';
  for (const [place, line, expected] of /** @type {const} */ ([
    ["convex/health.ts", unchecked, 1],
    ["convex/subscriptions.ts", unchecked, 1],
    ["convex/functions.ts", unchecked, 0],
    ["convex/health.ts", ofSystem, 1],
    ["convex/subscriptions.ts", ofSystem, 0],
    ["convex/health.ts", ofUser, 0],
  ])) {
    assert.equal(await refusals(place, line), expected, `${place}: ${line}`);
  }
});

test("no page has a script, a style or a handler in its markup", async () => {
  for (const page of ["index", "app", "plans", "plans-free", "privacy", "terms"]) {
    const html = await readFile(join(ROOT, `public/${page}.html`), "utf8");
    assert.doesNotMatch(html, /<style|<script(?![^>]* src=)|\son\w+\s*=|\sstyle\s*=/i, page);
  }
});
