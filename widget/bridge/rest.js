// The bridge of the page `/widget`: the calls as requests of the REST API, by the cookie of the browser.

import { failure, noAnswer, PATIENCE_MS, REFUSED } from "./call.js";

/** @import { Answer, Candidate } from "./call.js" */
/**
 * @typedef {object} Args Of any tool. Those that no part of the path names are the body, or the query.
 * @property {string} [candidate_id]
 * @property {string} [id]
 * @property {string} [name]
 * @property {boolean} [raw]
 * @property {object} [arguments]
 */
/** @typedef {Answer & Partial<Candidate> & { content?: string, detail?: string }} Body */

/** The page at the end of a sign-in announces it here. */
const CHANNEL = "promptdb";
const SIGNED_IN = "promptdb:signed-in";

/** The request of each tool: its method, its collection, and what follows the id. */
const ROUTES = {
  list_candidates: ["GET", "candidates"],
  save_prompt: ["POST", "candidates", "/accept"],
  reject_candidate: ["DELETE", "candidates"],
  list_prompts: ["GET", "prompts"],
  get_prompt: ["GET", "prompts"],
  delete_prompt: ["DELETE", "prompts"],
  restore_prompt: ["POST", "prompts", "/restore"],
};
/** `get_prompt` with arguments. */
const RENDER = ["POST", "prompts", "/render"];

/**
 * Calls what a tool calls. A prompt to change is named by its id.
 *
 * @param {string} tool
 * @param {Args} args
 * @returns {Promise<Answer>} As its structured content.
 */
export async function callRest(tool, { candidate_id: candidate, id = candidate, raw, ...rest }) {
  const route = rest.arguments ? RENDER : ROUTES[/** @type {keyof typeof ROUTES} */ (tool)];
  const [method = "", collection = "", action = ""] = route;
  const query = /** @type {Record<string, string>} */ (rest);
  const one = id ?? (raw && rest.name);
  const end = one ? `/${encodeURIComponent(one)}${action}` : `?${new URLSearchParams(query)}`;
  const { status, body } = await send(method, collection + end, rest);
  if (status >= 400)
    throw failure(status === 401 ? "signed-out" : "refused", body.detail ?? REFUSED);
  // REST has one candidate by itself, and names the content what the tool names the text.
  return candidate && method === "GET"
    ? { candidates: [/** @type {Candidate} */ (body)] }
    : { ...body, text: body.content, created: status === 201 };
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Args} json The body of a `POST`.
 * @returns {Promise<{ status: number, body: Body }>}
 */
async function send(method, path, json) {
  try {
    const response = await fetch(`/api/${path}`, {
      method,
      headers: { accept: "application/json", "content-type": "application/json" },
      body: method === "POST" ? JSON.stringify(json) : null,
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    /** @type {unknown} */
    const body = JSON.parse((await response.text()) || "{}");
    return { status: response.status, body: /** @type {Body} */ (body) };
  } catch {
    throw noAnswer("The server");
  }
}

/**
 * Opens the sign-in in a window of its own. A page in between may sever the link to this window, so its end
 * comes over a channel of this origin.
 *
 * @returns {Promise<boolean>} `false` if no window can open.
 */
export function signIn() {
  return new Promise((resolve) => {
    const channel = new BroadcastChannel(CHANNEL);
    channel.onmessage = (/** @type {MessageEvent<{ type?: string }>} */ { data }) => {
      if (data.type !== SIGNED_IN) return;
      channel.close();
      resolve(true);
    };
    if (!window.open("/auth/popup", CHANNEL, "width=480,height=720")) resolve(false);
  });
}
