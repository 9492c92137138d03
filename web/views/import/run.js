// Carrying out an import. The server ends a long one early and passes over what is there when the file
// comes again, so the same request is repeated until nothing is left.

import { BULK_MAX, changePrompts, getMe, importLibrary } from "../../api/promptdb.js";
import { Problem } from "../../api/problem.js";

/** @import { ImportReport } from "../../api/promptdb.js" */
/** @import { Upload } from "../../lib/upload.js" */

/** The time between two looks at an import that was stopped, in milliseconds. */
const PAUSE_MS = 500;
/** How often to ask after it, where the server is busy. */
const ATTEMPTS_MAX = 20;

/**
 * Reports what an import would do.
 *
 * @param {Upload} upload
 * @param {AbortSignal} [signal]
 */
export function planImport({ body, name }, signal) {
  return importLibrary(body, name, true, signal && { signal });
}

/**
 * Imports a file to its end. It can be called again after a failure.
 *
 * @param {Upload} upload
 * @param {number} count The number of items in the file.
 * @param {AbortSignal} signal
 */
export async function runImport({ body, name }, count, signal) {
  for (;;) {
    const report = await importLibrary(body, name, false, { signal });
    const { created, updated } = report.counts;
    const isStuck = created + updated === 0;
    if (report.complete || report.items.length >= count || isStuck) return report;
  }
}

/**
 * Reports what an import that was stopped has left. The server may still be ending it.
 *
 * @param {Upload} upload
 * @returns {Promise<ImportReport>}
 */
export async function planRest(upload) {
  await awaitEnd();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await planImport(upload);
    } catch (error) {
      const isPassing = error instanceof Problem && error.isTemporary;
      if (!isPassing || attempt === ATTEMPTS_MAX) throw error;
      await pause(Math.max((error.retryAt ?? 0) - Date.now(), PAUSE_MS));
    }
  }
}

/** Waits until the library no longer grows: what was being written when the import was stopped is there. */
async function awaitEnd() {
  for (let known = -1; ; await pause(PAUSE_MS)) {
    const { prompts } = (await getMe()).use;
    if (prompts === known) return;
    known = prompts;
  }
}

/** @param {number} time In milliseconds. */
function pause(time) {
  return new Promise((resolve) => setTimeout(resolve, time));
}

/**
 * Deletes prompts, and removes from `names` what is done. It can be called again after a failure.
 *
 * @param {string[]} names
 * @returns {Promise<number>} How many are still there, because the server refused to delete them.
 */
export async function deleteAll(names) {
  let refused = 0;
  while (names.length > 0) {
    const part = names.slice(0, BULK_MAX);
    const { results } = await changePrompts({ action: "delete", names: part });
    refused += results.filter(({ outcome }) => outcome === "refused").length;
    names.splice(0, part.length);
  }
  return refused;
}
