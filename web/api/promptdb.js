// The operations of the REST API that the pages use, each a line: its shapes are in `schema.d.ts`.

import { send } from "./client.js";

/** @import { components, operations } from "./schema.js" */
/** @import { RequestOptions } from "./client.js" */
/** @typedef {components["schemas"]} Schemas */
/** @typedef {Schemas["PromptResponse"]} Prompt */
/** @typedef {Schemas["ReadPromptResponse"]} ReadPrompt */
/** @typedef {Schemas["SavedPromptResponse"]} SavedPrompt */
/** @typedef {Schemas["VersionResponse"]} Version */
/** @typedef {Schemas["VariableResponse"]} Variable */
/** @typedef {Schemas["SuggestedResponse"]} Suggested */
/** @typedef {Schemas["CandidateResponse"]} Candidate */
/** @typedef {Schemas["SimilarResponse"]} Similar */
/** @typedef {Schemas["MeResponse"]} Me */
/** @typedef {Schemas["ClientResponse"]} Client */
/** @typedef {NonNullable<operations["list_prompts"]["parameters"]["query"]>} ListQuery */
/** @typedef {Pick<RequestOptions, "signal" | "version" | "key" | "keepalive" | "isFinal">} Options */
/** @typedef {Schemas["ImportResponse"]} ImportReport */
/** @typedef {Schemas["ImportedItemResponse"]} ImportedItem */
/** @typedef {Schemas["AuditEntryResponse"]} AuditEntry */
/** @typedef {Schemas["SessionResponse"]} Session */
/** @typedef {Schemas["PriceResponse"]} Price */
/** @typedef {Schemas["BillingResponse"]} Billing */

/** The longest time of an import on the server, with what a slow network adds, in milliseconds. */
const IMPORT_PATIENCE_MS = 180_000;

/** The most prompts that one request changes or exports. */
export const BULK_MAX = 100;

/** @param {string} prompt Name or id. */
const pathOf = (prompt) => `/api/prompts/${encodeURIComponent(prompt)}`;

/** @param {string} candidate Id. */
const pathOfCandidate = (candidate) => `/api/candidates/${encodeURIComponent(candidate)}`;

/**
 * @param {Options} [options]
 * @returns {Promise<Me>}
 */
export const getMe = (options) => send("GET", "/api/me", options);

/**
 * @param {ListQuery} query
 * @param {Options} [options]
 * @returns {Promise<Schemas["PromptListResponse"]>}
 */
export const listPrompts = (query, options) => send("GET", "/api/prompts", { query, ...options });

/**
 * @param {string} prompt
 * @param {{ version?: number, similar?: boolean }} [query]
 * @param {Options} [options]
 * @returns {Promise<ReadPrompt>}
 */
export const getPrompt = (prompt, query, options) =>
  send("GET", pathOf(prompt), { ...(query && { query }), ...options });

/**
 * @param {Schemas["CreatePromptRequest"]} json
 * @param {Options} [options]
 * @returns {Promise<SavedPrompt>}
 */
export const createPrompt = (json, options) => send("POST", "/api/prompts", { json, ...options });

/**
 * @param {string} prompt
 * @param {Schemas["SavePromptRequest"]} json
 * @param {Options} [options]
 * @returns {Promise<SavedPrompt>}
 */
export const savePrompt = (prompt, json, options) =>
  send("PUT", pathOf(prompt), { json, ...options });

/**
 * @param {string} prompt
 * @param {Options} [options]
 * @returns {Promise<Prompt>}
 */
export const deletePrompt = (prompt, options) => send("DELETE", pathOf(prompt), options);

/**
 * Removes a deleted prompt for good.
 *
 * @param {string} prompt
 * @param {Options} [options]
 * @returns {Promise<void>}
 */
export const purgePrompt = (prompt, options) =>
  send("DELETE", pathOf(prompt), { query: { permanently: true }, ...options });

/**
 * Takes a deletion back, or saves an old version again.
 *
 * @param {string} prompt
 * @param {Schemas["RestoreRequest"]} json
 * @param {Options} [options]
 * @returns {Promise<Schemas["RestoredPromptResponse"]>}
 */
export const restorePrompt = (prompt, json, options) =>
  send("POST", `${pathOf(prompt)}/restore`, { json, ...options });

/**
 * @param {string} prompt
 * @param {Schemas["RenderRequest"]} json
 * @param {Options} [options]
 * @returns {Promise<Schemas["RenderResponse"]>}
 */
export const renderPrompt = (prompt, json, options) =>
  send("POST", `${pathOf(prompt)}/render`, { json, ...options });

/**
 * @param {string} prompt
 * @param {{ limit?: number, cursor?: string }} query
 * @param {Options} [options]
 * @returns {Promise<Schemas["VersionListResponse"]>}
 */
export const listVersions = (prompt, query, options) =>
  send("GET", `${pathOf(prompt)}/versions`, { query, ...options });

/**
 * Removes the versions before one for good.
 *
 * @param {string} prompt
 * @param {number} before
 * @param {Options} [options]
 * @returns {Promise<Schemas["PurgedResponse"]>}
 */
