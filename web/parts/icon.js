// The icons: strokes on a grid of 20, in the colour of the text. They repeat what a label says.

import { svg } from "../lib/h.js";

const PATHS = {
  library: "M4 4h3v12H4zM8.5 4h3v12h-3zM13.2 4.6l2.9-.7 2.5 11.4-2.9.7z",
  review: "M3.5 11.5h3.2l1.3 2.3h4l1.3-2.3h3.2M3.5 11.5v4.8h13v-4.8M3.5 11.5 6 3.7h8l2.5 7.8",
  connect: "M7 2.8v4M13 2.8v4M4.8 6.8h10.4v2.7a5.2 5.2 0 0 1-10.4 0zM10 14.7v2.8",
  account:
    "M10 9.6a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4zM3.8 17c.6-3.2 3-4.9 6.2-4.9s5.6 1.7 6.2 4.9",
  plus: "M10 4v12M4 10h12",
  search: "M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM13 13l4 4",
  star: "m10 2.9 2.2 4.5 4.9.7-3.5 3.5.8 4.9-4.4-2.3-4.4 2.3.8-4.9L2.9 8.1l4.9-.7z",
  copy: "M7 7h9.5v9.5H7zM13 7V3.5H3.5V13H7",
  edit: "M3.5 16.5v-3.2L13 3.8l3.2 3.2-9.5 9.5zM11 5.8 14.2 9",
  trash: "M3.5 5.5h13M8 5.2V3.2h4v2M5.2 5.5l.8 11h8l.8-11M8.3 8.7v4.8M11.7 8.7v4.8",
  history: "M3.4 10a6.6 6.6 0 1 0 2-4.7M3.2 3.3v3h3M10 6.3V10l2.7 1.7",
  restore: "M7.5 4 3.8 7.7l3.7 3.7M4 7.7h7.2a4.6 4.6 0 0 1 0 9.1H7",
  back: "M12.5 4 6.5 10l6 6",
  more: "M4 10h.01M10 10h.01M16 10h.01",
  check: "m3.8 10.6 4 4 8.4-9.2",
  close: "m5 5 10 10M15 5 5 15",
  filter: "M3 5h14M6 10h8M8.7 15h2.6",
  use: "M10.8 2.8 4.6 11.4h4.6l-.9 5.8 6.2-8.6H9.9z",
  external: "M8 4.5H4v11.5h11.5V12M11 3.5h5.5V9M16.3 3.7 9.5 10.5",
  upload: "M10 13V3.5M6 7.2l4-3.8 4 3.8M3.5 13v3.5h13V13",
  download: "M10 3.5V13M6 9.3l4 3.8 4-3.8M3.5 13v3.5h13V13",
  warning: "M10 3.2 18 16.8H2zM10 8v4.2M10 14.5v.2",
};

/** @typedef {keyof typeof PATHS} IconName */

/**
 * Makes an icon. It is hidden from the accessibility tree.
 *
 * @param {IconName} name
 */
export function icon(name) {
  const path = svg("path", { d: PATHS[name] });
  return svg(
    "svg",
    { class: `icon icon-${name}`, viewBox: "0 0 20 20", "aria-hidden": "true" },
    path,
  );
}
