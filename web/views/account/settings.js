// What this browser keeps: light or dark, and single keys.

import { h } from "../../lib/h.js";
import { areSingleKeysOn, switchSingleKeys } from "../../lib/keys.js";
import { currentTheme, setTheme } from "../../state/theme.js";
import { section } from "./section.js";

/** @import { Theme } from "../../state/theme.js" */

/** @type {Record<Theme, string>} */
const THEMES = { system: "System", light: "Light", dark: "Dark" };

export function settingsSection() {
  const themes = /** @type {Theme[]} */ (Object.keys(THEMES));
  const now = currentTheme();
  const keys = h("input", {
    type: "checkbox",
    role: "switch",
    checked: areSingleKeysOn(),
    "aria-describedby": "keys-hint",
    on: { change: () => switchSingleKeys(keys.checked) },
  });
  return section(
    "settings",
    "This browser",
    h(
      "fieldset",
      {},
      h("legend", { class: "label" }, "Theme"),
      h(
        "div",
        { class: "segments" },
        themes.map((theme) => {
          const on = { change: () => setTheme(theme) };
          const props = { type: "radio", name: "theme", value: theme, checked: theme === now, on };
          return h("label", {}, h("input", props), THEMES[theme]);
        }),
      ),
    ),
    h(
      "div",
      {},
      h("label", { class: "check" }, keys, "Keyboard shortcuts"),
      h(
        "p",
        { class: "hint", id: "keys-hint" },
        "Single keys such as n for a new prompt. Press ? for all of them. Keys with Ctrl or Cmd always work.",
      ),
    ),
  );
}
