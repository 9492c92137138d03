// The ways to Stripe's pages, on which a subscription is bought and managed.

import { fill, h } from "../../lib/h.js";
import { formatPrice } from "../../lib/format.js";
import { tab } from "../../lib/storage.js";
import { describeDebt } from "../../lib/billing.js";
import { openCheckout, openPortal } from "../../api/promptdb.js";
import { button, whileBusy } from "../../parts/button.js";
import { problemBox } from "../../parts/problem.js";

/** @import { Billing, Price } from "../../api/promptdb.js" */

/** What is kept in the tab while one of Stripe's pages is open. */
const AWAY = "promptdb.at-stripe";

/** How long the browser may take to leave the page, in milliseconds. */
const LEAVING_MS = 10_000;

/** Whether the browser comes from one of Stripe's pages. It is answered once for each of them. */
export function hasBeenAway() {
  const isAway = tab.read(AWAY) !== null;
  tab.remove(AWAY);
  return isAway;
}

/**
 * What can be bought, and the buttons that fit the state.
 *
 * @param {Billing} billing
 */
export function waysToStripe(billing) {
  const place = h("div");
  const canBuy = billing.can_buy;
  const choice = canBuy ? makeChoice(billing.offers) : undefined;
  const upgrade = button({ label: "Upgrade", look: "primary" }, () => {
    const interval = choice?.read();
    void leave(upgrade, place, () => openCheckout(interval === undefined ? {} : { interval }));
  });
  const look =
    describeDebt(billing) === undefined ? {} : { look: /** @type {const} */ ("primary") };
  const manage = button({ label: "Manage billing", ...look }, () => {
    void leave(manage, place, openPortal);
  });
  return h(
    "div",
    { class: "stack" },
    choice?.element,
    h("div", { class: "actions" }, canBuy && upgrade, billing.can_manage && manage),
    place,
  );
}

/**
 * The prices to choose from.
 *
 * @param {Price[]} offers
 */
function makeChoice(offers) {
  const [first] = offers;
  if (first === undefined) {
    const element = h("p", {}, "You see the price before you pay.");
    return { element, read: () => undefined };
  }
  if (offers.length === 1) {
    const element = h("p", {}, `Pro costs ${formatPrice(first)}.`);
    return { element, read: () => first.interval };
  }
  const inputs = offers.map(({ interval }) => {
    const props = { type: "radio", name: "interval", value: interval };
    return h("input", { ...props, checked: interval === first.interval });
  });
  const labels = offers.map((price, index) => {
    return h("label", {}, inputs[index], formatPrice(price));
  });
  const element = h(
    "fieldset",
    {},
    h("legend", { class: "label" }, "Pro costs"),
    h("div", { class: "segments" }, labels),
  );
  return { element, read: () => inputs.find(({ checked }) => checked)?.value };
}

/**
 * Asks for one of Stripe's pages, and goes there.
 *
 * @param {HTMLButtonElement} trigger
 * @param {HTMLElement} place For what goes wrong.
 * @param {() => Promise<{ url: string }>} open
 */
async function leave(trigger, place, open) {
  const { pathname } = window.location;
  await whileBusy(trigger, async () => {
    fill(place);
    try {
      const { url } = await open();
      // The person may have gone on to another view meanwhile, and may be writing there.
      if (window.location.pathname !== pathname) return;
      tab.write(AWAY, "");
      window.location.assign(url);
      await untilLeft();
    } catch (error) {
      const again = () => void leave(trigger, place, open);
      fill(place, problemBox(error, again));
    }
  });
}

/** Resolves when the page is shown again, or is not left. Until then its button opens nothing more. */
function untilLeft() {
  return new Promise((/** @type {(value?: unknown) => void} */ resolve) => {
    window.addEventListener("pageshow", resolve, { once: true });
    setTimeout(resolve, LEAVING_MS);
  });
}
