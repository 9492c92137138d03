// A browser of one user: follows redirects, keeps cookies, fills in sign-in forms.

import assert from "node:assert/strict";

/** @typedef {{ method?: string, headers?: Record<string, string>, body?: URLSearchParams | string }} RequestOptions */

/** The most steps of a sign-in; more are a redirect loop. */
const STEPS_MAX = 20;

export class Browser {
  /**
   * Cookies by origin and name.
   *
   * @type {Map<string, Map<string, string>>}
   */
  #cookies = new Map();

  /** @param {string} login */
  constructor(login) {
    this.login = login;
  }

  /**
   * Sends one request with the cookies of its origin, and stores those of the response.
   *
   * @param {string} url
   * @param {RequestOptions} [options]
   */
  async fetch(url, { headers = {}, ...options } = {}) {
    const cookie = this.getCookieHeader(url);
    const all = new Headers({ accept: "text/html", ...headers });
    if (cookie) all.set("cookie", cookie);
    const response = await fetch(url, { ...options, headers: all, redirect: "manual" });
    const jar = this.#getJar(url);
    for (const line of response.headers.getSetCookie()) updateJar(jar, line);
    return response;
  }

  /**
   * Returns the cookies for `url` as the value of a header; empty when there are none.
   *
   * @param {string} url
   */
  getCookieHeader(url) {
    return [...this.#getJar(url)].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  /**
   * Follows redirects and submits forms until the next URL satisfies `isTarget`, and returns it.
   *
   * @param {string} url
   * @param {(url: string) => boolean} isTarget
   */
  async travel(url, isTarget) {
    /** @type {{ url: string, options?: RequestOptions }} */
    let next = { url };
    for (let step = 0; step < STEPS_MAX; step += 1) {
      if (isTarget(next.url)) return next.url;
      const response = await this.fetch(next.url, next.options);
      const location = response.headers.get("location");
      if (location) {
        next = { url: new URL(location, next.url).href };
        continue;
      }
      const page = await response.text();
      assert.equal(response.status, 200, `${next.url} answers ${response.status}: ${page}`);
      next = this.#fillIn(page, next.url);
    }
    assert.fail(`redirect loop from ${url} at ${next.url}`);
  }

  /** @param {string} url */
  #getJar(url) {
    const { origin } = new URL(url);
    /** @type {Map<string, string>} */
    const jar = this.#cookies.get(origin) ?? new Map();
    this.#cookies.set(origin, jar);
    return jar;
  }

  /**
   * Returns the request that submits the form of a page: a sign-in or a consent.
   *
   * @param {string} page
   * @param {string} url
   */
  #fillIn(page, url) {
    const action = /<form[^>]*action="([^"]+)"/.exec(page)?.[1];
    assert.ok(action, `a page without a form: ${page}`);
    const body = new URLSearchParams({ login: this.login, password: "any" });
    const prompt = /name="prompt" value="([^"]+)"/.exec(page)?.[1];
    if (prompt !== undefined) body.set("prompt", prompt);
    return { url: new URL(action, url).href, options: { method: "POST", body } };
  }
}

/**
 * Applies one `Set-Cookie` line (RFC 6265, section 5.2): an expired cookie is removed.
 *
 * @param {Map<string, string>} jar
 * @param {string} line
 */
function updateJar(jar, line) {
  const [pair = "", ...attributes] = line.split(/; */);
  const [name = "", value = ""] = pair.split(/=(.*)/s);
  if (attributes.some(isExpiry)) jar.delete(name);
  else jar.set(name, value);
}

/**
 * Returns whether an attribute of a cookie makes it expire at once.
 *
 * @param {string} attribute
 */
function isExpiry(attribute) {
  const [key, value = ""] = attribute.toLowerCase().split("=");
  if (key === "max-age") return Number(value) <= 0;
  return key === "expires" && Date.parse(value) < Date.now();
}
