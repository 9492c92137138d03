/**
 * Serves the real functions of `convex/` over Convex's HTTP function API, for the tests of the server.
 *
 * Prints its port on the first line and exits when its standard input closes. The header `x-world`
 * selects a database; `POST /_test/clock {"world", "now_ms"}` stops the clock of one. The API keys are
 * read from the environment, as in a deployment. Answers have the form of a production deployment:
 * messages are redacted, whole numbers are written as `5.0`, and the limits of a transaction and of a
 * vector search hold. Unlike there, transactions never conflict, crons do not run, searches by text are not
 * ranked, and searches of vectors miss none.
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

import { guardVectorSearch } from "./vectors.mjs";

/**
 * @import { IncomingMessage } from "node:http"
 * @import { TestConvex } from "convex-test"
 * @import { FunctionReference, GenericSchema, SchemaDefinition } from "convex/server"
 * @import { JSONValue, Value } from "convex/values"
 */

/** @typedef {TestConvex<SchemaDefinition<GenericSchema, boolean>>} Backend */
/** @typedef {{ now?: number }} Clock The time in milliseconds at which a clock stands, if it does. */
/** @typedef {{ backend: Backend, clock: Clock }} World */
/** @typedef {"query" | "mutation" | "action"} Kind */
/** @typedef {[status: number, body: JSONValue]} Answer */
/** @typedef {Record<string, unknown>} JsonObject */

/** @type {Record<string, Kind>} */
const KINDS = {
  "/api/query": "query",
  "/api/mutation": "mutation",
  "/api/action": "action",
};
const BODY_MAX_BYTES = 16 * 1024 * 1024;
const root = fileURLToPath(new URL("../..", import.meta.url));

const { schema, modules } = await loadFunctions();
/** @type {Map<string, World>} */
const worlds = new Map();
/** @type {AsyncLocalStorage<Clock>} */
const clock = new AsyncLocalStorage();
const realNow = Date.now;
Date.now = () => clock.getStore()?.now ?? realNow();

