// Collects the licences and notices of the Rust crates that are part of the binary:
// `node release/notices.js --out FILE`.

import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { ROOT, parseJson, readArguments } from "./files.js";

/**
 * @typedef {object} Crate A package in the output of `cargo metadata`.
 * @property {string} id
 * @property {string} name
 * @property {string} version
 * @property {string | null} license
 * @property {string | null} repository
 * @property {string[]} authors
 * @property {string} manifest_path
 *
 * @typedef {object} Node The dependencies of a crate there.
 * @property {string} id
 * @property {{ pkg: string, dep_kinds: { kind: string | null }[] }[]} deps
 *
 * @typedef {{ packages: Crate[], resolve: { root: string, nodes: Node[] } }} Metadata
 */

/** Names of the files that hold a licence or a notice. */
const NOTICE = /^(licen[cs]e|copying|copyright|notice|unlicense)([-._].*)?$/i;

/** Enough for the metadata of some hundred crates, which has 5 MB. */
const METADATA_MAX_BYTES = 64 * 1024 * 1024;

const { out } = readArguments(["out"]);
const crates = listCrates();
writeFileSync(out, [...listParts(crates), ...listTexts(crates)].join("\n"));
console.log(`collected the notices of ${crates.length} crates`);

/** Returns the crates on which the binary depends, on any platform, by name and version. */
function listCrates() {
  const args = ["metadata", "--locked", "--format-version", "1"];
  const options = {
    cwd: ROOT,
    encoding: /** @type {const} */ ("utf8"),
    maxBuffer: METADATA_MAX_BYTES,
  };
  const metadata = /** @type {Metadata} */ (parseJson(execFileSync("cargo", args, options)));
  const { root, nodes } = metadata.resolve;
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const found = new Set([root]);
  // A set visits what is added while it is iterated.
  for (const id of found) {
    for (const { pkg, dep_kinds } of byId.get(id)?.deps ?? []) {
      // What builds or tests a crate is not part of the binary.
      if (dep_kinds.some(({ kind }) => kind === null)) found.add(pkg);
    }
  }
  found.delete(root);
  return metadata.packages
    .filter(({ id }) => found.has(id))
    .sort((a, b) => (`${a.name} ${a.version}` < `${b.name} ${b.version}` ? -1 : 1));
}

/**
 * Returns a line for each crate.
 *
 * @param {Crate[]} parts
 */
function listParts(parts) {
  const lines = parts.map((crate) => {
    // Without a file of its own, a crate names its authors at least.
    const authors = readNotices(crate).length === 0 ? crate.authors.join(", ") : "";
    const facts = [crate.license ?? "see its text below", crate.repository ?? "", authors];
    return `${nameCrate(crate)}: ${facts.filter(Boolean).join("; ")}`;
  });
  return [
    `PromptDB contains ${parts.length} crates, each under its own licence:`,
    "",
    ...lines,
    "",
  ];
}

/**
 * Returns each text of a licence or notice once, below the crates that have it.
 *
 * @param {Crate[]} parts
 */
function listTexts(parts) {
  /** @type {Map<string, string[]>} */
  const owners = new Map();
  for (const crate of parts) {
    for (const text of readNotices(crate)) {
      const names = owners.get(text) ?? [];
      owners.set(text, [...names, nameCrate(crate)]);
    }
  }
  const rule = "=".repeat(80);
  return [...owners].flatMap(([text, names]) => [rule, names.join(", "), "", text, ""]);
}

/** @param {Crate} crate */
function nameCrate({ name, version }) {
  return `${name} ${version}`;
}

/**
 * Returns the texts of the licences and notices in the folder of a crate.
 *
 * @param {Crate} crate
 */
function readNotices({ manifest_path }) {
  const folder = dirname(manifest_path);
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && NOTICE.test(entry.name))
    .map((entry) => entry.name)
    .sort()
    .map((name) => readFileSync(join(folder, name), "utf8").replaceAll("\r\n", "\n").trim());
}
