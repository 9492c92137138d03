// Readers of the project's files: Markdown tables and lists, and the addresses of the published server.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { ROOT } from "./harness.js";
import { parseJson } from "./json.js";

/** @typedef {Record<string, string>} Row The cells of a table, by the title of their column. */

/**
 * Reads a file of the project.
 *
 * @param {string} path
 */
export function readFile(path) {
  return readFileSync(join(ROOT, path), "utf8");
}

/**
 * Reads a JSON file of the project.
 *
 * @param {string} path
 */
export function readJsonFile(path) {
  return parseJson(readFile(path));
}

/** Returns the origin of the published server, which `fly.production.toml` sets. */
export function readOrigin() {
  const origin = /^PUBLIC_URL = "(.+)"$/m.exec(readFile("fly.production.toml"))?.[1];
  assert.ok(origin, "fly.production.toml has no PUBLIC_URL");
  return origin;
}

/** Returns the version of the server. */
export function readVersion() {
  const version = /^version = "(.+)"$/m.exec(readFile("Cargo.toml"))?.[1];
  assert.ok(version, "Cargo.toml has no version");
  return version;
}

/**
 * Returns the part of a Markdown text below a heading, up to the next one of any level.
 *
 * @param {string} text
 * @param {string} heading
 */
export function readSection(text, heading) {
  const sections = text.split(/^#+ /m);
  const found = sections.find((section) => section.startsWith(`${heading}\n`));
  assert.ok(found !== undefined, `no heading "${heading}"`);
  return found.slice(heading.length + 1);
}

/**
 * Returns the rows of every table of a Markdown text.
 *
 * @param {string} text
 * @returns {Row[]}
 */
export function readRows(text) {
  return text
    .split("\n\n")
    .map((block) => block.trim())
    .filter((block) => block.startsWith("| "))
    .flatMap(readTable);
}

/**
 * @param {string} table
 * @returns {Row[]}
 */
function readTable(table) {
  const [titles = [], , ...rows] = table.split("\n").map(readCells);
  return rows.map((cells) => {
    assert.equal(cells.length, titles.length, `a row of ${titles.join(", ")}: ${cells.join(", ")}`);
    return Object.fromEntries(titles.map((title, index) => [title, cells[index] ?? ""]));
  });
}

/** @param {string} line */
function readCells(line) {
  return line
    .replace(/^\||\|$/g, "")
    .split("|")
    .map((cell) => cell.trim());
}

/**
 * Returns the entries of the numbered list of a Markdown text, each as one line.
 *
 * @param {string} text
 */
export function readList(text) {
  return [...text.matchAll(/^\d+\. (.+(?:\n {3}.+)*)/gm)].map(([, entry = ""]) => flatten(entry));
}

/**
 * Returns every part of a text that stands between backticks.
 *
 * @param {string} text
 */
export function readCode(text) {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
}

/**
 * Writes each run of white space as one space.
 *
 * @param {string} text
 */
export function flatten(text) {
  return text.trim().replace(/\s+/g, " ");
}
