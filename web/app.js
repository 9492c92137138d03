// The application: every screen with its address.

import { showFarewell } from "./farewell.js";
import { loadOthers } from "./lib/lazy.js";
import { reloadOnChange } from "./lib/reload.js";
import { startShell } from "./shell.js";
import { applyTheme } from "./state/theme.js";
import { libraryList } from "./views/library.js";
import { openPrompt } from "./views/prompt.js";

/** @import { Route } from "./lib/router.js" */
/** @import { Screen } from "./lib/view.js" */

/** @type {Route<Screen | (() => Promise<Screen>)>[]} */
const screens = [
  { path: "/app", view: { list: libraryList } },
  { path: "/app/p/:name", view: { list: libraryList, open: openPrompt } },
  {
    path: "/app/p/:name/edit",
    view: lazily(({ openEdit }) => ({ list: libraryList, open: openEdit })),
  },
  { path: "/app/p/:name/history", view: lazily(({ openHistory }) => ({ open: openHistory })) },
  { path: "/app/new", view: lazily(({ openNew }) => ({ list: libraryList, open: openNew })) },
  { path: "/app/review", view: lazily(({ reviewList }) => ({ list: reviewList })) },
  {
    path: "/app/review/:id",
    view: lazily(({ openCandidate, reviewList }) => ({ list: reviewList, open: openCandidate })),
  },
  { path: "/app/trash", view: lazily(({ openTrash }) => ({ open: openTrash })) },
  { path: "/app/connect", view: lazily(({ openConnect }) => ({ open: openConnect })) },
  { path: "/app/import", view: lazily(({ openImport }) => ({ open: openImport })) },
  { path: "/app/account", view: lazily(({ openAccount }) => ({ open: openAccount })) },
  { path: "/app/billing", view: lazily(({ openBilling }) => ({ open: openBilling })) },
];

applyTheme();
if (!showFarewell()) startShell(screens);
if (RELOADS) reloadOnChange();

/**
 * A screen of the bundle that is loaded on demand.
 *
 * @param {(others: Awaited<ReturnType<typeof loadOthers>>) => Screen} choose
 */
function lazily(choose) {
  return async () => choose(await loadOthers());
}
