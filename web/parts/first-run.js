// The first steps with an empty library: connect a chat, save a prompt from it, use it. Each is ticked
// when the server has seen it.

import { promptAddress } from "../lib/addresses.js";
import { fill, h } from "../lib/h.js";
import { findChats } from "../lib/clients.js";
import { formatAge } from "../lib/format.js";
import { pollWhileShown } from "../lib/poll.js";
import { listClients, listPrompts } from "../api/promptdb.js";
import { list, recount, showPrompt } from "../state/library.js";
import { loadedMe } from "../state/session.js";
import { describeServer, listWays } from "../lib/ways.js";
import { buttonLink } from "./button.js";
import { copyable } from "./copyable.js";
import { icon } from "./icon.js";
import { sayingOf } from "./prompt-head.js";

/** @import { Child } from "../lib/h.js" */
/** @import { Prompt } from "../api/promptdb.js" */

/** How many prompts are looked at. */
const PROMPTS_READ = 50;

const SAVE = "Save this as a prompt called short summary: Summarize {{text}} in three sentences.";

/**
 * The three steps. When the first prompt is there, the element dispatches the bubbling event
 * `promptsaved`.
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
  const saying = h(
    "div",
    {},
    copyable(sayingOf("short-summary"), "the sentence", { isSpoken: true }),
  );
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
  const look = async () => {
    const chat = findChats((await listClients()).clients)[0];
    if (chat) connect.tick(`Connected: ${chat.title}, ${formatAge(chat.at)}`);
    const { prompts } = await listPrompts({ limit: PROMPTS_READ });
    const saved = prompts.find(({ id }) => id === prompt?.id) ?? prompts[0];
    if (!saved) return;
    if (!prompt) element.dispatchEvent(new CustomEvent("promptsaved", { bubbles: true }));
    if (saved.name !== prompt?.name) {
      fill(saying, copyable(sayingOf(saved.name), "the sentence", { isSpoken: true }));
    }
    prompt = saved;
    const href = promptAddress(saved);
    save.tick("Saved: ", h("a", { href }, saved.title));
    if (prompts.some(({ use_count: uses }) => uses > 0)) {
      use.tick("Used. That is all there is to it.");
    }
    showInList(prompts);
    if ([connect, save, use].every(({ isDone }) => isDone())) end();
  };
  // The list of the library comes back after other areas, and these steps with it.
  const end = pollWhileShown(element, look, { isKept: true });
  return element;
}

/**
 * Shows prompts as they are now in the list of the library, which is not read for them once more.
 *
 * @param {Prompt[]} prompts
 */
function showInList(prompts) {
  const known = new Map(list.value.prompts.map((prompt) => [prompt.id, prompt]));
  const changed = prompts.filter((prompt) => {
    const before = known.get(prompt.id);
    return !before || prompt.version > before.version || prompt.use_count > before.use_count;
  });
  // The oldest first: each comes above those before it.
  for (const prompt of changed.toReversed()) showPrompt(prompt);
  if (changed.some(({ id }) => !known.has(id))) recount();
}

/**
 * Fills in the ways to connect that are one click or one line.
 *
 * @param {HTMLElement} links
 */
async function fillLinks(links) {
  const { sign_in: signIn } = await loadedMe();
  const server = describeServer(signIn);
  const ways = listWays(server);
  fill(
    links,
    ways.map(({ link }) => link && buttonLink({ label: link.label, look: "primary" }, link.href)),
    buttonLink(
      { label: server.hasToken ? "Claude Code, Cursor and others" : "Claude, ChatGPT and others" },
      "/app/connect",
    ),
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
    isDone: () => "done" in element.dataset,
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
