// After a checkout: it waits until the server has the plan. A visit of the page grants nothing.

import { fill, h } from "../../lib/h.js";
import { pollWhileShown } from "../../lib/poll.js";
import { replaceQuery } from "../../lib/router.js";
import { Problem } from "../../api/problem.js";
import { getBilling, syncBilling } from "../../api/promptdb.js";
import { button } from "../../parts/button.js";
import { problemBox } from "../../parts/problem.js";

/** @import { Billing } from "../../api/promptdb.js" */

/** The time between two looks at first, in milliseconds. */
const EVERY_MS = 2000;
/** How long a payment may stay unconfirmed until the page says so, in milliseconds. */
const PATIENCE_MS = 60_000;
/** The time between two looks from then on, in milliseconds. */
const LATER_MS = 30_000;

/**
 * Lets the server ask Stripe once, and then looks at the plan until it is there.
 *
 * @param {HTMLElement} place For what is found out.
 * @param {HTMLElement} element Of the page.
 * @param {(billing: Billing) => Promise<void>} show
 */
export function followPayment(place, element, show) {
  const deadline = Date.now() + PATIENCE_MS;
  let read = syncBilling;
  /** @type {() => void} */
  let end = () => undefined;
  let isLate = false;
  const again = () => {
    end();
    followPayment(place, element, show);
  };

  async function look() {
    const isThere = await attempt();
    if (!element.isConnected) return;
    if (isThere) {
      end();
      fill(
        place,
        h("div", { class: "notice notice-good" }, h("p", {}, "Thank you. Your plan is pro.")),
      );
      replaceQuery(new URLSearchParams());
    } else if (!isLate && Date.now() >= deadline) {
      isLate = true;
      end();
      fill(place, lateNotice(again));
      end = pollWhileShown(element, look, { every: LATER_MS });
    }
  }

  /** Returns whether the plan is there. */
  async function attempt() {
    const reading = read();
    read = getBilling;
    try {
      const billing = await reading;
      await show(billing);
      return billing.plan === "pro";
    } catch (error) {
      const isTemporary = error instanceof Problem && error.isTemporary;
      if (!isTemporary) fill(place, problemBox(error, again));
      // The polls pause where the server says for how long, and end where it says no.
      if (!isTemporary || error.retryAt !== undefined) throw error;
      return false;
    }
  }

  fill(
    place,
    h("div", { class: "notice" }, h("p", {}, "Waiting for Stripe to confirm the payment…")),
  );
  end = pollWhileShown(element, look, { every: EVERY_MS });
}

/** @param {() => void} again */
function lateNotice(again) {
  const text =
    "Stripe has not confirmed the payment yet. Nothing is lost; this page shows it as soon as it is there.";
  return h("div", { class: "notice" }, h("p", {}, text), button({ label: "Retry" }, again));
}
