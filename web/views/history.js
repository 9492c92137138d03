// The versions of a prompt, and the difference of any two of them.

import { promptAddress } from "../lib/addresses.js";
import { fill, h } from "../lib/h.js";
import { formatAge, formatCount, formatMoment } from "../lib/format.js";
import { navigate, replaceQuery } from "../lib/router.js";
import { Problem, isAbort, isMissing } from "../api/problem.js";
import { getPrompt, listVersions, pruneVersions, restorePrompt } from "../api/promptdb.js";
import { button, buttonLink, whileBusy } from "../parts/button.js";
import { changeList } from "../parts/changes.js";
import { diffView } from "../parts/diff.js";
import { confirmAction } from "../parts/dialog.js";
import { viewHeading } from "../parts/heading.js";
import { moreButton } from "../parts/more.js";
import { icon } from "../parts/icon.js";
import { describeError, problemBox, showProblem } from "../parts/problem.js";
import { showToast } from "../parts/toast.js";
import { savedBy } from "../parts/saved-by.js";
import { libraryChanged } from "../state/library.js";
import { rememberSave } from "../state/saved.js";
import { missingPrompt } from "./prompt-missing.js";

/** @import { Prompt, Version } from "../api/promptdb.js" */
/** @import { Place } from "../lib/router.js" */
/** @import { View } from "../lib/view.js" */

/** How many versions are loaded at a time. */
const PAGE = 20;

/**
 * @param {Place} place
 * @returns {Promise<View>}
 */
export async function openHistory(place) {
  const { params, signal } = place;
  const name = params.name ?? "";
  try {
    const prompt = await getPrompt(name, undefined, { signal });
    const page = await listVersions(prompt.id, { limit: PAGE }, { signal });
    return historyView(place, prompt, page.versions, page.next_cursor ?? undefined);
  } catch (error) {
    if (isMissing(error)) return missingPrompt(name, signal);
    throw error;
  }
}

/**
 * @param {Place} place
 * @param {Prompt} prompt
 * @param {Version[]} versions Those that are loaded, the newest first.
 * @param {string | undefined} cursor
 * @returns {View}
 */
function historyView({ query, signal: first }, prompt, versions, cursor) {
  let signal = first;
  const path = promptAddress(prompt);
  const rows = h("ol", { class: "version-rows", reversed: true, "aria-label": "Versions" });
  const result = h("section", { class: "version-diff stack" });
  // Announced, unlike the difference itself.
  const label = h("h2", { "aria-live": "polite" });
  const message = h("div", {});
  let [from, to] = chosen(query, prompt.version);

  const fail = (/** @type {unknown} */ error, /** @type {() => void} */ retry) => {
    if (!isAbort(error)) showProblem(message, problemBox(error, retry));
  };
  const find = async (/** @type {number} */ number) =>
    versions.find(({ version }) => version === number) ??
    getPrompt(prompt.id, { version: number }, { signal });
  const compare = async () => {
    fill(message);
    try {
      const [before, after] = await Promise.all([find(from), find(to)]);
      label.textContent = `From version ${from} to version ${to}`;
      fill(result, label, comparison(before, after));
    } catch (error) {
      fill(result);
      fail(error, () => void compare());
    }
  };
  const choose = (/** @type {"a" | "b"} */ end, /** @type {number} */ version) => {
    if (end === "a") from = version;
    else to = version;
    replaceQuery(new URLSearchParams({ a: String(from), b: String(to) }));
    draw();
    void compare();
  };
  const restore = async (/** @type {Version} */ old) => {
    try {
      const former = prompt.version;
      const saved = await bringBack(old.version);
      showToast(`Version ${old.version} is back, as version ${saved.version}.`, {
        label: "Undo",
        run: () => void undo(former, saved.version),
      });
    } catch (error) {
      fail(error, () => void restore(old));
    }
  };
  const undo = async (/** @type {number} */ former, /** @type {number} */ version) => {
    try {
      const saved = await bringBack(former, version);
      showToast(`Version ${former} is back, as version ${saved.version}.`);
    } catch (error) {
      // The history may be left by now, so a message says it.
      const newer = error instanceof Problem ? error.currentVersion : undefined;
      if (newer === undefined) {
        showToast(describeError(error), { label: "Retry", run: () => void undo(former, version) });
      } else {
        showToast(`Version ${newer} was saved meanwhile. Nothing was undone.`);
      }
    }
  };
  const bringBack = async (/** @type {number} */ version, expected = prompt.version) => {
    const key = crypto.randomUUID();
    const saved = await restorePrompt(prompt.id, { version }, { version: expected, key });
    rememberSave(saved);
    libraryChanged(saved);
    if (!signal.aborted) navigate(`${path}/history`, { replace: true });
    return saved;
  };
  const prune = async () => {
    const isSure = await confirmAction({
      title: "Remove older versions?",
      text: `Only version ${prompt.version} stays. The others are removed for good, and no search or export has them any more.`,
      action: "Remove older versions",
    });
    if (!isSure) return;
    try {
      const { purged } = await pruneVersions(prompt.id, prompt.version);
      showToast(`${formatCount(purged, "version")} removed.`);
      if (!signal.aborted) navigate(`${path}/history`, { replace: true });
    } catch (error) {
      fail(error, () => void prune());
    }
  };
  const more = moreButton(rows, async () => {
    try {
      const page = await listVersions(
        prompt.id,
        { limit: PAGE, ...(cursor && { cursor }) },
        { signal },
      );
      versions = [...versions, ...page.versions];
      cursor = page.next_cursor ?? undefined;
      draw();
    } catch (error) {
      fail(error, () => more.click());
    }
  });
  const remove = button({ label: "Remove older versions", look: "quiet" }, () => void prune());
  const draw = () => {
    const focused = document.activeElement?.id;
    fill(
      rows,
      versions.map((version) =>
        versionRow(version, version.version === prompt.version, [from, to], choose, restore),
      ),
    );
    more.hidden = !cursor;
    if (focused) document.getElementById(focused)?.focus();
  };
  const list = h(
    "div",
    { class: "version-list" },
    h(
      "p",
      { class: "version-head hint", "aria-hidden": "true" },
      h("span", {}, "From"),
      h("span", {}, "To"),
    ),
    rows,
    more,
    remove,
  );
  const isOnly = prompt.version === versions.at(-1)?.version;
  const body = isOnly
    ? [
        h(
          "p",
          {},
          `There is only version ${prompt.version}, saved ${formatAge(prompt.updated_at)}`,
          savedBy(prompt.source),
          ".",
        ),
        h("p", { class: "muted" }, "Each save adds a version, and each can be restored."),
        buttonLink({ label: "Edit", icon: "edit" }, `${path}/edit`),
      ]
    : [h("div", { class: "history-panes" }, list, result)];
  if (!isOnly) {
    draw();
    void compare();
  }
  const title = `History of ${prompt.title}`;
  const element = h(
    "div",
    { class: "history" },
    h("a", { class: "back", href: path }, icon("back"), "Back to the prompt"),
    viewHeading(title),
    message,
    h("div", { class: "stack" }, body),
  );
  return {
    title,
    element,
    update: (place) => {
      signal = place.signal;
      // After a restore there are other versions.
      if (!place.query.has("a")) return false;
      [from, to] = chosen(place.query, prompt.version);
      draw();
      void compare();
      return true;
    },
  };
}

