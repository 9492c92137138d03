// Subscriptions, on the pages of this server and of the fake of Stripe.

import assert from "node:assert/strict";
import { test } from "node:test";

import { readArray, readObject, readString } from "../clients/json.js";
import { openApp } from "./support/app.js";
import { call } from "./support/api.js";
import { checkAccessible, checkReflow, checkTargets } from "./support/checks.js";
import { waitUntilShown } from "./support/screens.js";
import { MONTH_DAYS } from "./support/stripe.js";
import { expectFocus, expectPath, expectSoon, holdRequests } from "./support/wait.js";

/**
 * @import { Page } from "playwright-core"
 * @import { TestContext } from "node:test"
 * @import { App, AppOptions } from "./support/app.js"
 */

const PATH = "/app/billing";
const RETURN = `${PATH}?checkout=done`;

/** A free plan that a test outgrows. */
const SMALL = { FREE_PROMPT_LIMIT: "2" };

const DOWN = "The payment service is unavailable; try again in a moment.";

/** How long a payment may stay unconfirmed, in milliseconds. */
const PATIENCE_MS = 60_000;

/**
 * Opens a page of a server that sells, as Ann.
 *
 * @param {TestContext} t
 * @param {AppOptions} [options]
 */
async function openShop(t, options = {}) {
  const app = await openApp(t, { signIn: "workos", sells: true, path: PATH, ...options });
  const { stripe } = app;
  assert.ok(stripe);
  return { ...app, stripe };
}

/** @typedef {Awaited<ReturnType<typeof openShop>>} Shop */

/**
 * Returns the id of a checkout, which its page has in its address.
 *
 * @param {unknown} url
 */
function readCheckout(url) {
  const id = new URL(readString(url)).pathname.split("/").at(-1);
  return readString(id);
}

/**
 * Subscribes Ann to the month, and returns the id of the subscription and of the customer.
 *
 * @param {Shop} app
 */
async function subscribe(app) {
  const { url } = await call(app, "POST", "/api/billing/checkout", {});
  const subscription = readString(await app.stripe.run("pay", { checkout: readCheckout(url) }));
  const object = readObject(await app.stripe.run("show", { id: subscription }));
  assert.equal((await call(app, "GET", "/api/billing")).plan, "pro");
  return { subscription, customer: readString(object.customer) };
}

/**
 * @param {Shop} app
 * @param {number} count
 */
async function savePrompts(app, count) {
  for (let number = 1; number <= count; number += 1) {
    await call(app, "POST", "/api/prompts", { title: `Prompt ${number}`, content: "x" });
  }
}

/** @param {Page} page */
function findPlan(page) {
  return page.getByRole("region", { name: "Plan", exact: true });
}

/** @param {Page} page */
function findUse(page) {
  return page.getByRole("region", { name: "Use", exact: true });
}

/**
 * Checks the page as it is, in both schemes and on a phone.
 *
 * @param {App} app
 */
