// The checks can fail: a page with one fault of each kind fails exactly the check of that kind, and a
// page without faults passes all.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { listen } from "../clients/harness.js";
import { checkAccessible, checkReflow, checkTargets } from "./support/checks.js";
import { locateChromium } from "./support/chromium.js";
import { openContext } from "./support/context.js";
import { Lifetime } from "./support/lifetime.js";

/**
 * @import { TestContext } from "node:test"
 * @import { ContextOptions } from "./support/context.js"
 */

/** The policy of the application's pages. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
  "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
  "require-trusted-types-for 'script'; trusted-types 'none'";

const STYLE = `
  :root { color-scheme: light dark }
  body { margin: 0 }
  button, .big { display: inline-block; min-width: 44px; min-height: 44px }
  .faint { color: #bbb; background: #fff }
  .wide { width: 400px }
  .scroll { overflow-x: auto }
  .tiny { min-width: 0; min-height: 0; width: 12px; height: 12px; padding: 0 }
  .row { position: relative; height: 48px; width: 200px }
  .row a::after { content: ""; position: absolute; inset: 0 }
`;

/**
 * Serves one page under the policy, and opens it.
 *
 * @param {TestContext} t
 * @param {{ body?: string, script?: string, policy?: string }} page
 * @param {ContextOptions} [options]
 */
async function openStatic(t, { body = "", script = "", policy = POLICY }, options) {
  const html =
    `<!doctype html><html lang="en"><head><title>A page</title><link rel="icon" href="data:,">` +
    `<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/style.css">` +
    `<script type="module" src="/script.js"></script></head>` +
    `<body><main><h1>A page</h1>${body}</main></body></html>`;
  /** @type {Record<string, [string, string]>} */
  const files = {
    "/": ["text/html; charset=utf-8", html],
    "/style.css": ["text/css", STYLE],
    "/script.js": ["text/javascript", script],
  };
  const server = createServer((request, response) => {
    const [type, content] = files[request.url ?? ""] ?? ["text/plain", ""];
    response.writeHead(content || request.url === "/script.js" ? 200 : 404, {
      "content-type": type,
      "content-security-policy": policy,
    });
    response.end(content);
  });
  const url = `http://127.0.0.1:${await listen(t, server)}`;
  const { context, watch } = await openContext(t, [url], options);
  const page = await context.newPage();
  await page.goto("/");
  // The module has run to its end, or thrown.
  await page.evaluate(() =>
    import(new URL("/script.js", location.href).href).catch(() => undefined),
  );
  return { page, watch };
}

/**
 * Runs the body of a test, and returns the error of its end.
 *
 * @param {(t: TestContext) => Promise<void>} body
 * @returns {Promise<unknown>}
 */
async function endOf(body) {
  const lifetime = new Lifetime();
  await body(lifetime.t);
  return lifetime.end().catch((/** @type {unknown} */ error) => error);
}

/** A policy that forbids nothing but images. */
const LOOSE = "img-src 'self' data:";

/** @type {[what: string, script: string, expected: RegExp, policy?: string][]} */
const FAULTS = [
  ["a console error", "console.error('broken')", /console error: broken/],
  ["a console warning", "console.warn('odd')", /console warning: odd/],
  ["an uncaught error", "throw new Error('thrown')", /page error: Error: thrown/],
  ["an unhandled rejection", "Promise.reject(new Error('late'))", /page error: Error: late/],
  [
    "a foreign request",
    "await fetch('//localhost:9/').catch(() => 0)",
    /foreign request: GET/,
    LOOSE,
  ],
  [
    "a foreign image",
    "new Image().src = 'http://localhost:9/a.png'",
    /content security policy: img/,
  ],
  ["a failed request", "await fetch('/none')", /failed request: GET \/none 404/],
  ["markup as text", "try { document.body.innerHTML = '<i>' } catch {}", /require-trusted-types/],
  ["eval", "try { (0, eval)('1') } catch {}", /content security policy: .*script/],
  ["a style attribute", "document.body.setAttribute('style', 'top: 0')", /style-src/],
];

for (const [what, script, expected, policy] of FAULTS) {
  test(`${what} fails the test at its end`, async () => {
    const end = await endOf(async (t) => {
      await openStatic(t, { script, policy });
    });
    assert.match(String(end), expected);
  });
}

test("a failure that the test names passes, and one that did not happen fails", async (t) => {
  const { watch } = await openStatic(t, { script: "await fetch('/none?x=1')" });
  watch.expectFailures(/^GET \/none\?x=1 404$/);
  const end = await endOf(async (inner) => {
    const other = await openStatic(inner, {});
    other.watch.expectFailures(/never/);
  });
  assert.match(String(end), /no request failed as expected/);
});

test("a request that the page ends itself is no failure", async (t) => {
  const script = `const abort = new AbortController();
    const end = fetch("/", { signal: abort.signal }).catch(() => 0);
    abort.abort();
    await end;`;
  await openStatic(t, { script });
});

test("axe runs under the policy of the pages, in both schemes, and finds what is wrong", async (t) => {
  for (const scheme of /** @type {const} */ (["light", "dark"])) {
    const { page } = await openStatic(t, { body: "<button>Save</button>" }, { scheme });
    await checkAccessible(page);
    // Axe measures colours after the styles of the page only.
    const faint = await openStatic(t, { body: '<p class="faint">Hard to read</p>' }, { scheme });
    await assert.rejects(checkAccessible(faint.page), /color-contrast/);
  }
  const { page } = await openStatic(t, { body: '<input type="text"><h4>Skipped</h4>' });
  await assert.rejects(checkAccessible(page), /(?=[^]*\blabel: )[^]*\bheading-order: /);
});

test("an element wider than 320 px fails unless its own box scrolls", async (t) => {
  const wide = await openStatic(t, { body: '<p class="wide">A wide one</p>' });
  await assert.rejects(checkReflow(wide.page), /p\.wide "A wide one" spans 0 to 400 px/);
  assert.deepEqual(wide.page.viewportSize(), { width: 1280, height: 800 });
  const word = await openStatic(t, { body: `<p>${"unbroken".repeat(20)}</p>` });
  await assert.rejects(checkReflow(word.page), /the page is \d+ px wide/);
  const scroll = await openStatic(t, { body: '<div class="scroll"><p class="wide">x</p></div>' });
  await checkReflow(scroll.page);
});

test("a small control fails, on a phone below 44 px, and a link in a text does not", async (t) => {
  const tiny = await openStatic(t, { body: '<button class="tiny" aria-label="Star">*</button>' });
  await assert.rejects(checkTargets(tiny.page), /button "Star" is 12 by 12 px, not 24/);
  const body =
    '<p>Read <a href="/">this</a> first.</p><div class="row"><a href="/">A row</a></div>';
  const fine = await openStatic(t, { body }, { viewport: "phone" });
  await checkTargets(fine.page);
  const link = '<nav><a class="mid" href="/">Library</a></nav>';
  const desktop = await openStatic(
    t,
    { body: `${link}<button>Save</button>` },
    { viewport: "phone" },
  );
  await assert.rejects(checkTargets(desktop.page), /a "Library" is \d+ by \d+ px, not 44/);
});

test("where there is no browser, the message says what to install", () => {
  assert.throws(() => locateChromium({ PATH: "/nowhere" }), /apt-get install chromium/);
  assert.throws(() => locateChromium({ CHROMIUM: "/nowhere/chrome" }), /where there is no file/);
});
