// The file of an import, and faults that a person can mend before anything is sent. The server finds the
// format.

/** The largest file that the server takes, in bytes. */
const FILE_MAX_BYTES = 16 * 1024 * 1024;
/** The longest name of a file that the server takes, in characters. */
const NAME_MAX_CHARS = 255;

export const TAKEN =
  "PromptDB takes its own exports, and prompts of other programs: CSV, JSON, YAML, Markdown and text files, and zip archives of Markdown files.";

/** The first bytes of every zip archive, and of UTF-16. */
const BINARY_STARTS = ["PK\u0003\u0004", "\u00FF\u00FE", "\u00FE\u00FF"];
/** How much of a file is looked at, in bytes. */
const SAMPLE_BYTES = 4096;

/** @typedef {{ name: string, body: Blob }} Upload */

/** A file that cannot be imported. */
export class UnreadableFile extends Error {}

/**
 * Makes what is sent of a file.
 *
 * @param {File} file
 * @returns {Promise<Upload>}
 * @throws {UnreadableFile} With what to do instead.
 */
export async function readUpload(file) {
  if (file.size > FILE_MAX_BYTES) {
    throw new UnreadableFile(
      `This file has more than 16 MB. Divide it, and import the parts one after the other.`,
    );
  }
  const start = await readStart(file);
  if (file.size === 0) throw new UnreadableFile("This file is empty.");
  const isText = !start.includes("\0");
  if (!isText && !BINARY_STARTS.some((known) => start.startsWith(known))) {
    throw new UnreadableFile(`This file is not understood. ${TAKEN}`);
  }
  return { name: file.name.slice(-NAME_MAX_CHARS), body: file };
}

/**
 * Returns the first bytes of a file, a character each.
 *
 * @param {File} file
 */
async function readStart(file) {
  try {
    const bytes = await file.slice(0, SAMPLE_BYTES).arrayBuffer();
    return new TextDecoder("latin1").decode(bytes).replace(/^\u00EF\u00BB\u00BF/, "");
  } catch {
    throw new UnreadableFile(
      "This cannot be read. If it is a folder, pack it as a zip archive first.",
    );
  }
}