async function checkEverywhere(app) {
  const { page } = app;
  await checkAccessible(page);
  await checkTargets(page);
  await checkReflow(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await checkAccessible(page);
  await page.emulateMedia({ colorScheme: "light" });
  const phone = await app.openWindow({ viewport: "phone" }, page.url());
  await waitUntilShown(phone.page);
  await checkAccessible(phone.page);
  await checkTargets(phone.page);
  await phone.context.close();
}

/**
 * Writes a day as the pages do.
 *
 * @param {unknown} time RFC 3339
 */
function formatDay(time) {
  const options = /** @type {const} */ ({ dateStyle: "long", timeZone: "Europe/Berlin" });
  return new Intl.DateTimeFormat("en", options).format(new Date(readString(time)));
}

for (const viewport of /** @type {const} */ (["desktop", "phone"])) {
  test(`a person upgrades, and the pro limits are there at once (${viewport})`, async (t) => {
    const app = await openShop(t, { path: "/plans", viewport, env: SMALL });
    const { page } = app;
    await savePrompts(app, 2);
    assert.equal((await app.api("POST", "/api/prompts", { title: "3", content: "x" })).status, 403);
    await page.getByRole("link", { name: "Upgrade" }).click();
    await findPlan(page).getByText("You have no subscription.").waitFor();
    await findUse(page).getByText("2 of 2", { exact: true }).waitFor();
    const meter = findUse(page).getByRole("meter", { name: "Prompts" });
    const values = await Promise.all([meter.getAttribute("value"), meter.getAttribute("max")]);
    assert.deepEqual(values, ["2", "2"]);
    await checkEverywhere(app);

    const choice = page.getByRole("group", { name: "Pro costs" });
    assert.equal(await choice.getByRole("radio", { name: "$5 a month" }).isChecked(), true);
    await choice.getByText("$50 a year").click();
    await page.getByRole("button", { name: "Upgrade" }).click();
    await page.getByRole("button", { name: "Subscribe" }).click();

    await page.getByRole("status").getByText("Thank you. You are on the Pro plan.").waitFor();
    await findUse(page).getByText("2 of 5,000", { exact: true }).waitFor();
    const { renews_at: renewsAt } = await call(app, "GET", "/api/billing");
    const sentence = `Your subscription renews on ${formatDay(renewsAt)}, at $50 a year.`;
    await findPlan(page).getByText(sentence).waitFor();
    assert.equal(page.url(), app.url + PATH, "a reload does not thank again");
    assert.equal(await page.getByRole("button", { name: "Upgrade" }).count(), 0);
    await checkEverywhere(app);
    await call(app, "POST", "/api/prompts", { title: "3", content: "x" });

    await page.goto("/app/account");
    const account = page.getByRole("region", { name: "Plan and use", exact: true });
    await account.getByText("Pro", { exact: true }).waitFor();
    await account.getByRole("link", { name: "Plan and billing" }).click();
    await findPlan(page).getByText(sentence).waitFor();
  });
}

test("the way to the checkout survives the sign-in", async (t) => {
  const app = await openShop(t, { path: "/plans", signedOut: true });
  app.expectFailures(/^GET \/api\/me 401$/);
  await app.page.getByRole("link", { name: "Upgrade" }).click();
  await findPlan(app.page).getByText("You have no subscription.").waitFor();
  await expectPath(app.page, PATH);
});

test("everything is done with the keyboard", async (t) => {
  const { page } = await openShop(t);
  const month = page.getByRole("radio", { name: "$5 a month" });
  await month.focus();
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.getByRole("radio", { name: "$50 a year" }).isChecked(), true);
  await page.keyboard.press("Tab");
  await expectFocus(page, "Upgrade");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Checkout" }).waitFor();
  await page.getByRole("link", { name: "Back" }).press("Enter");
  await findPlan(page).getByText("You have no subscription.").waitFor();
  await page.getByRole("button", { name: "Manage billing" }).press("Enter");
  await page.getByRole("heading", { name: "Billing portal" }).waitFor();
});

test("a double click opens one page of Stripe, and the way back opens it again", async (t) => {
  const app = await openShop(t);
  const { page } = app;
  const held = await holdRequests(page, "**/api/billing/checkout");
  const upgrade = page.getByRole("button", { name: "Upgrade" });
  await upgrade.dblclick({ force: true });
  await upgrade.click({ force: true });
  held.release();
  await page.getByRole("heading", { name: "Checkout" }).waitFor();
  assert.equal(held.count(), 1);
  const requests = readArray(await app.stripe.run("requests")).map(readObject);
  const opened = requests.filter(
    ({ method, path }) => method === "POST" && path === "/v1/checkout/sessions",
  );
  assert.equal(opened.length, 1);
  await page.goBack();
  await page.getByRole("button", { name: "Upgrade" }).click();
  await page.getByRole("heading", { name: "Checkout" }).waitFor();
});

test("a page of Stripe that comes late takes nobody away from another view", async (t) => {
  const { page } = await openShop(t);
  const held = await holdRequests(page, "**/api/billing/checkout");
  await page.getByRole("button", { name: "Upgrade" }).click();
  await page.getByRole("link", { name: "Library" }).click();
  await page.getByRole("link", { name: "New prompt" }).first().click();
  const title = page.getByRole("textbox", { name: "Title" });
  await title.fill("What I write meanwhile");
  const answered = page.waitForResponse("**/api/billing/checkout");
  held.release();
  await (await answered).finished();
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
  await expectPath(page, "/app/new");
  assert.equal(await title.inputValue(), "What I write meanwhile");
});

