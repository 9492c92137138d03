// The pages that need no script: one family, links that lead somewhere, and a policy that is true.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { formatBytes } from "../../web/lib/format.js";
import { ROOT } from "../clients/harness.js";
import { readString } from "../clients/json.js";
import { checkAccessible, checkReflow, checkTargets } from "./support/checks.js";
import { openApp } from "./support/app.js";

/**
 * @import { Page } from "playwright-core"
 */

/** What the policy says with a number, and the constant of the code that the number is. */
const NUMBERS = /** @type {const} */ ([
  ["src/domain/prompt.rs", "RESTORABLE_DAYS", "deleted prompt can be restored for N days"],
  ["src/domain/candidate.rs", "CANDIDATE_DAYS", "accept or skip them, and N days at most"],
  ["src/store/audit.rs", "AUDIT_DAYS", "N days. The name of a prompt goes"],
  ["src/domain/identity.rs", "CLIENTS_MAX", "The last N, until you erase everything"],
  ["src/store/write.rs", "IDEMPOTENCY_DAYS", "does not write twice N days"],
  ["src/store/accounts.rs", "ERASURE_DAYS", "Then the number alone for N days"],
  ["src/store/accounts.rs", "SESSION_DAYS", "an ended session stays ended N days"],
  ["src/store/subscriptions.rs", "EVENT_DAYS", "none counts twice N days"],
  ["src/auth/profiles.rs", "KEPT", "to show them to you: N minutes"],
  ["src/auth/browser.rs", "SESSION_MAX_AGE", "one for your session (N days)"],
  ["src/auth/browser.rs", "SIGN_IN_MAX_AGE", "one during the sign-in (N minutes)"],
  ["src/auth.rs", "RECENT_SIGN_IN", "a sign-in of the last N minutes"],
]);

/** What the policy calls the services that the server calls, by the file of their client. */
const RECIPIENTS = {
  "convex.rs": "Convex, a database service",
  "otlp.rs": "A service that collects traces",
  stripe: "Stripe",
  "stripe.rs": "Stripe",
  "workos.rs": "WorkOS",
};

/**
 * Returns the text of an element, with single spaces.
 *
 * @param {Page} page
 * @param {string} selector
 */
async function readText(page, selector) {
  const text = await page.locator(selector).innerText();
  return text.replaceAll(/\s+/g, " ").trim();
}

/**
 * Returns the number of a constant in a source of the server.
 *
 * @param {string} path
 * @param {string} name
 */
function readConstant(path, name) {
  const source = readFileSync(join(ROOT, path), "utf8");
  const value = new RegExp(`const ${name}: [^=]+ =[^;]*?(\\d[\\d_]*)\\)?;`).exec(source)?.[1];
  assert.ok(value, `${path} has no ${name}`);
  return value.replaceAll("_", "");
}

test("the numbers of the privacy policy are those of the code", async (t) => {
  const { page } = await openApp(t, { path: "/privacy", script: false });
  const text = await readText(page, "main");
  for (const [path, name, sentence] of NUMBERS) {
    const expected = sentence.replace("N", readConstant(path, name));
    assert.ok(text.includes(expected), `${name}: the policy does not say "${expected}"`);
  }
  const landing = await openApp(t, { path: "/", script: false });
  const days = readConstant("src/domain/prompt.rs", "RESTORABLE_DAYS");
  assert.ok((await readText(landing.page, "main")).includes(`can be restored for ${days} days`));
});

/** What each plan holds, the free one first, as the pages say it. */
function readPlans() {
  const source = readFileSync(join(ROOT, "src/domain/plan.rs"), "utf8");
  const numbers = new Intl.NumberFormat("en");
  const find = (/** @type {RegExp} */ pattern) => readString(pattern.exec(source)?.[1]);
  return ["FREE", "PRO"].map((name) => {
    const rate = find(new RegExp(`${name}_REQUESTS_PER_MINUTE: \\w+ = \\w+::new\\((\\d+)\\)`));
    const bytes = find(new RegExp(`${name}_BYTES: u64 = ([\\d *]+);`));
    const size = bytes.split("*").reduce((product, factor) => product * Number(factor), 1);
    const prompts = Number(readConstant("src/domain/plan.rs", `${name}_PROMPTS`));
    const plan = `name: "${name.toLowerCase()}",[^}]*\\}[^}]*imports: (\\d+)`;
    return {
      prompts: numbers.format(prompts),
      size: formatBytes(size),
      rate: numbers.format(Number(rate)),
      imports: find(new RegExp(plan)),
    };
  });
}

/** The days for which a plan stays after a payment has failed. */
function readGrace() {
  const source = readFileSync(join(ROOT, "src/domain/subscription.rs"), "utf8");
  const days = /const GRACE: Duration = Duration::from_hours\((\d+) \* 24\)/.exec(source)?.[1];
  return readString(days);
}

