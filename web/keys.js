// The keys that work on every screen.

import { navigate } from "./lib/router.js";

/** @import { KeyBinding } from "./lib/keys.js" */

/** @type {KeyBinding[]} */
export const globalKeys = [
  { keys: "n", label: "New prompt", run: () => navigate("/app/new") },
  { keys: "g l", label: "Go to the library", run: () => navigate("/app") },
  { keys: "g r", label: "Go to the review", run: () => navigate("/app/review") },
  { keys: "g c", label: "Go to connect", run: () => navigate("/app/connect") },
];
