// The trash: deleted prompts, until they are removed for good.

import { promptAddress } from "../lib/addresses.js";
import { fill, h } from "../lib/h.js";
import { formatAge, formatCount } from "../lib/format.js";
import { replaceQuery } from "../lib/router.js";
import { Problem, isAbort } from "../api/problem.js";
import {
  createPrompt,
  emptyTrash,
  listTrash,
  purgePrompt,
  restorePrompt,
} from "../api/promptdb.js";
import { button, buttonLink, whileBusy } from "../parts/button.js";
import { confirmAction, openDialog } from "../parts/dialog.js";
import { field } from "../parts/field.js";
import { emptyState, skeleton, viewHeading } from "../parts/heading.js";
import { moreButton } from "../parts/more.js";
import { describeError, problemBox, showProblem } from "../parts/problem.js";
import { showToast } from "../parts/toast.js";
import { libraryChanged } from "../state/library.js";
import { me, refreshSession } from "../state/session.js";

/** @import { Prompt, SavedPrompt } from "../api/promptdb.js" */
/** @import { Place } from "../lib/router.js" */
/** @import { View } from "../lib/view.js" */

/** How many prompts are loaded at a time, and how many a search loads. */
const PAGE = 50;
const SEARCHED_PAGE = 100;
const DAY_MS = 86_400_000;

/**
 * @param {Place} place
 * @returns {View}
 */
export function openTrash({ query, signal }) {
  /** @type {Prompt[]} */
  let prompts = [];
  /** @type {string | undefined} */
  let cursor;
  let isLoaded = false;
  let words = query.get("q") ?? "";
  const rows = h("div", {}, skeleton());
  const message = h("div", {});
  const status = h("p", { class: "hint", role: "status" });
  const search = h("input", {
    class: "input",
    type: "search",
    "aria-label": "Search the trash",
    placeholder: "Search the trash",
    autocomplete: "off",
    value: words,
  });
  const empty = button(
    { label: "Empty trash", icon: "trash", look: "danger" },
    () => void emptyAll(),
  );
  const tools = h("div", { class: "trash-tools" }, search, status);

  const fail = (/** @type {unknown} */ error, /** @type {() => void} */ retry) => {
    if (!isAbort(error)) showProblem(message, problemBox(error, retry));
  };
  /** @type {Promise<void> | undefined} */
  let loading;
  /** Loads the next page, unless that is on its way. */
  const load = () => (loading ??= loadPage().finally(() => (loading = undefined)));
  /** A search goes on until it has a page of hits, for the words that stand there by then. */
  const loadPage = async () => {
    fill(message);
    try {
      do {
        const limit = words ? SEARCHED_PAGE : PAGE;
        const page = await listTrash({ limit, ...(cursor && { cursor }) }, { signal });
        prompts = [...prompts, ...page.prompts];
        cursor = page.next_cursor ?? undefined;
        isLoaded = true;
      } while (words && cursor && hits().length < PAGE);
    } catch (error) {
      if (!isLoaded) fill(rows);
      fail(error, () => void load());
      return;
    }
    draw();
  };
  const more = moreButton(rows, load);
  const hits = () => prompts.filter((prompt) => matches(prompt, words));
  const draw = () => {
    if (!isLoaded) return;
    const found = hits();
    empty.hidden = prompts.length === 0;
    tools.hidden = prompts.length === 0;
    const isWhole = cursor === undefined;
    more.hidden = isWhole || found.length === 0;
    status.textContent = words || isWhole ? formatCount(found.length, "prompt") : "";
    if (prompts.length === 0) {
      fill(
        rows,
        emptyState(
          "The trash is empty",
          h("p", {}, "Deleted prompts stay here for 30 days. Until then you can restore them."),
        ),
      );
    } else if (found.length === 0) {
      fill(
        rows,
        emptyState(`Nothing in the trash has “${words}”`, button({ label: "Clear" }, clear)),
      );
    } else {
      fill(
        rows,
        h(
          "ul",
          { class: "trash-rows", "aria-label": "Deleted prompts" },
          found.map((prompt) => row(prompt, actions)),
        ),
      );
    }
  };
  const clear = () => {
    search.value = "";
    seek();
    search.focus();
  };
  const seek = () => {
    words = search.value.trim();
    replaceQuery(new URLSearchParams(words ? { q: words } : {}));
    draw();
    if (words && cursor && hits().length < PAGE) void load();
  };
  const remove = (/** @type {Prompt} */ prompt) => {
    const index = hits().indexOf(prompt);
    prompts = prompts.filter((other) => other !== prompt);
    draw();
    (rowButton(rows, index) ?? element.querySelector("h1"))?.focus();
    void refreshSession().catch(() => undefined);
  };
  const emptyAll = async () => {
    const count = me.value?.use.deleted ?? prompts.length;
    const them = formatCount(count, "prompt");
    const isSure = await confirmAction({
      title: "Empty the trash?",
      text: `${them} and all ${count === 1 ? "its" : "their"} versions are removed for good.`,
      action: "Empty trash",
    });
    if (!isSure) return;
    try {
      const { purged } = await emptyTrash();
      prompts = [];
      cursor = undefined;
      draw();
      element.querySelector("h1")?.focus();
      showToast(`${formatCount(purged, "prompt")} removed for good.`);
      await refreshSession();
    } catch (error) {
      fail(error, () => void emptyAll());
    }
  };
  const actions = {
    restore: async (/** @type {Prompt} */ prompt) => {
      try {
        const restored = await restoreOrRename(prompt);
        if (!restored) return;
        if (restored.id !== prompt.id) {
          libraryChanged(restored);
          showToast(`Saved as ${restored.name}. The deleted prompt stays in the trash.`);
          return;
        }
        remove(prompt);
        libraryChanged(restored);
        showToast(`“${restored.title}” is back in the library.`);
      } catch (error) {
        fail(error, () => void actions.restore(prompt));
      }
    },
    purge: async (/** @type {Prompt} */ prompt) => {
      const isSure = await confirmAction({
        title: "Delete for ever?",
        text: `“${prompt.title}” and all its versions are removed for good.`,
        action: "Delete for ever",
      });
      if (!isSure) return;
      try {
        await purgePrompt(prompt.id);
        remove(prompt);
        showToast(`“${prompt.title}” is removed for good.`);
      } catch (error) {
        fail(error, () => void actions.purge(prompt));
      }
    },
  };
  search.addEventListener("input", seek);
  const element = h(
    "div",
    { class: "trash" },
    viewHeading("Trash", empty),
    message,
    tools,
    rows,
    more,
  );
  empty.hidden = true;
  tools.hidden = true;
  void load();
  return { title: "Trash", element };
}

