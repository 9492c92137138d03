// Where the user is signed in, and ending that.

import { fill, h } from "../../lib/h.js";
import { formatAge, formatMoment } from "../../lib/format.js";
import { nameBrowser } from "../../lib/browser.js";
import { endSession, endSessions, listSessions } from "../../api/promptdb.js";
import { button, whileBusy } from "../../parts/button.js";
import { confirmAction } from "../../parts/dialog.js";
import { skeleton } from "../../parts/heading.js";
import { problemBox } from "../../parts/problem.js";
import { showToast } from "../../parts/toast.js";
import { section } from "./section.js";

/** @import { Session } from "../../api/promptdb.js" */

export function sessionsSection() {
  const list = h("div", {}, skeleton(2));
  const everywhere = button({ label: "Sign out everywhere" }, () => {
    void signOutEverywhere(everywhere, list);
  });
  void load(list);
  return section("sessions", "Sessions", list, h("div", {}, everywhere));
}

/** @param {HTMLElement} list */
async function load(list) {
  try {
    const { sessions } = await listSessions();
    fill(
      list,
      h(
        "ul",
        { class: "lines" },
        sessions.map((session) => row(session, list)),
      ),
    );
  } catch (error) {
    fill(
      list,
      problemBox(error, () => void load(list)),
    );
  }
}

/**
 * @param {Session} session
 * @param {HTMLElement} list
 */
function row(session, list) {
  const name = nameBrowser(session.user_agent ?? "");
  const since = `signed in ${formatMoment(session.created_at)}`;
  const used = session.updated_at && `last used ${formatAge(session.updated_at)}`;
  const details = [since, used, session.ip_address].filter(Boolean).join(" · ");
  const props = { "aria-label": `Revoke ${name}, ${since}` };
  const revoke = button({ label: "Revoke", props }, () => {
    void whileBusy(revoke, async () => {
      try {
        await endSession(session.id);
        showToast(`${name} is signed out.`);
        await load(list);
      } catch (error) {
        line.append(problemBox(error));
      }
    });
  });
  const line = h(
    "li",
    {},
    h("div", {}, h("p", { class: "line-title" }, name), h("p", { class: "hint" }, details)),
    session.current ? h("span", { class: "badge" }, "This browser") : revoke,
  );
  return line;
}

/**
 * @param {HTMLButtonElement} trigger
 * @param {HTMLElement} list
 */
async function signOutEverywhere(trigger, list) {
  const isSure = await confirmAction({
    title: "Sign out everywhere?",
    text: "Every browser is signed out, this one included. Chats that you connected stay connected.",
    action: "Sign out everywhere",
  });
  if (!isSure) return;
  await whileBusy(trigger, async () => {
    try {
      await endSessions();
      window.location.assign("/");
    } catch (error) {
      list.append(problemBox(error));
    }
  });
}
