// The pages are type-checked against the API that the binary has.

import assert from "node:assert/strict";
import { test } from "node:test";

import { makeSchema, readSchema } from "./support/schema.js";

test("the types of the API are those of the binary", async (t) => {
  const [made, committed] = await Promise.all([makeSchema(t), readSchema()]);
  assert.ok(made === committed, "web/api/schema.d.ts is old: run `npm run web:schema`");
});
