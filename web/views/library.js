// The library: the list of prompts beside the prompt that is open.

import { fill, h } from "../lib/h.js";
import { listPrompts } from "../api/promptdb.js";
import { skeleton } from "../parts/heading.js";
import { problemBox } from "../parts/problem.js";

/** @import { ListPane } from "../lib/view.js" */
/** @import { Prompt } from "../api/promptdb.js" */

/** @returns {ListPane} */
export function libraryList() {
  const heading = h("div", { class: "list-heading" });
  const rows = h("div", {}, skeleton());
  const load = async () => {
    try {
      const { prompts } = await listPrompts({ limit: 50 });
      fill(rows, h("ul", { class: "rows" }, prompts.map(row)));
    } catch (error) {
      fill(
        rows,
        problemBox(error, () => void load()),
      );
    }
  };
  void load();
  return {
    element: h("div", {}, heading, rows),
    heading,
    title: "Library",
    update: () => undefined,
  };
}

/** @param {Prompt} prompt */
function row({ name, title, description }) {
  const href = `/app/p/${encodeURIComponent(name)}`;
  return h(
    "li",
    { class: "row" },
    h("a", { href }, title),
    h("p", { class: "muted" }, description),
  );
}