const server = createServer((request, response) => {
  void answerOrFail(request).then(([status, body]) => {
    const text = toJson(body);
    const length = { "content-length": Buffer.byteLength(text) };
    response.writeHead(status, { "content-type": "application/json", ...length }).end(text);
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(typeof address === "object" ? address?.port : address);
});
process.stdin.resume().on("close", () => {
  process.exit();
});

/** Bundles the functions into a folder in which Node resolves the packages, and imports them. */
async function loadFunctions() {
  const cache = join(root, "node_modules", ".cache");
  mkdirSync(cache, { recursive: true });
  const outdir = mkdtempSync(join(cache, "convex-"));
  process.on("exit", () => {
    rmSync(outdir, { recursive: true, force: true });
  });
  const source = join(root, "convex");
  const entryPoints = filesOf(source).filter((file) => /(?<!\.d)\.(ts|js)$/.test(file));
  await build({
    entryPoints,
    outdir,
    outbase: source,
    bundle: true,
    splitting: true,
    format: "esm",
    packages: "external",
    logLevel: "error",
  });
  /** @type {Record<string, () => Promise<JsonObject>>} */
  const modules = {};
  for (const file of filesOf(outdir).filter((file) => !/chunk-\w+\.js$/.test(file))) {
    modules[`/convex/${relative(outdir, file)}`] = () => importFile(file);
  }
  const { default: schema } = await importFile(join(outdir, "schema.js"));
  return { schema: /** @type {SchemaDefinition<GenericSchema, boolean>} */ (schema), modules };
}

/**
 * @param {string} file
 * @returns {Promise<JsonObject>}
 */
function importFile(file) {
  return import(pathToFileURL(file).href);
}

/** @param {string} folder */
function filesOf(folder) {
  const names = readdirSync(folder, { encoding: "utf8", recursive: true });
  return names.map((name) => join(folder, name));
}

/**
 * Returns the world of a name, which starts with an empty database.
 *
 * @param {string} name
 */
function worldOf(name) {
  const known = worlds.get(name);
  if (known) return known;
  /** @type {World} */
  const world = { backend: convexTest({ schema, modules, transactionLimits: true }), clock: {} };
  guardVectorSearch(schema);
  worlds.set(name, world);
  return world;
}

/**
 * Answers a request; a fault of this server is a 500, and its cause goes to standard error.
 *
 * @param {IncomingMessage} request
 * @returns {Promise<Answer>}
 */
async function answerOrFail(request) {
  try {
    return await answer(request);
  } catch (error) {
    console.error(error);
    return [500, { code: "InternalServerError", message: "" }];
  }
}

/**
 * @param {IncomingMessage} request
 * @returns {Promise<Answer>}
 */
async function answer(request) {
  const { method, url = "", headers } = request;
  if (method === "GET" && url === "/version") {
    return [200, "unknown"];
  }
  const kind = KINDS[url];
  const setsClock = url === "/_test/clock";
  if (method !== "POST" || (kind === undefined && !setsClock)) {
    return [404, { code: "NotFound", message: "no such endpoint" }];
  }
  const call = await readJson(request);
  if (!isObject(call)) {
    return [400, { code: "BadJsonBody", message: "the body is not JSON" }];
  }
  if (kind === undefined) {
    if (typeof call.world !== "string" || typeof call.now_ms !== "number") {
      return [400, { code: "BadClock", message: "the body needs `world` and `now_ms`" }];
    }
    worldOf(call.world).clock.now = call.now_ms;
    return [200, null];
  }
  if ((call.format ?? "json") !== "json") {
    return [400, { code: "BadFormat", message: "unknown format" }];
  }
  if (typeof call.path !== "string" || !/^[\w/]+(\.js)?:\w+$/.test(call.path)) {
    return [
      400,
      { code: "BadConvexFunctionIdentifier", message: "the path is not that of a function" },
    ];
  }
  const { path, args } = call;
  const world = worldOf(String(headers["x-world"] ?? ""));
  const outcome = await clock.run(world.clock, () =>
    run(world.backend, kind, path, isObject(args) ? args : {}),
  );
  return [200, outcome];
}

/**
 * Runs a public function and returns its outcome, in no more detail than production does.
 *
 * @param {Backend} backend
 * @param {Kind} kind
 * @param {string} path
 * @param {JsonObject} args
 * @returns {Promise<JSONValue>}
 */
async function run(backend, kind, path, args) {
  try {
    if (!(await isPublic(path))) throw new Error(`there is no public function ${path}`);
    const value = await call(backend, kind, path, args);
    return { status: "success", value: convexToJson(value), logLines: [] };
  } catch (error) {
    const errorMessage = `[Request ID: ${randomUUID().slice(0, 16)}] Server Error\nCalled by client`;
    if (error instanceof ConvexError) {
      // Production passes the data of this error on, and the cause of no other.
      /** @type {unknown} */
      const data = error.data;
      const errorData = convexToJson(/** @type {Value} */ (data));
      return { status: "error", errorMessage, errorData, logLines: [] };
    }
    if (process.env.SHOW_FAULTS) {
      console.error(error);
    }
    return { status: "error", errorMessage, logLines: [] };
  }
}

/**
 * @param {Backend} backend
 * @param {Kind} kind
 * @param {string} path
 * @param {JsonObject} args
 * @returns {Promise<Value>}
 */
function call(backend, kind, path, args) {
  const reference = makeFunctionReference(path);
  switch (kind) {
    case "query":
      return backend.query(/** @type {FunctionReference<"query">} */ (reference), args);
    case "mutation":
      return backend.mutation(/** @type {FunctionReference<"mutation">} */ (reference), args);
    case "action":
      return backend.action(/** @type {FunctionReference<"action">} */ (reference), args);
  }
}

/**
 * Returns whether a module exports a public function at `path`, such as `prompts:get`.
 *
 * @param {string} path
 */
async function isPublic(path) {
  const [file, name = ""] = path.split(":");
  const exported = (await modules[`/convex/${file}.js`]?.())?.[name];
  return typeof exported === "function" && "isPublic" in exported && exported.isPublic === true;
}

/**
 * @param {unknown} value
 * @returns {value is JsonObject}
 */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Reads a body of JSON; `null` where it is too large, of another type, or invalid. An oversized
 * body is read to its end, so that the client receives the answer.
 *
 * @param {IncomingMessage} request
 * @returns {Promise<unknown>}
 */
async function readJson(request) {
  /** @type {Buffer[]} */
  const chunks = [];
  let size = 0;
  for await (const chunk of /** @type {AsyncIterable<Buffer>} */ (request)) {
    size += chunk.length;
    if (size <= BODY_MAX_BYTES) {
      chunks.push(chunk);
    }
  }
  if (
    size > BODY_MAX_BYTES ||
    !/^application\/json\b/.test(request.headers["content-type"] ?? "")
  ) {
    return null;
  }
  try {
    /** @type {unknown} */
    const body = JSON.parse(Buffer.concat(chunks).toString());
    return body;
  } catch {
    return null;
  }
}

/**
 * Writes JSON with every number as a float, as Convex writes `v.number()`.
 *
 * @param {JSONValue} value
 * @returns {string}
 */
function toJson(value) {
  if (typeof value === "number") {
    return Number.isInteger(value) && Math.abs(value) < 1e21 ? `${value}.0` : JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    return `[${value.map(toJson).join(",")}]`;
  }
  if (value !== null && typeof value === "object") {
    const fields = Object.entries(value).map(
      ([key, field]) => `${JSON.stringify(key)}:${toJson(field)}`,
    );
    return `{${fields.join(",")}}`;
  }
  return JSON.stringify(value);
}
