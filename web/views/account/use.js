// What the library holds, and the limits of the plan, in words.

import { fill, h } from "../../lib/h.js";
import { formatBytes, formatCount, formatNumber } from "../../lib/format.js";
import { me } from "../../state/session.js";
import { section } from "./section.js";

/** @import { Me } from "../../api/promptdb.js" */
/** @import { Child } from "../../lib/h.js" */

/** From this part of a limit on, its meter draws attention. */
const NEARLY_FULL = 0.9;

/** @param {Me} initial */
export function useSection(initial) {
  const list = h("dl", { class: "facts" });
  const element = section("use", "Plan and use", list);
  const leaving = new AbortController();
  let wasShown = false;
  me.follow((value) => {
    wasShown ||= element.isConnected;
    if (wasShown && !element.isConnected) leaving.abort();
    fill(list, ...listFacts(value ?? initial));
  }, leaving.signal);
  return element;
}

/** @param {Me} me */
function listFacts({ plan, limits, use }) {
  const isLimited = limits.prompts != null || limits.bytes != null;
  const rate = limits.requests_per_minute;
  return [
    fact("Plan", isLimited ? capitalize(plan) : "No limits"),
    fact("Prompts", measure(use.prompts, limits.prompts, formatNumber)),
    fact(
      "Size, with all versions",
      use.bytes == null ? "Being counted" : measure(use.bytes, limits.bytes, formatBytes),
    ),
    use.deleted > 0 &&
      fact("In the trash", h("a", { href: "/app/trash" }, formatCount(use.deleted, "prompt"))),
    use.candidates > 0 &&
      fact(
        "Waiting for review",
        h("a", { href: "/app/review" }, formatCount(use.candidates, "suggestion")),
      ),
    rate != null && fact("Requests", `Up to ${formatNumber(rate)} in a minute`),
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
 * @param {number} value
 * @param {number | null | undefined} limit
 * @param {(value: number) => string} format
 */
function measure(value, limit, format) {
  if (limit == null) return h("span", {}, format(value));
  const part = Math.min(value / limit, 1);
  const bar = h("span", { class: "meter", "aria-hidden": "true" });
  bar.style.setProperty("--part", String(part));
  if (part >= NEARLY_FULL) bar.dataset.full = "";
  return h("span", {}, `${format(value)} of ${format(limit)}`, bar);
}

/** @param {string} word */
function capitalize(word) {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
