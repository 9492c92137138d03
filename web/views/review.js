// The review: what chats proposed, to accept, edit or skip.

import { candidateAddress } from "../lib/addresses.js";
import { fill, h } from "../lib/h.js";
import { pollWhileShown } from "../lib/poll.js";
import { navigate } from "../lib/router.js";
import { emptyState, skeleton, viewHeading } from "../parts/heading.js";
import { moreButton } from "../parts/more.js";
import { problemBox } from "../parts/problem.js";
import { isMissing } from "../api/problem.js";
import { loadMore, loadNew, loadQueue, queue, refreshCandidate } from "../state/review.js";
import { verdictBadge } from "../parts/candidate.js";
import { candidateView } from "./candidate.js";

/** @import { Place } from "../lib/router.js" */
/** @import { ListPane, View } from "../lib/view.js" */
/** @import { Queue } from "../state/review.js" */

/** The width from which a candidate stands beside the list. */
const WIDE = "(width >= 56.25rem)";

/** The time between two looks for new candidates, in milliseconds. */
const LOOK_MS = 5000;

/** Ends the following of the list before. */
let following = new AbortController();

/** @returns {ListPane} */
export function reviewList() {
  const heading = h("div", { class: "list-heading" });
  const rows = h("div", {}, skeleton());
  const more = moreButton(rows, loadMore);
  let current = "";
  const draw = (/** @type {Queue} */ { candidates, cursor, isLoaded, problem }) => {
    const focused = rows.contains(document.activeElement)
      ? document.activeElement?.getAttribute("href")
      : null;
    const isEmpty = isLoaded && candidates.length === 0 && !cursor;
    fill(
      rows,
      problem === undefined ? null : problemBox(problem, () => void loadMore()),
      isEmpty && !problem ? nothingWaits() : null,
      isLoaded
        ? h(
            "ul",
            { class: "rows", hidden: isEmpty, "aria-label": "Waiting" },
            candidates.map((one) => row(one, current)),
          )
        : problem === undefined
          ? skeleton()
          : null,
    );
    more.hidden = !cursor || problem !== undefined;
    if (focused) {
      const links = [...rows.querySelectorAll("a")];
      const link = links.find((one) => one.getAttribute("href") === focused);
      link?.focus({ preventScroll: true });
    }
    showFirst(isLoaded);
  };
  /** Beside an empty pane, the first candidate opens by itself. */
  const showFirst = (/** @type {boolean} */ isLoaded) => {
    const [first] = queue.value.candidates;
    const isOpen = window.location.pathname.replace(/\/+$/, "") !== "/app/review";
    if (!isLoaded || !first || isOpen || !window.matchMedia(WIDE).matches) return;
    navigate(candidateAddress(first.id), { replace: true });
  };
  const move = (/** @type {number} */ by) => {
    const { candidates } = queue.value;
    const index = candidates.findIndex(({ id }) => id === current);
    const next = candidates[index < 0 ? 0 : index + by];
    if (next) navigate(candidateAddress(next.id));
  };
  following.abort();
  following = new AbortController();
  queue.follow(draw, following.signal);
  void loadQueue();
  const head = h("div", { class: "list-head" }, heading);
  const element = h("div", { class: "review-list" }, head, rows, more);
  pollWhileShown(element, loadNew, { every: LOOK_MS });
  return {
    element,
    heading,
    title: "Review",
    update: ({ params }) => {
      current = params.id ?? "";
      draw(queue.value);
    },
    keys: [
      { keys: "j", label: "Next candidate", repeats: true, run: () => move(1) },
      { keys: "k", label: "Previous candidate", repeats: true, run: () => move(-1) },
    ],
  };
}

function nothingWaits() {
  return emptyState("Nothing waits.", h("p", {}, "In any chat: review this session for prompts."));
}

/**
 * @param {Queue["candidates"][number]} candidate
 * @param {string} current The id of the open one.
 */
function row(candidate, current) {
  const { id, title, why } = candidate;
  const open = id === current && "page";
  const props = {
    class: "row-link",
    href: candidateAddress(id),
    "aria-current": open,
    dir: "auto",
  };
  return h(
    "li",
    { class: "row" },
    h(
      "div",
      { class: "row-text" },
      h("a", props, title),
      h("p", { class: "row-description", dir: "auto" }, why),
      h("p", { class: "row-facts" }, verdictBadge(candidate)),
    ),
  );
}

/**
 * @param {Place} place
 * @returns {Promise<View>}
 */
export async function openCandidate(place) {
  const id = place.params.id ?? "";
  const known = queue.value.candidates.find((candidate) => candidate.id === id);
  try {
    return await candidateView(known ?? (await refreshCandidate(id, place.signal)), place);
  } catch (error) {
    if (!isMissing(error)) throw error;
    const element = h(
      "div",
      {},
      viewHeading("This candidate does not wait any more"),
      h("p", {}, "It was accepted or skipped, or was older than 7 days."),
      h("p", {}, h("a", { class: "solo", href: "/app/review" }, "What waits")),
    );
    return { title: "Candidate", element };
  }
}
