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

const LATE =
  "Stripe has not confirmed the payment yet. Nothing is lost; this page shows it as soon as it is there.";

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
  let isLate = false;
  const again = () => {
    end();
    followPayment(place, element, show);
  };

  async function look() {
    const reading = read();
    read = getBilling;
    try {
      const billing = await reading;
      await show(billing);
      if (billing.plan === "pro") finish();
      else giveTime();
    } catch (error) {
      if (error instanceof Problem && error.isTemporary) giveTime();
      else fill(place, problemBox(error, again));
      throw error;
    }
  }

  function finish() {
    end();
    if (!element.isConnected) return;
    fill(place, notice("notice-good", "Thank you. You are on the Pro plan."));
    replaceQuery(new URLSearchParams());
  }

  /** Waits on, and says so once the patience is over. */
  function giveTime() {
    if (isLate || Date.now() < deadline) return;
    isLate = true;
    end();
    fill(place, notice("", LATE, button({ label: "Retry" }, again)));
    end = pollWhileShown(element, look, { every: LATER_MS });
  }

  fill(place, notice("", "Waiting for Stripe to confirm the payment…"));
  let end = pollWhileShown(element, look, { every: EVERY_MS });
}

/**
 * @param {string} look
 * @param {string} text
 * @param {HTMLElement} [action]
 */
function notice(look, text, action) {
  return h("div", { class: `notice ${look}` }, h("p", {}, text), action);
}
