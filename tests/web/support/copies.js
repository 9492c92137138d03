// What a page copies. The clipboard belongs to all tests that use the browser at the same time, so each
// reads what its own page wrote there.

/**
 * @import { Page } from "playwright-core"
 */

/**
 * Records what a page copies from now on, and returns a function that reads the last text.
 *
 * @param {Page} page
 */
export async function recordCopies(page) {
  await page.evaluate(() => {
    const write = navigator.clipboard.writeText.bind(navigator.clipboard);
    navigator.clipboard.writeText = async (text) => {
      await write(text);
      document.documentElement.dataset.copied = text;
    };
  });
  return () => page.locator("html").getAttribute("data-copied");
}
