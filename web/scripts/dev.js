// `make dev`: the server, and pages and the widget that follow their sources. A save of a source writes `public/`
// again, which a debug build serves from the disk; an open page reloads itself.

import { spawn } from "node:child_process";
import { readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import * as esbuild from "esbuild";
import { ASSETS, build, options, widgetOptions, writePages, writeWidget } from "./build.js";

/** @type {esbuild.Plugin} */
const pages = {
  name: "pages",
  setup: (watched) => {
    watched.onEnd(async ({ metafile, errors }) => {
      if (!metafile || errors.length > 0) return;
      await writePages(metafile);
      await removeOthers(Object.keys(metafile.outputs).map((path) => basename(path)));
    });
  },
};

/** @type {esbuild.Plugin} */
const widget = {
  name: "widget",
  setup: (watched) => {
    watched.onEnd(async ({ outputFiles = [], errors }) => {
      if (errors.length === 0) await writeWidget(outputFiles);
    });
  },
};

/**
 * Removes the bundles of earlier builds.
 *
 * @param {string[]} names
 */
async function removeOthers(names) {
  const stale = (await readdir(ASSETS)).filter(
    (name) => /-[A-Z0-9]{8}\./.test(name) && !names.includes(name),
  );
  await Promise.all(stale.map((name) => rm(join(ASSETS, name))));
}

await build();
const context = await esbuild.context({
  ...options,
  sourcemap: "inline",
  minify: false,
  define: { RELOADS: "true" },
  plugins: [pages],
});
const widgetContext = await esbuild.context({ ...widgetOptions, plugins: [widget] });
await Promise.all([context.watch(), widgetContext.watch()]);
const server = spawn("cargo", ["run", "--", ...process.argv.slice(2)], { stdio: "inherit" });
server.on("exit", (code) => {
  process.exitCode = code ?? 1;
  void Promise.all([context.dispose(), widgetContext.dispose()]);
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => server.kill("SIGTERM"));
