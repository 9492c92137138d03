// Reloads the page when its sources change, under `make dev` alone: a build leaves this out.

/** How often the page looks, in milliseconds. */
const EVERY_MS = 1000;

/** Looks at the page's own address until its entity tag is another one. */
export function reloadOnChange() {
  /** @type {string | null} */
  let known = null;
  setInterval(() => {
    fetch("/app", { method: "HEAD", cache: "no-store" })
      .then(({ headers }) => {
        const tag = headers.get("etag");
        if (known !== null && tag !== known) window.location.reload();
        known = tag;
      })
      // The server is being built again.
      .catch(() => undefined);
  }, EVERY_MS);
}
