// The library: the list of prompts beside the prompt that is open.

import { Problem } from "../api/problem.js";
import { formatCount, formatNumber } from "../lib/format.js";
import { fill, h } from "../lib/h.js";
import { navigate, replaceQuery, restoreScroll } from "../lib/router.js";
import { loadOthers } from "../lib/lazy.js";
import { tab } from "../lib/storage.js";
import { bulkBar } from "../parts/bulk.js";
import { button, buttonLink } from "../parts/button.js";
import { emptyState, skeleton } from "../parts/heading.js";
import { libraryFilters } from "../parts/library-filters.js";
import { describeError, problemBox } from "../parts/problem.js";
import { promptRows } from "../parts/prompt-rows.js";
import { showToast } from "../parts/toast.js";
import * as library from "../state/library.js";
import { me } from "../state/session.js";
import { promptKeys } from "./library-keys.js";

/** @import { Place } from "../lib/router.js" */
/** @import { ListPane } from "../lib/view.js" */
/** @import { Filter, List } from "../state/library.js" */

/** The library is read again when the page is looked at again after so many milliseconds. */
const STALE_MS = 10_000;
/** A search has at most so many prompts, which are its best matches. */
const MATCHES_MAX = 50;
/** How many rows before the end the next page is loaded. */
const AHEAD = "600px";

/** @type {ListPane | undefined} */
let pane;

/** The list stays as it is while other areas are shown. */
export function libraryList() {
  library.refreshList(0);
  return (pane ??= makePane());
}

/** @returns {ListPane} */
function makePane() {
  const heading = h("div", { class: "list-heading" });
  const status = h("p", { class: "list-status", role: "status" });
  const problem = h("div", { class: "list-problem" });
  const moreProblem = h("div", { class: "list-problem" });
  const state = h("div", { class: "list-state" });
  const more = button({ label: "More" }, () => void library.loadMore());
  const rows = promptRows((selected) => bulk.show(selected));
  const bulk = bulkBar({ selectAll: rows.selectAll, finish: () => setSelecting(false) });
  const filters = libraryFilters({
    onChange: applyFilter,
    onAllTags: () => {
      library.loadTags().catch((/** @type {unknown} */ error) => showToast(describeError(error)));
    },
    onDown: () => rows.move(0),
  });
  const select = button(
    { label: "Select", look: "quiet", props: { "aria-pressed": "false" } },
    () => setSelecting(bulk.element.hasAttribute("hidden")),
  );
  const element = h(
    "div",
    { class: "library" },
    h(
      "header",
      { class: "list-head" },
      h(
        "div",
        { class: "list-title" },
        heading,
        buttonLink({ label: "New prompt", icon: "plus", look: "primary" }, "/app/new"),
      ),
      filters.search,
      filters.chips,
      h("div", { class: "list-bar" }, status, filters.order, select),
      bulk.element,
    ),
    problem,
    rows.element,
    state,
    moreProblem,
    h("div", { class: "list-more" }, more),
    h(
      "nav",
      { class: "list-foot", "aria-label": "Library" },
      [
        ["/app/import", "Import"],
        ["/app/account#export", "Export"],
        ["/app/trash", "Trash"],
      ].map(([href, label]) => h("a", { href }, label)),
    ),
  );
  const place = placeKeeper(element);
  // A filter that is chosen anew begins at the top; one that the history leads to, where it was left.
  let isChosen = false;
  const steps = makeSteps();

  /** @param {boolean} isSelecting */
  function setSelecting(isSelecting) {
    bulk.open(isSelecting);
    rows.select(isSelecting);
    select.setAttribute("aria-pressed", String(isSelecting));
    if (!isSelecting) select.focus();
  }

  /** @param {List} list */
  function draw(list) {
    rows.show(list.prompts);
    rows.element.setAttribute("aria-busy", String(list.isLoading && !list.isLoaded));
    more.hidden = !list.next || !list.isLoaded;
    const box = list.error ? listProblem(list.error) : null;
    fill(problem, list.isMore ? null : box);
    fill(moreProblem, list.isMore ? box : null);
    const below = findState(list);
    if (below !== steps.element || state.firstChild !== below) fill(state, below);
    select.hidden = list.prompts.length === 0;
    if (!list.isLoading) status.textContent = list.isLoaded ? describeCount(list) : "";
  }

  /** What stands in place of the rows, or below the first of them. @param {List} list */
  function findState({ filter, prompts, isLoaded, isLoading }) {
    const isThere = state.firstChild === steps.element && library.isEverything(filter);
    if (prompts.length > 0) return isThere && steps.isSaved ? steps.element : null;
    if (isLoading) return isThere ? steps.element : skeleton();
    return isLoaded ? emptyList(filter, steps.element) : null;
  }

  /** @param {Filter} filter @param {boolean} isTyped */
  function applyFilter(filter, isTyped) {
    const query = library.writeFilter(filter, new URLSearchParams(window.location.search));
    if (isTyped) {
      replaceQuery(query);
      place.toTop();
      void library.loadList(filter);
    } else {
      isChosen = true;
      navigate(`${window.location.pathname}${query.size > 0 ? `?${query}` : ""}`);
    }
  }

  library.list.follow(draw);
  library.tags.follow((tags) => {
    filters.showTags(tags);
    // The number of prompts with a tag is known from the tags.
    draw(library.list.value);
  });
  library.opened.follow((prompt) => rows.mark(prompt?.id));
  me.follow(() => draw(library.list.value));
  new IntersectionObserver(
    ([entry]) => {
      // After a failure only the button tries again.
      if (entry?.isIntersecting && !library.list.value.error) void library.loadMore();
    },
    { rootMargin: AHEAD },
  ).observe(more);
  document.addEventListener("visibilitychange", () => {
    const isSeen = element.isConnected && document.visibilityState === "visible";
    if (isSeen) library.refreshList(STALE_MS);
  });

  return {
    element,
    heading,
    title: "Library",
    keys: promptKeys({ focusSearch: filters.focus, rows }),
    update(at) {
      const filter = filterOf(at);
      place.attach();
      steps.isSaved = false;
      draw(library.list.value);
      if (at.params.name === undefined) library.opened.value = undefined;
      filters.show(filter);
      if (!isShown(filter)) void place.load(filter, isChosen);
      isChosen = false;
    },
  };
}

