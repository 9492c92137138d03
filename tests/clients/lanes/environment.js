// Virtual environments of Python: the packages that a list beside this file pins, and no others.

import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { ROOT, run } from "../harness.js";

/** Where the environment of a list is, and its programs. */
export function environmentOf(list) {
  const folder = join(ROOT, "target", list);
  const program = (name) => join(folder, "bin", name);
  return { folder, program, python: program("python") };
}

/** Makes the environment of a list, unless the one that is there has just these packages. */
export async function installEnvironment(list) {
  const requirements = fileURLToPath(new URL(`${list}.txt`, import.meta.url));
  const { folder, python } = environmentOf(list);
  const installed = join(folder, "requirements.txt");
  const wanted = await readFile(requirements, "utf8");
  const present = await readFile(installed, "utf8").catch(() => undefined);
  if (present === wanted) return;
  await run("python3", ["-m", "venv", "--clear", folder]);
  await run(python, ["-m", "pip", "install", "--quiet", "-r", requirements]);
  // Written last, so that an installation that broke off is made again.
  await cp(requirements, installed);
}
