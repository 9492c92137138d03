// Starts the widget, and shows the card that fits what arrives.

import { isChat, NOT_PASSED } from "./bridge.js";
import { connect, NO_WAY, notify, textOf } from "./bridge/host.js";
import { showPrompt } from "./cards/fill.js";
import { showLibrary } from "./cards/library.js";
import { showReview } from "./cards/review.js";
import { showNotice, showSkeleton } from "./cards/waiting.js";
import { applyContext, isLarge, reportHeight } from "./frame.js";
import { listPage, readPrompt } from "./model/save.js";
import { sentence } from "./model/words.js";
import { alerts, say, status } from "./parts/actions.js";
import { fill, h } from "./parts/elements.js";
import { openLibrary, openPrompt, setWays } from "./ways.js";

/** @typedef {{ name?: string, query?: string, tag?: string, candidates?: { title?: string }[] }} Input */
/** @import { HostContext } from "./frame.js" */
/** @import { Prompt, ToolResult } from "./bridge/call.js" */

/** How long a host may take to answer, or to pass the result on, in milliseconds. */
const HOST_MS = 8000;

const place = h("div");
document.body.append(h("main", {}, place, alerts, status));

/** Called when the room of the card changes. @type {() => void} */
let onMode;
/** @type {ReturnType<typeof setTimeout>} */
let timer;

setWays({
  show(card, hasFocus, listener = () => undefined) {
    clearTimeout(timer);
    onMode = listener;
    fill(place, card);
    fill(alerts);
    say();
    if (hasFocus) focusFirst(card);
  },
  async openWaiting() {
    showReview((await listPage()).candidates, true);
  },
  openLibrary: () => showLibrary(),
  async openPrompt(which) {
    showPrompt(await readPrompt(which));
  },
});

/** @param {HTMLElement} card */
function focusFirst(card) {
  /** @type {HTMLElement | null} */
  const first = card.querySelector("input") ?? card.querySelector("h1");
  (first ?? card).focus();
}

/** What the tool was called with. @type {Input} */
let input = {};
/** The result that is shown. The same one again changes nothing. */
let shown = "";

/** @param {ToolResult} result */
function showResult(result) {
  const text = JSON.stringify(result);
  if (text === shown) return;
  shown = text;
  const { structuredContent, isError } = result;
  // Some hosts write `null` where there is none.
  const data = structuredContent ?? {};
  const list = data.prompts ?? data.matches;
  if (isError) showNotice(sentence(textOf(result)), { role: "alert" });
  else if (data.candidates) showReview(data.candidates);
  else if (list) showLibrary({ ...data, prompts: list }, input);
  else if (data.content_cut) showSkeleton(() => openPrompt({ name: data.name ?? "" }));
  else if (data.variables) showPrompt(/** @type {Prompt} */ (data), false);
  else showNothing();
}

const showNothing = () => showNotice(NOT_PASSED);

/** @param {{ arguments?: Input }} params The arguments may not be complete yet. */
function showInput({ arguments: args }) {
  input = args ?? {};
  const title = input.candidates?.[0]?.title ?? input.name;
  if (!shown && title && place.querySelector(".bones")) wait(title);
}

/** @param {HostContext} changes */
function changeContext(changes) {
  const wasLarge = isLarge();
  applyContext(changes);
  if (isLarge() !== wasLarge) onMode();
}

/** @param {string} [title] */
function wait(title) {
  showSkeleton(undefined, title);
  timer = setTimeout(showNothing, HOST_MS);
}

/** Number of starts. A failure of an earlier one is ignored. */
let starts = 0;

async function startChat() {
  const mine = ++starts;
  const fail = () => showNotice(NO_WAY, { again: () => void startChat() });
  showSkeleton();
  timer = setTimeout(fail, HOST_MS);
  try {
    changeContext(await connect(listeners));
    notify("initialized", {});
    reportHeight();
    if (!shown) wait();
  } catch {
    // Whatever the fault, the way on is the same.
    if (mine === starts) fail();
  }
}

const listeners = {
  "tool-input-partial": showInput,
  "tool-input": showInput,
  "tool-result": showResult,
  "tool-cancelled": () => showNotice("The chat cancelled this."),
  "host-context-changed": changeContext,
};

function startPage() {
  document.documentElement.classList.add("page");
  applyContext({ displayMode: "fullscreen" });
  const name = new URLSearchParams(window.location.search).get("name");
  showSkeleton(async () => {
    if (name)
      return openPrompt({ name }).catch((/** @type {unknown} */ error) => {
        // Beside the failure, the library is a way on.
        openLibrary();
        throw error;
      });
    const { candidates } = await listPage();
    if (candidates.length > 0) showReview(candidates, true);
    else openLibrary();
  });
}

// A key that is held would press its button again and again.
document.addEventListener("keydown", (event) => {
  const { repeat, key } = event;
  if (repeat && key === "Enter" && document.activeElement?.matches("button"))
    event.preventDefault();
});

if (isChat) void startChat();
else startPage();
