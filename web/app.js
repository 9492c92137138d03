// The application: every screen with its address.

import { reloadOnChange } from "./lib/reload.js";
import { startShell } from "./shell.js";
import { applyTheme } from "./state/theme.js";
import { openAccount } from "./views/account.js";
import { openConnect } from "./views/connect.js";
import { openEdit, openNew } from "./views/edit.js";
import { openHistory } from "./views/history.js";
import { openImport } from "./views/import.js";
import { libraryList } from "./views/library.js";
import { openPrompt } from "./views/prompt.js";
import { openCandidate, reviewList } from "./views/review.js";
import { openTrash } from "./views/trash.js";

/** @import { Route } from "./lib/router.js" */
/** @import { Screen } from "./lib/view.js" */

/** @type {Route<Screen>[]} */
const screens = [
  { path: "/app", view: { list: libraryList } },
  { path: "/app/p/:name", view: { list: libraryList, open: openPrompt } },
  { path: "/app/p/:name/edit", view: { list: libraryList, open: openEdit } },
  { path: "/app/p/:name/history", view: { open: openHistory } },
  { path: "/app/new", view: { list: libraryList, open: openNew } },
  { path: "/app/review", view: { list: reviewList } },
  { path: "/app/review/:id", view: { list: reviewList, open: openCandidate } },
  { path: "/app/trash", view: { open: openTrash } },
  { path: "/app/connect", view: { open: openConnect } },
  { path: "/app/import", view: { open: openImport } },
  { path: "/app/account", view: { open: openAccount } },
];

applyTheme();
startShell(screens);
if (RELOADS) reloadOnChange();