/**
 * @param {Prompt} prompt
 * @param {{ restore: (prompt: Prompt) => Promise<void>, purge: (prompt: Prompt) => Promise<void> }} actions
 */
function row(prompt, { restore, purge }) {
  const { title, name, description, deleted_at, restorable_until } = prompt;
  const days = Math.max(0, Math.ceil((Date.parse(restorable_until ?? "") - Date.now()) / DAY_MS));
  const back = button(
    { label: "Restore", icon: "restore", props: { "aria-describedby": `trash-${prompt.id}` } },
    () => {
      void whileBusy(back, () => restore(prompt));
    },
  );
  const gone = button(
    {
      label: "Delete for ever",
      look: "quiet",
      props: { "aria-describedby": `trash-${prompt.id}` },
    },
    () => void purge(prompt),
  );
  return h(
    "li",
    { class: "trash-row" },
    h(
      "div",
      { class: "trash-facts" },
      h("h2", { id: `trash-${prompt.id}`, dir: "auto" }, title),
      description ? h("p", { class: "trash-description", dir: "auto" }, description) : null,
      h(
        "p",
        { class: "hint" },
        h("code", {}, name),
        ` · deleted ${formatAge(deleted_at ?? "")} · ${formatCount(days, "day")} left`,
      ),
    ),
    h("div", { class: "actions" }, back, gone),
  );
}

/**
 * Restores a prompt. Where another prompt has its name by now, it asks for a new one.
 *
 * @param {Prompt} prompt
 * @returns {Promise<Prompt | undefined>} `undefined` if the user left it in the trash.
 */
async function restoreOrRename(prompt) {
  try {
    return await restorePrompt(prompt.id, {});
  } catch (error) {
    if (!(error instanceof Problem && error.type === "name-taken")) throw error;
    return askForName(prompt);
  }
}

/**
 * The server restores a prompt under its own name alone, so a new name makes a new prompt of its
 * text. The deleted one, with its history, stays where it is.
 *
 * @param {Prompt} prompt
 * @returns {Promise<SavedPrompt | undefined>}
 */
function askForName({ name, title, description, tags, content, variables }) {
  return openDialog("The name is taken", (/** @type {(result?: SavedPrompt) => void} */ close) => {
    const input = h("input", {
      class: "input",
      type: "text",
      autocomplete: "off",
      value: `${name.slice(0, 62)}-2`,
    });
    const { element, setError } = field("Name", input);
    const save = button({ label: "Save as new prompt", look: "primary" }, () => {
      void whileBusy(save, async () => {
        try {
          close(
            await createPrompt({ name: input.value, title, description, tags, content, variables }),
          );
        } catch (error) {
          const isTaken = error instanceof Problem && error.type === "name-taken";
          setError(isTaken ? "This name is taken as well." : describeError(error));
          input.focus();
        }
      });
    });
    input.addEventListener("keydown", ({ key }) => {
      if (key === "Enter") save.click();
    });
    return [
      h(
        "p",
        {},
        "Another prompt is named ",
        h("b", {}, name),
        " now. Rename that one and restore this one afterwards, or save this text as a new prompt with another name.",
      ),
      element,
      h(
        "div",
        { class: "actions" },
        save,
        buttonLink(
          { label: "Rename the other", props: { on: { click: () => close() } } },
          `${promptAddress(name)}/edit`,
        ),
        button({ label: "Cancel", look: "quiet" }, () => close()),
      ),
    ];
  });
}

/**
 * Whether a prompt has all words in its name, title, description, tags or content.
 *
 * @param {Prompt} prompt
 * @param {string} words
 */
function matches({ name, title, description, tags, content }, words) {
  const text = [name, title, description, ...tags, content].join("\n").toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/**
 * The first button of the row at a place, or of the last one.
 *
 * @param {Element} rows
 * @param {number} index
 */
function rowButton(rows, index) {
  const all = rows.querySelectorAll("li");
  return all[Math.min(index, all.length - 1)]?.querySelector("button");
}
