// The packages of npm: what is in them, and that npm and npx install and run them, from a registry on this
// machine.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, cp, mkdir, readdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";

import { locateProgram } from "../../npm/bin/platform.js";
import { readVersion } from "../../release/files.js";
import { nameArchive, nameProgram, TARGETS } from "../../release/targets.js";
import { readFile } from "../clients/documents.js";
import { BINARY, defer, makeFolder, makeLibrary, run, stdioProcess } from "../clients/harness.js";
import { parseJson, readArray, readColumn, readObject, readString } from "../clients/json.js";
import { openSdk } from "../clients/lanes/typescript.js";
import { Lifetime } from "../web/support/lifetime.js";
import { makePackages, makeRelease, REPOSITORY, runScript } from "./support/files.js";
import { readManifest, serveRegistry } from "./support/registry.js";

/**
 * @import { TestContext } from "node:test"
 * @import { NpmPlatform, Target } from "../../release/targets.js"
 */

const VERSION = readVersion();

/** @type {(Target & { npm: NpmPlatform })[]} */
const PUBLISHED = TARGETS.flatMap((target) => (target.npm ? [{ ...target, npm: target.npm }] : []));

/** The package of this machine. */
const OWN = PUBLISHED.find(
  ({ npm }) => npm.os === process.platform && npm.cpu.includes(process.arch),
);
assert.ok(OWN, `there is no package for ${process.platform} on ${process.arch}`);

/** A signal that does not arrive would be waited for without an end. */
const LIMITED = { timeout: 120_000 };

const lifetime = new Lifetime();
let assets = "";
let packages = "";

before(async () => {
  assets = await makeRelease(lifetime.t);
  packages = await makePackages(lifetime.t, assets);
});
after(() => lifetime.end());

test("a package of a platform holds the program and its model, for that platform alone", async () => {
  const files = (await readdir(packages)).sort();
  assert.equal(files.length, PUBLISHED.length + 1);
  for (const [index, target] of PUBLISHED.entries()) {
    const path = join(packages, String(files[index]));
    const { scripts, ...manifest } = await readManifest(path);
    assert.equal(scripts, undefined);
    assert.equal(manifest.name, target.npm.name);
    assert.equal(manifest.version, VERSION);
    assert.equal(manifest.license, "MIT");
    assert.deepEqual(manifest.os, [target.npm.os]);
    assert.deepEqual(manifest.cpu, target.npm.cpu);
    assert.equal(
      readString(readObject(manifest.repository).url),
      `git+https://github.com/${REPOSITORY}.git`,
    );
    const { stdout } = await run("tar", ["-tvzf", path]);
    const program = nameProgram(target);
    assert.match(stdout, new RegExp(`^-rwxr-xr-x.* package/${program}$`, "m"));
    assert.deepEqual(
      listNames(stdout),
      [
        "LICENSE",
        "THIRD-PARTY.txt",
        "meaning-LICENSE.txt",
        "meaning-NOTICE.txt",
        "meaning.bin",
        "package.json",
        program,
      ].sort(),
    );
  }
});

test("the launcher is the last package, runs nothing at its installation, and names every platform", async () => {
  const last = (await readdir(packages)).sort().at(-1);
  const path = join(packages, String(last));
  const { name, version, scripts, optionalDependencies, dependencies } = await readManifest(path);
  assert.deepEqual(
    [name, version, scripts, dependencies],
    ["promptdb", VERSION, undefined, undefined],
  );
  const expected = Object.fromEntries(PUBLISHED.map(({ npm }) => [npm.name, VERSION]));
  assert.deepEqual(optionalDependencies, expected);
  const { stdout } = await run("tar", ["-tvzf", path]);
  assert.deepEqual(listNames(stdout), [
    "LICENSE",
    "README.md",
    "bin/platform.js",
    "bin/promptdb.js",
    "package.json",
  ]);
});

test("an archive without the checksum of its release becomes no package", async (t) => {
  const changed = await makeFolder(t);
  await cp(assets, changed, { recursive: true });
  await appendFile(join(changed, nameArchive(VERSION, OWN)), "x");
  const options = { assets: changed, out: await makeFolder(t), repository: REPOSITORY };
  await assert.rejects(runScript("npm", options), /does not have the checksum of its release/);
});

