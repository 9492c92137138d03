// Fills in the formula of Homebrew from the checksums of a release:
// `node release/formula.js --assets FOLDER --repository OWNER/NAME --out FILE`.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { ROOT, readArguments, readChecksums, readVersion } from "./files.js";
import { TARGETS, nameArchive } from "./targets.js";

const { assets, repository, out } = readArguments(["assets", "repository", "out"]);
const version = readVersion();
const checksums = readChecksums(assets);
const values = new Map([
  ["repository", repository],
  ["version", version],
]);
for (const target of TARGETS) {
  if (target.formula === undefined) continue;
  const archive = nameArchive(version, target);
  const sum = checksums.get(archive);
  if (sum === undefined) throw new Error(`${archive} has no checksum`);
  values.set(`${target.formula}_file`, archive).set(`${target.formula}_sha256`, sum);
}

const template = readFileSync(join(ROOT, "release/promptdb.rb"), "utf8");
const formula = template.replaceAll(/\{\{(\w+)\}\}/g, (_, /** @type {string} */ name) => {
  const value = values.get(name);
  if (value === undefined) throw new Error(`release/promptdb.rb names ${name}, which has no value`);
  return value;
});
writeFileSync(out, formula.replace(/^# The formula of PromptDB.+?\n(?=class)/s, ""));
