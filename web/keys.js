// The keys that work on every screen.

import { navigate } from "./lib/router.js";
import { loadOthers } from "./lib/lazy.js";
import { openPalette } from "./parts/palette.js";
import { describeError } from "./parts/problem.js";
import { showToast } from "./parts/toast.js";

/** @import { KeyBinding } from "./lib/keys.js" */

/** @type {KeyBinding[]} */
export const globalKeys = [
  // At hand from the first key on: what is typed after it belongs to the palette.
  { keys: "mod+k", label: "Open the palette", run: () => void openPalette() },
  { keys: "n", label: "New prompt", run: () => navigate("/app/new") },
  { keys: "g l", label: "Go to Library", run: () => navigate("/app") },
  { keys: "g r", label: "Go to Review", run: () => navigate("/app/review") },
  { keys: "g c", label: "Go to Connect", run: () => navigate("/app/connect") },
  { keys: "?", label: "List the keys", run: showKeys },
];

function showKeys() {
  loadOthers().then(
    ({ openKeyList }) => void openKeyList(),
    (/** @type {unknown} */ error) => showToast(describeError(error)),
  );
}