test("npx runs the program of this platform, with its arguments and its streams", async (t) => {
  const env = await serveRegistry(t, packages);
  const args = ["stdio", "--database-path", "a library.db"];
  const options = { cwd: await makeFolder(t), env, input: "{}\n" };
  const ended = await runToEnd("npx", ["--yes", "promptdb", ...args], options);
  assert.equal(ended.status, 0, ended.stderr);
  assert.deepEqual(parseJson(ended.stdout), { args, input: "{}\n" });
  assert.match(ended.stderr, /a line of the log/);
});

test("npm installs the package of this platform alone, and runs no script", async (t) => {
  const { folder, launcher } = await install(t);
  assert.deepEqual(await readdir(join(folder, "node_modules/@promptdb")), [
    OWN.npm.name.split("/")[1],
  ]);
  const { status, stderr } = await runToEnd(launcher, ["exit", "7"]);
  assert.equal(status, 7, stderr);
});

test("a signal reaches the program, and its end is the launcher's", LIMITED, async (t) => {
  const { launcher } = await install(t);
  const child = spawn(launcher, ["wait"], { stdio: ["ignore", "pipe", "inherit"] });
  defer(t, () => child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  assert.equal((await lines.next()).value, "ready");
  child.kill("SIGTERM");
  assert.equal((await lines.next()).value, "stopped by SIGTERM");
  if (child.exitCode === null) await once(child, "exit");
  assert.equal(child.exitCode, 3);

  const { status, signal } = await runToEnd(launcher, ["die"]);
  assert.deepEqual({ status, signal }, { status: null, signal: "SIGKILL" });
});

test("a client works with the real program over npx's launcher", async (t) => {
  const { folder, launcher } = await install(t);
  const program = join(folder, "node_modules", OWN.npm.name, nameProgram(OWN));
  await rm(program);
  await symlink(BINARY, program);
  const process = { ...stdioProcess(await makeLibrary(t)), command: launcher };
  const lane = await openSdk("stdio", { url: "", process });
  defer(t, () => lane.close());
  const { result } = await lane.request("tools/list", {});
  const tools = readColumn(readArray(readObject(result).tools), "name");
  assert.ok(tools.includes("get_prompt"), tools.join(", "));
});

test("without the package of the platform, the launcher says what to do", async (t) => {
  const { folder, launcher } = await install(t);
  await rm(join(folder, "node_modules/@promptdb"), { recursive: true });
  const { status, stderr } = await runToEnd(launcher, ["--version"]);
  assert.equal(status, 1);
  assert.equal(
    stderr,
    `promptdb: the package ${OWN.npm.name} is missing; install promptdb again with optional dependencies\n`,
  );
});

test("the launcher finds the program of each platform of a release, and names no other", () => {
  /** @param {string} request */
  const resolve = (request) => `/modules/${request}`;
  for (const target of PUBLISHED) {
    for (const arch of target.npm.cpu) {
      const path = locateProgram(target.npm.os, arch, resolve);
      assert.equal(path, `/modules/${target.npm.name}/${nameProgram(target)}`);
    }
  }
  assert.throws(
    () => locateProgram("linux", "riscv64", resolve),
    /no program for linux on riscv64/,
  );
  assert.throws(() => locateProgram("freebsd", "x64", resolve), /build it from its source/);
  const named = readFile("npm/bin/platform.js").match(/@promptdb\/[a-z0-9-]+/g) ?? [];
  assert.deepEqual(new Set(named), new Set(PUBLISHED.map(({ npm }) => npm.name)));
});

/**
 * Installs the package into a folder of its own, with scripts turned on.
 *
 * @param {TestContext} t
 */
async function install(t) {
  const env = await serveRegistry(t, packages);
  const folder = await makeFolder(t);
  await mkdir(join(folder, "node_modules"));
  await run("npm", ["install", "--no-save", "--ignore-scripts=false", "promptdb"], {
    cwd: folder,
    env,
  });
  return { folder, launcher: join(folder, "node_modules/.bin/promptdb") };
}

/**
 * Runs a program with an input to its end. The registry answers meanwhile.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, input?: string }} [options]
 */
async function runToEnd(program, args, { input = "", ...options } = {}) {
  const child = spawn(program, args, { ...options, stdio: "pipe" });
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  return { status: child.exitCode, signal: child.signalCode, stdout, stderr };
}

/**
 * Returns the sorted paths in a verbose listing of a packed package, without its folder.
 *
 * @param {string} listing
 */
function listNames(listing) {
  const names = [...listing.matchAll(/ package\/(.+)$/gm)].map(([, name]) => String(name));
  return names.sort();
}
