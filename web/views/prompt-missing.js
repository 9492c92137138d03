// What is shown in place of a missing prompt.

import { listTrash } from "../api/promptdb.js";
import { isAbort, Problem } from "../api/problem.js";
import { promptAddress } from "../lib/addresses.js";
import { formatAge } from "../lib/format.js";
import { fill, h } from "../lib/h.js";
import { navigate } from "../lib/router.js";
import { button, buttonLink, whileBusy } from "../parts/button.js";
import { icon } from "../parts/icon.js";
import { viewHeading } from "../parts/heading.js";
import { bringBack } from "../parts/prompt-actions.js";
import { opened } from "../state/library.js";

/** @import { Prompt } from "../api/promptdb.js" */
/** @import { View } from "../lib/view.js" */

/** Deleted prompts that are looked through, the latest first: a page of the server. */
const LOOKED_AT = 100;

/**
 * @param {string} name Name or id.
 * @param {AbortSignal} signal
 * @returns {View}
 */
export function missingPrompt(name, signal) {
  const found = h("div", { class: "stack" });
  opened.value = undefined;
  findDeleted(name, signal)
    .then((prompts) => fill(found, prompts.map(offer)))
    .catch((/** @type {unknown} */ error) => {
      // The links below lead to the same.
      if (!isAbort(error) && !(error instanceof Problem)) throw error;
    });
  const element = h(
    "div",
    { class: "stack" },
    h("a", { class: "back-link", href: "/app", "data-back": "" }, icon("back"), "Library"),
    viewHeading("This prompt was moved or deleted"),
    h("p", { class: "muted", dir: "auto" }, `No prompt has the name “${name}”.`),
    found,
    h(
      "div",
      { class: "actions" },
      buttonLink({ label: "Open the library", look: "primary" }, "/app"),
      buttonLink({ label: "Search in trash" }, `/app/trash?q=${encodeURIComponent(name)}`),
    ),
  );
  return { title: "Prompt not found", element };
}

/**
 * @param {string} name
 * @param {AbortSignal} signal
 */
async function findDeleted(name, signal) {
  const slug = name.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, "-");
  const { prompts } = await listTrash({ limit: LOOKED_AT }, { signal });
  return prompts.filter((prompt) => prompt.name === slug || prompt.id === name);
}

/** @param {Prompt} prompt */
function offer(prompt) {
  const { title, deleted_at } = prompt;
  const restore = async () => {
    const restored = await whileBusy(again, () => bringBack(prompt));
    if (restored) navigate(promptAddress(restored), { replace: true });
  };
  const again = button({ label: "Restore", icon: "restore" }, () => void restore());
  return h(
    "div",
    { class: "notice" },
    h("p", {}, h("bdi", {}, title), ` was deleted ${deleted_at ? formatAge(deleted_at) : ""}.`),
    again,
  );
}
