// How fast a large library answers a person: times that the browser itself takes.

/**
 * @import { Browser, Page } from "playwright-core"
 */

/** What is typed, each in place of the one before: numbers that begin so, and so other rows. */
const TYPED = "123456789";

/** The longest wait for changed rows. */
const PATIENCE_MS = 10_000;

/** Presses of the key that goes to the next row. */
const STEPS = 20;

/**
 * @param {Browser} browser
 * @param {string} url
 */
async function open(browser, url) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(url);
  await page.getByRole("heading", { level: 1 }).first().waitFor();
  await page.waitForLoadState("networkidle");
  return page;
}

/**
 * Returns when the largest text or picture of a page was painted, in ms after the navigation began.
 *
 * @param {Browser} browser
 * @param {string} url
 */
export async function measureLargestPaint(browser, url) {
  const page = await open(browser, url);
  const time = await page.evaluate(
    () =>
      new Promise((/** @type {(time: number) => void} */ resolve) => {
        new PerformanceObserver((list) => {
          resolve(Math.round(list.getEntries().at(-1)?.startTime ?? NaN));
        }).observe({ type: "largest-contentful-paint", buffered: true });
      }),
  );
  await page.close();
  return time;
}

/**
 * Returns for each digit that is typed into the search the time until the changed rows are painted, in
 * ms.
 *
 * @param {Browser} browser
 * @param {string} url
 */
export async function measureSearch(browser, url) {
  const page = await open(browser, url);
  const search = page.getByRole("searchbox", { name: "Search prompts" });
  /** @type {number[]} */
  const times = [];
  for (const digit of TYPED) {
    await search.selectText();
    // The key may come only when the page is listening.
    const timing = await page.evaluateHandle(beginTiming, PATIENCE_MS);
    await page.keyboard.press(digit);
    times.push(Math.round(await timing.evaluate(({ time }) => time)));
    await page.waitForLoadState("networkidle");
  }
  await page.close();
  return times;
}

/**
 * Takes in the page the time from the next key to the paint of rows that it changed, in ms.
 *
 * @param {number} patience in ms
 * @returns {{ time: Promise<number> }} At once, so that it is known when the page listens.
 */
function beginTiming(patience) {
  const time = new Promise((/** @type {(time: number) => void} */ resolve, reject) => {
    let at = NaN;
    document.addEventListener("keydown", () => (at = performance.now()), {
      once: true,
      capture: true,
    });
    setTimeout(() => reject(new Error("the rows did not change")), patience);
    const observer = new MutationObserver((records) => {
      const isRow = records.some(({ target }) => {
        const element = target instanceof Element ? target : target.parentElement;
        return element?.closest("main :is(ul, ol)") ?? element?.querySelector("li");
      });
      if (Number.isNaN(at) || !isRow) return;
      observer.disconnect();
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - at)));
    });
    observer.observe(document.body, { childList: true, characterData: true, subtree: true });
  });
  return { time };
}

/**
 * Loads every row, and returns their number and the longest time from an input to the next paint, in ms.
 * Times below 16 ms count as 0.
 *
 * @param {Browser} browser
 * @param {string} url
 */
export async function measureSlowest(browser, url) {
  const page = await open(browser, url);
  const rows = await loadAll(page);
  await page.evaluate(() => {
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) {
        const { slowest = "0" } = document.documentElement.dataset;
        document.documentElement.dataset.slowest = String(Math.max(Number(slowest), duration));
      }
    }).observe(/** @type {PerformanceObserverInit} */ ({ type: "event", durationThreshold: 16 }));
  });
  for (let step = 0; step < STEPS; step += 1) await page.keyboard.press("j");
  await page.getByRole("listitem").getByRole("link").first().click();
  await page.getByRole("heading", { level: 1 }).first().waitFor();
  await page.waitForLoadState("networkidle");
  const slowest = await page.locator("html").getAttribute("data-slowest");
  await page.close();
  return { rows, slowest: Number(slowest) };
}

/**
 * Presses "More" until the whole library is shown, and returns the number of rows.
 *
 * @param {Page} page
 */
async function loadAll(page) {
  const more = page.getByRole("button", { name: "More", exact: true });
  const rows = page.getByRole("main").getByRole("listitem");
  while (await more.isVisible()) {
    const before = await rows.count();
    await more.click();
    await rows.nth(before).waitFor({ state: "attached" });
  }
  return rows.count();
}
