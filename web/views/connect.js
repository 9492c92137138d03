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
import { listOtherClients } from "../lib/other-clients.js";
import { describeServer, listUnreachable, listWays } from "../lib/ways.js";

/** @import { Child } from "../lib/h.js" */
/** @import { Chat, ClientApp } from "../lib/clients.js" */
/** @import { View } from "../lib/view.js" */
/** @import { OtherClient } from "../lib/other-clients.js" */
/** @import { Server, Way } from "../lib/ways.js" */

/** @returns {Promise<View>} */
export async function openConnect() {
  const { sign_in: signIn } = await loadedMe();
  const server = describeServer(signIn);
  const summary = h("p", { class: "muted", role: "status" });
  const cards = [
    ...listWays(server).map(makeCard),
    makeChoice(server),
    ...listUnreachable(server).map(({ app, title, reason }) =>
      card(app, title, (chat) => chat.app === app, h("p", { class: "muted" }, reason)),
    ),
  ];
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
      server.hasToken && tokenNote(),
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

/** How the commands get the token, which is on no page. */
function tokenNote() {
  return h(
    "p",
    {},
    "The commands below need ",
    h("code", {}, "promptdb"),
    " on the computer of the client. Each asks for the access token: paste it, and press Enter.",
  );
}

/** @param {Way} way */
function makeCard({ app, title, link, ...way }) {
  const open =
    link && buttonLink({ label: link.label, look: "primary", icon: "external" }, link.href);
  return card(
    app,
    title,
    (chat) => chat.app === app || isAlso(app, chat),
    open,
    instructions(title, way),
  );
}

/**
 * The card of all clients that have no other: a choice, and what connects the chosen one.
 *
 * @param {Server} server
 */
function makeChoice(server) {
  const clients = listOtherClients(server);
  const place = h("div", { class: "way" });
  const select = h(
    "select",
    { class: "input", id: "other-client" },
    clients.map(({ title }) => h("option", {}, title)),
  );
  const show = () => {
    const client = clients[select.selectedIndex];
    if (client) fill(place, instructions(client.title, client));
  };
  select.addEventListener("change", show);
  show();
  const choice = h("div", { class: "field" }, h("label", { for: select.id }, "Client"), select);
  return card("other", "Another client", ({ app }) => app === "other", choice, place);
}

/**
 * What a person does to connect a client.
 *
 * @param {string} title
 * @param {Omit<Way, "app" | "title" | "link"> | OtherClient} way
 * @returns {Child[]}
 */
function instructions(title, { steps, codes = [], note }) {
  return [
    steps &&
      h(
        "ol",
        { class: "steps" },
        steps.map((step) => h("li", {}, step)),
      ),
    ...codes.flatMap(({ label, text }) => [
      h("p", { class: "hint" }, label),
      copyable(text, `what connects ${title}`),
    ]),
    note && h("p", { class: "hint" }, note),
  ];
}

/**
 * A card that shows which of its chats have called.
 *
 * @param {ClientApp} app
 * @param {string} title
 * @param {(chat: Chat) => boolean} isOwn
 * @param {...(Child | Child[])} content
 */
function card(app, title, isOwn, ...content) {
  const status = h("p", { class: "tick", hidden: true });
  const element = h(
    "section",
    { class: "card way", id: app, "aria-label": title },
    h("h2", {}, title),
    status,
    ...content,
  );
  /** @param {Chat[]} chats */
  const show = (chats) => {
    const own = chats.filter(isOwn);
    status.hidden = own.length === 0;
    const used = own.map(({ title: name, at }) => `${name}, last used ${formatAge(at)}`);
    fill(status, icon("check"), h("span", {}, `Connected: ${used.join("; ")}`));
  };
  return { element, show };
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
