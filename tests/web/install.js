// Looks for the browser before all tests, which take minutes, and says what to install.

import { locateChromium } from "./support/chromium.js";

try {
  locateChromium();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
