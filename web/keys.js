// The keys that work on every screen.

import { navigate } from "./lib/router.js";
import { loadOthers } from "./lib/lazy.js";
import { describeError } from "./parts/problem.js";
import { showToast } from "./parts/toast.js";

/** @import { KeyBinding } from "./lib/keys.js" */

/** @type {KeyBinding[]} */
export const globalKeys = [
  { keys: "mod+k", label: "Search, go and do", run: () => openDialogOf("openPalette") },
  { keys: "n", label: "New prompt", run: () => navigate("/app/new") },
  { keys: "g l", label: "Go to the library", run: () => navigate("/app") },
  { keys: "g r", label: "Go to the review", run: () => navigate("/app/review") },
  { keys: "g c", label: "Go to connect", run: () => navigate("/app/connect") },
  { keys: "?", label: "These keys", run: () => openDialogOf("openKeyList") },
];

/** @param {"openPalette" | "openKeyList"} name */
function openDialogOf(name) {
  loadOthers().then(
    (others) => void others[name](),
    (/** @type {unknown} */ error) => showToast(describeError(error)),
  );
}
