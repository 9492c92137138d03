// Readers of JSON that another process wrote. Each returns its argument with the type that it
// checked, and throws an assertion error for any other value.

import assert from "node:assert/strict";

/** @typedef {Record<string, unknown>} JsonObject */

/**
 * @param {string} text
 * @returns {unknown}
 */
export function parseJson(text) {
  return JSON.parse(text);
}

/**
 * @param {unknown} value
 * @returns {JsonObject}
 */
export function readObject(value) {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  assert.ok(isObject, `not an object: ${JSON.stringify(value)}`);
  return /** @type {JsonObject} */ (value);
}

/**
 * @param {unknown} value
 * @returns {unknown[]}
 */
export function readArray(value) {
  assert.ok(Array.isArray(value), `not an array: ${JSON.stringify(value)}`);
  return value;
}

/**
 * @param {unknown} value
 * @returns {string}
 */
export function readString(value) {
  assert.ok(typeof value === "string", `not a string: ${JSON.stringify(value)}`);
  return value;
}

/**
 * Follows `path`, of names of fields and indices of arrays, to a string.
 *
 * @param {unknown} value
 * @param {(string | number)[]} path
 */
export function readStringAt(value, path) {
  let current = value;
  for (const step of path) {
    current = typeof step === "number" ? readArray(current)[step] : readObject(current)[step];
  }
  return readString(current);
}

/**
 * Returns one string field of each object of an array.
 *
 * @param {unknown} value
 * @param {string} field
 */
export function readColumn(value, field) {
  return readArray(value).map((item) => readString(readObject(item)[field]));
}

/**
 * Reads the body of a response.
 *
 * @param {Response} response
 */
export async function readBody(response) {
  return readObject(await response.json());
}
