// Makes the packages of npm from the archives of a release:
// `node release/npm.js --assets FOLDER --out FOLDER --repository OWNER/NAME`.
//
// The checksum of each archive is compared first. The packages of the platforms are numbered before the
// launcher, which names them: they are published in the order of their names.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import {
  ROOT,
  digest,
  parseJson,
  readArguments,
  readChecksums,
  readVersion,
  unpack,
} from "./files.js";
import { TARGETS, nameArchive, nameFolder, nameProgram } from "./targets.js";

/** @import { NpmPlatform, Target } from "./targets.js" */

/** @typedef {Record<string, unknown>} Manifest */

/** What a platform's package takes of its archive, beside the program. */
const TAKEN = [
  "LICENSE",
  "THIRD-PARTY.txt",
  "meaning-LICENSE.txt",
  "meaning-NOTICE.txt",
  "meaning.bin",
];

const { assets, out, repository } = readArguments(["assets", "out", "repository"]);
const version = readVersion();
const launcher = /** @type {Manifest} */ (
  parseJson(readFileSync(join(ROOT, "npm/package.json"), "utf8"))
);
/** What the packages of the platforms have from the launcher. */
const common = {
  version,
  license: launcher.license,
  // npm compares it with the repository that attests the package.
  repository: { type: "git", url: `git+https://github.com/${repository}.git` },
};
const checksums = readChecksums(assets);
mkdirSync(out, { recursive: true });
const staging = mkdtempSync(join(tmpdir(), "promptdb-npm-"));
try {
  let number = 0;
  for (const target of TARGETS) {
    if (target.npm) packFolder(makePlatform(target, target.npm), ++number);
  }
  packFolder(makeLauncher(), ++number);
  console.log(`made ${number} packages of version ${version}`);
} finally {
  rmSync(staging, { recursive: true });
}

/**
 * @param {Target} target
 * @param {NpmPlatform} platform
 */
function makePlatform(target, { name, os, cpu }) {
  const archive = nameArchive(version, target);
  if (digest(join(assets, archive)) !== checksums.get(archive)) {
    throw new Error(`${archive} does not have the checksum of its release`);
  }
  unpack(join(assets, archive), staging);
  const content = join(staging, nameFolder(version, target));
  const program = nameProgram(target);
  // A zip that Python unpacks has no modes.
  chmodSync(join(content, program), 0o755);
  const folder = join(staging, target.target);
  mkdirSync(folder);
  for (const file of [program, ...TAKEN]) renameSync(join(content, file), join(folder, file));
  const description = `The program of promptdb for ${os} on ${cpu.join(" and ")}.`;
  const files = [program, ...TAKEN];
  writeManifest(folder, { name, description, ...common, os: [os], cpu, files });
  return folder;
}

function makeLauncher() {
  const folder = join(staging, "launcher");
  cpSync(join(ROOT, "npm"), folder, { recursive: true });
  cpSync(join(ROOT, "LICENSE"), join(folder, "LICENSE"));
  writeManifest(folder, { ...launcher, ...common });
  return folder;
}

/**
 * @param {string} folder
 * @param {Manifest} manifest
 */
function writeManifest(folder, manifest) {
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

/**
 * Packs a folder as npm does, under a name that begins with its number.
 *
 * @param {string} folder
 * @param {number} number
 */
function packFolder(folder, number) {
  const args = ["pack", "--silent", "--ignore-scripts", "--pack-destination", resolve(out)];
  const name = execFileSync("npm", args, { cwd: folder, encoding: "utf8" }).trim();
  renameSync(join(out, name), join(out, `${number}-${name}`));
}