test("after a return without a payment nothing is granted, and a late one is shown", async (t) => {
  const app = await openShop(t);
  const { stripe } = app;
  await stripe.run("set_webhook", { url: `${app.url}/webhooks/stripe`, automatic: false });
  const page = await app.context.newPage();
  await page.clock.install();
  await page.goto(RETURN);
  const status = page.getByRole("status").first();
  await status.getByText("Waiting for Stripe to confirm the payment").waitFor();
  await findPlan(page).getByText("Free", { exact: true }).waitFor();
  const syncs = () => app.watch.requests.filter(({ url }) => url.endsWith("/api/billing/sync"));
  await expectSoon(() => syncs().length, 1);
  await checkEverywhere(app);

  await page.clock.runFor(PATIENCE_MS + 4000);
  await status.getByText("Stripe has not confirmed the payment yet.").waitFor();
  assert.equal((await call(app, "GET", "/api/billing")).plan, "free");
  assert.equal(syncs().length, 1, "the page asks Stripe once, and then this server");
  const reads = app.watch.requests.filter(({ url }) => url.endsWith("/api/billing")).length;
  assert.ok(reads <= 40, `${reads} looks in a minute`);
  await checkAccessible(page);

  const { url } = await call(app, "POST", "/api/billing/checkout", {});
  await stripe.run("pay", { checkout: readCheckout(url) });
  await status.getByRole("button", { name: "Retry" }).click();
  await status.getByText("Thank you. You are on the Pro plan.").waitFor();
});

test("a subscription that is ended stays until its end, and takes nothing away", async (t) => {
  const app = await openShop(t, { env: SMALL });
  const { page, stripe } = app;
  await subscribe(app);
  await savePrompts(app, 3);
  await page.reload();
  await page.getByRole("button", { name: "Manage billing" }).click();
  await page.getByRole("button", { name: "Cancel at the end of the period" }).click();
  await page.getByRole("link", { name: "Return" }).click();
  const { ends_at: endsAt } = await call(app, "GET", "/api/billing");
  const plan = findPlan(page);
  await plan
    .getByText(`Your subscription ends on ${formatDay(endsAt)} and does not renew.`)
    .waitFor();
  await plan.getByText("Pro", { exact: true }).waitFor();
  await checkEverywhere(app);

  await stripe.advanceDays(MONTH_DAYS);
  await page.reload();
  await plan.getByText("Free", { exact: true }).waitFor();
  await plan.getByText(`Your subscription ended on ${formatDay(endsAt)}.`).waitFor();
  const over = page.getByText("Your library holds 3 of 2 prompts. Everything stays readable;");
  await over.waitFor();
  await page.getByRole("button", { name: "Upgrade" }).waitFor();
  await checkEverywhere(app);

  await page.goto("/app");
  await over.waitFor();
  await checkEverywhere(app);
  await page.getByRole("link", { name: "Prompt 3", exact: true }).click();
  await page.getByRole("heading", { name: "Prompt 3" }).waitFor();
  assert.equal((await app.api("POST", "/api/prompts", { title: "4", content: "x" })).status, 403);
  assert.equal((await app.api("GET", "/api/export?format=json")).status, 200);
  await call(app, "DELETE", "/api/prompts/prompt-3");
  await page.goto("/app");
  await page.getByRole("link", { name: "Prompt 2", exact: true }).waitFor();
  assert.equal(await over.count(), 0);
});

test("a failed payment is named with the date of grace, and mended at Stripe", async (t) => {
  const app = await openShop(t);
  const { page, stripe } = app;
  const { customer } = await subscribe(app);
  await stripe.run("set_card", { customer, works: false });
  await stripe.advanceDays(MONTH_DAYS);
  const { plan, grace_until: grace } = await call(app, "GET", "/api/billing");
  assert.equal(plan, "pro");
  await page.reload();
  const notice = page.getByText(
    `Your last payment failed. Your plan stays until ${formatDay(grace)}. Update your payment in Manage billing.`,
  );
  await notice.waitFor();
  await checkEverywhere(app);
  await page.getByRole("button", { name: "Manage billing" }).click();
  await page.getByRole("button", { name: "Update the card" }).click();
  await page.getByRole("link", { name: "Return" }).click();
  await findPlan(page).getByText("Your subscription renews on").waitFor();
  assert.equal(await notice.count(), 0);
});

