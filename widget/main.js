// Starts the widget: chooses the bridge, and the card that fits what arrives.

import { hostBridge } from "./bridge/host.js";
import { restBridge } from "./bridge/rest.js";
import { fillCard } from "./cards/fill.js";
import { libraryCard } from "./cards/library.js";
import { reviewCard } from "./cards/review.js";
import { loadingCard, noticeCard, skeletonCard } from "./cards/waiting.js";
import { applyContext, reportHeight } from "./frame.js";
import { listPage, readPrompt } from "./model/save.js";
import { sentence } from "./model/words.js";
import { fill, h } from "./parts/text.js";

/** @import { App, Card } from "./app.js" */
/** @import { Args, HostContext, ToolResult } from "./bridge/call.js" */
/** @import { Prompt } from "./cards/fill.js" */
/** @import { Page } from "./cards/library.js" */
/** @import { Candidate } from "./model/queue.js" */

/** How long a host may take to answer, or to pass the result on, in milliseconds. */
const HOST_MS = 8000;

const main = h("main", {});
document.body.append(main);
const bridge = window.parent === window ? restBridge() : hostBridge();
/** @type {HostContext} */
let context = {};
/** @type {Card | undefined} */
let card;
/** What the tool was called with. @type {Args} */
let input = {};
/** The result that is shown, so that the same one again changes nothing. */
let lastResult = "";
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @type {App} */
const app = {
  bridge,
  isLarge: () => context.displayMode === "fullscreen",
  show(next, hasFocus = false) {
    clearTimeout(timer);
    card = next;
    fill(main, next.element);
    next.start?.();
    if (hasFocus) (main.querySelector("h1") ?? main.querySelector("input") ?? next.element).focus();
  },
  async openWaiting() {
    const { candidates, next_cursor: cursor } = await listPage(bridge.call);
    app.show(reviewCard(app, candidates, { isFresh: true, hasMore: Boolean(cursor) }), true);
  },
  openLibrary(query) {
    app.show(libraryCard(app, undefined, query ? { query } : {}), true);
    return Promise.resolve();
  },
  async openPrompt(which) {
    app.show(fillCard(app, /** @type {any} */ (await readPrompt(bridge.call, which))), true);
  },
};

/** @param {ToolResult} result */
function showResult({ structuredContent = {}, content, isError }) {
  const { candidates, prompts, matches, text, variables } = structuredContent;
  if (isError) {
    const message = (content ?? []).map((block) => block.text ?? "").join("\n");
    app.show(noticeCard(app, sentence(message || "The server refused this."), { isError }));
  } else if (Array.isArray(candidates)) {
    app.show(reviewCard(app, /** @type {Candidate[]} */ (candidates)));
  } else if (prompts ?? matches) {
    const page = /** @type {Page} */ ({ ...structuredContent, prompts: prompts ?? matches });
    app.show(libraryCard(app, page, /** @type {{ query?: string, tag?: string }} */ (input)));
  } else if (typeof text === "string" && Array.isArray(variables)) {
    showPrompt(/** @type {Prompt} */ (/** @type {unknown} */ (structuredContent)));
  } else {
    showNothing();
  }
}

/** @param {Prompt} prompt */
function showPrompt(prompt) {
  const { id, content_cut: isCut } = prompt;
  app.show(isCut ? loadingCard(app, () => app.openPrompt({ id })) : fillCard(app, prompt));
}

function showNothing() {
  app.show(noticeCard(app, "The chat did not pass the result on."));
}

/** @param {Args} args Of the tool; perhaps not all of them. */
function showInput(args) {
  input = args;
  if (lastResult || !card?.element.matches(".skeleton")) return;
  const [first] = Array.isArray(args.candidates)
    ? /** @type {Candidate[]} */ (args.candidates)
    : [];
  const title = first?.title ?? args.name ?? args.query;
  if (typeof title === "string") fill(main, (card = skeletonCard(title)).element);
}

/** Counts the starts: an answer of an earlier one is late. */
let starts = 0;

/** What a host sends. @type {import("./bridge/call.js").Events} */
const events = {
  onInput: showInput,
  onCancelled: () => app.show(noticeCard(app, "The chat cancelled this.")),
  onResult(result) {
    const text = JSON.stringify(result);
    if (text === lastResult) return;
    lastResult = text;
    showResult(result);
  },
  onContext(next) {
    const before = context.displayMode;
    context = next;
    applyContext(next);
    if (next.displayMode !== before) card?.onMode?.();
  },
};

async function startChat() {
  const mine = ++starts;
  const showSilence = () => {
    const detail =
      "It does not answer the card. Ask in the chat, for example: list what waits for review.";
    app.show(noticeCard(app, "This chat does not show the card.", { detail, again: startChat }));
  };
  app.show(skeletonCard());
  timer = setTimeout(showSilence, HOST_MS);
  try {
    await bridge.start(events);
  } catch {
    // Whatever the fault, the way on is the same.
    if (mine === starts) showSilence();
    return;
  }
  reportHeight(bridge);
  if (lastResult) return;
  app.show(skeletonCard());
  timer = setTimeout(showNothing, HOST_MS);
}

async function startPage() {
  document.documentElement.classList.add("page");
  await bridge.start(events);
  const name = new URLSearchParams(window.location.search).get("name");
  app.show(
    loadingCard(app, async () => {
      if (name) return app.openPrompt({ name });
      const { candidates, next_cursor: cursor } = await listPage(bridge.call);
      if (candidates.length === 0) return app.openLibrary();
      app.show(reviewCard(app, candidates, { isFresh: true, hasMore: Boolean(cursor) }));
    }),
  );
}

void (bridge.isChat ? startChat() : startPage());
