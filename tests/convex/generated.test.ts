/** The committed `_generated` lists every file of `convex/`. */
import { expect, test } from "vitest";

import apiTypes from "../../convex/_generated/api.d.ts?raw";
import { modules } from "./world";

test("every file with functions is in the generated types, and no other", () => {
  const files = Object.keys(modules).map((file) => /convex\/(\w+)\.ts$/.exec(file)?.[1]);
  const there = files.filter((name) => name !== undefined && name !== "schema").sort();
  const imported = [...apiTypes.matchAll(/^import type \* as (\w+) from "\.\.\/(\w+)\.js";$/gm)];
  expect(imported.map(([, , name]) => name)).toEqual(there);
});