export const pruneVersions = (prompt, before, options) =>
  send("DELETE", `${pathOf(prompt)}/versions`, { query: { before }, ...options });

/**
 * @param {Schemas["BulkRequest"]} json
 * @param {Options} [options]
 * @returns {Promise<Schemas["BulkResponse"]>}
 */
export const changePrompts = (json, options) =>
  send("POST", "/api/prompts/bulk", { json, ...options });

/**
 * @param {{ cursor?: string }} [query]
 * @param {Options} [options]
 * @returns {Promise<Schemas["TagListResponse"]>}
 */
export const listTags = (query = {}, options = {}) =>
  send("GET", "/api/tags", { query, ...options });

/**
 * @param {{ limit?: number, cursor?: string }} query
 * @param {Options} [options]
 * @returns {Promise<Schemas["PromptListResponse"]>}
 */
export const listTrash = (query, options) => send("GET", "/api/trash", { query, ...options });

/**
 * @param {Options} [options]
 * @returns {Promise<Schemas["PurgedResponse"]>}
 */
export const emptyTrash = (options) => send("DELETE", "/api/trash", options);

/**
 * @param {{ limit?: number, cursor?: string }} query
 * @param {Options} [options]
 * @returns {Promise<Schemas["CandidateListResponse"]>}
 */
export const listCandidates = (query, options) =>
  send("GET", "/api/candidates", { query, ...options });

/**
 * @param {string} candidate
 * @param {Options} [options]
 * @returns {Promise<Candidate>}
 */
export const getCandidate = (candidate, options) =>
  send("GET", pathOfCandidate(candidate), options);

/**
 * @param {string} candidate
 * @param {Schemas["SavePromptRequest"]} json
 * @param {Options} [options]
 * @returns {Promise<SavedPrompt>}
 */
export const acceptCandidate = (candidate, json, options) =>
  send("POST", `${pathOfCandidate(candidate)}/accept`, { json, ...options });

/**
 * @param {string} candidate
 * @param {Options} [options]
 * @returns {Promise<void>}
 */
export const rejectCandidate = (candidate, options) =>
  send("DELETE", pathOfCandidate(candidate), options);

/**
 * @param {Options} [options]
 * @returns {Promise<Schemas["ClientListResponse"]>}
 */
export const listClients = (options) => send("GET", "/api/clients", options);

/**
 * @param {{ limit?: number, cursor?: string }} query
 * @param {Options} [options]
 * @returns {Promise<Schemas["AuditResponse"]>}
 */
export const listAudit = (query, options) => send("GET", "/api/audit", { query, ...options });

/**
 * @param {BodyInit} body
 * @param {string} name The name of the file. The server finds the format by it, or by what the file holds.
 * @param {boolean} isDryRun
 * @param {Options} [options]
 * @returns {Promise<Schemas["ImportResponse"]>}
 */
export const importLibrary = (body, name, isDryRun, options) =>
  send("POST", "/api/import", {
    body,
    headers: { "content-type": "application/octet-stream" },
    query: { dry_run: isDryRun, file_name: name },
    patience: IMPORT_PATIENCE_MS,
    ...options,
  });

/**
 * Erases the account and everything that it holds.
 *
 * @param {Options} [options]
 * @returns {Promise<void>}
 */
export const eraseAccount = (options) =>
  send("DELETE", "/api/account", { json: { confirm: "erase" }, ...options });

/**
 * @param {Options} [options]
 * @returns {Promise<{ sessions: Session[] }>}
 */
export const listSessions = (options) => send("GET", "/api/sessions", options);

/**
 * @param {string} session
 * @param {Options} [options]
 * @returns {Promise<void>}
 */
export const endSession = (session, options) =>
  send("DELETE", `/api/sessions/${encodeURIComponent(session)}`, options);

/**
 * Ends every session, that of this page included.
 *
 * @param {Options} [options]
 * @returns {Promise<void>}
 */
export const endSessions = (options) => send("DELETE", "/api/sessions", options);

/**
 * Ends the session of this page.
 *
 * @param {Options} [options]
 * @returns {Promise<{ url: string }>} Where the browser goes next.
 */
export const signOut = (options) => send("POST", "/auth/logout", options);

/**
 * @param {Options} [options]
 * @returns {Promise<Billing>}
 */
export const getBilling = (options) => send("GET", "/api/billing", options);

/**
 * Lets the server ask Stripe for the subscription.
 *
 * @param {Options} [options]
 * @returns {Promise<Billing>}
 */
export const syncBilling = (options) => send("POST", "/api/billing/sync", options);

/**
 * Opens a page of Stripe on which the caller subscribes.
 *
 * @param {Schemas["CheckoutRequest"]} json
 * @param {Options} [options]
 * @returns {Promise<Schemas["PageResponse"]>}
 */
export const openCheckout = (json, options) =>
  send("POST", "/api/billing/checkout", { json, ...options });

/**
 * Opens a page of Stripe on which the caller manages the subscription.
 *
 * @param {Options} [options]
 * @returns {Promise<Schemas["PageResponse"]>}
 */
export const openPortal = (options) => send("POST", "/api/billing/portal", options);