/**
 * The two versions that an address names; by default the last one and the one before.
 *
 * @param {URLSearchParams} query
 * @param {number} current
 * @returns {[number, number]}
 */
function chosen(query, current) {
  const read = (/** @type {string} */ key, /** @type {number} */ otherwise) => {
    const number = Number(query.get(key));
    return Number.isInteger(number) && number >= 1 && number <= current ? number : otherwise;
  };
  return [read("a", Math.max(1, current - 1)), read("b", current)];
}

/**
 * @param {Version} version
 * @param {boolean} isCurrent
 * @param {[number, number]} ends
 * @param {(end: "a" | "b", version: number) => void} choose
 * @param {(version: Version) => Promise<void>} restore
 */
function versionRow(version, isCurrent, [from, to], choose, restore) {
  const { version: number, created_at, source } = version;
  const radio = (
    /** @type {"a" | "b"} */ end,
    /** @type {string} */ label,
    /** @type {boolean} */ checked,
  ) =>
    h(
      "label",
      { class: "version-choice" },
      h("input", {
        type: "radio",
        id: `version-${end}-${number}`,
        name: `version-${end}`,
        "aria-label": label,
        checked,
        on: { change: () => choose(end, number) },
      }),
    );
  const again = button(
    { label: "Restore", look: "quiet", props: { "aria-label": `Restore version ${number}` } },
    () => {
      void whileBusy(again, () => restore(version));
    },
  );
  return h(
    "li",
    { class: "version-row", value: number },
    radio("a", `Compare from version ${number}`, number === from),
    radio("b", `Compare to version ${number}`, number === to),
    h(
      "div",
      { class: "version-facts" },
      h(
        "p",
        {},
        h("b", {}, `Version ${number}`),
        isCurrent && h("span", { class: "badge" }, "Current"),
      ),
      h(
        "p",
        { class: "hint" },
        h("time", { datetime: created_at, title: formatMoment(created_at) }, formatAge(created_at)),
        savedBy(source),
      ),
    ),
    isCurrent ? null : again,
  );
}

/**
 * @param {Version | Prompt} before
 * @param {Version | Prompt} after
 */
function comparison(before, after) {
  // A version has no name of its own: a new name is none.
  const fieldsOf = (/** @type {Version | Prompt} */ version) => ({ ...version, name: "" });
  return [
    changeList(fieldsOf(before), fieldsOf(after)),
    diffView(before.content, after.content, "Changes of the content"),
  ];
}
