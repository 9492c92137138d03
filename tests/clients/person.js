// A person with a browser: follows redirects, keeps cookies, fills in sign-in forms.

import assert from "node:assert/strict";

/** Most steps of any sign-in; more are a circle. */
const STEPS_MAX = 20;

export class Person {
  /** Cookies by origin and name. */
  #cookies = new Map();

  constructor(login) {
    this.login = login;
  }

  /** Asks for one page, and keeps the cookies that come with it. */
  async ask(url, { headers = {}, ...options } = {}) {
    const origin = new URL(url).origin;
    const jar = this.#cookies.get(origin) ?? new Map();
    this.#cookies.set(origin, jar);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const all = { accept: "text/html", ...headers, ...(cookie && { cookie }) };
    const response = await fetch(url, { ...options, headers: all, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(/; */);
      const [name, value] = pair.split(/=(.*)/s);
      const isOver = attributes.some((each) => {
        const [key, text] = each.toLowerCase().split("=");
        return key === "max-age"
          ? Number(text) <= 0
          : key === "expires" && Date.parse(text) < Date.now();
      });
      if (isOver) jar.delete(name);
      else jar.set(name, value);
    }
    return response;
  }

  /** Cookies for `url` as a header, for a replay. */
  cookieFor(url) {
    const jar = this.#cookies.get(new URL(url).origin) ?? new Map();
    return [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  /** Follows redirects and fills in forms until the browser is sent to a URL that `isTarget`. */
  async travel(url, isTarget) {
    let next = { url: String(url) };
    for (let step = 0; step < STEPS_MAX; step += 1) {
      if (isTarget(next.url)) return next.url;
      const response = await this.ask(next.url, next.options);
      const location = response.headers.get("location");
      if (location) {
        next = { url: new URL(location, next.url).href };
        continue;
      }
      const page = await response.text();
      assert.equal(response.status, 200, `${next.url} answers ${response.status}: ${page}`);
      next = this.#fillIn(page, next.url);
    }
    assert.fail(`the way from ${url} is a circle at ${next.url}`);
  }

  /** Sends the form of a page: signs in or agrees. */
  #fillIn(page, url) {
    const action = page.match(/<form[^>]*action="([^"]+)"/)?.[1];
    assert.ok(action, `a page without a form: ${page}`);
    const prompt = page.match(/name="prompt" value="([^"]+)"/)?.[1];
    const body = new URLSearchParams({ prompt, login: this.login, password: "any" });
    return { url: new URL(action, url).href, options: { method: "POST", body } };
  }
}
