// The rows of the library, as tests find them.

/**
 * @import { Page } from "playwright-core"
 */

/** Prompts of the full library. */
export const ALL = 30;

/** @param {Page} page */
export const rowsOf = (page) => page.locator("ul.rows > li");

/**
 * @param {Page} page
 * @param {string} title
 */
export const rowOf = (page, title) =>
  rowsOf(page).filter({ has: page.getByRole("link", { name: title, exact: true }) });

/** @param {Page} page */
export const searchOf = (page) => page.getByRole("searchbox", { name: "Search prompts" });

/**
 * Returns the titles of the rows.
 *
 * @param {Page} page
 */
export const titlesOf = (page) => page.locator("ul.rows > li a").allTextContents();

/**
 * Waits until a text is announced.
 *
 * @param {Page} page
 * @param {string} text
 */
export const announced = (page, text) =>
  page.getByRole("status").filter({ hasText: text }).first().waitFor();
