// Writes `public/` from the sources in `web/` and `widget/`: bundles with hashed names, the pages that
// refer to them, and the widget in one file. The same sources always give the same bytes.

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const WEB = fileURLToPath(new URL("..", import.meta.url));
const WIDGET = fileURLToPath(new URL("../../widget", import.meta.url));
const PUBLIC = join(WEB, "../public");
export const ASSETS = join(PUBLIC, "assets");
const PAGES = ["index", "app", "plans", "plans-free", "privacy", "terms"];
/** Files that keep their names, for browsers and crawlers ask for them by these. */
const FIXED = ["favicon.ico", "robots.txt"];
/** A part that a page includes, such as `{{header.html}}`. */
const PART = /\{\{([a-z]+\.html)\}\}/g;
/** A reference of a page to a bundle, such as `{{app.css}}`. */
const REFERENCE = /\{\{([a-z]+\.(?:css|js|png|svg))\}\}/g;

/** @type {esbuild.BuildOptions} */
export const options = {
  absWorkingDir: WEB,
  entryPoints: ["app.js", "styles/app.css", "styles/page.css"],
  entryNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  outdir: ASSETS,
  bundle: true,
  // What is imported on demand is loaded on demand.
  splitting: true,
  format: "esm",
  minify: true,
  metafile: true,
  legalComments: "none",
  // Only `dev.js` sets it.
  define: { RELOADS: "false" },
  loader: { ".png": "file", ".svg": "file" },
  target: ["chrome123", "firefox128", "safari17.5"],
  logLevel: "warning",
};

/** What the widget is built by: a script and a style, which its page holds. @type {esbuild.BuildOptions} */
export const widgetOptions = {
  absWorkingDir: WIDGET,
  entryPoints: ["main.js", "widget.css"],
  outdir: PUBLIC,
  write: false,
  bundle: true,
  format: "esm",
  minify: true,
  // Properties of the widget's own objects, which no answer and no element has: 80 bytes of brotli.
  mangleProps:
    /^(state|draft|conflict|lost|stored|control|row|folded|preset|sign|literal|variable|show|open[A-Z]\w+)$/,
  charset: "utf8",
  // What finds faults of the sources themselves.
  dropLabels: ["CHECK"],
  legalComments: "none",
  target: options.target,
  // All of these browsers have them. As calls of `RegExp`, which they become otherwise, unused ones would stay.
  supported: {
    "regexp-lookbehind-assertions": true,
    "regexp-set-notation": true,
    "regexp-unicode-property-escapes": true,
  },
  logLevel: "warning",
};

/**
 * Writes the widget: one page that needs nothing else.
 *
 * @param {esbuild.OutputFile[]} files
 */
export async function writeWidget(files) {
  const [style, script] = [".css", ".js"].map((ending) => {
    const text = files.find(({ path }) => path.endsWith(ending))?.text.trim();
    if (!text) throw new Error(`the widget has no ${ending}`);
    return text;
  });
  // esbuild keeps the spaces in custom properties.
  const short = style?.replaceAll(", ", ",").replaceAll(/(--[a-z]+): /g, "$1:");
  // The explicit `<head>` comes first: a host inserts its policy after the first text that looks like one.
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" \
content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark">\
<title>PromptDB</title><style>${short}</style></head><body><script type="module">\
${escapeScript(script)}</script></body></html>
`;
  await writeFile(join(PUBLIC, "widget.html"), html);
}

/**
 * Writes a script so that nothing in it ends its element or begins another one.
 *
 * @param {string} [script]
 */
export function escapeScript(script = "") {
  return script.replaceAll(/<(?=\/script|script|!--)/gi, "\\x3C");
}

/**
 * Writes the pages with the names of the bundles.
 *
 * @param {esbuild.Metafile} metafile
 */
export async function writePages(metafile) {
  const bundles = new Map(
    Object.entries(metafile.outputs).map(([path, { entryPoint }]) => [
      basename(entryPoint ?? path),
      `/assets/${basename(path)}`,
    ]),
  );
  for (const page of PAGES) {
    const source = await readPage(`${page}.html`);
    const html = source.replaceAll(REFERENCE, (_, /** @type {string} */ name) => {
      const bundle = bundles.get(name);
      if (!bundle) throw new Error(`${page}.html refers to ${name}, which is not built`);
      return bundle;
    });
    await writeFile(join(PUBLIC, `${page}.html`), html);
  }
  for (const name of FIXED) {
    await writeFile(join(PUBLIC, name), await readFile(join(WEB, "pages", name)));
  }
}

/**
 * Reads a page with the parts that it includes, which `src/http/page.rs` includes too.
 *
 * @param {string} page
 */
async function readPage(page) {
  let html = await readFile(join(WEB, "pages", page), "utf8");
  for (const [reference, name = ""] of html.matchAll(PART)) {
    const part = await readFile(join(WEB, "pages/parts", name), "utf8");
    html = html.replace(reference, () => part.trimEnd().replaceAll("\n", "\n    "));
  }
  return html;
}

/**
 * Writes the notices of the libraries that are part of the bundles.
 *
 * @param {esbuild.Metafile} metafile
 */
async function writeLicenses(metafile) {
  const packages = Object.keys(metafile.inputs).flatMap(
    (path) => /(?<=node_modules\/)(?:@[^/]+\/)?[^/]+/.exec(path) ?? [],
  );
  const notices = [...new Set(packages)].sort().map(async (name) => {
    const folder = join(WEB, "../node_modules", name);
    const text = await readFile(join(folder, "package.json"), "utf8");
    /** @type {unknown} */
    const manifest = JSON.parse(text);
    const { version, license: kind } = /** @type {{ version: string, license: string }} */ (
      manifest
    );
    const license = await readFile(join(folder, "LICENSE"), "utf8");
    return `${name} ${version} (${kind})\n\n${license.trim()}\n`;
  });
  await writeFile(join(ASSETS, "licenses.txt"), (await Promise.all(notices)).join("\n\n"));
}

/** Builds everything anew. */
export async function build() {
  await rm(PUBLIC, { recursive: true, force: true });
  await mkdir(ASSETS, { recursive: true });
  const [{ metafile }, { outputFiles = [] }] = await Promise.all([
    esbuild.build(options),
    esbuild.build(widgetOptions),
  ]);
  if (!metafile) throw new Error("esbuild returned no metafile");
  await writePages(metafile);
  await writeLicenses(metafile);
  await writeWidget(outputFiles);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
