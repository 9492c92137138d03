// The threat model, and what holds under stress, name the tests that prove it; a test that was renamed
// or removed proves nothing.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const root = new URL("../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, root), "utf8");

/** What a row cites: `path`: `name`, `name`; `path`: ... */
function citations(row) {
  const groups = row.matchAll(/`((?:src|tests)\/[^`]+)`: ((?:`[^`]+`(?:, )?)+)/g);
  return [...groups].flatMap(([, path, names]) =>
    [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => ({ path, name })),
  );
}

const rowsOf = (path) =>
  read(path)
    .split("\n")
    .filter((line) => line.startsWith("| "));
/** The rows of the tables of threats; other tables cite no tests. */
const rows = read("docs/security.md")
  .split("\n\n")
  .filter((block) => block.startsWith("| threat "))
  .flatMap((table) => table.trim().split("\n").slice(2));

test("every test that the documents name exists", () => {
  const cited = [...rows, ...rowsOf("docs/deploy.md")].flatMap(citations);
  assert.ok(cited.length > 90, `only ${cited.length} were found`);
  const missing = cited.filter(({ path, name }) => {
    const source = read(path);
    return !source.includes(`fn ${name}(`) && !source.includes(`"${name}"`);
  });
  assert.deepEqual(missing, []);
});

test("every row of the threat model names a test or says what is open", () => {
  const silent = rows.filter((row) => citations(row).length === 0 && !/\bOpen\b/.test(row));
  assert.deepEqual(silent, []);
});
