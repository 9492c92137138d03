// Which tags are released: `.ci/check-tag` in a repository made here, with a stand-in for the GitHub CLI.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { makeFolder, ROOT, run } from "../clients/harness.js";

/** @import { TestContext } from "node:test" */

/** Answers with the number of runs of CI that the test sets, for the commit that it expects. */
const CLI = `#!/bin/sh
case "$*" in
  "run list --workflow ci.yml --branch main --event push --commit $EXPECTED "*) echo "$PASSED" ;;
  *) echo "unexpected: $*" >&2; exit 1 ;;
esac
`;

test("a tag of the version is released if its commit is on main and CI passed there", async (t) => {
  const repository = await makeRepository(t);
  await repository.git("tag", "v1.2.3");
  assert.deepEqual(await repository.check("v1.2.3", 1), { status: 0, stderr: "" });
});

test("an annotated tag stands for its commit", async (t) => {
  const repository = await makeRepository(t);
  await repository.git("tag", "--annotate", "--message", "Version 1.2.3", "v1.2.3");
  assert.deepEqual(await repository.check("v1.2.3", 1), { status: 0, stderr: "" });
});

test("a tag of another version is refused", async (t) => {
  const repository = await makeRepository(t);
  await repository.git("tag", "v1.2.4");
  await repository.refuses("v1.2.4", /the version in Cargo\.toml is 1\.2\.3/);
  await repository.refuses("1.2.3", /the version in Cargo\.toml is 1\.2\.3/);
});

test("a tag beside main is refused", async (t) => {
  const repository = await makeRepository(t);
  await repository.git("commit", "--allow-empty", "--message", "Never merged");
  await repository.git("tag", "v1.2.3");
  await repository.refuses("v1.2.3", /its commit is not on main/);
});

test("a tag that was moved since the run began is refused", async (t) => {
  const repository = await makeRepository(t);
  await repository.git("tag", "v1.2.3");
  await repository.git("commit", "--allow-empty", "--message", "Later");
  await repository.git("push", "--quiet", "origin", "main");
  await repository.refuses("v1.2.3", /it was moved from the commit of this run/);
});

test("a commit that CI has not passed on main is refused", async (t) => {
  const repository = await makeRepository(t);
  await repository.git("tag", "v1.2.3");
  const { status, stderr } = await repository.check("v1.2.3", 0);
  assert.equal(status, 1);
  assert.match(stderr, /^v1\.2\.3 is not released: CI has not passed on main for [0-9a-f]{40}/);
});

/**
 * Makes a repository whose only commit has version 1.2.3 and is on `main` of its origin.
 *
 * @param {TestContext} t
 */
async function makeRepository(t) {
  const folder = await makeFolder(t);
  const [origin, cwd, programs] = ["origin", "work", "bin"].map((name) => join(folder, name));
  const identity = { name: "A Developer", email: "developer@example.com" };
  const env = {
    PATH: `${String(programs)}:${process.env.PATH ?? ""}`,
    HOME: folder,
    GIT_AUTHOR_NAME: identity.name,
    GIT_AUTHOR_EMAIL: identity.email,
    GIT_COMMITTER_NAME: identity.name,
    GIT_COMMITTER_EMAIL: identity.email,
  };
  /** @param {string[]} args */
  const git = async (...args) => (await run("git", args, { cwd: String(cwd), env })).stdout.trim();
  await run("mkdir", [String(programs)]);
  await writeFile(join(String(programs), "gh"), CLI);
  await chmod(join(String(programs), "gh"), 0o755);
  await run("git", ["init", "--quiet", "--bare", "--initial-branch", "main", String(origin)], {
    env,
  });
  await run("git", ["clone", "--quiet", String(origin), String(cwd)], { env });
  await writeFile(join(String(cwd), "Cargo.toml"), '[package]\nversion = "1.2.3"\n');
  await git("add", ".");
  await git("commit", "--quiet", "--message", "Begin");
  await git("branch", "--move", "main");
  await git("push", "--quiet", "--set-upstream", "origin", "main");

  /**
   * @param {string} tag
   * @param {number} passed
   */
  async function check(tag, passed) {
    const expected = await git("rev-parse", "HEAD");
    const { status, stderr } = spawnSync(join(ROOT, ".ci/check-tag"), [tag], {
      cwd,
      env: { ...env, EXPECTED: expected, PASSED: String(passed) },
      encoding: "utf8",
    });
    return { status, stderr };
  }

  /**
   * @param {string} tag
   * @param {RegExp} reason
   */
  async function refuses(tag, reason) {
    const { status, stderr } = await check(tag, 1);
    assert.equal(status, 1);
    assert.match(stderr, reason);
  }

  return { git, check, refuses };
}
