/**
 * Serves the real functions of `convex/` over Convex's HTTP function API, for the tests of the server.
 *
 * Prints its port on the first line and exits when its standard input closes. The header `x-world`
 * selects a database; `POST /_test/clock {"world", "now_ms"}` stops the clock of one. The API keys are
 * read from the environment, as in a deployment. Answers have the form of a production deployment:
 * messages are redacted, whole numbers are written as `5.0`, and the limits of a transaction hold.
 * Unlike there, transactions never conflict, crons do not run, and searches are not ranked.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { convexTest } from "convex-test";
import { makeFunctionReference } from "convex/server";
import { ConvexError, convexToJson } from "convex/values";
import { build } from "esbuild";

const BODY_MAX_BYTES = 16 * 1024 * 1024;
const root = fileURLToPath(new URL("../..", import.meta.url));

const { schema, modules } = await loadFunctions();
const worlds = new Map();
const clock = new AsyncLocalStorage();
const realNow = Date.now;
Date.now = () => clock.getStore()?.now ?? realNow();

const server = createServer((request, response) => {
  answer(request)
    .catch((error) => (console.error(error), [500, { code: "InternalServerError", message: "" }]))
    .then(([status, body]) => {
      const text = toJson(body);
      const length = { "content-length": Buffer.byteLength(text) };
      response.writeHead(status, { "content-type": "application/json", ...length }).end(text);
    });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.resume().on("close", () => process.exit());

/** Bundles the functions into a folder below `node_modules`, where Node resolves packages, and imports them. */
async function loadFunctions() {
  const cache = join(root, "node_modules", ".cache");
  mkdirSync(cache, { recursive: true });
  const outdir = mkdtempSync(join(cache, "convex-"));
  process.on("exit", () => rmSync(outdir, { recursive: true, force: true }));
  const source = join(root, "convex");
  const entryPoints = filesOf(source).filter((file) => /(?<!\.d)\.(ts|js)$/.test(file));
  const options = { bundle: true, splitting: true, format: "esm", packages: "external" };
  await build({ ...options, entryPoints, outdir, outbase: source, logLevel: "error" });
  const load = (file) => import(pathToFileURL(file).href);
  const bundled = filesOf(outdir).filter((file) => !/chunk-\w+\.js$/.test(file));
  const modules = bundled.map((file) => [`/convex/${relative(outdir, file)}`, () => load(file)]);
  const { default: schema } = await load(join(outdir, "schema.js"));
  return { schema, modules: Object.fromEntries(modules) };
}

function filesOf(folder) {
  return readdirSync(folder, { recursive: true }).map((file) => join(folder, file));
}

function worldOf(name) {
  if (!worlds.has(name)) {
    worlds.set(name, {
      backend: convexTest({ schema, modules, transactionLimits: true }),
      clock: {},
    });
  }
  return worlds.get(name);
}

async function answer(request) {
  const { method, url, headers } = request;
  if (method === "GET" && url === "/version") {
    return [200, "unknown"];
  }
  const kind = { "/api/query": "query", "/api/mutation": "mutation" }[url];
  if (method !== "POST" || (kind === undefined && url !== "/_test/clock")) {
    return [404, { code: "NotFound", message: "no such endpoint" }];
  }
  const call = await readJson(request);
  if (call === null || typeof call !== "object") {
    return [400, { code: "BadJsonBody", message: "invalid JSON" }];
  }
  if (url === "/_test/clock") {
    worldOf(call.world).clock.now = call.now_ms;
    return [200, null];
  }
  if ((call.format ?? "json") !== "json") {
    return [400, { code: "BadFormat", message: "unknown format" }];
  }
  if (typeof call.path !== "string" || !/^[\w/]+(\.js)?:\w+$/.test(call.path)) {
    return [400, { code: "BadConvexFunctionIdentifier", message: "malformed function path" }];
  }
  const world = worldOf(headers["x-world"] ?? "");
  return [200, await clock.run(world.clock, () => run(world.backend, kind, call))];
}

/** Runs a public function and returns its answer, or its failure as production redacts it. */
async function run(backend, kind, { path, args }) {
  try {
    const [file, name] = path.split(":");
    const module = await modules[`/convex/${file}.js`]?.();
    if (!module?.[name]?.isPublic) {
      throw new Error(`there is no public function ${path}`);
    }
    const value = await backend[kind](makeFunctionReference(path), args ?? {});
    return { status: "success", value: convexToJson(value), logLines: [] };
  } catch (error) {
    const errorMessage = `[Request ID: ${randomUUID().slice(0, 16)}] Server Error\nCalled by client`;
    const isOurs = error instanceof ConvexError;
    const data = isOurs ? { errorData: convexToJson(error.data) } : {};
    if (!isOurs && process.env.SHOW_FAULTS) {
      console.error(error);
    }
    return { status: "error", errorMessage, ...data, logLines: [] };
  }
}

async function readJson(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= BODY_MAX_BYTES) {
      chunks.push(chunk);
    }
  }
  if (size > BODY_MAX_BYTES || !/^application\/json\b/.test(request.headers["content-type"])) {
    return null;
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    return null;
  }
}

/** Writes JSON with every number as a float, as Convex writes `v.number()`. */
function toJson(value) {
  if (typeof value === "number") {
    return Number.isInteger(value) && Math.abs(value) < 1e21 ? `${value}.0` : JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    return `[${value.map(toJson)}]`;
  }
  if (value !== null && typeof value === "object") {
    const fields = Object.entries(value).map(
      ([key, one]) => `${JSON.stringify(key)}:${toJson(one)}`,
    );
    return `{${fields}}`;
  }
  return JSON.stringify(value);
}
