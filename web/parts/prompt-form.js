// The fields of a prompt, with a preview. Editing, a new prompt and the review use the same form.

import { formatSentence } from "../lib/format.js";
import { fill, h } from "../lib/h.js";
import { readSlug } from "../lib/slug.js";
import { splitVariables } from "../lib/variables.js";
import { Problem } from "../api/problem.js";
import { MARKS_MAX, contentField } from "./content.js";
import { field } from "./field.js";
import { variableClass } from "./prompt-text.js";
import { tagsField } from "./tags.js";
import { variablesTable } from "./variables.js";

/** @import { Variable } from "../api/promptdb.js" */
/** @import { PromptFields } from "../state/fields.js" */
/** @import { Field } from "./field.js" */

/** Maximum length of a name. */
const NAME_MAX_CHARS = 64;
/** Maximum length of a description, and the length from which it is counted. */
const DESCRIPTION_MAX_CHARS = 1024;
const DESCRIPTION_COUNTED_CHARS = 900;

/**
 * @param {PromptFields} initial
 * @param {() => void} changed Called after each change.
 */
export function promptForm(initial, changed) {
  let { isNameOwn } = initial;
  const title = h("input", { class: "input", type: "text", dir: "auto", autocomplete: "off" });
  const name = h("input", {
    class: "input",
    type: "text",
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
  });
  const description = h("textarea", { class: "input", rows: 2, dir: "auto" });
  const fields = {
    title: field("Title", title),
    name: field("Name", name),
    description: field("Description", description),
    tags: tagsField(initial.tags, () => changed()),
    content: contentField(initial.content, changed, () => {
      variables.update(fields.content.read());
      drawPreview();
    }),
  };
  const variables = variablesTable(initial.variables, () => {
    drawPreview();
    changed();
  });
  const preview = h("div", {
    class: "content-box preview",
    dir: "auto",
    tabindex: "0",
    role: "region",
    "aria-label": "Preview",
  });
  const details = h(
    "details",
    { class: "preview-details", open: true },
    h("summary", {}, "Preview"),
    preview,
  );
  let frame = 0;

  const drawPreview = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      if (details.open) paintPreview(preview, fields.content.read(), variables.read());
    });
  };
  const drawName = () => {
    if (!isNameOwn) {
      const slug = readSlug(title.value, NAME_MAX_CHARS);
      name.value = slug ?? "";
      name.placeholder = slug === undefined ? "Made from the title" : "";
    }
    const shown = name.value && h("b", {}, name.value);
    fields.name.setHint("How you call it in a chat", shown && ": ", shown, ".");
  };
  const drawDescription = () => {
    const { length } = Array.from(description.value);
    const count = length > DESCRIPTION_COUNTED_CHARS && ` ${length} of ${DESCRIPTION_MAX_CHARS}.`;
    fields.description.setHint("What it is for and when to use it.", count);
  };
  title.addEventListener("input", () => {
    if (!isNameOwn) fields.name.setError();
    drawName();
    changed();
  });
  name.addEventListener("input", () => {
    // An empty name follows the title again.
    isNameOwn = name.value !== "";
    drawName();
    changed();
  });
  name.addEventListener("blur", () => {
    if (isNameOwn) name.value = readSlug(name.value, NAME_MAX_CHARS + 1) ?? name.value;
    drawName();
  });
  description.addEventListener("input", () => {
    drawDescription();
    changed();
  });
  details.addEventListener("toggle", drawPreview);

  const write = (/** @type {PromptFields} */ next) => {
    ({ isNameOwn } = next);
    title.value = next.title;
    name.value = next.name;
    description.value = next.description;
    fields.tags.write(next.tags);
    fields.content.write(next.content);
    variables.write(next.variables);
    variables.update(next.content);
    for (const { setError } of Object.values(fields)) setError();
    drawName();
    drawDescription();
    drawPreview();
  };
  write(initial);
  const controls = {
    title,
    name,
    description,
    tags: fields.tags.input,
    content: fields.content.input,
  };

  return {
    element: h(
      "div",
      { class: "stack prompt-form" },
      fields.title.element,
      fields.name.element,
      fields.description.element,
      fields.tags.element,
      fields.content.element,
      variables.element,
      details,
    ),
    /** @returns {PromptFields} */
    read: () => {
      const content = fields.content.read();
      variables.update(content);
      return {
        title: title.value,
        name: name.value,
        isNameOwn,
        description: description.value,
        tags: fields.tags.read(),
        content,
        variables: variables.read(true),
      };
    },
    write,
    controls,
    /**
     * Shows the faults of a save at their fields, and moves the focus to the first.
     *
     * @param {unknown} error
     * @returns {boolean} Whether all of it is shown.
     */
    showErrors: (error) => {
      const faults = faultsOf(error);
      let isShown = faults.length > 0;
      for (const { path, message } of faults) isShown = showFault(path, message) && isShown;
      const first = /** @type {(keyof typeof controls)[]} */ (Object.keys(controls)).find((key) =>
        fields[key].hasError(),
      );
      if (first) controls[first].focus();
      return isShown;
    },
  };

  /**
   * @param {string} path Of the field, such as `tags[2]`.
   * @param {string} message
   */
  function showFault(path, message) {
    const [, key = "", index] = /^(\w+)(?:\[(\d+)\])?/.exec(path) ?? [];
    const text = formatSentence(message);
    if (key === "variables" && index) return variables.setError(Number(index), text);
    const found = /** @type {Record<string, Field>} */ (fields)[key];
    found?.setError(
      key === "tags" && index ? `${fields.tags.read()[Number(index)]}: ${message}.` : text,
    );
    return found !== undefined;
  }
}

/**
 * The faults of fields that an error has.
 *
 * @param {unknown} error
 */
function faultsOf(error) {
  if (!(error instanceof Problem)) return [];
  if (error.type === "name-taken") {
    return [{ path: "name", message: "another prompt has this name; choose a different one" }];
  }
  if (error.type === "body-too-large") {
    return [{ path: "content", message: "is too long; at most 65,536 bytes are allowed" }];
  }
  return error.errors.map(({ field: path, message }) => ({ path, message }));
}

/**
 * Shows a content as it is used without arguments: defaults are filled in, other variables stay.
 *
 * @param {HTMLElement} box
 * @param {string} content
 * @param {Variable[]} variables
 */
function paintPreview(box, content, variables) {
  const places = new Map(variables.map(({ name }, index) => [name, index]));
  let marks = 0;
  const nodes = splitVariables(content).map(({ text, variable, literal }) => {
    const index = variable === undefined ? undefined : places.get(variable);
    if (index === undefined) return literal ?? text;
    const value = variables[index]?.default ?? text;
    marks += 1;
    return marks > MARKS_MAX ? value : h("mark", { class: variableClass(index) }, value);
  });
  fill(box, nodes.length > 0 ? nodes : h("span", { class: "muted" }, "Nothing yet."));
}
