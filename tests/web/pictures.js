// Takes a picture of every screen, in both schemes, on a desktop and on a phone:
// `npm run pictures` writes `target/pictures/<screen>-<viewport>-<scheme>.png`, and
// `npm run pictures -- --test-name-pattern=review` only those with `review` in the name.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { ROOT } from "../clients/harness.js";
import { SCREENS, openScreen, waitUntilShown } from "./support/screens.js";

const FOLDER = join(ROOT, "target/pictures");

for (const screen of SCREENS) {
  for (const viewport of /** @type {const} */ (["desktop", "phone"])) {
    test(`${screen.name}-${viewport}`, async (t) => {
      await mkdir(FOLDER, { recursive: true });
      const { page } = await openScreen(t, screen, { viewport });
      for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
        await page.emulateMedia({ colorScheme });
        await waitUntilShown(page);
        const path = join(FOLDER, `${screen.name}-${viewport}-${colorScheme}.png`);
        await page.screenshot({ path, fullPage: true, animations: "disabled" });
      }
    });
  }
}
