// The plan and the subscription: what is left of each limit, and the ways to Stripe's pages.

import { fill, h } from "../lib/h.js";
import { capitalize } from "../lib/format.js";
import { describeDebt, describeSubscription } from "../lib/billing.js";
import { Problem } from "../api/problem.js";
import { getBilling, syncBilling } from "../api/promptdb.js";
import { viewHeading } from "../parts/heading.js";
import { overQuotaNotice } from "../parts/over-quota.js";
import { loadedMe, me, refreshSession } from "../state/session.js";
import { section } from "./account/section.js";
import { useSection } from "./account/use.js";
import { hasBeenAway, waysToStripe } from "./billing/leave.js";
import { followPayment } from "./billing/payment.js";

/** @import { Billing, Me } from "../api/promptdb.js" */
/** @import { Child } from "../lib/h.js" */
/** @import { Place } from "../lib/router.js" */
/** @import { View } from "../lib/view.js" */

const TITLE = "Plan and billing";

/**
 * @param {Place} place
 * @returns {Promise<View>}
 */
export async function openBilling(place) {
  const caller = await loadedMe();
  try {
    return showBilling(caller, await getBilling(), place);
  } catch (error) {
    if (error instanceof Problem && error.type === "billing-off") return showFree(caller);
    throw error;
  }
}

/**
 * @param {Me} caller
 * @returns {View}
 */
function showFree(caller) {
  const text = "Nothing is sold here, and there is nothing to pay.";
  return makeView(
    h(
      "div",
      {},
      h("p", { class: "who" }, "This server is free."),
      h("p", { class: "muted" }, text),
    ),
    useSection(caller, { hasPlan: false }),
  );
}

/**
 * @param {Me} caller
 * @param {Billing} initial
 * @param {Place} place
 * @returns {View}
 */
function showBilling(caller, initial, { query, signal }) {
  const isBack = hasBeenAway();
  const payment = h("div", { role: "status" });
  const notices = h("div", { class: "stack" });
  const plan = h("div", { class: "stack" });
  const { element, ...view } = makeView(
    h("div", { class: "notices" }, payment, notices),
    section("plan", "Plan", plan),
    useSection(caller, { hasPlan: false }),
  );
  let shown = "";

  /** Shows a state, and loads the limits that come with another plan. @param {Billing} billing */
  const show = async (billing) => {
    const state = JSON.stringify(billing);
    if (state !== shown) draw(plan, billing);
    shown = state;
    drawNotices(notices, billing);
    if (billing.plan === me.value?.plan) return;
    await refreshSession();
    drawNotices(notices, billing);
  };
  const sync = () => settle(syncBilling().then(show));

  void settle(show(initial));
  if (query.get("checkout") === "done") followPayment(payment, element, show);
  else if (isBack) void sync();
  const onShow = (/** @type {PageTransitionEvent} */ event) => event.persisted && void sync();
  // The browser may show the page again as it was left for one of Stripe's.
  window.addEventListener("pageshow", onShow, { signal });
  return { ...view, element };
}

/**
 * Waits for a change of what is shown. Where it fails, what is shown stays.
 *
 * @param {Promise<void>} change
 */
async function settle(change) {
  try {
    await change;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
  }
}

/**
 * @param {HTMLElement} place
 * @param {Billing} billing
 */
function drawNotices(place, billing) {
  const debt = describeDebt(billing);
  fill(
    place,
    debt && h("div", { class: "notice notice-warning" }, h("p", {}, debt)),
    me.value && overQuotaNotice(me.value, true),
  );
}

/**
 * @param {HTMLElement} place
 * @param {Billing} billing
 */
function draw(place, billing) {
  const hadFocus = place.contains(document.activeElement);
  const text = describeSubscription(billing);
  fill(
    place,
    h(
      "div",
      {},
      h("p", { class: "who" }, capitalize(billing.plan)),
      text && h("p", { class: "muted" }, text),
    ),
    waysToStripe(billing),
    h(
      "p",
      { class: "hint" },
      "You pay on Stripe’s pages, where your invoices are, too. ",
      h("a", { href: "/plans" }, "Compare the plans"),
    ),
  );
  if (hadFocus) place.closest("section")?.focus();
}

/**
 * @param {...Child} content
 * @returns {View}
 */
function makeView(...content) {
  const element = h("div", { class: "account narrow" }, viewHeading(TITLE), ...content);
  return { title: TITLE, element };
}
