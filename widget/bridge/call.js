// What calls return, and how they fail.

/** @import { components } from "../../web/api/schema.js" */
/** @typedef {components["schemas"]} Schemas */
/** @typedef {Schemas["CandidateResponse"]} Candidate */
/** @typedef {{ id: string, name: string, title: string, tags: string[], variables: Schemas["VariableResponse"][] }} Row */
/**
 * @typedef {object} Answer The structured content of a tool, as far as the cards read it. Each tool fills a part.
 * @property {Candidate[]} [candidates]
 * @property {Row[]} [prompts]
 * @property {Row[]} [matches]
 * @property {string} [next_cursor]
 * @property {string} [id]
 * @property {string} [name]
 * @property {string} [title]
 * @property {string} [description]
 * @property {number} [version]
 * @property {Schemas["VariableResponse"][]} [variables]
 * @property {string} [text]
 * @property {boolean} [content_cut]
 * @property {boolean} [created]
 * @property {Candidate["similar"]} [similar]
 */
/**
 * @typedef {Required<Pick<Answer, "id" | "name" | "title" | "description" | "version" | "variables" | "text">>} Prompt
 * As it was saved.
 */
/**
 * @typedef {object} ToolResult What a tool returns (MCP 2025-11-25, server/tools).
 * @property {Answer} [structuredContent]
 * @property {{ text?: string }[]} [content]
 * @property {boolean} [isError]
 */

/**
 * @typedef {"refused" | "no-answer" | "unavailable" | "signed-out"} Failure
 * `refused`: the server's own words. `no-answer`: the same call may be repeated. `unavailable`: the chat
 * passes no calls on. `signed-out`: the session of the browser has ended.
 */

/** The longest wait for an answer, in milliseconds. */
export const PATIENCE_MS = 30_000;

/** @typedef {Error & { kind: Failure }} CallError */

/**
 * Makes the error of a call without a result.
 *
 * @param {Failure} kind
 * @param {string} message A sentence for the person.
 * @returns {CallError}
 */
export const failure = (kind, message) => Object.assign(new Error(message), { kind });

/** What a person reads of a failure that has no words. */
export const REFUSED = "The server refused this.";

/** @param {string} whose */
export const noAnswer = (whose) => failure("no-answer", `${whose} does not answer.`);
