// Schemathesis reads our OpenAPI description and asks for everything that it allows, and for much
// that it forbids: no answer may be a fault of ours, or one that is not described.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";

import { makeFolder, makeLibrary, run, startServer } from "./harness.js";
import { environmentOf, installEnvironment } from "./lanes/environment.js";

before(() => installEnvironment("schemathesis"));

/** The same questions in each run, so that a failure is one of the change. */
const SEED = "20261125";
const EXAMPLES = "25";

/** What answers are held to; a status, a media type or a body that is not described fails. */
const CHECKS = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_schema_conformance",
  "response_headers_conformance",
  "negative_data_rejection",
  "unsupported_method",
  "allow_header_conformance",
  "ensure_resource_availability",
];

/** The description without the word for all statuses that it does not name. */
function withoutDefaults(document) {
  const methods = Object.values(document.paths).flatMap((item) => Object.values(item));
  for (const { responses } of methods) delete responses?.default;
  return document;
}

async function probe(folder, url, options = []) {
  const description = join(folder, "openapi.json");
  const document = await (await fetch(`${url}/api/openapi.json`)).json();
  await writeFile(description, JSON.stringify(withoutDefaults(document)));
  const { program } = environmentOf("schemathesis");
  const fixed = ["--seed", SEED, "--max-examples", EXAMPLES, "--no-color", "--workers", "2"];
  const checks = ["--checks", CHECKS.join(","), "--warnings", "off"];
  const args = ["run", description, "--url", url, ...fixed, ...checks, ...options];
  await run(program("schemathesis"), args, { cwd: folder });
}

test("every answer of the REST API is one that its description names", async (t) => {
  const server = await startServer(t, await makeLibrary(t));
  await probe(await makeFolder(t), server.url);
});
