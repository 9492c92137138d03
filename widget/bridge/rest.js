// The bridge of the page `/widget`: the same calls as requests of the REST API, by the cookie of the browser.

import { CallError, noAnswer, PATIENCE_MS } from "./call.js";

/** @import { Args, Bridge } from "./call.js" */

/** The page at the end of a sign-in announces it here. */
const CHANNEL = "promptdb";
const SIGNED_IN = "promptdb:signed-in";

/**
 * @typedef {[method: string, path: string, body?: Args]} Route
 */

const prompt = (/** @type {Args} */ { id, name }) =>
  `/api/prompts/${encodeURIComponent(String(id ?? name))}`;
const candidate = (/** @type {unknown} */ id) =>
  `/api/candidates/${encodeURIComponent(String(id))}`;

/** The request of each tool. @type {Record<string, (args: Args) => Route>} */
const ROUTES = {
  list_candidates: ({ candidate_id: id, ...query }) => [
    "GET",
    id ? candidate(id) : `/api/candidates${queryOf(query)}`,
  ],
  save_prompt: ({ candidate_id: id, ...body }) => ["POST", `${candidate(id)}/accept`, body],
  reject_candidate: ({ candidate_id: id }) => ["DELETE", candidate(id)],
  list_prompts: (query) => ["GET", `/api/prompts${queryOf(query)}`],
  get_prompt: ({ arguments: values, version, ...which }) =>
    values
      ? ["POST", `${prompt(which)}/render`, { arguments: values, version }]
      : ["GET", prompt(which)],
  delete_prompt: (which) => ["DELETE", prompt(which)],
  restore_prompt: ({ version, ...which }) => ["POST", `${prompt(which)}/restore`, { version }],
};

/** @param {Args} query */
function queryOf(query) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  return `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()}`;
}

/** @returns {Bridge} */
export function restBridge() {
  return {
    isChat: false,
    start({ onContext }) {
      onContext({ displayMode: "fullscreen" });
      return Promise.resolve();
    },
    async call(tool, args) {
      const route = ROUTES[tool];
      if (!route) throw new TypeError(`${tool} has no request`);
      const { status, body } = await send(route(args));
      if (tool === "list_candidates" && args.candidate_id) return { candidates: [body] };
      // Of a prompt, REST names the content what the tool names the text.
      return { ...body, text: body.content, created: status === 201 };
    },
    send: () => Promise.resolve(false),
    describe: () => Promise.resolve(),
    enlarge: () => Promise.resolve(),
    resize: () => undefined,
    signIn,
  };
}

/** @param {Route} route */
async function send([method, path, json]) {
  try {
    const response = await fetch(path, {
      method,
      headers: { accept: "application/json", ...(json && { "content-type": "application/json" }) },
      ...(json && { body: JSON.stringify(json) }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const { status, ok } = response;
    const text = await response.text();
    /** @type {Args} */
    const body = text ? JSON.parse(text) : {};
    if (ok) return { status, body };
    const detail = String(body.detail ?? body.title ?? `The server answered ${status}.`);
    throw new CallError(status === 401 ? "signed-out" : "refused", detail);
  } catch (error) {
    if (error instanceof CallError) throw error;
    throw noAnswer("The server");
  }
}

/**
 * Opens the sign-in in a window of its own. A sign-in page in between may sever the link to this window, so
 * its end comes over a channel of this origin.
 *
 * @returns {Promise<boolean>}
 */
function signIn() {
  if (!window.open("/auth/popup", "promptdb-sign-in", "width=480,height=720")) {
    return Promise.resolve(false);
  }
  return new Promise((resolve) => {
    const channel = new BroadcastChannel(CHANNEL);
    channel.addEventListener(
      "message",
      (/** @type {MessageEvent<{ type?: string }>} */ { data }) => {
        if (data.type !== SIGNED_IN) return;
        channel.close();
        resolve(true);
      },
    );
  });
}
