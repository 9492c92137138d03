// Writes `web/api/schema.d.ts`: `npm run web:schema`, after `cargo build`.

import { Lifetime } from "./support/lifetime.js";
import { makeSchema, writeSchema } from "./support/schema.js";

const lifetime = new Lifetime();
try {
  await writeSchema(await makeSchema(lifetime.t));
} finally {
  await lifetime.end();
}
