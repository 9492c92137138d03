// The threat model names the tests that prove it; a test that was renamed or removed proves nothing.

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

const rows = read("docs/security.md")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| threat "));

test("every test that the threat model names exists", () => {
  const cited = rows.flatMap(citations);
  assert.ok(cited.length > 60, `only ${cited.length} were found`);
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