test("the numbers of the plans are those of the code", async (t) => {
  const [free, pro] = readPlans();
  assert.ok(free && pro);
  const shop = await openApp(t, { path: "/plans", script: false, signIn: "workos", sells: true });
  const { page } = shop;
  for (const [name, plan] of Object.entries({ Free: free, Pro: pro })) {
    const values = page.getByRole("region", { name, exact: true }).getByRole("definition");
    assert.deepEqual(await values.allTextContents(), Object.values(plan), name);
  }
  const stays = `the plan stays for ${readGrace()} days`;
  assert.ok((await readText(page, "main")).includes(stays));
  // The checks run scripts in the page.
  for (const options of /** @type {const} */ ([{}, { viewport: "phone", scheme: "dark" }])) {
    const window = await shop.openWindow({ ...options, script: true });
    await checkAccessible(window.page);
    await checkTargets(window.page);
    await checkReflow(window.page);
  }
  await page.goto("/terms");
  assert.ok((await readText(page, "main")).includes(stays));

  const gratis = await openApp(t, { path: "/plans", script: false });
  const text = await readText(gratis.page, "main");
  const holds = `room for ${free.prompts} prompts and for ${free.size} with all versions, and takes ${free.rate} requests in a minute and ${free.imports} import at a time`;
  assert.ok(text.includes("This server is free.") && text.includes(holds), text);
});

test("the privacy policy has what directories of apps ask for", async (t) => {
  const { page } = await openApp(t, { path: "/privacy", script: false });
  for (const title of [
    "What is kept, what for, and how long",
    "What is not kept",
    "Who else gets something",
    "What you can do yourself",
  ]) {
    await page.getByRole("heading", { name: title, exact: true }).waitFor();
  }
  const text = await readText(page, "main");
  assert.ok(text.includes("The operator of this server decides"));
  // A new client of another service needs a name here, and its row in the policy.
  assert.deepEqual(readdirSync(join(ROOT, "src/clients")).sort(), Object.keys(RECIPIENTS));
  for (const name of Object.values(RECIPIENTS)) assert.ok(text.includes(name), name);
});

test("all pages without a script, and those of problems, are one family", async (t) => {
  const { page, expectFailures } = await openApp(t, { path: "/", script: false });
  expectFailures(/^GET \/nowhere 404$/);
  const header = await readText(page, ".page-header");
  const footer = await readText(page, ".page-footer");
  assert.equal(header, "PromptDB");
  assert.equal(footer, "Help Plans Privacy Terms Library");
  for (const path of ["/plans", "/privacy", "/terms", "/nowhere"]) {
    await page.goto(path);
    assert.equal(await readText(page, ".page-header"), header, path);
    assert.equal(await readText(page, ".page-footer"), footer, path);
    const box = await page.locator(".page-footer").boundingBox();
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    assert.ok(box && Math.abs(box.y + box.height - height) <= 1, `${path}: the footer is not last`);
  }
});

test("the page of a problem is accessible, at 320 px and by touch", async (t) => {
  const { page, expectFailures } = await openApp(t, { path: "/", viewport: "phone" });
  expectFailures(/^GET \/nowhere 404$/);
  await page.goto("/nowhere");
  await page.getByRole("link", { name: "Go to your library" }).waitFor();
  await checkAccessible(page);
  await checkTargets(page);
  await checkReflow(page);
});

test("help is in the same place of every page of the application", async (t) => {
  const { page } = await openApp(t, { path: "/app/connect" });
  for (const path of ["/app", "/app/trash", "/app/account", "/app/import"]) {
    await page.goto(path);
    const links = page.getByRole("contentinfo").getByRole("link");
    await links.first().waitFor();
    assert.deepEqual(await links.allTextContents(), ["Help", "Privacy", "Terms"]);
  }
});

test("the first page leads to each client, and to the library", async (t) => {
  const { page } = await openApp(t, { path: "/" });
  for (const name of ["Claude", "ChatGPT", "Cursor", "VS Code"]) {
    await page.goto("/");
    await page.getByRole("link", { name: `Connect ${name}`, exact: true }).click();
    const card = page.getByRole("region", { name, exact: true });
    await card.waitFor();
    await page.waitForFunction((text) => {
      return document.activeElement?.getAttribute("aria-label") === text;
    }, name);
  }
  await page.goto("/");
  await page.getByRole("link", { name: "Open your library" }).click();
  await page.waitForURL("**/app");
});

test("the largest thing on the first page is text", async (t) => {
  const { page } = await openApp(t, { path: "/" });
  const largest = await page.evaluate(
    () =>
      new Promise((/** @type {(name: unknown) => void} */ resolve) => {
        new PerformanceObserver((list) => {
          const entry = /** @type {PerformanceEntry & { element?: Element }} */ (
            list.getEntries().at(-1)
          );
          resolve(entry.element?.localName);
        }).observe({ type: "largest-contentful-paint", buffered: true });
      }),
  );
  assert.match(String(largest), /^(h1|p)$/);
});
