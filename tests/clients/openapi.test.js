// Schemathesis reads the OpenAPI description and sends everything that it allows, and much that it
// forbids: no answer may be a server error, or one that the description lacks.

import assert from "node:assert/strict";
import { createSign, generateKeyPairSync, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { before, test } from "node:test";

import {
  BINARY,
  listen,
  makeEnvironment,
  makeFolder,
  makeLibrary,
  run,
  startProcess,
  startServer,
} from "./harness.js";
import { readBody, readObject } from "./json.js";
import { installEnvironment, locateEnvironment } from "./lanes/environment.js";

/**
 * @import { TestContext } from "node:test"
 * @import { JsonObject } from "./json.js"
 */

before(() => installEnvironment("schemathesis"));

/** Makes nearly the same requests in each run; only those with the ids of prompts differ. */
const SEED = "20261125";
const EXAMPLES = "15";

/** The checks of each answer: a status, media type or body that the description lacks fails. */
const CHECKS = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_schema_conformance",
  "response_headers_conformance",
  "negative_data_rejection",
  "unsupported_method",
  "allow_header_conformance",
];

/**
 * Removes the `default` response of each operation, which would describe every status.
 *
 * @param {JsonObject} document
 */
function removeDefaults(document) {
  for (const path of Object.values(readObject(document.paths))) {
    for (const operation of Object.values(readObject(path))) {
      const { responses } = readObject(operation);
      if (responses !== undefined) delete readObject(responses).default;
    }
  }
}

/**
 * @param {string} folder
 * @param {string} url
 * @param {string[]} options
 */
async function probe(folder, url, options = []) {
  const description = join(folder, "openapi.json");
  const document = await readBody(await fetch(`${url}/api/openapi.json`));
  removeDefaults(document);
  await writeFile(description, JSON.stringify(document));
  const { locateProgram } = locateEnvironment("schemathesis");
  // One worker: parsing in parallel threads fails in CPython 3.11 (python/cpython#106905).
  const fixed = ["--seed", SEED, "--max-examples", EXAMPLES, "--no-color", "--workers", "1"];
  // A slow machine does not make an answer wrong.
  const patience = ["--suppress-health-check", "all", "--request-timeout", "60"];
  const checks = ["--checks", CHECKS.join(","), "--warnings", "off"];
  const args = ["run", description, "--url", url, ...fixed, ...patience, ...checks, ...options];
  await run(locateProgram("schemathesis"), args, { cwd: folder });
}

test("every answer of the REST API is one that its description names", async (t) => {
  const server = await startServer(t, await makeLibrary(t));
  await probe(await makeFolder(t), server.url);
});

/** @param {JsonObject} part */
function encode(part) {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}

/**
 * Starts an issuer of tokens whose keys PromptDB can fetch, for the time of the test `t`.
 *
 * @param {TestContext} t
 */
async function startIssuer(t) {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const keys = [{ ...publicKey.export({ format: "jwk" }), kid: "k", alg: "RS256", use: "sig" }];
  const server = createServer((_request, response) => response.end(JSON.stringify({ keys })));
  const url = `http://127.0.0.1:${await listen(t, server)}`;

  /** @param {string} audience */
  function issue(audience) {
    const exp = Math.floor(Date.now() / 1000) + 3600;
    const claims = { iss: url, aud: audience, sub: "user_ann", sid: "session_ann", exp };
    const signed = `${encode({ alg: "RS256", kid: "k" })}.${encode(claims)}`;
    const signature = createSign("RSA-SHA256").update(signed).sign(privateKey, "base64url");
    return `${signed}.${signature}`;
  }
  return { url, issue };
}

test("every answer to a signed-in user is one that the description names", async (t) => {
  const issuer = await startIssuer(t);
  const env = {
    ...makeEnvironment(await makeLibrary(t)),
    WORKOS_CLIENT_ID: "client_test",
    WORKOS_API_KEY: "sk_test",
    WORKOS_API_URL: issuer.url,
    AUTHKIT_DOMAIN: issuer.url,
    COOKIE_SECRET: randomBytes(32).toString("hex"),
    // The probe sends far more requests than a user may.
    RATE_LIMIT_PER_MINUTE: "1000000",
  };
  const { url } = await startProcess(t, BINARY, ["--port", "0"], env);
  const authorization = `Bearer ${issuer.issue(`${url}/mcp`)}`;
  const me = await fetch(`${url}/api/me`, { headers: { authorization } });
  assert.equal((await readBody(me)).id, "user_ann");
  // An erasure would also call WorkOS, and would end the account.
  const options = ["-H", `Authorization: ${authorization}`, "--exclude-path", "/api/account"];
  await probe(await makeFolder(t), url, options);
});
