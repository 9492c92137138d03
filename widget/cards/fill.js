// The form of a prompt: its variables, the text as they make it, and the ways to use that.

import { foldName, renderParts, splitKnown } from "../../web/lib/variables.js";
import { call, isChat, send } from "../bridge.js";
import { action, say } from "../parts/actions.js";
import { copy, selectIn } from "../parts/copy.js";
import { box, clamped, field, fill, h, heading, isolated, said } from "../parts/elements.js";
import { showHidden } from "../model/words.js";
import { openLibrary, show } from "../ways.js";

/** @import { Prompt } from "../bridge/call.js" */

/**
 * @param {Prompt} prompt Its text is whole.
 * @param {boolean} [hasFocus]
 */
export function showPrompt(prompt, hasFocus = true) {
  const { id, version, name, title, description, variables } = prompt;
  const fields = variables.map(makeField);
  const parts = splitKnown(
    prompt.text,
    fields.map(({ key }) => key),
  );
  /** The places of the variables in the preview; other parts are text. */
  const places = parts.map(({ text, variable, literal }) =>
    variable ? box("span.variable") : showHidden(literal ?? text),
  );
  const preview = box("pre", places);
  const toCopy = box("div");
  let text = "";
  /** @type {typeof fields} */
  let given = [];

  function change() {
    given = fields.filter(({ control, preset }) => control.value || preset !== null);
    const values = new Map(given.map(({ folded, control }) => [folded, control.value]));
    const rendered = renderParts(parts, values);
    text = rendered.join("");
    for (const [place, element] of places.entries()) {
      if (typeof element === "string") continue;
      const now = showHidden(rendered[place] ?? "");
      // Only what has changed: a long text may have thousands of places.
      if (element.textContent !== now) element.textContent = now;
    }
    fill(toCopy);
  }

  /** @param {(text: string) => Promise<string>} use Returns what was done; empty if it was not. */
  async function finish(use) {
    const missing = fields.find((one) => !given.includes(one));
    if (missing) {
      missing.control.focus();
      say("Fill in ", isolated(missing.key), ".");
      return;
    }
    say();
    const done = await use(text);
    say(done);
    const values = Object.fromEntries(given.map(({ key, control }) => [key, control.value]));
    // This counts the use. The person has the text, so a failure changes nothing.
    call("get_prompt", { id, version, arguments: values }).catch(() => undefined);
  }

  const useInChat = action("Use in chat", "primary", () =>
    finish(async () => {
      if (await send(text)) return "It is in the chat.";
      selectIn(toCopy, text);
      return "";
    }),
  );
  const copyIt = action("Copy", isChat ? "plain" : "primary", () =>
    finish(async () => {
      if (!(await copy(text, toCopy))) return "";
      fill(toCopy);
      copyIt.focus();
      return "Copied.";
    }),
  );
  change();
  const rows = fields.map(({ row }) => row);
  const card = box(
    "section.stack",
    heading(isolated(title)),
    box("p.meta", box("span.name", name)),
    description && said("p", description),
    h("div", { class: "stack", on: { input: change } }, rows),
    clamped(preview),
    box("div.actions", isChat && useInChat, copyIt, action("Library", "small", openLibrary)),
    toCopy,
  );
  show(card, hasFocus);
}

/** @param {Prompt["variables"][number]} variable */
function makeField({ name: key, description, default: given }) {
  const preset = given ?? null;
  const label = box("span", isolated(key), preset === null && box("span.soft", " required"));
  const props = { required: preset === null };
  return {
    key,
    preset,
    folded: foldName(key),
    ...field("textarea", label, preset ?? "", description, props),
  };
}
