// What is written in the form of a prompt, and the request that saves it.

import { foldName, splitVariables } from "../lib/variables.js";

/** @import { Variable } from "../api/promptdb.js" */

/**
 * @typedef {object} PromptFields What is written in the form.
 * @property {string} title
 * @property {string} name
 * @property {boolean} isNameOwn Whether the name was written by hand; else it follows the title.
 * @property {string} description
 * @property {string[]} tags
 * @property {string} content
 * @property {Variable[]} variables Those of the content, then those that it had before.
 */

/** The fields of a prompt that has nothing yet. @type {PromptFields} */
export const NO_FIELDS = {
  title: "",
  name: "",
  isNameOwn: false,
  description: "",
  tags: [],
  content: "",
  variables: [],
};

/**
 * The fields of a saved prompt.
 *
 * @param {Omit<PromptFields, "isNameOwn">} prompt
 * @returns {PromptFields}
 */
export function fieldsOf({ title, name, description, tags, content, variables }) {
  return { title, name, isNameOwn: true, description, tags, content, variables };
}

/**
 * The body of a request that saves the fields.
 *
 * @param {PromptFields} fields
 */
export function requestOf({ title, name, isNameOwn, description, tags, content, variables }) {
  const inUse = new Set(
    splitVariables(content).flatMap(({ variable }) => (variable ? foldName(variable) : [])),
  );
  return {
    // Without one, the server makes it from the other.
    ...(title.trim() && { title }),
    ...(isNameOwn && name.trim() && { name }),
    description,
    tags,
    content,
    variables: variables.filter((variable) => inUse.has(foldName(variable.name))),
  };
}
