// Calls of REST that must succeed.

import assert from "node:assert/strict";

/**
 * @import { JsonObject } from "../../clients/json.js"
 */

/**
 * Calls REST as the user of the pages.
 *
 * @callback Api
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body] sent as JSON
 * @returns {Promise<{ status: number, headers: Record<string, string>, text: string, body: JsonObject }>}
 */

/**
 * Calls the API and returns the JSON of its answer, which must be a success.
 *
 * @param {{ api: Api }} app
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 */
export async function call(app, method, path, body) {
  const response = await app.api(method, path, body);
  assert.ok(response.status < 300, `${method} ${path}: ${response.status} ${response.text}`);
  return response.body;
}
