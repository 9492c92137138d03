// The account: who it is, what it holds, settings of this browser, sessions, activity, export, erasure.

import { fill, h } from "../lib/h.js";
import { viewHeading } from "../parts/heading.js";
import { button, whileBusy } from "../parts/button.js";
import { problemBox } from "../parts/problem.js";
import { Problem } from "../api/problem.js";
import { signOut } from "../api/promptdb.js";
import { loadedMe } from "../state/session.js";
import { activitySection } from "./account/activity.js";
import { eraseSection } from "./account/erase.js";
import { exportSection } from "./account/export.js";
import { sessionsSection } from "./account/sessions.js";
import { settingsSection } from "./account/settings.js";
import { useSection } from "./account/use.js";

/** @import { Me } from "../api/promptdb.js" */
/** @import { View } from "../lib/view.js" */

/** @returns {Promise<View>} */
export async function openAccount() {
  try {
    return showAccount(await loadedMe());
  } catch (error) {
    if (error instanceof Problem && error.type === "account-erased") return showErased();
    throw error;
  }
}

/**
 * @param {Me} me
 * @returns {View}
 */
function showAccount(me) {
  const hasSignIn = me.sign_in !== "none";
  const hasAccounts = me.sign_in === "workos";
  const element = h(
    "div",
    { class: "account narrow" },
    viewHeading("Account", hasSignIn && signOutButton()),
    whoSection(me),
    useSection(me, { hasPlan: true }),
    settingsSection(),
    hasAccounts && sessionsSection(),
    activitySection(),
    exportSection(),
    eraseSection(hasAccounts),
  );
  return { title: "Account", element, update: () => true };
}

/**
 * An account that is erased here, and may remain at WorkOS.
 *
 * @returns {View}
 */
function showErased() {
  const element = h(
    "div",
    { class: "account narrow" },
    viewHeading("Account"),
    h("p", {}, "Everything here is erased. If your sign-in at WorkOS remains, erase it, too."),
    eraseSection(true, true),
  );
  return { title: "Account", element };
}

/** Who the library belongs to, where nobody has an account. */
const OWNERS = {
  none: [
    "This computer",
    "There is no sign-in: the library belongs to the people who use this computer.",
  ],
  token: ["Your own server", "The library belongs to whoever has the access token of this server."],
};

/** @param {Me} me */
function whoSection({ name, email, id, sign_in: signIn }) {
  const known = [name, email].flatMap((text) => text ?? []);
  const [first = id, second] = signIn === "none" || signIn === "token" ? OWNERS[signIn] : known;
  return h(
    "div",
    {},
    h("p", { class: "who" }, first),
    second && h("p", { class: "muted" }, second),
  );
}

function signOutButton() {
  const place = h("div");
  const element = button({ label: "Sign out" }, () => {
    void whileBusy(element, async () => {
      try {
        const { url } = await signOut({ isFinal: true });
        window.location.assign(url);
      } catch (error) {
        fill(place, problemBox(error));
      }
    });
  });
  return h("div", { class: "sign-out" }, element, place);
}
