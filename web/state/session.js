// The caller, and what happens when the session ends while a page is open.

import { onSessionEnd } from "../api/client.js";
import { Problem } from "../api/problem.js";
import { getMe } from "../api/promptdb.js";
import { createSignal } from "../lib/signal.js";
import { h } from "../lib/h.js";
import { button } from "../parts/button.js";
import { openDialog } from "../parts/dialog.js";

/** @import { Me } from "../api/promptdb.js" */

/** The pages of a sign-in in a window of its own announce its end here. */
const CHANNEL = "promptdb";

/** The caller; `undefined` until the server has answered. @type {import("../lib/signal.js").Signal<Me | undefined>} */
export const me = createSignal(/** @type {Me | undefined} */ (undefined));

/** That the account of the session was erased. */
const erased = createSignal(/** @type {Problem | undefined} */ (undefined));

/** @type {Promise<boolean> | undefined} */
let pending;

/** By how many waiting candidates the page is ahead of the server. */
let ahead = 0;

/** Loads the caller, with counts and limits. Without a session it goes to the sign-in. */
export async function startSession() {
  onSessionEnd(() => {
    if (me.value) return (pending ??= askToSignIn().finally(() => (pending = undefined)));
    goToSignIn();
    // The browser is leaving; what waits for this answer goes with the page.
    return new Promise(() => undefined);
  });
  try {
    await refreshSession();
  } catch (error) {
    if (error instanceof Problem && error.type === "account-erased") erased.value = error;
    throw error;
  }
}

/** Loads the caller again, as after a change of the counts. */
export async function refreshSession() {
  me.value = withWaiting(await getMe(), ahead);
}

/**
 * Changes the number of waiting candidates, ahead of the server.
 *
 * @param {number} by
 */
export function changeWaiting(by) {
  ahead += by;
  if (me.value) me.value = withWaiting(me.value, by);
}

/**
 * Notes that the server has such a change now.
 *
 * @param {number} by
 */
export function confirmWaiting(by) {
  ahead -= by;
}

/**
 * @param {Me} caller
 * @param {number} by
 * @returns {Me}
 */
function withWaiting(caller, by) {
  const { use } = caller;
  return { ...caller, use: { ...use, candidates: Math.max(0, use.candidates + by) } };
}

/**
 * Returns the caller as soon as it is loaded.
 *
 * @returns {Promise<Me>}
 * @throws {Problem} If the account of the session was erased.
 */
export function loadedMe() {
  const following = new AbortController();
  const { signal } = following;
  /** @type {Promise<Me>} */
  const loaded = new Promise((resolve, reject) => {
    me.follow((value) => value && resolve(value), signal);
    erased.follow((problem) => problem && reject(problem), signal);
  });
  return loaded.finally(() => following.abort());
}

/** Goes to the sign-in, and comes back to this address. */
function goToSignIn() {
  const { pathname, search, hash } = window.location;
  const address = encodeURIComponent(pathname + search + hash);
  window.location.assign(`/auth/login?return_to=${address}`);
}

/** Opens the sign-in in a window of its own, so that nothing on this page is lost. */
async function askToSignIn() {
  const before = me.value?.id;
  const channel = new BroadcastChannel(CHANNEL);
  const isDone = await openDialog(
    "Your session has ended",
    (/** @type {(result?: boolean) => void} */ close) => {
      channel.addEventListener("message", () => close(true));
      return [
        h("p", {}, "Sign in again to go on. What you wrote here stays."),
        h(
          "div",
          { class: "actions" },
          button({ label: "Sign in", look: "primary" }, openPopup),
          button({ label: "Not now" }, () => close(false)),
        ),
      ];
    },
  );
  channel.close();
  if (!isDone) return false;
  const now = await readCaller();
  // Another person signed in: this page has to show their library.
  if (now && now.id !== before) window.location.assign("/app");
  return now?.id === before;
}

function openPopup() {
  window.open("/auth/popup", "promptdb-sign-in", "width=480,height=720");
}

/** Reads the caller without a new sign-in; `undefined` if that fails. */
async function readCaller() {
  try {
    return await getMe({ isFinal: true });
  } catch {
    return undefined;
  }
}
