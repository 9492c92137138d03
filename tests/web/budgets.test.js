// What a browser loads, in bytes as they are sent, and in requests.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { brotliCompressSync, constants } from "node:zlib";

import { escapeScript } from "../../web/scripts/build.js";
import { ROOT } from "../clients/harness.js";
import { SCREENS, openScreen } from "./support/screens.js";

const KIB = 1024;

/** Bytes of the script that the first screen needs: the entry, and what it imports at once. */
const FIRST_SCRIPT_MAX_BYTES = 30 * KIB;
/** Bytes of all scripts. */
const SCRIPTS_MAX_BYTES = 60 * KIB;
/** Bytes of the styles of one page. */
const STYLE_MAX_BYTES = 8 * KIB;
/** Bytes of one page. */
const PAGE_MAX_BYTES = 4 * KIB;
/** Bytes of the widget, as a host receives it, and at brotli's best level. */
const WIDGET_MAX_BYTES = 24 * KIB;
const WIDGET_BROTLI_MAX_BYTES = 9 * KIB;
/** Requests until the library is shown, those to the API included. */
const REQUESTS_MAX = 6;

const PUBLIC = join(ROOT, "public");
/** The page that holds its script and its style itself. */
const WIDGET = "widget.html";
/** The level at which the server compresses these files. */
const QUALITY = { params: { [constants.BROTLI_PARAM_QUALITY]: 6 } };

/**
 * Returns the size of a file of `public/` as it is sent.
 *
 * @param {string} path
 */
async function measure(path) {
  return brotliCompressSync(await readFile(join(PUBLIC, path)), QUALITY).length;
}

/**
 * Returns the scripts that a script needs before it runs, itself included.
 *
 * @param {string} path
 * @param {Set<string>} [found]
 */
async function listStaticImports(path, found = new Set()) {
  if (found.has(path)) return found;
  found.add(path);
  const script = await readFile(join(PUBLIC, path), "utf8");
  for (const [, name] of script.matchAll(/(?:from|import)"\.\/([\w-]+\.js)"/g)) {
    await listStaticImports(`assets/${name}`, found);
  }
  return found;
}

/** @param {Iterable<string>} paths */
async function sum(paths) {
  const sizes = await Promise.all([...paths].map(measure));
  return sizes.reduce((total, size) => total + size, 0);
}

/**
 * Returns the files that a page refers to, with this ending.
 *
 * @param {string} page
 * @param {string} ending
 */
async function listReferences(page, ending) {
  const html = await readFile(join(PUBLIC, page), "utf8");
  const paths = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map(
    ([, path = ""]) => path,
  );
  return paths.filter((path) => path.endsWith(ending));
}

/**
 * @param {number} bytes
 * @param {number} max
 * @param {string} what
 */
function assertWithin(bytes, max, what) {
  assert.ok(bytes > 0, `${what}: nothing was found`);
  assert.ok(bytes <= max, `${what}: ${bytes} bytes, of ${max}`);
}

test("scripts, styles and pages are within their sizes", async (t) => {
  const entries = await listReferences("app.html", ".js");
  const sets = await Promise.all(entries.map((entry) => listStaticImports(entry)));
  const first = await sum(new Set(sets.flatMap((set) => [...set])));
  assertWithin(first, FIRST_SCRIPT_MAX_BYTES, "the first script");

  const assets = await readdir(join(PUBLIC, "assets"));
  const scripts = assets.filter((name) => name.endsWith(".js")).map((name) => `assets/${name}`);
  const all = await sum(scripts);
  assertWithin(all, SCRIPTS_MAX_BYTES, "all scripts");
  t.diagnostic(`scripts: ${first} bytes at first, ${all} in all`);

  for (const page of (await readdir(PUBLIC)).filter((name) => name.endsWith(".html"))) {
    if (page === WIDGET) continue;
    const style = await sum(await listReferences(page, ".css"));
    assertWithin(style, STYLE_MAX_BYTES, `the style of ${page}`);
    const size = await measure(page);
    assertWithin(size, PAGE_MAX_BYTES, page);
    t.diagnostic(`${page}: ${size} bytes, its style ${style}`);
  }
});

test("the widget is within its sizes", async (t) => {
  const file = await readFile(join(PUBLIC, WIDGET));
  const small = brotliCompressSync(file);
  assertWithin(file.length, WIDGET_MAX_BYTES, WIDGET);
  assertWithin(small.length, WIDGET_BROTLI_MAX_BYTES, `${WIDGET} in brotli`);
  t.diagnostic(`${WIDGET}: ${file.length} bytes, ${small.length} in brotli`);
});

test("the widget is one file that needs nothing else, and whose head comes first", async () => {
  const html = await readFile(join(PUBLIC, WIDGET), "utf8");
  const count = (/** @type {RegExp} */ pattern) => [...html.matchAll(pattern)].length;
  assert.match(html, /^<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="vie/);
  // Hosts insert after the first text that looks like the start of a head.
  assert.equal(html.search(/<head[^>]*>/i), html.indexOf("<head>"));
  assert.deepEqual([count(/<style[\s>]/gi), count(/<\/style/gi)], [1, 1]);
  assert.deepEqual([count(/<script[\s>]/gi), count(/<\/script/gi)], [1, 1]);
  assert.equal(count(/<meta /g), 3);
  assert.match(html, /<meta name="color-scheme" content="light dark">/);
  assert.doesNotMatch(html, /http-equiv|https?:\/\/|<link|\bsrc=|\burl\(|@import|\bimport\(/i);
  assert.doesNotMatch(html, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(/);
});

test("a script cannot end its element, or begin another one", () => {
  const text = "'</script>' '</SCRIPT' '<script>' '<!--' a < b";
  assert.equal(
    escapeScript(text),
    "'\\x3C/script>' '\\x3C/SCRIPT' '\\x3Cscript>' '\\x3C!--' a < b",
  );
});

test("the library is shown after at most 6 requests", async (t) => {
  const library = SCREENS.find(({ name }) => name === "library-full");
  assert.ok(library);
  const { watch } = await openScreen(t, library);
  const requests = watch.requests.map(({ method, url }) => `${method} ${new URL(url).pathname}`);
  assert.ok(requests.length <= REQUESTS_MAX, requests.join("\n"));
});
