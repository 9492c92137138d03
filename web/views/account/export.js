// Links to everything that the library holds, as files.

import { EXPORT_FORMATS } from "../../lib/export-formats.js";
import { h } from "../../lib/h.js";
import { section } from "./section.js";

export function exportSection() {
  return section("export", "Export", exportLinks());
}

export function exportLinks() {
  return h(
    "ul",
    { class: "exports" },
    EXPORT_FORMATS.map(([label, format, content]) => {
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
