// What to say in a chat, and what to do when a client does not connect.

import { h } from "../../lib/h.js";
import { copyable } from "../../parts/copyable.js";

/** @import { Child } from "../../lib/h.js" */
/** @import { Server } from "../../lib/ways.js" */

/** What a person says, with what the chat does then. @type {[string, string][]} */
const SAYINGS = [
  ["Save this as a prompt called code review.", "It asks before it saves, unless you allowed it."],
  ["Use my code-review prompt.", "It asks for what the variables stand for, and uses the text."],
  ["Review this session for prompts worth keeping.", "What it finds waits under Review."],
];

/** What to expect in the chat. */
export function sayings() {
  return h(
    "section",
    { class: "stack", "aria-labelledby": "sayings" },
    h("h2", { id: "sayings" }, "Then say in a chat"),
    h(
      "ul",
      { class: "sayings" },
      SAYINGS.map(([text, effect]) =>
        h(
          "li",
          {},
          copyable(text, `“${text}”`, { isSpoken: true }),
          h("p", { class: "hint" }, effect),
        ),
      ),
    ),
  );
}

/**
 * The help, where the links named "Help" lead.
 *
 * @param {Server} server
 */
export function helpSection({ origin, url, isLocal, hasSignIn, hasToken }) {
  // The server may be in a container of this computer, so nothing here starts it.
  const isOwn = isLocal && !hasToken;
  return h(
    "section",
    { class: "stack", id: "help", "aria-labelledby": "help-title" },
    h("h2", { id: "help-title" }, "Help"),
    h(
      "div",
      { class: "questions" },
      question(
        "The client is connected, but nothing is shown here",
        "A client is shown after its first call. Ask it: “Which prompts do I have?” Some clients want a new chat first.",
      ),
      question(
        "The client says that it cannot connect",
        "Open ",
        h("a", { href: "/health" }, `${origin}/health`),
        ` in a browser on the same computer. If there is no answer, PromptDB does not run${isOwn ? ": start it, and leave its window open" : ""}. Compare the address, too: it ends in /mcp.`,
      ),
      !hasToken &&
        question(
          "A button to add PromptDB does nothing",
          "It opens a program on this computer. If the program is not installed here, use the text below the button where it is.",
        ),
      isOwn &&
        question(
          "The terminal does not find promptdb",
          "Use the whole path of the program that you started, or install it: ",
          h("code", {}, "cargo install --path ."),
          " in its folder.",
        ),
      isOwn &&
        question(
          "Something does not work, and I do not see why",
          "Run ",
          h("code", {}, "promptdb doctor"),
          " in a terminal: it checks the library and each connected client, and says what to do.",
        ),
      ...accessQuestions(hasSignIn, hasToken),
      question(
        "I want to disconnect a client",
        `Remove PromptDB where you added it, in the client. The entry names ${url}. `,
        ...(isLocal || hasToken
          ? ["In a terminal, this does it: ", h("code", {}, "promptdb disconnect cursor"), "."]
          : []),
      ),
      question(
        "Where do I export or erase everything?",
        "On the ",
        h("a", { href: "/app/account#export" }, "account page"),
        ".",
      ),
    ),
  );
}

/**
 * What depends on how a client is let in.
 *
 * @param {boolean} hasSignIn
 * @param {boolean} hasToken
 */
function accessQuestions(hasSignIn, hasToken) {
  const reach = "Who can reach my prompts?";
  if (hasSignIn) {
    return [
      question(
        "The client asks to sign in again and again",
        "Remove PromptDB from the client, add it again, and sign in with the same address as here.",
      ),
    ];
  }
  if (hasToken) {
    return [
      question(
        "The client says that it is not authorized, or asks to sign in",
        "It sends another token than this server has, or none. Run its command again, with the value of ",
        h("code", {}, "ACCESS_TOKEN"),
        " in the settings of the server.",
      ),
      question(
        reach,
        "Whoever has the access token. Nothing is sent anywhere unless a chat that you connected asks for it.",
      ),
    ];
  }
  return [
    question(
      reach,
      "Only programs on this computer. Nothing is sent anywhere unless a chat that you connected asks for it.",
    ),
  ];
}

/**
 * @param {string} title
 * @param {...Child} answer
 */
function question(title, ...answer) {
  return h("details", {}, h("summary", {}, title), h("p", {}, ...answer));
}
