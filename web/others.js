// What the library does not need at once, in one bundle that the first use of any of it loads.

export { firstRun } from "./parts/first-run.js";
export { openKeyList } from "./parts/key-list.js";
export { openAccount } from "./views/account.js";
export { openBilling } from "./views/billing.js";
export { openConnect } from "./views/connect.js";
export { openEdit, openNew } from "./views/edit.js";
export { openHistory } from "./views/history.js";
export { openImport } from "./views/import.js";
export { openCandidate, reviewList } from "./views/review.js";
export { openTrash } from "./views/trash.js";
