// Measures the pages: `make measure`. Lighthouse's scores of five pages, the median of three runs on a
// simulated phone with slow 4G, and how fast a library of 1,000 prompts is on this machine.

import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { argv, execPath } from "node:process";

import {
  BINARY,
  ROOT,
  makeEnvironment,
  makeLibrary,
  run,
  startProcess,
} from "../../clients/harness.js";
import { parseJson, readObject } from "../../clients/json.js";
import { locateChromium, openChromium } from "../support/chromium.js";
import { Lifetime } from "../support/lifetime.js";
import { measureLargestPaint, measureSearch, measureSlowest } from "./library.js";

/**
 * @import { TestContext } from "node:test"
 * @import { JsonObject } from "../../clients/json.js"
 */

const FOLDER = join(ROOT, "target/measure");
const LIGHTHOUSE = join(ROOT, "tests/web/measure/node_modules/lighthouse/cli/index.js");

const PAGES = ["/", "/app", "/app/p/prompt-7", "/plans", "/privacy"];
const CATEGORIES = ["performance", "accessibility", "best-practices", "seo"];
/** Names of Lighthouse for the largest and the first paint, blocked time and shift of the layout. */
const AUDITS = ["largest-contentful-paint", "total-blocking-time", "cumulative-layout-shift"];
const RUNS = 3;
const PROMPTS = 1_000;

const SUBJECTS = ["review", "release", "recipe", "report", "translation", "interview", "plan"];

/** Returns a library as an import takes it: distinct words, so that each letter changes the rows. */
function makePrompts() {
  return Array.from({ length: PROMPTS }, (_, index) => ({
    name: `prompt-${index}`,
    title: `${SUBJECTS[index % SUBJECTS.length]} number ${index}`,
    content: `Write a ${SUBJECTS[index % SUBJECTS.length]} about {{topic}}, part ${index}.`,
    tags: [`tag-${index % 10}`],
  }));
}

/**
 * Starts a server with a library of 1,000 prompts.
 *
 * @param {TestContext} t
 * @param {string} binary
 */
async function start(t, binary) {
  const env = makeEnvironment(await makeLibrary(t));
  const { url } = await startProcess(t, binary, ["--port", "0"], env);
  const response = await fetch(`${url}/api/import`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(makePrompts()),
  });
  if (!response.ok) throw new Error(await response.text());
  return url;
}

/** @param {number[]} values */
function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

/**
 * Returns one report of Lighthouse about a page.
 *
 * @param {string} url
 * @param {string} name
 */
async function examine(url, name) {
  const path = join(FOLDER, `${name}.json`);
  const flags = "--chrome-flags=--headless=new --no-sandbox --disable-dev-shm-usage";
  const output = ["--output=json", `--output-path=${path}`, "--quiet"];
  const categories = `--only-categories=${CATEGORIES.join(",")}`;
  const env = { PATH: process.env.PATH ?? "", CHROME_PATH: locateChromium() };
  await run(execPath, [LIGHTHOUSE, url, categories, flags, ...output], { cwd: FOLDER, env });
  return readObject(parseJson(await readFile(path, "utf8")));
}

/**
 * Returns a number of a report, of a category or an audit.
 *
 * @param {JsonObject} report
 * @param {"categories" | "audits"} kind
 * @param {string} id
 */
function readFigure(report, kind, id) {
  const entry = readObject(readObject(report[kind])[id]);
  return kind === "categories" ? Number(entry.score) * 100 : Number(entry.numericValue);
}

/** @param {string} url */
async function printScores(url) {
  console.log(["page", ...CATEGORIES, "LCP ms", "TBT ms", "CLS"].join(" | "));
  for (const [index, page] of PAGES.entries()) {
    /** @type {JsonObject[]} */
    const reports = [];
    for (let round = 0; round < RUNS; round += 1) {
      reports.push(await examine(url + page, `page-${index}-${round}`));
    }
    const columns = [
      ...CATEGORIES.map((id) => median(reports.map((one) => readFigure(one, "categories", id)))),
      ...AUDITS.map((id) => median(reports.map((one) => readFigure(one, "audits", id)))),
    ];
    console.log([page, ...columns.map((value) => Number(value.toFixed(2)))].join(" | "));
  }
}

/** @param {string} url */
async function printLibrary(url) {
  const browser = await openChromium(undefined);
  try {
    for (const page of ["/", "/app"]) {
      console.log(`LCP of ${page}, ms: ${await measureLargestPaint(browser, url + page)}`);
    }
    const search = await measureSearch(browser, `${url}/app`);
    console.log(
      `keystroke in search to rows, ms: ${median(search)}, at most ${Math.max(...search)}`,
    );
    const { rows, slowest } = await measureSlowest(browser, `${url}/app`);
    console.log(`slowest interaction with ${rows} rows, ms: ${slowest}`);
  } finally {
    await browser.close();
  }
}

const lifetime = new Lifetime();
try {
  await mkdir(FOLDER, { recursive: true });
  const url = await start(lifetime.t, argv[2] ? join(ROOT, argv[2]) : BINARY);
  await printLibrary(url);
  await printScores(url);
} finally {
  await lifetime.end();
}
