// The library when answers are late, refused or missing.

import assert from "node:assert/strict";
import { test } from "node:test";

import { openApp } from "./support/app.js";
import { ALL, announced, rowOf, rowsOf, searchOf, titlesOf } from "./support/rows.js";
import { expectSoon } from "./support/wait.js";

/**
 * @import { Route } from "playwright-core"
 */

/** Requests for rows. */
const ROWS = /\/api\/prompts(\?|$)/;

test("after too many requests a countdown leads to the next try", async (t) => {
  const { page, expectFailures } = await openApp(t, { library: "full" });
  await announced(page, `${ALL} prompts`);
  expectFailures(/^GET \/api\/prompts\S* 429$/);
  const detail = "too many requests; try again later";
  const problem = {
    type: "urn:promptdb:problem:rate-limited",
    title: "Too many requests",
    status: 429,
    detail,
  };
  await page.route(ROWS, (route) =>
    route.fulfill({
      status: 429,
      headers: { "retry-after": "2" },
      contentType: "application/problem+json",
      json: problem,
    }),
  );
  await searchOf(page).fill("meeting");
  const retry = page.getByRole("alert").getByRole("button", { name: "Retry" });
  await page.getByText(/Retry in \d s/).waitFor();
  assert.equal(await retry.isDisabled(), true);
  assert.equal(await rowsOf(page).count(), ALL, "the old rows stay");
  await page.unroute(ROWS);
  await retry.click();
  await rowOf(page, "Meeting notes").waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
});

test("a page that fails is tried again where it is missing", async (t) => {
  const { page, api, expectFailures } = await openApp(t);
  const prompts = Array.from({ length: 60 }, (_, index) => ({
    title: `Prompt ${index}`,
    content: `Text ${index}.`,
  }));
  assert.equal((await api("POST", "/api/import", prompts)).status, 200);
  expectFailures(/^GET \/api\/prompts\S*cursor=\S+ net::ERR_FAILED$/);
  await page.route(/cursor=/, (route) => route.abort());
  await page.reload();
  await rowsOf(page).first().waitFor();
  await page.getByRole("button", { name: "More" }).click();
  const alert = page.getByRole("alert");
  await alert.getByText("The server does not answer.").waitFor();
  const place = await alert.boundingBox();
  const last = await rowsOf(page).last().boundingBox();
  assert.ok(place && last && place.y >= last.y);
  await page.unroute(/cursor=/);
  await alert.getByRole("button", { name: "Retry" }).click();
  await expectSoon(() => rowsOf(page).count(), 60);
  assert.equal(await alert.count(), 0);
});

test("a filter in the address that the server refuses can be cleared", async (t) => {
  const { page, expectFailures } = await openApp(t, { library: "full" });
  await page.goto("/app?sort=zzz");
  await announced(page, `${ALL} prompts`);
  expectFailures(/^GET \/api\/prompts\S* 422$/);
  await page.goto("/app?tag=%21");
  const alert = page.getByRole("alert");
  await alert.getByRole("button", { name: "Clear" }).click();
  await announced(page, `${ALL} prompts`);
  assert.equal(await alert.count(), 0);
});

test("without an answer the rows stay, and Retry goes on", async (t) => {
  const app = await openApp(t, { library: "full" });
  const { page } = app;
  await announced(page, `${ALL} prompts`);
  app.expectFailures(/^GET \/api\/\S+ net::ERR_/);
  await app.stop();
  await searchOf(page).fill("meeting");
  const alert = page.getByRole("alert");
  await alert.getByText("The server does not answer.").waitFor();
  assert.equal(await rowsOf(page).count(), ALL);
  await app.restart();
  await alert.getByRole("button", { name: "Retry" }).click();
  await rowOf(page, "Meeting notes").waitFor();
  assert.equal(await alert.count(), 0);
});

test("rows that are slow to come have their places marked", async (t) => {
  const { page } = await openApp(t, { library: "full" });
  await announced(page, `${ALL} prompts`);
  /** @type {Route[]} */
  const held = [];
  await page.route(ROWS, (route) => void held.push(route));
  await page.reload();
  await page.getByRole("img", { name: "Loading" }).waitFor();
  await expectSoon(() => held.length, 1);
  await held[0]?.continue();
  await rowOf(page, "Code review").waitFor();
  assert.equal(await page.getByRole("img", { name: "Loading" }).count(), 0);
});

test("only the last of several searches is shown", async (t) => {
  const { page } = await openApp(t, { library: "full" });
  await rowsOf(page).first().waitFor();
  /** @type {Route[]} */
  const held = [];
  await page.route(/query=code/, (route) => void held.push(route));
  await searchOf(page).fill("code");
  await expectSoon(() => held.length, 1);
  await searchOf(page).fill("recipe");
  const titles = ["Recipe from what is left"];
  await expectSoon(() => titlesOf(page), titles);
  // The page has ended that request; where it had not, its answer would come now.
  await held[0]?.continue().catch(() => undefined);
  await page.waitForLoadState("networkidle");
  assert.deepEqual(await titlesOf(page), titles);
});
