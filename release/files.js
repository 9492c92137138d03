// What the scripts of a release share: the version, their arguments, checksums and archives.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { CHECKSUMS } from "./targets.js";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Returns the version of the project. */
export function readVersion() {
  const version = /^version = "(.+)"$/m.exec(readFileSync(join(ROOT, "Cargo.toml"), "utf8"))?.[1];
  if (version === undefined) throw new Error("Cargo.toml has no version");
  return version;
}

/**
 * Reads the arguments of a script. All of them are required.
 *
 * @template {string} N
 * @param {readonly N[]} names
 * @returns {Record<N, string>}
 */
export function readArguments(names) {
  const options = Object.fromEntries(
    names.map((name) => [name, { type: /** @type {const} */ ("string") }]),
  );
  /** @type {Record<string, unknown>} */
  const values = parseArgs({ options }).values;
  const missing = names.filter((name) => typeof values[name] !== "string" || values[name] === "");
  if (missing.length > 0)
    throw new Error(`missing: ${missing.map((name) => `--${name}`).join(", ")}`);
  return /** @type {Record<N, string>} */ (values);
}

/**
 * Parses JSON, whose form its writer guarantees.
 *
 * @param {string} text
 * @returns {unknown}
 */
export function parseJson(text) {
  return JSON.parse(text);
}

/**
 * Returns the SHA-256 of a file in hexadecimal.
 *
 * @param {string} path
 */
export function digest(path) {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/**
 * Reads the checksums in a folder, by the name of the file.
 *
 * @param {string} folder
 * @returns {Map<string, string>}
 */
export function readChecksums(folder) {
  const lines = readFileSync(join(folder, CHECKSUMS), "utf8").trimEnd().split("\n");
  return new Map(
    lines.map((line) => {
      const [, sum = "", name = ""] = /^([0-9a-f]{64}) {2}(\S+)$/.exec(line) ?? [];
      if (name === "") throw new Error(`${CHECKSUMS} has a line that is no checksum: ${line}`);
      return [name, sum];
    }),
  );
}

/**
 * Packs a folder of `parent` as an archive, in the form that the archive's name ends in.
 *
 * @param {string} parent
 * @param {string} folder
 * @param {string} archive
 */
export function pack(parent, folder, archive) {
  // Python writes a zip on every system, and the tests need it anyway.
  const [program, ...args] = archive.endsWith(".zip")
    ? ["python3", "-m", "zipfile", "-c", archive, folder]
    : ["tar", "-czf", archive, folder];
  execFileSync(program, args, { cwd: parent });
}

/**
 * Unpacks an archive into a folder.
 *
 * @param {string} archive
 * @param {string} folder
 */
export function unpack(archive, folder) {
  const [program, ...args] = archive.endsWith(".zip")
    ? ["python3", "-m", "zipfile", "-e", archive, folder]
    : ["tar", "-xzf", archive, "-C", folder];
  execFileSync(program, args);
}
