/**
 * The rules of Convex's vector search that convex-test does not have: a limit from 1 to 256, a vector of the
 * dimensions of the index, filters by its filter fields alone, and scores of single precision.
 */

/**
 * @import { GenericSchema, SchemaDefinition } from "convex/server"
 */

/** @typedef {(operation: string, args: string) => Promise<string>} Syscall */
/** @typedef {{ indexName: string, limit?: number, vector: unknown[], expressions: unknown }} Search */
/** @typedef {{ _id: string, _score: number }} Hit */
/** @typedef {{ indexDescriptor: string, dimensions: number, filterFields: string[] }} IndexForm */
/** @typedef {{ tableName: string, vectorIndexes: IndexForm[] }} TableForm */

/** Maximum rows of a search, and the rows of one without a limit. */
const LIMIT_MAX = 256;
const LIMIT_DEFAULT = 10;

/** The globals that follow the rules. convex-test makes one for all worlds. */
const guarded = new WeakSet();

/**
 * Makes every vector search follow the rules. Call it after `convexTest`, which makes the global that the
 * functions call.
 *
 * @param {SchemaDefinition<GenericSchema, boolean>} schema
 */
export function guardVectorSearch(schema) {
  /** @type {unknown} */
  const convex = Reflect.get(globalThis, "Convex");
  if (typeof convex !== "object" || convex === null || guarded.has(convex)) {
    return;
  }
  const guard = new Proxy(convex, {
    get: (target, key) => {
      /** @type {unknown} */
      const value = Reflect.get(target, key);
      return key === "asyncSyscall" ? guardSyscall(schema, /** @type {Syscall} */ (value)) : value;
    },
  });
  guarded.add(guard);
  Reflect.set(globalThis, "Convex", guard);
}

/**
 * @param {SchemaDefinition<GenericSchema, boolean>} schema
 * @param {Syscall} call
 * @returns {Syscall}
 */
function guardSyscall(schema, call) {
  return (operation, args) =>
    operation === "1.0/actions/vectorSearch" ? search(schema, call, args) : call(operation, args);
}

/**
 * @param {SchemaDefinition<GenericSchema, boolean>} schema
 * @param {Syscall} call
 * @param {string} args
 */
async function search(schema, call, args) {
  const request = /** @type {{ query: Search }} */ (parse(args));
  const { indexName, limit = LIMIT_DEFAULT, vector, expressions } = request.query;
  const index = findIndex(schema, indexName);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX) {
    throw new Error(`a vector search returns 1 to ${LIMIT_MAX} rows, not ${limit}`);
  }
  if (vector.length !== index.dimensions || !vector.every(Number.isFinite)) {
    throw new Error(`${indexName} needs a vector of ${index.dimensions} numbers`);
  }
  checkFilter(expressions, index.filterFields);
  const query = { ...request.query, limit };
  const answer = await call("1.0/actions/vectorSearch", JSON.stringify({ ...request, query }));
  const { results } = /** @type {{ results: Hit[] }} */ (parse(answer));
  return JSON.stringify({
    results: results.map((hit) => ({ ...hit, _score: Math.fround(hit._score) })),
  });
}

/**
 * @param {SchemaDefinition<GenericSchema, boolean>} schema
 * @param {string} path
 */
function findIndex(schema, path) {
  const [table = "", name] = path.split(".");
  // The form in which a deployment receives the schema; the types hide it.
  const { export: write } = /** @type {{ export: (this: unknown) => string }} */ (
    /** @type {unknown} */ (schema)
  );
  const { tables } = /** @type {{ tables: TableForm[] }} */ (parse(write.call(schema)));
  const indexes = tables.find(({ tableName }) => tableName === table)?.vectorIndexes;
  const index = indexes?.find(({ indexDescriptor }) => indexDescriptor === name);
  if (index === undefined) {
    throw new Error(`there is no vector index ${path}`);
  }
  return index;
}

/**
 * @param {string} json
 * @returns {unknown}
 */
function parse(json) {
  return JSON.parse(json);
}

/**
 * Refuses a filter other than equalities of filter fields, alone or joined by "or".
 *
 * @param {unknown} filter
 * @param {string[]} fields
 */
function checkFilter(filter, fields) {
  if (filter === null) {
    return;
  }
  const [[operator, operands] = ["", []], ...others] = Object.entries(
    /** @type {Record<string, unknown[]>} */ (filter),
  );
  if (others.length === 0 && operator === "$or") {
    operands.forEach((operand) => checkFilter(operand, fields));
    return;
  }
  const field = /** @type {{ $field?: string } | undefined} */ (operands[0])?.$field;
  if (others.length > 0 || operator !== "$eq" || field === undefined || !fields.includes(field)) {
    throw new Error(`a vector search cannot filter by ${JSON.stringify(filter)}`);
  }
}
