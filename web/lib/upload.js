// The file of an import: its media type by what it holds and how it is called, and faults that a
// person can mend before anything is sent.

/** The largest file that the server takes, in bytes. */
const FILE_MAX_BYTES = 16 * 1024 * 1024;

export const TAKEN =
  "PromptDB takes its own exports, JSON and CSV files of prompts, Markdown and text files, and zip archives of Markdown files.";

/** The first bytes of every zip archive. */
const ZIP_START = "PK\u0003\u0004";
/** How much of a file is looked at, in bytes. */
const SAMPLE_BYTES = 4096;
/** Words by which the first line of a table is known. */
const COLUMN = /\b(title|name|content|prompt|act|text|description|tags)\b/i;

/** @typedef {{ name: string, body: Blob, type: string }} Upload */

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
  const type = findType(file.name, start);
  if (!type) throw new UnreadableFile(`This file is not understood. ${TAKEN}`);
  const body = type === "text/markdown" ? await withTitle(file) : file;
  return { name: file.name, body, type };
}

/** @param {File} file */
async function readStart(file) {
  try {
    return await file.slice(0, SAMPLE_BYTES).text();
  } catch {
    throw new UnreadableFile(
      "This cannot be read. If it is a folder, pack it as a zip archive first.",
    );
  }
}

/**
 * @param {string} name
 * @param {string} start
 */
function findType(name, start) {
  const extension = /\.([a-z]+)$/i.exec(name)?.[1]?.toLowerCase() ?? "";
  const text = start.replace(/^\uFEFF/, "").trimStart();
  if (start.startsWith(ZIP_START)) return "application/zip";
  if (extension === "csv" || extension === "tsv") return "text/csv";
  if (extension === "json" || /^(\{\s*["}]|\[\s*[{\]])/.test(text)) return "application/json";
  if (start.includes("\0")) return undefined;
  if (["md", "markdown", "mdc", "txt"].includes(extension)) return "text/markdown";
  const [line = ""] = text.split("\n", 1);
  if (text.startsWith("---\n")) return "text/markdown";
  return /[,;\t]/.test(line) && COLUMN.test(line) ? "text/csv" : undefined;
}

/**
 * Returns a Markdown file that has a title: a file without one is called as the file is.
 *
 * @param {File} file
 */
async function withTitle(file) {
  const text = (await file.text()).replace(/^\uFEFF/, "");
  const title = `title: ${JSON.stringify(file.name.replace(/\.[^.]*$/, ""))}`;
  const front = /^---[^\S\n]*\n([^]*?)^---[^\S\n]*$/m.exec(text);
  if (front?.index !== 0) return new Blob([`---\n${title}\n---\n\n${text}`]);
  if (/^(name|title)\s*:/m.test(front[1] ?? "")) return file;
  return new Blob([text.replace("\n", () => `\n${title}\n`)]);
}
