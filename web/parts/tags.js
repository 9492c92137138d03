// The field of tags: a combobox over the tags of the library, and a chip for each chosen one.

import { fill, h } from "../lib/h.js";
import { readSlug } from "../lib/slug.js";
import { formatCount } from "../lib/format.js";
import { loadTags, tags as libraryTags } from "../state/library.js";
import { field } from "./field.js";
import { icon } from "./icon.js";

/** Maximum number of tags of a prompt. */
const TAGS_MAX = 10;
/** Maximum length of a tag. */
const TAG_MAX_CHARS = 32;
/** How many tags are offered at a time. */
const OFFERED_MAX = 8;

/**
 * @param {string[]} initial
 * @param {() => void} changed Called after each change.
 */
export function tagsField(initial, changed) {
  let tags = [...initial];
  let active = -1;
  /** Whether the tags of the library were loaded for this field. */
  let isCurrent = false;
  const input = h("input", {
    class: "tags-input",
    type: "text",
    role: "combobox",
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": "tag-options",
    autocomplete: "off",
    autocapitalize: "none",
    enterkeyhint: "done",
  });
  const chips = h("ul", { class: "chosen-tags", "aria-label": "Chosen tags" });
  const options = h("ul", {
    id: "tag-options",
    class: "options",
    role: "listbox",
    "aria-label": "Tags of the library",
    hidden: true,
  });
  const announcement = h("span", { class: "visually-hidden", role: "status" });
  const box = h("div", { class: "input tags-box" }, chips, input, options, announcement);
  const parts = field("Tags", input, box);

  const draw = () => {
    fill(chips, tags.map(chip));
    chips.hidden = tags.length === 0;
    parts.setHint(`Topics to find it by, at most ${TAGS_MAX}. Enter adds one.`);
  };
  const chip = (/** @type {string} */ tag) => {
    const remove = h(
      "button",
      { type: "button", class: "chip-remove", "aria-label": `Remove ${tag}` },
      icon("close"),
    );
    remove.addEventListener("click", () => removeTag(tag));
    remove.addEventListener("keydown", ({ key }) => {
      if (key === "Backspace" || key === "Delete") removeTag(tag);
      else if (key === "ArrowLeft") step(tag, -1);
      else if (key === "ArrowRight") step(tag, 1);
    });
    return h("li", { class: "tag chosen-tag" }, h("bdi", {}, tag), remove);
  };
  const buttonAt = (/** @type {number} */ index) =>
    /** @type {HTMLElement | null | undefined} */ (chips.children[index]?.querySelector("button"));
  const step = (/** @type {string} */ tag, /** @type {number} */ by) => {
    (buttonAt(tags.indexOf(tag) + by) ?? (by > 0 ? input : undefined))?.focus();
  };
  const removeTag = (/** @type {string} */ tag) => {
    const index = tags.indexOf(tag);
    tags = tags.filter((other) => other !== tag);
    draw();
    (buttonAt(Math.min(index, tags.length - 1)) ?? input).focus();
    announcement.textContent = `${tag} removed`;
    parts.setError();
    changed();
  };
  /** @param {string} text Tags with commas between them. */
  const add = (text) => {
    const before = tags.length;
    for (const part of text.split(/[,\n]/)) {
      const tag = readSlug(part, part.length) ?? part.trim();
      if (tag === "" && part.trim() !== "") {
        parts.setError("A tag needs a letter or a digit.");
      }
      if (!tag || tags.includes(tag)) continue;
      if (tags.length === TAGS_MAX) {
        parts.setError(`A prompt has at most ${TAGS_MAX} tags. Remove one first.`);
        break;
      }
      tags.push(tag);
    }
    input.value = "";
    close();
    if (tags.length === before) return;
    draw();
    announcement.textContent = `${tags.slice(before).join(", ")} added`;
    changed();
  };
  const close = () => {
    active = -1;
    options.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const open = () => {
    const word = (readSlug(input.value, TAG_MAX_CHARS) ?? input.value.trim()).toLowerCase();
    const fits = libraryTags.value.tags.filter(
      ({ name }) => name.includes(word) && !tags.includes(name),
    );
    const rank = (/** @type {string} */ name) => (name.startsWith(word) ? 0 : 1);
    fits.sort((a, b) => rank(a.name) - rank(b.name) || b.count - a.count);
    close();
    fill(options, fits.slice(0, OFFERED_MAX).map(option));
    options.hidden = fits.length === 0;
    input.setAttribute("aria-expanded", String(fits.length > 0));
  };
  const offer = async () => {
    open();
    if (isCurrent) return;
    isCurrent = true;
    // The tags are an offer: the field takes any text without them.
    await loadTags().catch(() => (isCurrent = false));
    if (document.activeElement === input && active < 0) open();
  };
  const option = (/** @type {{ name: string, count: number }} */ { name, count }, index = 0) =>
    h(
      "li",
      {
        id: `tag-option-${index}`,
        role: "option",
        "aria-selected": "false",
        "data-tag": name,
        // The field keeps the focus.
        on: { pointerdown: (/** @type {Event} */ event) => event.preventDefault() },
      },
      h("span", {}, name),
      h("span", { class: "muted" }, formatCount(count, "prompt")),
    );
  const activate = (/** @type {number} */ index) => {
    const count = options.children.length;
    if (options.hidden) open();
    if (count === 0) return;
    options.children[active]?.setAttribute("aria-selected", "false");
    active = (index + count) % count;
    const chosen = options.children[active];
    chosen?.setAttribute("aria-selected", "true");
    chosen?.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", chosen?.id ?? "");
  };
  const press = (/** @type {KeyboardEvent} */ event) => {
    if (event.isComposing) return;
    const chosen = /** @type {HTMLElement | undefined} */ (options.children[active]);
    if (event.key === "Enter") {
      event.preventDefault();
      add(chosen?.dataset.tag ?? input.value);
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      activate(active + 1);
    } else if (event.key === "ArrowUp") {
      event.preventDefault();
      activate(active < 0 ? -1 : active - 1);
    } else if (event.key === "Escape" && !options.hidden) {
      event.preventDefault();
      close();
    } else if (event.key === "Backspace" && input.value === "") {
      event.preventDefault();
      buttonAt(tags.length - 1)?.focus();
    }
  };
  input.addEventListener("keydown", press);
  input.addEventListener("focus", () => void offer());
  input.addEventListener("input", () => (input.value.includes(",") ? add(input.value) : open()));
  input.addEventListener("blur", () => add(input.value));
  options.addEventListener("click", ({ target }) => {
    const item = target instanceof Element ? target.closest("li") : null;
    if (item?.dataset.tag) add(item.dataset.tag);
    open();
  });
  box.addEventListener("click", ({ target }) => {
    if (target === box || target === chips) input.focus();
  });
  draw();
  return {
    ...parts,
    input,
    /** The chosen tags, and what stands in the field. */
    read: () => {
      const rest = input.value.trim();
      return rest && !tags.includes(rest) ? [...tags, rest] : [...tags];
    },
    write: (/** @type {string[]} */ next) => {
      tags = [...next];
      draw();
    },
  };
}
