// Virtual environments of Python with exactly the packages that a list beside this file pins.

import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { ROOT, run } from "../harness.js";

/**
 * Returns the folder of the environment of a list, and the path of each of its programs.
 *
 * @param {string} list
 */
export function locateEnvironment(list) {
  const folder = join(ROOT, "target", list);
  /** @param {string} name */
  const locateProgram = (name) => join(folder, "bin", name);
  return { folder, locateProgram, python: locateProgram("python") };
}

/**
 * Makes the environment of a list, unless an earlier run made it from the same list.
 *
 * @param {string} list
 */
export async function installEnvironment(list) {
  const requirements = fileURLToPath(new URL(`${list}.txt`, import.meta.url));
  const { folder, python } = locateEnvironment(list);
  const installed = join(folder, "requirements.txt");
  const wanted = await readFile(requirements, "utf8");
  const present = await readFile(installed, "utf8").catch(() => undefined);
  if (present === wanted) return;
  await run("python3", ["-m", "venv", "--clear", folder]);
  await run(python, ["-m", "pip", "install", "--quiet", "-r", requirements]);
  // The copy is written last, so that an interrupted installation is repeated.
  await cp(requirements, installed);
}
