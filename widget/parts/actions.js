// Buttons whose work runs once at a time, and what a person reads when it fails.

import { fill, h } from "../../web/lib/h.js";
import { CallError } from "../bridge/call.js";
import { sentence, showHidden } from "../model/words.js";

/** @import { Props } from "../../web/lib/h.js" */
/** @import { App } from "../app.js" */
/** @typedef {() => void | Promise<void>} Work */
/** @typedef {"primary" | "plain" | "small" | "row"} Look */

/** What a person reads of an error that no bridge has made. */
const UNEXPECTED = "Something went wrong in this card. Try again, or ask in the chat.";

/**
 * @param {string} label
 * @param {Look} look
 * @param {() => void} run
 * @param {Props} [props]
 */
export function button(label, look, run, props = {}) {
  const own = { type: "button", class: look, "data-key": label, on: { click: run } };
  return h("button", { ...own, ...props }, label);
}

/**
 * Makes what one card can do: one action at a time, so that a second click does nothing.
 *
 * @param {App} app
 */
export function createActions(app) {
  const said = h("div", { class: "said", role: "alert" });
  let isBusy = false;

  /**
   * Does work. A failure is shown with a way on: the same work again where that can help.
   *
   * @param {HTMLElement} element Busy meanwhile; it has the focus after a new try.
   * @param {Work} work
   * @param {boolean} isLoad
   */
  async function attempt(element, work, isLoad) {
    if (element.ariaBusy === "true") return;
    fill(said);
    setBusy(element, true);
    try {
      await work();
    } catch (error) {
      const again = () => {
        element.focus();
        void attempt(element, work, isLoad);
      };
      showProblem(said, app, error, again, isLoad);
    } finally {
      setBusy(element, false);
    }
  }

  return {
    said,
    /**
     * Reads what a card shows, beside whatever the person does. It can always be repeated.
     *
     * @param {HTMLElement} element
     * @param {Work} work
     */
    load: (element, work) => attempt(element, work, true),
    /**
     * Makes the button of an action.
     *
     * @param {string} label
     * @param {Look} look
     * @param {Work} work
     * @param {Props} [props]
     */
    button(label, look, work, props) {
      const act = async () => {
        if (isBusy) return;
        isBusy = true;
        await attempt(element, work, false);
        isBusy = false;
      };
      const element = button(label, look, () => void act(), props);
      return element;
    },
  };
}

/**
 * A button that is busy keeps the focus, so it is not `disabled`.
 *
 * @param {HTMLElement} element
 * @param {boolean} isBusy
 */
function setBusy(element, isBusy) {
  for (const name of ["aria-busy", ...(element.matches("button") ? ["aria-disabled"] : [])]) {
    if (isBusy) element.setAttribute(name, "true");
    else element.removeAttribute(name);
  }
}

/**
 * @param {HTMLElement} said
 * @param {App} app
 * @param {unknown} error
 * @param {() => void} again
 * @param {boolean} isLoad
 */
function showProblem(said, app, error, again, isLoad) {
  const { kind, message } =
    error instanceof CallError ? error : { kind: "refused", message: UNEXPECTED };
  const text = h("p", {}, showHidden(sentence(message)));
  if (kind === "signed-out") {
    fill(
      said,
      text,
      button("Sign in", "plain", () => void signIn()),
    );
  } else {
    fill(said, text, (isLoad || kind === "no-answer") && button("Retry", "plain", again));
  }
  async function signIn() {
    if (await app.bridge.signIn()) {
      again();
      return;
    }
    const { pathname, search } = window.location;
    const href = `/auth/login?return_to=${encodeURIComponent(pathname + search)}`;
    fill(said, h("p", {}, "No window can open here. ", h("a", { href }, "Sign in on this page")));
    said.querySelector("a")?.focus();
  }
}
