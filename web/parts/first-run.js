// The first steps with an empty library: connect a chat, save a prompt from it, use it. Each is ticked
// when the server has seen it.

import { fill, h } from "../lib/h.js";
import { findChats } from "../lib/clients.js";
import { formatAge } from "../lib/format.js";
import { pollWhileShown } from "../lib/poll.js";
import { getPrompt, listClients, listPrompts } from "../api/promptdb.js";
import { loadedMe } from "../state/session.js";
import { describeServer, listWays } from "../lib/ways.js";
import { buttonLink } from "./button.js";
import { copyable } from "./copyable.js";
import { icon } from "./icon.js";

/** @import { Child } from "../lib/h.js" */
/** @import { Prompt } from "../api/promptdb.js" */

const SAVE = "Save this as a prompt called short summary: Summarize {{text}} in three sentences.";

/**
 * The three steps. When the first prompt is there, the element dispatches the bubbling event
 * `promptsaved`, with the prompt as `detail`.
 *
 * @returns {HTMLElement}
 */
export function firstRun() {
  const links = h("div", { class: "actions" });
  const connect = makeStep("Connect a chat", links);
  const save = makeStep(
    "Save a prompt from it",
    h("p", {}, "Say this in the chat, or say it about a text of your own:"),
    copyable(SAVE, "the sentence", { isSpoken: true }),
  );
  const saying = h("div", {}, copyable(useOf("short summary"), "the sentence", { isSpoken: true }));
  const use = makeStep("Use it anywhere", h("p", {}, "In this chat or any other, say:"), saying);
  const element = h(
    "section",
    { class: "first-run stack", "aria-labelledby": "first-run" },
    h("h2", { id: "first-run" }, "Three steps to begin"),
    h(
      "ol",
      { class: "first-steps" },
      [connect, save, use].map(({ element: step }) => step),
    ),
    h(
      "div",
      { class: "actions" },
      buttonLink({ label: "Import what you have", icon: "upload" }, "/app/import"),
      buttonLink({ label: "Write a prompt here", icon: "edit" }, "/app/new"),
    ),
  );
  void fillLinks(links);
  /** @type {Prompt | undefined} */
  let prompt;
  pollWhileShown(element, async () => {
    const chat = findChats((await listClients()).clients)[0];
    if (chat) connect.tick(`Connected: ${chat.title}, ${formatAge(chat.at)}`);
    const known = prompt;
    prompt = known ? await getPrompt(known.name) : (await listPrompts({ limit: 1 })).prompts[0];
    if (!prompt) return;
    if (!known) {
      fill(saying, copyable(useOf(prompt.title), "the sentence", { isSpoken: true }));
      element.dispatchEvent(new CustomEvent("promptsaved", { bubbles: true, detail: prompt }));
    }
    const href = `/app/p/${encodeURIComponent(prompt.name)}`;
    save.tick("Saved: ", h("a", { href }, prompt.title));
    if (prompt.use_count > 0) use.tick("Used. That is all there is to it.");
  });
  return element;
}

/** @param {string} title */
function useOf(title) {
  return `Use my ${title} prompt.`;
}

/**
 * Fills in the ways to connect that are one click or one line.
 *
 * @param {HTMLElement} links
 */
async function fillLinks(links) {
  const { sign_in: signIn } = await loadedMe();
  const ways = listWays(describeServer(signIn !== "none"));
  fill(
    links,
    ways.map(({ link }) => link && buttonLink({ label: link.label, look: "primary" }, link.href)),
    buttonLink({ label: "Claude, ChatGPT and others" }, "/app/connect"),
  );
}

/**
 * @param {string} title
 * @param {...Child} content
 */
function makeStep(title, ...content) {
  const status = h("p", { class: "tick" });
  // Announced once, while the line that is seen changes with the time.
  const announced = h("span", { class: "visually-hidden", role: "status" });
  const element = h("li", {}, h("h3", {}, title), ...content, status, announced);
  return {
    element,
    /**
     * Shows that the step is done.
     *
     * @param {...Child} text
     */
    tick: (...text) => {
      fill(status, icon("check"), h("span", {}, ...text));
      if ("done" in element.dataset) return;
      element.dataset.done = "";
      announced.textContent = `${title}: done`;
    },
  };
}
