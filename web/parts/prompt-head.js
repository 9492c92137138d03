// The head of a prompt's page, and the facts below its text.

import { listVersions } from "../api/promptdb.js";
import { promptAddress } from "../lib/addresses.js";
import { formatAge, formatMoment } from "../lib/format.js";
import { fill, h, setProps } from "../lib/h.js";
import { listAddress } from "../state/library.js";
import { button } from "./button.js";
import { copyText } from "./copy.js";
import { icon } from "./icon.js";
import { toggleFavorite } from "./prompt-actions.js";
import { formatUses } from "./prompt-rows.js";
import { savedBy } from "./saved-by.js";

/** @import { Prompt, Similar } from "../api/promptdb.js" */

/** Versions in the summary of the history. */
const VERSIONS_SHOWN = 3;

/** What stands before the title of a similar prompt, by its verdict. @type {Map<string, string>} */
const RELATIONS = new Map([
  ["duplicate", "The same text is saved as "],
  ["related", "Related: "],
]);

/** Title, favourite, description and facts, which `show` brings up to date. */
export function promptHead() {
  /** @type {Prompt | undefined} */
  let prompt;
  const title = h("h1", { tabindex: "-1", dir: "auto" });
  const star = button(
    { label: "Favourite", icon: "star", look: "quiet", isIconOnly: true },
    () => prompt && void toggleFavorite(prompt),
  );
  const facts = h("p", { class: "prompt-facts" });
  const description = h("p", { class: "prompt-description", dir: "auto" });
  const tags = h("ul", { class: "prompt-tags", "aria-label": "Tags" });
  const back = h("a", { class: "back-link", "data-back": "" }, icon("back"), "Library");
  return {
    element: h(
      "header",
      { class: "prompt-head" },
      back,
      h("div", { class: "prompt-title" }, title, star),
      facts,
      description,
      tags,
    ),
    /** @param {Prompt} next */
    show: (next) => {
      prompt = next;
      back.href = listAddress();
      title.textContent = next.title;
      setProps(star, { "aria-pressed": String(next.favorite) });
      fill(facts, factsOf(next));
      description.textContent = next.description;
      description.hidden = !next.description;
      fill(
        tags,
        next.tags.map((tag) =>
          h("li", {}, h("a", { href: `/app?tag=${tag}` }, h("span", { class: "tag" }, tag))),
        ),
      );
      tags.hidden = next.tags.length === 0;
    },
  };
}

/** @param {Prompt} prompt */
function factsOf({ name, version, source, updated_at, use_count: uses }) {
  const age = h(
    "time",
    { datetime: updated_at, title: formatMoment(updated_at) },
    formatAge(updated_at),
  );
  return [
    h("span", { class: "row-name" }, name),
    h("span", {}, `version ${version}`),
    h("span", {}, "saved ", age, source && savedBy(source)),
    h("span", {}, uses > 0 ? formatUses(uses) : "never used"),
  ];
}

/**
 * The sentence by which a chat uses a prompt.
 *
 * @param {string} name
 */
export function sayingOf(name) {
  return `Use my ${name} prompt`;
}

/**
 * What to say in a chat.
 *
 * @param {Prompt} prompt
 */
export function saying({ name }) {
  const text = sayingOf(name);
  return h(
    "section",
    { class: "prompt-section" },
    h("h2", {}, "In a chat"),
    h("p", { class: "muted" }, "In a chat that is connected, say:"),
    h(
      "p",
      { class: "saying" },
      h("q", {}, text),
      button(
        { label: "Copy what to say", icon: "copy", look: "quiet", isIconOnly: true },
        () => void copyText(text),
      ),
    ),
  );
}

/**
 * Warns of prompts that say the same, and names those of a near meaning.
 *
 * @param {Similar[]} similar
 */
export function similarNotice(similar) {
  return similar.map(({ name, title, verdict }) =>
    name
      ? h(
          "p",
          { class: verdict === "related" ? "notice" : "notice notice-warning" },
          verdict === "related" ? null : icon("warning"),
          h(
            "span",
            {},
            RELATIONS.get(verdict) ?? "This resembles ",
            h("a", { href: promptAddress(name), dir: "auto" }, title),
            ".",
          ),
        )
      : null,
  );
}

/**
 * The latest versions of a prompt.
 *
 * @param {Prompt} prompt
 * @param {AbortSignal} signal
 */
export async function historySummary(prompt, signal) {
  const { versions } = await listVersions(prompt.id, { limit: VERSIONS_SHOWN }, { signal });
  const rows = versions.map(({ version, created_at, source }) =>
    h(
      "li",
      {},
      h("span", {}, `Version ${version}`),
      h("span", { class: "muted" }, `${formatAge(created_at)}${source && `, ${source}`}`),
    ),
  );
  return h(
    "section",
    { class: "prompt-section" },
    h("h2", {}, "History"),
    h("ul", { class: "recent-versions" }, rows),
    h("a", { class: "solo", href: `${promptAddress(prompt)}/history` }, "Compare versions"),
  );
}
