// What was written to the library, by which client, the newest first.

import { promptAddress } from "../../lib/addresses.js";
import { fill, h } from "../../lib/h.js";
import { formatAge, formatMoment } from "../../lib/format.js";
import { listAudit } from "../../api/promptdb.js";
import { skeleton } from "../../parts/heading.js";
import { moreButton } from "../../parts/more.js";
import { problemBox } from "../../parts/problem.js";
import { section } from "./section.js";

/** @import { AuditEntry } from "../../api/promptdb.js" */

/** Entries in a page. */
const PAGE = 10;

/** What each action did, before and after the name. @type {Record<string, [string, string?]>} */
const ACTIONS = {
  created: ["saved", "for the first time"],
  saved: ["saved a new version of"],
  updated: ["renamed or marked"],
  restored: ["brought back an old version of"],
  deleted: ["deleted"],
  undeleted: ["took back the deletion of"],
  harvested: ["proposed"],
  rejected: ["skipped the proposal"],
  imported: ["imported"],
  purged: ["removed", "for good"],
  pruned: ["removed old versions of"],
};

/** Actions after which the prompt has a page. */
const HAS_PAGE = /^(created|saved|updated|restored|undeleted|imported|pruned)$/;

export function activitySection() {
  const list = h("ul", { class: "lines" });
  const place = h("div", {}, skeleton(3));
  /** @type {string | undefined} */
  let cursor;
  const load = async () => {
    try {
      const query = { limit: PAGE, ...(cursor && { cursor }) };
      const page = await listAudit(query);
      cursor = page.next_cursor ?? undefined;
      list.append(...page.entries.map(row));
      more.hidden = cursor === undefined;
      const isEmpty = list.childElementCount === 0;
      fill(place, isEmpty && h("p", { class: "muted" }, "Nothing has been written yet."));
    } catch (error) {
      more.hidden = true;
      fill(
        place,
        problemBox(error, () => void load()),
      );
    }
  };
  const more = moreButton(list, load);
  void load();
  return section("activity", "Activity", list, h("div", {}, place, more));
}

/** @param {AuditEntry} entry */
function row({ action, name, version, client, at, candidate_id: candidate }) {
  const [before, after] = ACTIONS[action] ?? [action];
  const isPage = name && HAS_PAGE.test(action) && !(action === "imported" && candidate);
  const what = isPage
    ? h("a", { href: promptAddress(name) }, name)
    : (name ?? "a prompt that is gone");
  return h(
    "li",
    {},
    h(
      "p",
      {},
      h("span", { class: "line-title" }, client === "browser" ? "You" : client),
      ` ${before} `,
      what,
      after && ` ${after}`,
      version && action === "saved" && h("span", { class: "muted" }, ` (version ${version})`),
    ),
    h("time", { class: "hint", datetime: at, title: formatMoment(at) }, formatAge(at)),
  );
}
