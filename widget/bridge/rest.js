// The bridge of the page `/widget`: the calls as requests of the REST API, by the cookie of the browser.

import { CallError, noAnswer, PATIENCE_MS } from "./error.js";

/** @typedef {Record<string, any>} Args */

/** The page at the end of a sign-in announces it here. */
const CHANNEL = "promptdb";
const SIGNED_IN = "promptdb:signed-in";

/** @param {{ id?: string, name?: string }} which */
const prompt = ({ id, name = "" }) => `prompts/${encodeURIComponent(id ?? name)}`;
/** @param {string} id */
const candidate = (id) => `candidates/${encodeURIComponent(id)}`;
/** @param {Record<string, string>} query */
const list = (query) => `?${new URLSearchParams(query)}`;

/**
 * The request of each tool: its method, its path below `/api`, and its body.
 *
 * @type {Record<string, (args: any) => [string, string, Args?]>}
 */
const ROUTES = {
  list_candidates: ({ candidate_id: id, ...query }) => [
    "GET",
    id ? candidate(id) : `candidates${list(query)}`,
  ],
  save_prompt: ({ candidate_id: id, ...body }) => ["POST", `${candidate(id)}/accept`, body],
  reject_candidate: ({ candidate_id: id }) => ["DELETE", candidate(id)],
  list_prompts: (query) => ["GET", `prompts${list(query)}`],
  get_prompt: ({ raw, version, arguments: values, ...which }) =>
    raw
      ? ["GET", prompt(which)]
      : ["POST", `${prompt(which)}/render`, { version, arguments: values }],
  delete_prompt: (which) => ["DELETE", prompt(which)],
  restore_prompt: ({ version, ...which }) => ["POST", `${prompt(which)}/restore`, { version }],
};

/**
 * Calls what a tool calls.
 *
 * @param {string} name
 * @param {Args} args
 * @returns {Promise<Args>} As its structured content.
 */
export async function callRest(name, args) {
  const [method, path, json] = ROUTES[name]?.(args) ?? ["", ""];
  const { status, body } = await send(method, path, json);
  if (status === 401) throw new CallError("signed-out", body.detail);
  if (status >= 400) throw new CallError("refused", body.detail ?? `The server answered ${status}`);
  // REST has one candidate by itself, and names the content what the tool names the text.
  return args.candidate_id && method === "GET"
    ? { candidates: [body] }
    : { ...body, text: body.content, created: status === 201 };
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Args} [json]
 * @returns {Promise<{ status: number, body: Args }>}
 */
async function send(method, path, json) {
  try {
    const response = await fetch(`/api/${path}`, {
      method,
      headers: { accept: "application/json", "content-type": "application/json" },
      body: json ? JSON.stringify(json) : null,
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const body = /** @type {Args} */ (JSON.parse((await response.text()) || "{}"));
    return { status: response.status, body };
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
    channel.onmessage = ({ data }) => {
      if (data?.type === SIGNED_IN) resolve(true);
    };
    if (!window.open("/auth/popup", CHANNEL, "width=480,height=720")) resolve(false);
  });
}
