// A registry of npm on this machine, with the packages of a folder.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

import { listen, makeFolder, run } from "../../clients/harness.js";
import { parseJson, readObject, readString } from "../../clients/json.js";

/**
 * @import { TestContext } from "node:test"
 * @import { JsonObject } from "../../clients/json.js"
 */

/**
 * Returns the manifest in a packed package.
 *
 * @param {string} path
 */
export async function readManifest(path) {
  const { stdout } = await run("tar", ["-xzOf", path, "package/package.json"]);
  return readObject(parseJson(stdout));
}

/**
 * Serves the packages until the test `t` ends. Returns the environment in which npm uses this registry
 * alone, with a cache and a home folder of its own.
 *
 * @param {TestContext} t
 * @param {string} folder
 * @returns {Promise<Record<string, string>>}
 */
export async function serveRegistry(t, folder) {
  /** @type {Map<string, JsonObject>} */
  const documents = new Map();
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? "").slice(1);
    const document = documents.get(path);
    if (path.startsWith("-/")) {
      response.end(readFileSync(join(folder, path.slice(2))));
    } else if (document) {
      response.setHeader("content-type", "application/json").end(JSON.stringify(document));
    } else {
      response.writeHead(404).end("{}");
    }
  });
  const registry = `http://127.0.0.1:${await listen(t, server)}`;
  for (const file of readdirSync(folder)) {
    const manifest = await readManifest(join(folder, file));
    const [name, version] = [readString(manifest.name), readString(manifest.version)];
    const hash = createHash("sha512")
      .update(readFileSync(join(folder, file)))
      .digest("base64");
    const dist = { tarball: `${registry}/-/${file}`, integrity: `sha512-${hash}` };
    const versions = { [version]: { ...manifest, dist } };
    documents.set(name, { name, "dist-tags": { latest: version }, versions });
  }
  const home = await makeFolder(t);
  return {
    PATH: process.env.PATH ?? "",
    HOME: home,
    npm_config_registry: registry,
    npm_config_cache: join(home, "cache"),
    npm_config_userconfig: join(home, "npmrc"),
    npm_config_update_notifier: "false",
    npm_config_audit: "false",
    npm_config_fund: "false",
  };
}