test("while Stripe is down everything else works, and Retry goes on", async (t) => {
  const app = await openShop(t);
  const { page, stripe } = app;
  app.expectFailures(/^POST \/api\/billing\/checkout 503$/);
  await stripe.run("fail", { fault: { path: "/v1/", kind: { status: 503 } } });
  await page.getByRole("button", { name: "Upgrade" }).click();
  const alert = page.getByRole("alert");
  await alert.getByText(DOWN).waitFor();
  await checkEverywhere(app);
  await savePrompts(app, 1);
  const library = await app.openTab("/app");
  await library.getByRole("link", { name: "Prompt 1", exact: true }).waitFor();
  await stripe.run("recover");
  await alert.getByRole("button", { name: "Retry" }).click();
  await page.getByRole("heading", { name: "Checkout" }).waitFor();
});

test("a price that Stripe does not state is not sold until it does", async (t) => {
  const app = await openShop(t, { path: "/plans" });
  const { page, stripe } = app;
  app.expectFailures(/^POST \/api\/billing\/checkout 503$/);
  await stripe.run("fail", { fault: { path: "/v1/prices", kind: { status: 503 } } });
  await page.goto(PATH);
  await findPlan(page).getByText("You see the price before you pay.").waitFor();
  await page.getByRole("button", { name: "Upgrade" }).click();
  await page.getByRole("alert").getByText(DOWN).waitFor();
  await stripe.run("recover");
  await page.getByRole("button", { name: "Retry" }).click();
  await page.getByRole("heading", { name: "Checkout" }).waitFor();
});

test("a server that sells nothing says so, and leads nowhere", async (t) => {
  for (const signIn of /** @type {const} */ (["workos", undefined])) {
    const app = await openApp(t, { path: PATH, ...(signIn && { signIn }) });
    const { page } = app;
    app.expectFailures(/^GET \/api\/billing 404$/);
    await page.getByText("This server is free.").waitFor();
    assert.equal(await page.getByRole("button", { name: /Upgrade|Manage/ }).count(), 0);
    await checkAccessible(page);
    await checkReflow(page);
    await page.goto("/app/account");
    await page.getByRole("region", { name: "Plan and use", exact: true }).waitFor();
    assert.equal(await page.getByRole("link", { name: "Plan and billing" }).count(), 0);
    await page.goto("/plans");
    await page.getByText("This server is free.").waitFor();
    assert.equal(await page.getByRole("link", { name: "Upgrade" }).count(), 0);
  }
});

/**
 * Erases everything, as a person does.
 *
 * @param {Page} page
 */
async function erase(page) {
  await page.goto("/app/account#erase");
  await page.getByText("the subscription ends at once").waitFor();
  await page.getByLabel("Type erase to confirm").fill("erase");
  await page.getByRole("button", { name: "Erase everything" }).click();
  await page.getByRole("heading", { name: "Everything is erased" }).waitFor();
  const items = page.getByRole("listitem").filter({ hasText: "Stripe" });
  return (await items.allInnerTexts()).join(" ").replaceAll(/\s+/g, " ");
}

test("an erasure reaches Stripe, and its last page says so", async (t) => {
  const app = await openShop(t);
  const { customer } = await subscribe(app);
  assert.match(await erase(app.page), /^Stripe Your customer record, .* Erased$/);
  assert.equal(readObject(await app.stripe.run("show", { id: customer })).deleted, true);
});

test("an erasure that Stripe delays is finished without another request", async (t) => {
  const app = await openShop(t);
  await subscribe(app);
  app.expectFailures(/^DELETE \/api\/account 503$/);
  await app.stripe.run("fail", { fault: { path: "/v1/", kind: { status: 503 } } });
  assert.match(await erase(app.page), /you need not do anything Pending$/);
  await checkAccessible(app.page);
});
