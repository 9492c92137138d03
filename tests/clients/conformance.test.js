// The official conformance suite at both revisions: against the product, with baselines of what
// only a server with the suite's own tools could pass, and against the fixture, which has those.

import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { SEED } from "./cases.js";
import {
  ROOT,
  makeFolder,
  makeLibrary,
  run,
  seedLibrary,
  startProcess,
  startServer,
} from "./harness.js";

/**
 * @import { TestContext } from "node:test"
 */

const SUITE = join(ROOT, "node_modules/@modelcontextprotocol/conformance/dist/index.js");
const FIXTURE = join(ROOT, "target/debug/examples/conformance-fixture");

/** Scenarios too new for the suite's requirements of 2026-07-28, which do not count them. */
const HEADERS = "http-header-validation";
const NEW_FOR_FIXTURE = ["http-custom-header-server-validation", "json-schema-2020-12"];

for (const revision of ["2026-07-28", "2025-11-25"]) {
  test(`the product conforms to ${revision}`, async (t) => {
    const library = await makeLibrary(t);
    await seedLibrary(t, library, SEED);
    const { url } = await startServer(t, library);
    await expectConformance(t, url, revision, "product");
  });

  test(`the fixture conforms to ${revision} behind the same endpoint`, async (t) => {
    await expectConformance(t, await startFixture(t), revision, "fixture");
  });
}

test("the product checks headers as 2026-07-28 demands", async (t) => {
  const { url } = await startServer(t, await makeLibrary(t));
  await expectScenario(t, url, HEADERS);
});

test("the fixture passes what came after 2026-07-28", async (t) => {
  const url = await startFixture(t);
  for (const scenario of [HEADERS, ...NEW_FOR_FIXTURE]) await expectScenario(t, url, scenario);
});

/**
 * @param {TestContext} t
 */
async function startFixture(t) {
  const { url } = await startProcess(t, FIXTURE, [], {});
  return url;
}

/**
 * Checks that a server passes everything that the revision requires, except for the scenarios in
 * its baseline, which must fail.
 *
 * @param {TestContext} t
 * @param {string} url
 * @param {string} revision
 * @param {"product" | "fixture"} server
 */
async function expectConformance(t, url, revision, server) {
  const baseline = new URL(`conformance/${server}-${revision}.yml`, import.meta.url);
  const options = ["--requirements", revision, "--expected-failures", fileURLToPath(baseline)];
  await runSuite(t, url, options);
}

/**
 * @param {TestContext} t
 * @param {string} url
 * @param {string} scenario
 */
async function expectScenario(t, url, scenario) {
  await runSuite(t, url, ["--scenario", scenario, "--spec-version", "2026-07-28"]);
}

/**
 * @param {TestContext} t
 * @param {string} url
 * @param {string[]} options
 */
async function runSuite(t, url, options) {
  const results = await makeFolder(t);
  const args = [SUITE, "server", "--url", `${url}/mcp`, "-o", results, ...options];
  await run(process.execPath, args);
}
