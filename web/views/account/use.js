// What the library holds, and the limits of the plan, in words.

import { fill, h } from "../../lib/h.js";
import { capitalize, formatBytes, formatCount, formatNumber } from "../../lib/format.js";
import { me } from "../../state/session.js";
import { section } from "./section.js";

/** @import { Me } from "../../api/promptdb.js" */
/** @import { Child } from "../../lib/h.js" */

/** From this part of a limit on, its meter draws attention. */
const NEARLY_FULL = 0.9;

/**
 * @param {Me} initial
 * @param {{ hasPlan: boolean }} options Whether the plan is part of it.
 */
export function useSection(initial, { hasPlan }) {
  const list = h("dl", { class: "facts" });
  const element = section("use", hasPlan ? "Plan and use" : "Use", list);
  const leaving = new AbortController();
  let wasShown = false;
  me.follow((value) => {
    wasShown ||= element.isConnected;
    if (wasShown && !element.isConnected) leaving.abort();
    const shown = value ?? initial;
    fill(list, hasPlan && planFact(shown), ...listFacts(shown));
  }, leaving.signal);
  return element;
}

/** @param {Me} me */
function planFact({ plan, limits, billing }) {
  const isLimited = limits.prompts != null || limits.bytes != null;
  const name = h("span", {}, isLimited ? capitalize(plan) : "No limits");
  const link = billing && h("a", { class: "solo", href: "/app/billing" }, "Plan and billing");
  return fact("Plan", name, link);
}

/** @param {Me} me */
function listFacts({ limits, use }) {
  const rate = limits.requests_per_minute;
  return [
    measuredFact("Prompts", use.prompts, limits.prompts, formatNumber),
    use.bytes == null
      ? fact("Size, with all versions", "Being counted")
      : measuredFact("Size, with all versions", use.bytes, limits.bytes, formatBytes),
    use.deleted > 0 &&
      fact(
        "In the trash",
        h("a", { class: "solo", href: "/app/trash" }, formatCount(use.deleted, "prompt")),
      ),
    use.candidates > 0 &&
      fact(
        "Waiting for review",
        h("a", { class: "solo", href: "/app/review" }, formatCount(use.candidates, "suggestion")),
      ),
    rate != null && fact("Requests", `Up to ${formatNumber(rate)} in a minute`),
    fact("Imports", `Up to ${formatNumber(limits.imports)} at a time`),
    fact("Open streams of chats", `Up to ${formatNumber(limits.streams)}`),
  ];
}

/**
 * @param {string} term
 * @param {...Child} value
 */
function fact(term, ...value) {
  return h("div", {}, h("dt", {}, term), h("dd", {}, ...value));
}

/**
 * A number in words, with a bar where there is a limit.
 *
 * @param {string} term
 * @param {number} value
 * @param {number | null | undefined} limit
 * @param {(value: number) => string} format
 */
function measuredFact(term, value, limit, format) {
  if (limit == null) return fact(term, h("span", {}, format(value)));
  const bar = h("meter", { max: limit, high: limit * NEARLY_FULL, value, "aria-label": term });
  return fact(term, h("span", {}, `${format(value)} of ${format(limit)}`, bar));
}
