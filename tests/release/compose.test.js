// The compose file of a server for one person.

import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";

import { readFile } from "../clients/documents.js";
import { BINARY, run } from "../clients/harness.js";

const COMPOSE = "docs/self-hosting/compose.yaml";

/**
 * The parts of the file that are checked here.
 *
 * @typedef {object} Service
 * @property {string[]} ports
 * @property {string[]} volumes
 * @property {boolean} read_only
 * @property {string[]} cap_drop
 * @property {string} stop_grace_period
 * @property {Record<string, string>} environment
 */
/** @typedef {{ services: { promptdb: Service }, volumes: object }} Compose */

/** Seconds that the server takes at most to end after SIGTERM. */
const DRAIN_SECONDS = 25;

test(`${COMPOSE} serves this machine, keeps the library and confines the server`, async () => {
  /** @type {unknown} */
  const file = parse(readFile(COMPOSE));
  const { services, volumes } = /** @type {Compose} */ (file);
  const { promptdb } = services;
  // Any other address of the host would be open to its network.
  assert.deepEqual(promptdb.ports, ["127.0.0.1:3000:3000"]);
  assert.deepEqual(promptdb.volumes, ["library:/data"]);
  assert.ok("library" in volumes);
  assert.match(readFile("Dockerfile"), /DATABASE_PATH=\/data\//);
  assert.equal(promptdb.read_only, true);
  assert.deepEqual(promptdb.cap_drop, ["ALL"]);
  assert.ok(parseInt(promptdb.stop_grace_period, 10) > DRAIN_SECONDS);
  // Without a token the start is refused, here with a hint and not in the container.
  assert.match(promptdb.environment.ACCESS_TOKEN ?? "", /^\$\{ACCESS_TOKEN:\?.+\}$/);
  const { stdout } = await run(BINARY, ["--help"]);
  for (const name of Object.keys(promptdb.environment)) {
    assert.ok(stdout.includes(`[env: ${name}`), name);
  }
});
