// What the tests of writing and comparing do to prompts.

import assert from "node:assert/strict";

import { call } from "./api.js";
import { expectText } from "./wait.js";

/**
 * @import { Page } from "playwright-core"
 * @import { JsonObject } from "../../clients/json.js"
 * @import { App } from "./app.js"
 */

/** A prompt with two variables, one of them described. */
export const REVIEW = {
  name: "code-review",
  title: "Code review",
  description: "Finds faults",
  tags: ["code"],
  content: "Review {{code}} in a {{tone}} tone.\nName the worst fault first.\n",
  variables: [{ name: "tone", description: "kind or strict", default: "kind" }],
};

/**
 * Saves a version of a prompt as another client would.
 *
 * @param {App} app
 * @param {string} name
 * @param {number} version that is there
 * @param {JsonObject} body
 */
export function saveVersion(app, name, version, body) {
  return call(app, "PUT", `/api/prompts/${name}`, { ...body, expected_version: version });
}

/**
 * Answers requests that match with nothing, after the server has done what they ask.
 *
 * @param {Page} page
 * @param {string} method
 * @param {RegExp} pattern
 * @param {number} [times]
 */
export async function loseAnswers(page, method, pattern, times = 1) {
  let left = times;
  await page.route(pattern, async (route) => {
    if (route.request().method() !== method || left === 0) return route.fallback();
    left -= 1;
    await route.fetch();
    return route.abort();
  });
}

/**
 * The controls of the form.
 *
 * @param {Page} page
 */
export function formOf(page) {
  const main = page.getByRole("main");
  return {
    title: main.getByRole("textbox", { name: "Title", exact: true }),
    name: main.getByRole("textbox", { name: "Name", exact: true }),
    description: main.getByRole("textbox", { name: "Description", exact: true }),
    tags: main.getByRole("combobox", { name: "Tags" }),
    content: main.getByRole("textbox", { name: "Content", exact: true }),
    save: main.getByRole("button", { name: "Save", exact: true }),
    preview: main.getByRole("region", { name: "Preview" }),
  };
}

/**
 * Waits for the message of a toast.
 *
 * @param {Page} page
 * @param {string} text
 */
export function seeToast(page, text) {
  return expectText(page.locator(".toast p").last(), text);
}

/**
 * Signs a user of WorkOS in, in place of the one before.
 *
 * @param {App} app
 * @param {"ann" | "bob"} user
 */
export async function signInAs(app, user) {
  const { request } = app.context;
  await app.context.clearCookies();
  const login = await request.get(`${app.url}/auth/login?return_to=/api/me`, { maxRedirects: 0 });
  const page = new URL(login.headers().location ?? "");
  page.searchParams.set("login_hint", `${user}@example.com`);
  const me = await request.get(page.href);
  assert.equal(me.url(), `${app.url}/api/me`);
}
