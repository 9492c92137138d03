// The form of a prompt: its variables, the text as they make it, and the way into the chat.

import { foldName } from "../../web/lib/variables.js";
import { promptPreview, variableClass } from "../../web/parts/prompt-text.js";
import { createActions } from "../parts/actions.js";
import { copy } from "../parts/copy.js";
import { clamped, fill, h, heading, isolated } from "../parts/text.js";
import { showHidden } from "../model/words.js";

/** @import { App, Card } from "../app.js" */
/** @import { components } from "../../web/api/schema.js" */
/**
 * @typedef {object} Prompt
 * @property {string} id
 * @property {string} name
 * @property {string} title
 * @property {string} description
 * @property {string[]} tags
 * @property {number} version
 * @property {components["schemas"]["VariableResponse"][]} variables
 * @property {string} text
 * @property {number} [syntax] Of its variables. The tool returns none.
 * @property {boolean} [content_cut]
 */

/** The rule of variables where the answer states none. */
const SYNTAX = 2;

/**
 * @param {App} app
 * @param {Prompt} prompt Its text is whole.
 * @returns {Card}
 */
export function fillCard(app, prompt) {
  const { id, version, variables, description, title, name } = prompt;
  const { said, button } = createActions(app);
  const preview = promptPreview({
    ...prompt,
    content: prompt.text,
    syntax: prompt.syntax ?? SYNTAX,
  });
  preview.element.removeAttribute("tabindex");
  preview.element.classList.add("text");
  const status = h("div", { class: "stack", role: "status" });
  const fields = variables.map(makeField);
  let text = "";
  /** @type {Record<string, string>} */
  let values = {};

  const change = () => {
    const given = fields.filter(
      ({ control, preset }) => control.value !== "" || preset !== undefined,
    );
    values = Object.fromEntries(given.map(({ control, key }) => [key, control.value]));
    text = preview.show(new Map(given.map(({ control, key }) => [foldName(key), control.value])));
    fill(status);
  };
  /** Counts the use. The text is with the person already, so a failure changes nothing. */
  const countUse = () => {
    app.bridge.call("get_prompt", { id, version, arguments: values }).catch(() => undefined);
  };
  const missing = () =>
    fields.find(({ control, preset }) => !control.value && preset === undefined);
  const finish = async (/** @type {() => Promise<string>} */ run) => {
    const empty = missing();
    if (empty) {
      fill(status, h("p", {}, "Fill in ", isolated(empty.key), "."));
      empty.control.focus();
      return;
    }
    const note = await run();
    if (note) fill(status, h("p", {}, note));
    else showToCopy();
    countUse();
  };
  const use = button("Use in chat", "primary", () =>
    finish(async () => ((await app.bridge.send(text)) ? "It is in the chat." : "")),
  );
  const copyText = button("Copy", app.bridge.isChat ? "plain" : "primary", () =>
    finish(async () => ((await copy(text)) ? "Copied." : "")),
  );
  const showToCopy = () => {
    const label = "Copy it into your message";
    const area = h("textarea", {
      id: "copy",
      class: "field",
      readonly: true,
      rows: 6,
      value: text,
    });
    fill(status, h("label", { for: "copy" }, label), area);
    area.focus();
    area.select();
  };
  const keydown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    (app.bridge.isChat ? use : copyText).click();
  };
  change();
  const form = h(
    "div",
    { class: "stack", on: { input: change, keydown } },
    fields.map(({ row }) => row),
  );
  const element = h(
    "section",
    { class: "stack", tabindex: "-1" },
    h(
      "div",
      {},
      heading(isolated(title)),
      h("p", { class: "meta" }, h("span", { class: "name" }, name)),
    ),
    description && h("p", { class: "why", dir: "auto" }, showHidden(description)),
    form,
    clamped(app, preview.element),
    said,
    h("div", { class: "actions" }, app.bridge.isChat && use, copyText),
    status,
    h(
      "div",
      { class: "minor" },
      button("Library", "small", () => app.openLibrary()),
    ),
  );
  return { element };
}

/**
 * @param {Prompt["variables"][number]} variable
 * @param {number} index
 */
function makeField({ name: key, description, default: given }, index) {
  const id = `fill-${index}`;
  const preset = given ?? undefined;
  const control = h("textarea", {
    id,
    class: "field",
    rows: 1,
    dir: "auto",
    autocomplete: "off",
    required: preset === undefined,
    "aria-describedby": description && `${id}-hint`,
    value: preset ?? "",
  });
  const name = h("span", { class: variableClass(index) }, isolated(key));
  const label = h(
    "label",
    { for: id },
    name,
    preset === undefined && h("span", { class: "soft" }, " required"),
  );
  const hint =
    description &&
    h("p", { class: "soft", id: `${id}-hint`, dir: "auto" }, showHidden(description));
  return { key, preset, control, row: h("div", { class: "row" }, label, hint, control) };
}
