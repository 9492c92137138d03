// The field of the content: a plain text area, and a layer behind it that marks variables.

import { fill, h } from "../lib/h.js";
import { countBytes, formatNumber } from "../lib/format.js";
import { splitVariables } from "../lib/variables.js";
import { field } from "./field.js";
import { variableClass } from "./prompt-text.js";

/** Maximum size of a content in bytes of UTF-8. */
export const CONTENT_MAX_BYTES = 65_536;
/** The size from which the count warns. */
const WARN_BYTES = 0.9 * CONTENT_MAX_BYTES;
/** Maximum number of marks: a text of nothing but variables would slow every key down. */
export const MARKS_MAX = 2000;
/** Braces like those of a variable, in a text that has none. */
const UNKNOWN = /(\{{2,}[^{}\n]*\}{2,})/;
/** From so many characters on, what follows the text waits until the keys rest. */
const LONG_CHARS = 16_000;
/** How long they have to rest, in milliseconds. */
const REST_MS = 200;

/**
 * @param {string} initial
 * @param {() => void} changed Called after each change.
 * @param {() => void} settled Called when the marks are drawn: at once, or for a long text once the
 *   keys rest.
 */
export function contentField(initial, changed, settled) {
  const area = h("textarea", {
    class: "input content",
    rows: 12,
    spellcheck: "true",
    dir: "auto",
    value: initial,
  });
  const mirror = h("div", { class: "mirror content", "aria-hidden": "true", dir: "auto" });
  const box = h("div", { class: "content-editor" }, mirror, area);
  const parts = field("Content", area, box);
  // Announced when it begins to warn, and not with each key.
  const warning = h("span", { class: "visually-hidden", role: "status" });
  const counter = h("span", { class: "byte-count" });
  let frame = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  const draw = () => {
    frame = 0;
    paint(mirror, area.value);
    mirror.scrollTop = area.scrollTop;
    const bytes = countBytes(area.value);
    counter.textContent = `${formatNumber(bytes)} of ${formatNumber(CONTENT_MAX_BYTES)} bytes`;
    counter.dataset.state = state(bytes);
    const words = { ok: "", near: "The content is nearly full.", over: "The content is too long." };
    if (warning.textContent !== words[state(bytes)]) warning.textContent = words[state(bytes)];
  };
  const settle = () => {
    draw();
    settled();
  };
  const schedule = () => {
    clearTimeout(timer);
    if (area.value.length > LONG_CHARS) timer = setTimeout(settle, REST_MS);
    else frame ||= requestAnimationFrame(settle);
  };
  area.addEventListener("input", () => {
    schedule();
    changed();
  });
  area.addEventListener("scroll", () => (mirror.scrollTop = area.scrollTop));
  parts.setHint(
    "Write {{topic}} for what changes from use to use, and \\{{ for braces that stay. ",
    counter,
    warning,
  );
  draw();
  return {
    ...parts,
    input: area,
    read: () => area.value,
    write: (/** @type {string} */ text) => {
      area.value = text;
      draw();
    },
  };
}

/** @param {number} bytes */
function state(bytes) {
  if (bytes > CONTENT_MAX_BYTES) return "over";
  return bytes >= WARN_BYTES ? "near" : "ok";
}

/**
 * @param {HTMLElement} mirror
 * @param {string} text
 */
function paint(mirror, text) {
  /** @type {Map<string, string>} */
  const classes = new Map();
  /** @type {(Node | string)[]} */
  const nodes = [];
  let marks = 0;
  const push = (/** @type {string} */ piece, /** @type {string} */ className) => {
    marks += 1;
    nodes.push(marks > MARKS_MAX ? piece : h("mark", { class: className }, piece));
  };
  for (const { text: piece, variable, literal } of splitVariables(text)) {
    if (variable !== undefined) {
      const known = classes.get(variable) ?? variableClass(classes.size);
      classes.set(variable, known);
      push(piece, known);
    } else if (literal === undefined) {
      // With the groups of a pattern, every second piece is what it matched.
      for (const [index, part] of piece.split(UNKNOWN).entries()) {
        if (index % 2 === 1) push(part, "unknown");
        else nodes.push(part);
      }
    } else {
      nodes.push(piece);
    }
  }
  // The last line break of a text makes no line of its own without something behind it.
  fill(mirror, ...nodes, "\u200b");
}
