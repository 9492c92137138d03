// The archives of a release, their checksums, and the formula of Homebrew.

import assert from "node:assert/strict";
import { appendFile, mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { loadPrism } from "@ruby/prism";

import { digest, readChecksums, readVersion, unpack } from "../../release/files.js";
import { CHECKSUMS, nameArchive, nameFolder, nameProgram, TARGETS } from "../../release/targets.js";
import { readFile as readProjectFile } from "../clients/documents.js";
import { makeFolder } from "../clients/harness.js";
import { Lifetime } from "../web/support/lifetime.js";
import { BILL, makeRelease, REPOSITORY, runScript, SHARED } from "./support/files.js";

/** @import { Target } from "../../release/targets.js" */

const VERSION = readVersion();
const lifetime = new Lifetime();
let assets = "";

before(async () => {
  assets = await makeRelease(lifetime.t);
});
after(() => lifetime.end());

test("there is an archive for each target, and a checksum for each file", async () => {
  const archives = TARGETS.map((target) => nameArchive(VERSION, target));
  const files = [...archives, BILL].sort();
  assert.deepEqual((await readdir(assets)).sort(), [CHECKSUMS, ...files].sort());
  const sums = readChecksums(assets);
  assert.deepEqual([...sums.keys()], files);
  for (const [name, sum] of sums) assert.equal(digest(join(assets, name)), sum, name);
});

for (const target of TARGETS) {
  test(`the archive for ${target.target} holds the program, its model and all licences`, async (t) => {
    const folder = await makeFolder(t);
    unpack(join(assets, nameArchive(VERSION, target)), folder);
    assert.deepEqual(await readdir(folder), [nameFolder(VERSION, target)]);
    const content = join(folder, nameFolder(VERSION, target));
    const expected = ["LICENSE", nameProgram(target), ...Object.keys(SHARED), ...listUnits(target)];
    assert.deepEqual(await listFiles(content), expected.sort());
    assert.equal(await readFile(join(content, "LICENSE"), "utf8"), readProjectFile("LICENSE"));
    for (const [name, text] of Object.entries(SHARED)) {
      assert.equal(await readFile(join(content, name), "utf8"), text);
    }
    // The artifact of a workflow has lost the mode; Windows needs none.
    const { mode } = await stat(join(content, nameProgram(target)));
    if (target.archive === "tar.gz") assert.equal(mode & 0o777, 0o755);
  });
}

test("a missing file stops the release", async (t) => {
  const folder = await makeFolder(t);
  await mkdir(join(folder, "binaries"));
  const options = { binaries: join(folder, "binaries"), shared: folder, out: join(folder, "out") };
  await assert.rejects(runScript("archives", options), /ENOENT/);
  await assert.rejects(runScript("archives", { ...options, shared: "" }), /missing: --shared/);
});

test("the formula is valid Ruby and has the checksum of each archive that it names", async (t) => {
  const out = join(await makeFolder(t), "promptdb.rb");
  await runScript("formula", { assets, repository: REPOSITORY, out });
  const formula = await readFile(out, "utf8");
  const parse = await loadPrism();
  assert.deepEqual(parse(formula).errors, []);
  assert.match(formula, /^class Promptdb < Formula$/m);
  assert.match(formula, new RegExp(`^ {2}version "${VERSION}"$`, "m"));
  assert.doesNotMatch(formula, /\{\{|release\/formula\.js/);

  const base = `https://github.com/${REPOSITORY}/releases/download/v${VERSION}/`;
  const named = [...formula.matchAll(/url "(.+)"\n +sha256 "(.+)"/g)].map(([, url, sum]) => [
    url,
    sum,
  ]);
  const expected = [
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "aarch64-unknown-linux-musl",
    "x86_64-unknown-linux-musl",
  ]
    .map((name) => `promptdb-${VERSION}-${name}.tar.gz`)
    .map((archive) => [base + archive, digest(join(assets, archive))]);
  assert.deepEqual(named, expected);
  // What it installs is in the archives.
  const installed = [...formula.matchAll(/\.install (.+)$/gm)].flatMap(([, list = ""]) =>
    [...(list.split(" => ")[0] ?? "").matchAll(/"([^"]+)"/g)].map(([, name]) => name),
  );
  assert.ok(installed.length > 0);
  for (const name of installed) {
    assert.ok(["LICENSE", "promptdb", ...Object.keys(SHARED)].includes(String(name)), name);
  }
});

test("the formula starts the program by the path of opt, which the next version keeps", () => {
  const formula = readProjectFile("release/promptdb.rb");
  const paths = [...formula.matchAll(/(\w+)\/"promptdb"/g)].map(([, folder]) => folder);
  // The script, the service, and the test of the formula, which runs the script.
  assert.deepEqual(paths, ["opt_libexec", "opt_libexec", "bin"]);
});

test("the parser finds a fault in a formula", async () => {
  const parse = await loadPrism();
  const broken = readProjectFile("release/promptdb.rb").replace("  def install", "  def");
  assert.notDeepEqual(parse(broken).errors, []);
});

test("a formula needs the checksum of each archive, in the form of sha256sum", async (t) => {
  const folder = await makeFolder(t);
  const options = { assets: folder, repository: REPOSITORY, out: join(folder, "promptdb.rb") };
  const sums = join(folder, CHECKSUMS);
  await appendFile(sums, `${"0".repeat(64)}  other.tar.gz\n`);
  await assert.rejects(
    runScript("formula", options),
    /aarch64-apple-darwin\.tar\.gz has no checksum/,
  );
  await rm(sums);
  await appendFile(sums, "not a checksum\n");
  await assert.rejects(
    runScript("formula", options),
    /has a line that is no checksum: not a checksum/,
  );
});

test("the notices have the licences of what the binary contains, and of nothing else", async (t) => {
  const out = join(await makeFolder(t), "THIRD-PARTY.txt");
  await runScript("notices", { out });
  const notices = await readFile(out, "utf8");
  // A library in C, a crate that another one needs, and one of Windows.
  for (const name of ["aws-lc-sys", "hyper", "windows-sys", "libsqlite3-sys"]) {
    assert.match(notices, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+.*: `, "m"));
  }
  // What tests and builds need, and the project itself.
  for (const name of ["insta", "proptest", "cc", "promptdb"]) {
    assert.doesNotMatch(notices, new RegExp(`^${name} \\d`, "m"));
  }
  assert.match(notices, /Permission is hereby granted, free of charge/);
  assert.match(notices, /Apache License/);
});

/**
 * @param {Target} target
 * @returns {string[]}
 */
function listUnits({ target }) {
  if (target.includes("linux")) {
    return ["systemd/system/promptdb.service", "systemd/user/promptdb.service"];
  }
  return target.includes("apple") ? ["launchd/promptdb.plist"] : [];
}

/**
 * Returns the paths of all files below a folder.
 *
 * @param {string} folder
 */
async function listFiles(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}
