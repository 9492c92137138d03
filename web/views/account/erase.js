// Erasing everything. It cannot be undone, so it asks for a word, and where there is a sign-in for a fresh one.

import { fill, h } from "../../lib/h.js";
import { formatCount } from "../../lib/format.js";
import { settings, tab } from "../../lib/storage.js";
import { eraseAccount } from "../../api/promptdb.js";
import { Problem } from "../../api/problem.js";
import { FAREWELL, noteErasure } from "../../farewell.js";
import { button, buttonLink, whileBusy } from "../../parts/button.js";
import { problemBox, showProblem } from "../../parts/problem.js";
import { me } from "../../state/session.js";
import { section } from "./section.js";

/** What confirms an erasure. */
const WORD = "erase";
/** Where a sign-in leads back to. */
const HERE = "/app/account#erase";

/** The places that hold something, by the names that the server has for them. */
const PLACES = new Map([
  ["promptdb", "this server"],
  ["workos", "your sign-in at WorkOS"],
  ["stripe", "your customer record at Stripe"],
]);

/** Where the tab notes, across a sign-in, that Stripe held something of the user at an earlier attempt. */
const HELD_BY_STRIPE = "promptdb.erase.stripe";

/**
 * @param {boolean} hasAccount
 * @param {boolean} [isRepeated] Whether only what a former erasure has left remains.
 */
export function eraseSection(hasAccount, isRepeated = false) {
  const place = h("div", { role: "status" });
  const field = h("input", {
    class: "input",
    id: "erase-word",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    "aria-describedby": "erase-error",
  });
  const error = h("p", { class: "error", id: "erase-error" });
  const submit = h("button", { class: "button button-danger" }, h("span", {}, "Erase everything"));
  const erase = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const isConfirmed = field.value.trim().toLowerCase() === WORD;
    field.setAttribute("aria-invalid", String(!isConfirmed));
    error.textContent = isConfirmed ? "" : `Type the word ${WORD}. Nothing is erased without it.`;
    if (isConfirmed) void whileBusy(submit, () => attempt(place, hasAccount));
    else field.focus();
  };
  const form = h(
    "form",
    { class: "stack", on: { submit: erase } },
    h(
      "div",
      { class: "field" },
      h("label", { for: field.id }, `Type ${WORD} to confirm`),
      field,
      error,
    ),
    h("div", {}, submit),
  );
  return section(
    "erase",
    "Erase",
    !isRepeated && h("p", {}, describeLoss(hasAccount)),
    !isRepeated &&
      h("p", {}, "It cannot be undone. ", h("a", { href: "#export" }, "Export"), " first."),
    form,
    place,
  );
}

/** @param {boolean} hasAccount */
function describeLoss(hasAccount) {
  const use = me.value?.use;
  const counts = use && [
    `${formatCount(use.prompts, "prompt")} with all versions`,
    use.deleted > 0 && `${formatCount(use.deleted, "prompt")} in the trash`,
    use.candidates > 0 && formatCount(use.candidates, "suggestion"),
  ];
  const stripe = me.value?.billing
    ? " If you subscribed, the subscription ends at once, and your customer record at Stripe goes."
    : "";
  const account = hasAccount ? ` Your account here and at WorkOS goes, too.${stripe}` : "";
  const what = (counts ?? ["All prompts with all versions"]).filter(Boolean).join(", ");
  return `What goes: ${what}, the activity, and the list of connected clients.${account}`;
}

/**
 * @param {HTMLElement} place
 * @param {boolean} hasAccount
 */
async function attempt(place, hasAccount) {
  fill(place);
  try {
    await eraseAccount({ isFinal: true });
    sayFarewell(hasAccount, false);
  } catch (error) {
    /** @type {string[]} */
    const remaining = error instanceof Problem ? (error.document.remaining ?? []) : [];
    // What is left at Stripe, the server deletes without another request.
    if (remaining.length === 1 && remaining[0] === "stripe") {
      sayFarewell(hasAccount, true);
      return;
    }
    if (remaining.includes("stripe")) tab.write(HELD_BY_STRIPE, "true");
    showProblem(
      place,
      explainFailure(error, () => void attempt(place, hasAccount)),
    );
  }
}

/**
 * @param {boolean} hasAccount
 * @param {boolean} isStripeLater Whether the server may still have to delete something at Stripe.
 */
function sayFarewell(hasAccount, isStripeLater) {
  const isSold = me.value?.billing === true || tab.read(HELD_BY_STRIPE) !== null;
  tab.clear();
  settings.clear();
  noteErasure({ hasAccount, stripe: isStripeLater ? "later" : isSold && "now" });
  window.location.replace(FAREWELL);
}

/**
 * @param {unknown} error
 * @param {() => void} again
 */
function explainFailure(error, again) {
  if (!(error instanceof Problem)) return problemBox(error, again);
  if (error.type === "reauthentication-required" || error.status === 401) {
    return h(
      "div",
      { class: "notice notice-warning" },
      h("p", {}, "For this, sign in again. You come back here, and nothing is erased until then."),
      buttonLink({ label: "Sign in again", look: "primary" }, loginUrl(error)),
    );
  }
  const { erased, remaining } = error.document;
  if (!remaining?.length) return problemBox(error, again);
  return h(
    "div",
    { class: "problem", role: "alert" },
    h("p", {}, `Erased: ${namePlaces(erased)}. Still there: ${namePlaces(remaining)}.`),
    button({ label: "Try again" }, again),
  );
}

/** @param {Problem} problem */
function loginUrl({ document: { login_url: login } }) {
  const url = new URL(login ?? "/auth/login", window.location.origin);
  url.searchParams.set("return_to", HERE);
  return url.pathname + url.search;
}

/** @param {string[]} [places] */
function namePlaces(places = []) {
  return places.map((name) => PLACES.get(name) ?? name).join(", ");
}
