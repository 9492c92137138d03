// What each chat does with the requests of a card.

/**
 * @import { HostName } from "../profiles.js"
 * @import { Talk } from "./talk.js"
 */

/**
 * @typedef {object} Behaviour
 * @property {(text: string, talk: Talk) => { isError?: boolean } | Promise<never>} message
 * @property {"kept" | "unanswered" | "unknown"} context what happens to `ui/update-model-context`
 * @property {"answered" | "empty"} mode how `ui/request-display-mode` is answered
 */

/** @returns {Promise<never>} */
const ignore = () => new Promise(() => undefined);

/** @type {Record<HostName, Behaviour>} */
export const BEHAVIOURS = {
  chatgpt: {
    message(text, talk) {
      talk.post("user", text);
      return {};
    },
    context: "kept",
    mode: "answered",
  },
  claude: { message: ignore, context: "unanswered", mode: "answered" },
  vscode: {
    /** Fills the composer, and sends nothing. */
    message(text, talk) {
      if (talk.composer.value.trim() !== "") return { isError: true };
      talk.composer.value = text;
      talk.composer.focus();
      return { isError: false };
    },
    context: "unknown",
    mode: "empty",
  },
  goose: {
    message(text, talk) {
      talk.post("user", text);
      return {};
    },
    context: "unknown",
    mode: "answered",
  },
};
