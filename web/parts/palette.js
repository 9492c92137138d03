// The palette: goes to places, and finds prompts to use or copy, by the keyboard alone.

import { listPrompts } from "../api/promptdb.js";
import { isAbort } from "../api/problem.js";
import { formatCount } from "../lib/format.js";
import { fill, h } from "../lib/h.js";
import { nameKeys } from "../lib/keys.js";
import { navigate } from "../lib/router.js";
import { currentTheme, setTheme } from "../state/theme.js";
import { openDialog } from "./dialog.js";
import { icon } from "./icon.js";
import { describeError } from "./problem.js";
import { copyPrompt, usePrompt } from "./prompt-actions.js";

/** @import { Prompt } from "../api/promptdb.js" */
/** @import { Theme } from "../state/theme.js" */
/** @import { IconName } from "./icon.js" */
/**
 * @typedef {object} Choice
 * @property {string} label
 * @property {IconName} [icon]
 * @property {string} [detail]
 * @property {() => void} run
 * @property {() => void} [copy] What Ctrl+Enter does.
 */

/** How long typing has to pause before the search begins, in milliseconds. */
const PAUSE_MS = 120;
/** Prompts that are offered. */
const PROMPTS_SHOWN = 8;

const go = (/** @type {string} */ address) => () => navigate(address);

/** @type {Choice[]} */
const PLACES = [
  { label: "New prompt", icon: "plus", run: go("/app/new") },
  { label: "Go to Library", icon: "library", run: go("/app") },
  { label: "Go to Review", icon: "review", run: go("/app/review") },
  { label: "Go to Connect", icon: "connect", run: go("/app/connect") },
  { label: "Go to Account", icon: "account", run: go("/app/account") },
  { label: "Go to Trash", icon: "trash", run: go("/app/trash") },
  { label: "Import prompts", icon: "upload", run: go("/app/import") },
];
/** @type {[string, Theme][]} */
const THEMES = [
  ["Theme: light", "light"],
  ["Theme: dark", "dark"],
  ["Theme: as the system has it", "system"],
];

/** What can be done apart from prompts. Of the themes, the one that the page has is ticked. */
function listCommands() {
  const current = currentTheme();
  const themes = THEMES.map(([label, theme]) => ({
    label,
    ...(theme === current && /** @type {const} */ ({ icon: "check", detail: "current" })),
    run: () => setTheme(theme),
  }));
  return [...PLACES, ...themes];
}

/** Opens the palette, and does what is chosen once it is closed. */
export async function openPalette() {
  const run = await openDialog(
    "Go to, use or create",
    (/** @type {(run?: () => void) => void} */ close) => [paletteBox(close)],
  );
  run?.();
}

/** @param {(run?: () => void) => void} close */
function paletteBox(close) {
  /** @type {Choice[]} */
  let choices = [];
  let active = 0;
  const options = h("ul", {
    id: "palette-options",
    class: "palette-options",
    role: "listbox",
    "aria-label": "Results",
  });
  const status = h("p", { class: "palette-status", role: "status" });
  const input = h("input", {
    class: "input",
    type: "text",
    role: "combobox",
    "aria-label": "Search prompts and commands",
    "aria-expanded": "true",
    "aria-controls": options.id,
    "aria-autocomplete": "list",
    placeholder: "Search prompts and commands",
    autocomplete: "off",
    spellcheck: "false",
    autofocus: true,
  });

  const mark = (/** @type {number} */ index) => {
    active = Math.max(0, Math.min(choices.length - 1, index));
    for (const [at, option] of [...options.children].entries()) {
      option.setAttribute("aria-selected", String(at === active));
    }
    const option = options.children[active];
    if (option) input.setAttribute("aria-activedescendant", option.id);
    else input.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  };
  const show = (/** @type {Choice[]} */ next, /** @type {number} */ index) => {
    choices = next;
    // The number of results can be seen; zero has to be announced.
    status.classList.toggle("visually-hidden", choices.length > 0);
    fill(
      options,
      choices.map((choice, at) => optionOf(choice, at, () => close(choice.run))),
    );
    mark(index);
  };
  const search = promptSearch(
    (prompts) => {
      const commands = fittingCommands(input.value);
      show([...commands, ...prompts.map(choiceOf)], active);
      status.textContent =
        choices.length > 0
          ? formatCount(choices.length, "result")
          : "No prompt or command has these words";
    },
    (text) => {
      status.classList.remove("visually-hidden");
      status.textContent = text;
    },
  );

  const type = () => {
    status.textContent = "";
    show(fittingCommands(input.value), 0);
    search.find(input.value);
  };
  const choose = async (/** @type {boolean} */ isCopy) => {
    // Who types fast presses Enter before the answer has come.
    if (choices.length === 0) await search.settled();
    const choice = choices[active];
    if (choice) close(isCopy ? (choice.copy ?? choice.run) : choice.run);
  };
  const keydown = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: PROMPTS_SHOWN, PageUp: -PROMPTS_SHOWN }[
      event.key
    ];
    if (step === undefined && event.key !== "Enter") return;
    if (event.isComposing) return;
    event.preventDefault();
    if (step !== undefined) mark(active + step);
    else void choose(event.ctrlKey || event.metaKey);
  };
  input.addEventListener("input", type);
  input.addEventListener("keydown", keydown);
  type();
  const hints = [
    ["Enter", "use or go"],
    ["mod+Enter", "copy"],
    ["Escape", "close"],
  ];
  return h(
    "div",
    { class: "palette" },
    input,
    options,
    status,
    h(
      "p",
      { class: "palette-hints" },
      hints.map(([keys = "", what = ""]) =>
        h("span", {}, h("kbd", {}, nameKeys(keys)), ` ${what}`),
      ),
    ),
  );
}

/**
 * @param {Choice} choice
 * @param {number} index
 * @param {() => void} run
 */
function optionOf({ label, icon: name, detail }, index, run) {
  return h(
    "li",
    { id: `palette-option-${index}`, role: "option", "aria-selected": "false", on: { click: run } },
    name ? icon(name) : h("span", { class: "icon" }),
    h("span", { class: "palette-label", dir: "auto" }, label),
    detail !== undefined && h("span", { class: "palette-detail" }, detail),
  );
}

/** @param {string} words */
function fittingCommands(words) {
  const wanted = words.trim().toLowerCase().split(/\s+/);
  return listCommands().filter(({ label }) =>
    wanted.every((word) => label.toLowerCase().includes(word)),
  );
}

/**
 * @param {Prompt} prompt
 * @returns {Choice}
 */
function choiceOf(prompt) {
  return {
    label: prompt.title,
    icon: "use",
    detail: prompt.name,
    run: () => usePrompt(prompt),
    copy: () => void copyPrompt(prompt),
  };
}

/**
 * Searches while words are typed; each search takes the place of the one before.
 *
 * @param {(prompts: Prompt[]) => void} onFound
 * @param {(text: string) => void} onFailure
 */
function promptSearch(onFound, onFailure) {
  let running = new AbortController();
  let pending = Promise.resolve();

  /** @param {string} words @param {AbortSignal} signal */
  const search = async (words, signal) => {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    if (signal.aborted) return;
    const query = words.trim();
    try {
      const found = await listPrompts(
        { limit: PROMPTS_SHOWN, ...(query ? { query } : { sort: "used" }) },
        { signal },
      );
      onFound(found.prompts);
    } catch (error) {
      if (!isAbort(error)) onFailure(describeError(error));
    }
  };
  return {
    /** @param {string} words */
    find: (words) => {
      running.abort();
      running = new AbortController();
      pending = search(words, running.signal);
    },
    settled: () => pending,
  };
}
