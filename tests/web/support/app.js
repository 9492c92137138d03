// The application in a browser: a server with a library of its own, and a context that is watched.

import { after } from "node:test";

import { BINARY, makeEnvironment, makeLibrary, startProcess } from "../../clients/harness.js";
import { callWorkOs, startPeers } from "../../clients/peers.js";
import { openContext } from "./context.js";
import { fillLibrary } from "./library.js";
import { Lifetime } from "./lifetime.js";
import { connectClient, copyLibrary, prepareLibrary, readJson } from "./prepared.js";

/**
 * @import { BrowserContext } from "playwright-core"
 * @import { TestContext } from "node:test"
 * @import { JsonObject } from "../../clients/json.js"
 * @import { ContextOptions } from "./context.js"
 * @import { Api } from "./api.js"
 */

/**
 * @typedef {object} OwnOptions
 * @property {"empty" | "full"} [library] `empty` by default, or what `realLibrary` returns
 * @property {"workos"} [signIn] with sign-in, as Ann; without it, the server has one local user
 * @property {boolean} [signedOut] with sign-in, but nobody is signed in yet; the library stays empty
 * @property {string} [path] where the page begins; `/app` by default
 * @property {Record<string, string>} [env] settings of the server, beside those of the harness
 */

/** @typedef {ContextOptions & OwnOptions} AppOptions */

/** More requests than any test makes. */
const NO_RATE_LIMIT = { RATE_LIMIT_PER_MINUTE: "1000000" };

/** The prompts of a full library on the free plan, which has room for one more. */
const FREE_PROMPTS = 24;

/** The user that WorkOS's emulator signs in without being asked for another one. */
const FIRST_USER = "ann";

/**
 * Starts a server and opens a page of it. Server and browser end after the test `t`, which fails if
 * anything goes wrong on a page that `Watch` reports.
 *
 * @param {TestContext} t
 * @param {AppOptions} [options]
 */
export async function openApp(t, options = {}) {
  const { library = "empty", signIn, signedOut = false, path = "/app" } = options;
  const peers = signIn ? await startPeers(t) : undefined;
  const limits = peers ? NO_RATE_LIMIT : {};
  const local = async () => makeEnvironment(await openLibrary(t, library));
  const env = { ...(peers?.env ?? (await local())), ...limits, ...options.env };
  let server = await startProcess(t, BINARY, ["--port", "0"], env);
  const { url } = server;

  /** @type {[string, ...string[]]} */
  const origins = peers ? [url, peers.workos] : [url];
  const { context, watch } = await openContext(t, origins, options);

  /** @type {Api} */
  async function api(method, target, body) {
    const headers = { accept: "application/json", origin: new URL(url).origin };
    const request = { method, headers, ...(body === undefined ? {} : { data: body }) };
    const response = await context.request.fetch(url + target, request);
    const text = await response.text();
    return { status: response.status(), headers: response.headers(), text, body: readJson(text) };
  }

  const page = await context.newPage();
  if (peers && !signedOut) {
    await context.request.get(`${url}/auth/login?return_to=/api/me`);
    if (library === "full") await fillLibrary(api, FREE_PROMPTS);
  }
  await page.goto(path);

  return {
    page,
    context,
    watch,
    url,
    api,
    /** Names failures of requests that belong to the test: see `Watch.expectFailures`. */
    expectFailures: (/** @type {RegExp} */ pattern) => watch.expectFailures(pattern),
    /** Opens another tab of the same browser. */
    async openTab(/** @type {string} */ target = path) {
      const tab = await context.newPage();
      await tab.goto(target);
      return tab;
    },
    /**
     * Opens a window of another size or scheme, with the same user. It is watched by itself.
     *
     * @param {ContextOptions} own
     * @param {string} [target]
     */
    async openWindow(own, target = path) {
      const window = await openContext(t, origins, { like: context, ...own });
      const first = await window.context.newPage();
      await first.goto(target);
      const expectFailures = (/** @type {RegExp} */ pattern) =>
        window.watch.expectFailures(pattern);
      return { page: first, ...window, expectFailures };
    },
    /** Stops the server; requests fail from then on. */
    stop: () => server.stop(),
    /** Starts the server again, at the same address and with the same library. */
    async restart() {
      await server.stop();
      server = await startProcess(t, BINARY, ["--port", new URL(url).port], env);
    },
    /**
     * Connects an MCP client. Only without sign-in.
     *
     * @param {string} name the start of its user agent, such as `cursor` or `claude-code`
     */
    connectClient: (name) => connectClient(t, url, name),
    /** WorkOS: its address, and a call of its API with the key of its customer. */
    workos: peers && {
      url: peers.workos,
      /**
       * @param {string} method
       * @param {string} target
       * @param {JsonObject} [body]
       */
      call: (method, target, body) => callWorkOs(peers.workos, method, target, body),
      /**
       * Lets WorkOS sign in another user than Ann from now on.
       *
       * @param {"ann" | "bob"} user
       */
      chooseUser: (user) => chooseUser(context, peers.workos, user),
    },
  };
}

/** @typedef {Awaited<ReturnType<typeof openApp>>} App */

/**
 * @param {BrowserContext} context
 * @param {string} workos
 * @param {string} user
 */
async function chooseUser(context, workos, user) {
  const pattern = `${workos}/user_management/authorize?**`;
  await context.unroute(pattern);
  if (user === FIRST_USER) return;
  await context.route(pattern, (route) => {
    const url = new URL(route.request().url());
    url.searchParams.set("login_hint", `${user}@example.com`);
    return route.continue({ url: url.href });
  });
}

const lifetime = new Lifetime();
after(() => lifetime.end());

/** @type {Promise<string> | undefined} */
let prepared;

/**
 * Returns the path of a library for one test.
 *
 * @param {TestContext} t
 * @param {"empty" | "full"} library
 */
async function openLibrary(t, library) {
  if (library === "empty") return makeLibrary(t);
  prepared ??= process.env.FULL_LIBRARY
    ? Promise.resolve(process.env.FULL_LIBRARY)
    : prepareLibrary(lifetime.t);
  return copyLibrary(t, await prepared);
}
