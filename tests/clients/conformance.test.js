// The official conformance suite, at both revisions: against the product, with baselines of what
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

const SUITE = join(ROOT, "node_modules/@modelcontextprotocol/conformance/dist/index.js");
const FIXTURE = join(ROOT, "target/debug/examples/conformance-fixture");

/** Scenarios that the suite runs for 2026-07-28 without counting them, for they are too new. */
const HEADERS = "http-header-validation";
const NEW_FOR_FIXTURE = ["http-custom-header-server-validation", "json-schema-2020-12"];

for (const revision of ["2026-07-28", "2025-11-25"]) {
  test(`the product conforms to ${revision}`, async (t) => {
    const library = await makeLibrary(t);
    await seedLibrary(t, library, SEED);
    await conform(t, await startServer(t, library), `product-${revision}`, revision);
  });

  test(`the fixture conforms to ${revision} behind the same way in`, async (t) => {
    await conform(t, await startFixture(t), `fixture-${revision}`, revision);
  });
}

test("the product checks headers as 2026-07-28 demands", async (t) => {
  await pass(t, await startServer(t, await makeLibrary(t)), HEADERS);
});

test("the fixture passes what came after 2026-07-28", async (t) => {
  const fixture = await startFixture(t);
  for (const scenario of [HEADERS, ...NEW_FOR_FIXTURE]) await pass(t, fixture, scenario);
});

function startFixture(t) {
  return startProcess(t, FIXTURE, [], {});
}

/** All that the revision requires must pass, but for what the baseline names, which must fail. */
async function conform(t, server, baseline, revision) {
  const path = fileURLToPath(new URL(`conformance/${baseline}.yml`, import.meta.url));
  await runSuite(t, server, ["--requirements", revision, "--expected-failures", path]);
}

async function pass(t, server, scenario) {
  await runSuite(t, server, ["--scenario", scenario, "--spec-version", "2026-07-28"]);
}

async function runSuite(t, { url }, options) {
  const results = await makeFolder(t);
  const args = [SUITE, "server", "--url", `${url}/mcp`, "-o", results, ...options];
  await run(process.execPath, args);
}
