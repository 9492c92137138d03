// Links that open a chat with a text.

import { h } from "../lib/h.js";
import { icon } from "./icon.js";

/** The longest address that chats take, in characters. */
const ADDRESS_MAX = 6000;
/** @type {[string, string][]} */
const CHATS = [
  ["Open in ChatGPT", "https://chatgpt.com/?q="],
  ["Open in Claude", "https://claude.ai/new?q="],
];

/** @param {() => void} onOpen */
export function chatLinks(onOpen) {
  const links = CHATS.map(([label, address]) => ({
    address,
    link: h(
      "a",
      { class: "button", target: "_blank", rel: "noopener", on: { click: onOpen } },
      icon("external"),
      h("span", {}, label),
    ),
  }));
  const hint = h("p", { class: "hint" }, "The text is too long for a link to a chat. Copy it.");
  return {
    element: h(
      "div",
      { class: "actions" },
      links.map(({ link }) => link),
      hint,
    ),
    /** @param {string} text */
    show: (text) => {
      const query = encodeURIComponent(text.toWellFormed());
      const isShort = query.length < ADDRESS_MAX;
      hint.hidden = isShort;
      for (const { address, link } of links) {
        link.hidden = !isShort;
        link.href = isShort ? address + query : "";
      }
    },
  };
}
