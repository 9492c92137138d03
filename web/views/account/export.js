// Links to everything that the library holds, as files.

import { h } from "../../lib/h.js";
import { section } from "./section.js";

/** @type {[label: string, format: string, content: string][]} */
const FORMATS = [
  [
    "JSON",
    "json",
    "Everything: prompts with all versions, the trash, suggestions, activity and connected clients. An import restores it.",
  ],
  ["Markdown", "markdown", "A zip archive with one file for each prompt, in its current version."],
  ["CSV", "csv", "A table with one row for each prompt, in its current version."],
];

export function exportSection() {
  return section("export", "Export", exportLinks());
}

export function exportLinks() {
  return h(
    "ul",
    { class: "exports" },
    FORMATS.map(([label, format, content]) => {
      const id = `export-${format}`;
      return h(
        "li",
        {},
        h("a", { href: `/api/export?format=${format}`, "aria-describedby": id }, label),
        h("p", { class: "hint", id }, content),
      );
    }),
  );
}
