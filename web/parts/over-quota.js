// What is shown while a library holds more than its plan has room for, as after the end of another plan.

import { h } from "../lib/h.js";
import { formatBytes, formatNumber } from "../lib/format.js";

/** @import { Me } from "../api/promptdb.js" */

/**
 * Returns a notice; `null` for a library within its limits.
 *
 * @param {Me} me
 * @param {boolean} [isBilling] Whether it stands on the page that it would lead to.
 */
export function overQuotaNotice({ plan, billing, use, limits }, isBilling = false) {
  const over = [
    {
      held: use.prompts,
      limit: limits.prompts,
      unit: " prompts",
      format: formatNumber,
      remedy: "delete some",
    },
    {
      held: use.bytes,
      limit: limits.bytes,
      unit: "",
      format: formatBytes,
      remedy: "remove deleted prompts and old versions for good",
    },
  ].find(({ held, limit }) => held != null && limit != null && held > limit);
  if (over?.held == null || over.limit == null) return null;
  const { held, limit, unit, format, remedy } = over;
  const isForSale = billing && plan === "free";
  const upgrade = isBilling ? "upgrade" : h("a", { href: "/app/billing" }, "upgrade");
  return h(
    "div",
    { class: "notice" },
    h(
      "p",
      {},
      `Your library holds ${format(held)} of ${format(limit)}${unit}. `,
      `Everything stays readable; to add, ${remedy}`,
      ...(isForSale ? [" or ", upgrade] : []),
      ".",
    ),
  );
}
