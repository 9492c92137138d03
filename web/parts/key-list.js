// The list of keys of the screen that is shown.

import { h } from "../lib/h.js";
import { areSingleKeysOn, currentBindings, nameKeys } from "../lib/keys.js";
import { button } from "./button.js";
import { openDialog } from "./dialog.js";

/** Opens the list of keys. */
export async function openKeyList() {
  // The first binding of a key is the one that runs.
  const labels = new Map(
    currentBindings()
      .toReversed()
      .map(({ keys, label }) => [keys, label]),
  );
  await openDialog("Keys", (close) => [
    !areSingleKeysOn() &&
      h(
        "p",
        { class: "notice" },
        "Single keys are switched off. ",
        h("a", { href: "/app/account" }, "Account"),
      ),
    h(
      "dl",
      { class: "key-list" },
      [...labels].toReversed().flatMap(([keys, label]) => [
        h(
          "dt",
          {},
          keys.split(" ").map((key) => h("kbd", {}, nameKeys(key))),
        ),
        h("dd", {}, label),
      ]),
    ),
    h(
      "div",
      { class: "actions" },
      button({ label: "Close" }, () => close()),
    ),
  ]);
}
