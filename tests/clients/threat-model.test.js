// The threat model and the table of stress name the tests that prove them. A test that was renamed
// or removed proves nothing.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const ROOT = new URL("../../", import.meta.url);

/**
 * Reads a file of the project.
 *
 * @param {string} path
 */
function read(path) {
  return readFileSync(new URL(path, ROOT), "utf8");
}

/**
 * Returns the tests that a row cites, in the form "`path`: `name`, `name`; `path`: ...".
 *
 * @param {string} row
 */
function findCitations(row) {
  const groups = row.matchAll(/`((?:src|tests)\/[^`]+)`: ((?:`[^`]+`(?:, )?)+)/g);
  return [...groups].flatMap(([, path = "", names = ""]) =>
    [...names.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => ({ path, name })),
  );
}

/** The rows of the tables of threats; other tables of the document cite no tests. */
const THREATS = read("docs/security.md")
  .split("\n\n")
  .filter((block) => block.startsWith("| threat "))
  .flatMap((table) => table.trim().split("\n").slice(2));

test("every test that the documents name exists", () => {
  const stress = read("docs/deploy.md")
    .split("\n")
    .filter((line) => line.startsWith("| "));
  const cited = [...THREATS, ...stress].flatMap(findCitations);
  assert.ok(cited.length > 90, `only ${cited.length} were found`);
  const missing = cited.filter(({ path, name }) => {
    const source = read(path);
    return !source.includes(`fn ${name}(`) && !source.includes(`"${name}"`);
  });
  assert.deepEqual(missing, []);
});

test("every row of the threat model names a test or says what is open", () => {
  const silent = THREATS.filter((row) => findCitations(row).length === 0 && !/\bOpen\b/.test(row));
  assert.deepEqual(silent, []);
});
