// Copies text, and says so.

import { showToast } from "./toast.js";

/**
 * @param {string} text
 * @param {string} [message] Shown once it is copied.
 */
export async function copyText(text, message = "Copied.") {
  try {
    await navigator.clipboard.writeText(text);
    showToast(message);
  } catch {
    showToast("The browser does not let this page copy. Select the text and copy it.");
  }
}
