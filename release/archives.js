// Makes the archives of a release and their checksums:
// `node release/archives.js --binaries FOLDER --shared FOLDER --out FOLDER`.
//
// `binaries` has a folder for each target with its binary, `shared` what is the same in every archive:
// completions, the model with its licence and notice, and the licences of the dependencies.

import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { ROOT, digest, pack, readArguments, readVersion } from "./files.js";
import { CHECKSUMS, TARGETS, nameArchive, nameFolder, nameProgram } from "./targets.js";

/** @import { Target } from "./targets.js" */

/** What `shared` must hold, and each archive holds. */
const SHARED = [
  "THIRD-PARTY.txt",
  "completions",
  "meaning-LICENSE.txt",
  "meaning-NOTICE.txt",
  "meaning.bin",
];

/** Everyone may read and run the program, its owner may replace it. */
const PROGRAM_MODE = 0o755;

const { binaries, shared, out } = readArguments(["binaries", "shared", "out"]);
const version = readVersion();
mkdirSync(out, { recursive: true });
const staging = mkdtempSync(join(tmpdir(), "promptdb-release-"));
try {
  const archives = TARGETS.map(makeArchive);
  // What lies beside the archives, such as the bill of materials, is released with them.
  const names = readdirSync(out).filter((name) => name !== CHECKSUMS);
  const sums = names.sort().map((name) => `${digest(join(out, name))}  ${name}\n`);
  writeFileSync(join(out, CHECKSUMS), sums.join(""));
  console.log(`made ${archives.length} archives of version ${version}`);
} finally {
  rmSync(staging, { recursive: true });
}

/** @param {Target} target */
function makeArchive(target) {
  const folder = nameFolder(version, target);
  const content = join(staging, folder);
  mkdirSync(content);
  const program = nameProgram(target);
  cpSync(join(binaries, target.target, program), join(content, program));
  chmodSync(join(content, program), PROGRAM_MODE);
  for (const name of SHARED) cpSync(join(shared, name), join(content, name), { recursive: true });
  cpSync(join(ROOT, "LICENSE"), join(content, "LICENSE"));
  const units = selectUnits(target);
  if (units !== undefined) {
    cpSync(join(ROOT, "docs/units", units), join(content, units), { recursive: true });
  }
  pack(staging, folder, resolve(out, nameArchive(version, target)));
  rmSync(content, { recursive: true });
}

/**
 * Returns the folder of the files by which a target's system starts the server.
 *
 * @param {Target} target
 */
function selectUnits({ target }) {
  if (target.includes("-linux-")) return "systemd";
  return target.includes("-apple-") ? "launchd" : undefined;
}
