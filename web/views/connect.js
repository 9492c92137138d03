// Connecting a client to the library, with what the server knows of those that have called.

import { fill, h } from "../lib/h.js";
import { findChats } from "../lib/clients.js";
import { formatAge } from "../lib/format.js";
import { pollWhileShown } from "../lib/poll.js";
import { listClients } from "../api/promptdb.js";
import { viewHeading } from "../parts/heading.js";
import { buttonLink } from "../parts/button.js";
import { copyable } from "../parts/copyable.js";
import { icon } from "../parts/icon.js";
import { loadedMe } from "../state/session.js";
import { helpSection, sayings } from "./connect/help.js";
import { describeServer, listWays } from "../lib/ways.js";

/** @import { Chat } from "../lib/clients.js" */
/** @import { View } from "../lib/view.js" */
/** @import { Way } from "../lib/ways.js" */

/** @returns {Promise<View>} */
export async function openConnect() {
  const { sign_in: signIn } = await loadedMe();
  const server = describeServer(signIn);
  const summary = h("p", { class: "muted", role: "status" });
  const cards = listWays(server).map(makeCard);
  const element = h(
    "div",
    { class: "stack wide-gaps" },
    h(
      "div",
      { class: "stack narrow" },
      viewHeading("Connect"),
      h("p", {}, "Add PromptDB to the chats you use. One library serves them all."),
      summary,
      h(
        "div",
        {},
        h("p", { class: "label" }, "The address for any client"),
        copyable(server.url, "the address"),
      ),
    ),
    h(
      "div",
      { class: "card-grid" },
      cards.map(({ element: card }) => card),
    ),
    sayings(),
    helpSection(server),
  );
  pollWhileShown(element, async () => {
    const chats = findChats((await listClients()).clients);
    summarise(summary, chats);
    for (const { show } of cards) show(chats);
  });
  return { title: "Connect", element, update: () => true };
}

/**
 * @param {HTMLElement} summary
 * @param {Chat[]} chats
 */
function summarise(summary, chats) {
  const names = [...new Set(chats.map(({ title }) => title))];
  const text =
    names.length > 0
      ? `Connected: ${names.join(", ")}`
      : "No chat has called yet. It appears here by itself as soon as one does.";
  // A region that is written again is announced again.
  if (summary.textContent !== text) summary.textContent = text;
}

/** @param {Way} way */
function makeCard(way) {
  const { app, title, link, steps, codes = [], others, note, unreachable } = way;
  const status = h("p", { class: "tick", hidden: true });
  const element = h(
    "section",
    { class: "card way", id: app, "aria-label": title },
    h("h2", {}, title),
    status,
    unreachable && h("p", { class: "muted" }, unreachable),
    link && buttonLink({ label: link.label, look: "primary", icon: "external" }, link.href),
    steps &&
      h(
        "ol",
        { class: "steps" },
        steps.map((step) => h("li", {}, step)),
      ),
    codes.flatMap(({ label, text }) => [
      h("p", { class: "hint" }, label),
      copyable(text, `what connects ${title}`),
    ]),
    others && chooser(others),
    note && h("p", { class: "hint" }, note),
  );
  /** @param {Chat[]} chats */
  const show = (chats) => {
    const own = chats.filter((chat) => chat.app === app || isAlso(app, chat));
    status.hidden = own.length === 0;
    const used = own.map(({ title: name, at }) => `${name}, last used ${formatAge(at)}`);
    fill(status, icon("check"), h("span", {}, `Connected: ${used.join("; ")}`));
  };
  return { element, show };
}

/**
 * A choice of clients, and the command that connects the chosen one.
 *
 * @param {NonNullable<Way["others"]>} others
 */
function chooser(others) {
  const place = h("div", { class: "stack" });
  const select = h(
    "select",
    { class: "input", id: "other-client" },
    others.map(({ title }) => h("option", {}, title)),
  );
  const show = () => {
    const { title, text, note } = others[select.selectedIndex] ?? others[0];
    fill(place, copyable(text, `what connects ${title}`), note && h("p", { class: "hint" }, note));
  };
  select.addEventListener("change", show);
  show();
  return h(
    "div",
    { class: "stack" },
    h("div", { class: "field" }, h("label", { for: select.id }, "Or in a terminal, for"), select),
    place,
  );
}

/**
 * Whether a chat belongs to a second card. A connector of Claude serves Claude Desktop, too.
 *
 * @param {string} app
 * @param {Chat} chat
 */
function isAlso(app, chat) {
  return app === "claude-desktop" && chat.app === "claude" && window.location.protocol === "https:";
}
