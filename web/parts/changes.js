// What changed between two versions beside the content: title, description, tags, variables.

import { h } from "../lib/h.js";
import { foldName } from "../lib/variables.js";
import { diffLine } from "./diff.js";

/** @import { Variable } from "../api/promptdb.js" */
/** @import { Child } from "../lib/h.js" */

/**
 * @typedef {object} Versioned
 * @property {string} title
 * @property {string} [name]
 * @property {string} description
 * @property {string[]} tags
 * @property {Variable[]} variables
 */

/**
 * The changed fields as a list; nothing where nothing changed.
 *
 * @param {Versioned} before
 * @param {Versioned} after
 */
export function changeList(before, after) {
  const changes = listChanges(before, after);
  if (changes.length === 0) return null;
  const rows = changes.map(({ label, node }) =>
    h("div", {}, h("dt", {}, label), h("dd", {}, node)),
  );
  return h("dl", { class: "changes" }, rows);
}

/**
 * The changed fields with their labels. A field that both have alike is left out.
 *
 * @param {Versioned} before
 * @param {Versioned} after
 * @returns {{ label: string, node: Node }[]}
 */
function listChanges(before, after) {
  const texts = [
    { label: "Title", from: before.title, to: after.title },
    { label: "Name", from: before.name ?? "", to: after.name ?? "" },
    { label: "Description", from: before.description, to: after.description },
  ];
  const changes = texts
    .filter(({ from, to }) => from !== to)
    .map(({ label, from, to }) => ({ label, node: diffLine(from, to) }));
  const tags = diffTags(before.tags, after.tags);
  if (tags.length > 0)
    changes.push({ label: "Tags", node: h("span", { class: "diff-line" }, tags) });
  const variables = diffVariables(before.variables, after.variables);
  if (variables.length > 0) {
    changes.push({ label: "Variables", node: h("ul", { class: "diff-line" }, variables) });
  }
  return changes;
}

/**
 * @param {string[]} before
 * @param {string[]} after
 */
function diffTags(before, after) {
  const gone = before.filter((tag) => !after.includes(tag)).map((tag) => h("del", {}, tag));
  const come = after.filter((tag) => !before.includes(tag)).map((tag) => h("ins", {}, tag));
  return [...gone, ...come].flatMap((node) => [node, " "]);
}

/**
 * @param {Variable[]} before
 * @param {Variable[]} after
 */
function diffVariables(before, after) {
  const [old, now] = [before, after].map(
    (variables) => new Map(variables.map((variable) => [foldName(variable.name), variable])),
  );
  const names = new Set([...(old?.keys() ?? []), ...(now?.keys() ?? [])]);
  return [...names].flatMap((name) => {
    const [from, to] = [old?.get(name), now?.get(name)];
    const code = h("code", {}, `{{${to?.name ?? from?.name ?? name}}}`);
    if (!from) return h("li", {}, h("ins", {}, code));
    if (!to) return h("li", {}, h("del", {}, code));
    /** @type {Child[]} */
    const rest = [];
    for (const property of /** @type {const} */ (["description", "default"])) {
      const [left, right] = [from[property] ?? "", to[property] ?? ""];
      if (left !== right) rest.push(` ${property} `, diffLine(left, right));
    }
    return rest.length > 0 ? [h("li", {}, code, ...rest)] : [];
  });
}
