// Schemathesis reads our OpenAPI description and asks for everything that it allows, and for much
// that it forbids: no answer may be a fault of ours, or one that is not described.

import assert from "node:assert/strict";
import { createSign, generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { before, test } from "node:test";

import {
  BINARY,
  afterwards,
  environment,
  makeFolder,
  makeLibrary,
  run,
  startProcess,
  startServer,
} from "./harness.js";
import { environmentOf, installEnvironment } from "./lanes/environment.js";

before(() => installEnvironment("schemathesis"));

/** Nearly the same questions in each run; what follows from the ids of prompts differs. */
const SEED = "20261125";
const EXAMPLES = "15";

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
  // One worker, for threads that parse at the same time break CPython 3.11 (python/cpython#106905).
  const fixed = ["--seed", SEED, "--max-examples", EXAMPLES, "--no-color", "--workers", "1"];
  // A busy machine is no fault of the answers.
  const patience = ["--suppress-health-check", "all", "--request-timeout", "60"];
  const checks = ["--checks", CHECKS.join(","), "--warnings", "off"];
  const args = ["run", description, "--url", url, ...fixed, ...patience, ...checks, ...options];
  await run(program("schemathesis"), args, { cwd: folder });
}

test("every answer of the REST API is one that its description names", async (t) => {
  const server = await startServer(t, await makeLibrary(t));
  await probe(await makeFolder(t), server.url);
});

/** An issuer of tokens whose keys PromptDB can fetch; ends with the test `t`. */
async function startIssuer(t) {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const keys = [{ ...publicKey.export({ format: "jwk" }), kid: "k", alg: "RS256", use: "sig" }];
  const server = createServer((_request, response) => response.end(JSON.stringify({ keys })));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  afterwards(t, () => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${server.address().port}`;
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString("base64url");

  function issue(audience) {
    const exp = Math.floor(Date.now() / 1000) + 3600;
    const claims = { iss: url, aud: audience, sub: "user_ann", sid: "session_ann", exp };
    const signed = `${encode({ alg: "RS256", kid: "k" })}.${encode(claims)}`;
    const signature = createSign("RSA-SHA256").update(signed).sign(privateKey, "base64url");
    return `${signed}.${signature}`;
  }
  return { url, issue };
}

test("it is so for somebody who signed in, too", async (t) => {
  const issuer = await startIssuer(t);
  const env = {
    ...environment(await makeLibrary(t)),
    WORKOS_CLIENT_ID: "client_test",
    WORKOS_API_KEY: "sk_test",
    WORKOS_API_URL: issuer.url,
    AUTHKIT_DOMAIN: issuer.url,
    COOKIE_SECRET: randomBytes(32).toString("hex"),
    // Nobody else asks as much as this.
    RATE_LIMIT_PER_MINUTE: "1000000",
  };
  const { url } = await startProcess(t, BINARY, ["--port", "0"], env);
  const authorization = `Bearer ${issuer.issue(`${url}/mcp`)}`;
  const me = await fetch(`${url}/api/me`, { headers: { authorization } });
  assert.equal((await me.json()).user_id, "user_ann");
  // An erasure would be one at WorkOS as well, and the end of the account.
  const options = ["-H", `Authorization: ${authorization}`, "--exclude-path", "/api/account"];
  await probe(await makeFolder(t), url, options);
});
