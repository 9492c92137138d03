// What a subscription is worth, in words.

import { formatDay, formatPrice } from "./format.js";

/** @import { Billing } from "../api/promptdb.js" */

const FREE_APPLIES = "the limits of the free plan apply";

/**
 * Says in one or two sentences how the subscription goes on.
 *
 * @param {Billing} billing
 * @param {number} [now] Milliseconds since 1970
 */
export function describeSubscription(billing, now = Date.now()) {
  const { plan, status, price, renews_at: renewsAt, ends_at: endsAt } = billing;
  if (status === "none") return "You have no subscription.";
  if (status === "incomplete") return "Your first payment is not confirmed yet.";
  if (status === "incomplete_expired") {
    return "Your first payment was not made in time, so there is no subscription.";
  }
  if (endsAt && (status === "canceled" || Date.parse(endsAt) <= now)) {
    return `Your subscription ended on ${formatDay(endsAt)}.`;
  }
  if (status === "canceled") return "Your subscription has ended.";
  if (status === "paused") {
    return `Your subscription is paused, so ${FREE_APPLIES}. Continue it in Manage billing.`;
  }
  if (plan === "free" && (status === "active" || status === "trialing")) {
    return `Your subscription is at a price that is not sold here any more, so ${FREE_APPLIES}.`;
  }
  if (endsAt) {
    const after = `After that ${FREE_APPLIES}, and nothing is deleted.`;
    return `Your subscription ends on ${formatDay(endsAt)} and does not renew. ${after}`;
  }
  const cost = price && formatPrice(price);
  if (!renewsAt) return cost ? `Your subscription costs ${cost}.` : "";
  const day = formatDay(renewsAt);
  if (status === "trialing") {
    return `The trial ends on ${day}.${cost ? ` Then it costs ${cost}.` : ""}`;
  }
  return `Your subscription renews on ${day}${cost ? `, at ${cost}` : ""}.`;
}

/**
 * Says what is wrong with the payments, and what to do; `undefined` if nothing is.
 *
 * @param {Billing} billing
 */
export function describeDebt({ plan, status, grace_until: graceUntil, ends_at: endsAt }) {
  const remedy = "Update your payment in Manage billing.";
  if (status === "unpaid") return `Your payments failed, so ${FREE_APPLIES}. ${remedy}`;
  if (status !== "past_due") return undefined;
  const ends = [graceUntil, endsAt].flatMap((time) => time ?? []);
  const [end] = ends.sort((left, right) => Date.parse(left) - Date.parse(right));
  if (plan !== "free") {
    const stays = end === undefined ? "" : ` Your plan stays until ${formatDay(end)}.`;
    return `Your last payment failed.${stays} ${remedy}`;
  }
  const since = end === undefined ? "" : ` since ${formatDay(end)}`;
  return `Your last payment failed, and ${FREE_APPLIES}${since}. ${remedy}`;
}