/**
 * The filter of an address. One without a filter keeps that of the list, and shows it.
 *
 * @param {Place} place
 */
function filterOf({ path, query }) {
  const isStated = path === "/app" || library.FILTER_KEYS.some((key) => query.has(key));
  if (isStated) return library.readFilter(query);
  const { filter } = library.list.value;
  const all = library.writeFilter(filter, query);
  if (all.size > query.size) replaceQuery(all);
  return filter;
}

/** @param {unknown} error */
function listProblem(error) {
  const isRefused = error instanceof Problem && error.status === 422;
  if (!isRefused) return problemBox(error, () => void library.retryList());
  // The same filter would be refused again.
  const box = problemBox(error);
  box.append(button({ label: "Clear" }, () => navigate("/app")));
  return box;
}

/** @param {Filter} filter */
function isShown(filter) {
  const { filter: shown, isLoaded, isLoading } = library.list.value;
  const isSame = JSON.stringify(shown) === JSON.stringify(filter);
  return isSame && (isLoaded || isLoading);
}

/**
 * Keeps the number of rows and the scroll of each filter, so that a reload and the way back find them.
 *
 * @param {HTMLElement} element Of the list.
 */
function placeKeeper(element) {
  /** @type {HTMLElement | null} */
  let scroller = null;
  let scrolled = 0;
  const nameOf = (/** @type {Filter} */ filter) => `library:${library.writeFilter(filter)}`;
  const remember = () => {
    const { filter, prompts, isLoaded } = library.list.value;
    if (isLoaded) tab.write(nameOf(filter), `${prompts.length},${scrolled}`);
  };
  window.addEventListener("pagehide", remember);
  return {
    /** Scrolls the pane, which the frame has put the list into, to where it was. */
    attach() {
      const found = element.closest(".list-pane");
      if (found instanceof HTMLElement && found !== scroller) {
        scroller = found;
        found.addEventListener("scroll", () => {
          if (element.isConnected) scrolled = found.scrollTop;
        });
      }
      scroller?.scrollTo(0, scrolled);
    },
    toTop() {
      scrolled = 0;
      scroller?.scrollTo(0, 0);
    },
    /**
     * @param {Filter} filter
     * @param {boolean} isNew Whether it begins at the top.
     */
    async load(filter, isNew) {
      remember();
      const isFirst = !library.list.value.isLoaded;
      const [count = 0, top = 0] = (isNew ? "" : (tab.read(nameOf(filter)) ?? ""))
        .split(",")
        .map(Number);
      if (isNew) this.toTop();
      await library.loadList(filter, count ? { count } : {});
      if (library.list.value.filter !== filter || !library.list.value.isLoaded) return;
      scrolled = top;
      scroller?.scrollTo(0, scrolled);
      // On a phone the window scrolls, and the rows have come after the frame tried.
      if (isFirst) restoreScroll();
    },
  };
}

/** @param {List} list */
function describeCount(list) {
  const { filter, prompts, next } = list;
  if (filter.q.trim() && !next && prompts.length >= MATCHES_MAX) {
    return `The ${formatNumber(prompts.length)} best matches`;
  }
  const count = library.countList(list);
  if (count === undefined) return `More than ${formatCount(prompts.length, "prompt")}`;
  return formatCount(count, "prompt");
}

/** The place of the first steps. They stay below the prompt that they led to, until the list is left. */
function makeSteps() {
  const steps = { element: h("div"), isSaved: false };
  steps.element.addEventListener("promptsaved", () => {
    steps.isSaved = true;
  });
  return steps;
}

/** @param {HTMLElement} place */
async function loadSteps(place) {
  try {
    const { firstRun } = await loadOthers();
    fill(place, firstRun());
  } catch (error) {
    fill(
      place,
      problemBox(error, () => void loadSteps(place)),
    );
  }
}

/**
 * @param {Filter} filter
 * @param {HTMLElement} steps
 */
function emptyList(filter, steps) {
  if (library.isEverything(filter)) {
    if (steps.childElementCount === 0) void loadSteps(steps);
    return steps;
  }
  const words = filter.q.trim();
  const clear = button({ label: "Clear" }, () => navigate("/app"));
  const trash = `/app/trash${words && `?q=${encodeURIComponent(words)}`}`;
  return emptyState(
    words ? `No prompt has “${words}”` : "No prompt fits these filters",
    h(
      "div",
      { class: "actions" },
      clear,
      buttonLink({ label: "Search in trash", look: "quiet" }, trash),
    ),
  );
}
