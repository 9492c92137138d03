// The frame: navigation, the list pane, the main pane, and moving between screens.

import { fill, h, setProps } from "./lib/h.js";
import { decode, findRoute, restoreScroll, startRouter } from "./lib/router.js";
import { startKeys } from "./lib/keys.js";
import { setTitle } from "./lib/view.js";
import { isAbort } from "./api/problem.js";
import { icon } from "./parts/icon.js";
import { viewHeading } from "./parts/heading.js";
import { problemBox } from "./parts/problem.js";
import { buttonLink } from "./parts/button.js";
import { toastRegion } from "./parts/toast.js";
import { me, startSession } from "./state/session.js";
import { globalKeys } from "./keys.js";

/** @import { IconName } from "./parts/icon.js" */
/** @import { Place, Route } from "./lib/router.js" */
/** @import { ListPane, Screen, View } from "./lib/view.js" */

/**
 * The areas of the navigation, each with the beginnings of the paths that belong to it.
 *
 * @type {{ label: string, href: string, icon: IconName, paths: RegExp }[]}
 */
const AREAS = [
  {
    label: "Library",
    href: "/app",
    icon: "library",
    paths: /^\/app(\/(p\/.*|new|trash|import))?$/,
  },
  { label: "Review", href: "/app/review", icon: "review", paths: /^\/app\/review/ },
  { label: "Connect", href: "/app/connect", icon: "connect", paths: /^\/app\/connect/ },
  { label: "Account", href: "/app/account", icon: "account", paths: /^\/app\/account/ },
];

const HELP = "/app/connect#help";

/** @type {Route<Screen | (() => Promise<Screen>)>[]} */
let screens = [];
/** @type {{ make: () => ListPane, pane: ListPane } | undefined} */
let list;
/** @type {View | undefined} */
let view;
/** @type {Place | undefined} */
let opening;
let leaving = new AbortController();
/** Of the view. */
let path = "";

const listPane = h("section", { class: "list-pane" });
const mainPane = h("section", { class: "main-pane" });
const main = h("main", { id: "main", class: "panes" }, listPane, mainPane);
/** The areas with their links, which keep the focus while what they show changes. */
const areas = AREAS.map((area) => ({ ...area, link: h("a", { href: area.href }) }));
const navigation = h(
  "nav",
  { class: "rail", "aria-label": "Main" },
  h("a", { class: "brand", href: "/" }, "PromptDB"),
  h(
    "ul",
    {},
    areas.map(({ link }) => h("li", {}, link)),
  ),
);

/**
 * Builds the frame, and shows the screen of the address.
 *
 * @param {Route<Screen | (() => Promise<Screen>)>[]} routes
 */
export function startShell(routes) {
  screens = routes;
  const skip = h("a", { class: "skip-link", href: "#main" }, "Skip to the content");
  skip.addEventListener("click", (event) => {
    event.preventDefault();
    focusHeading();
  });
  document.body.replaceChildren(
    skip,
    h("div", { class: "shell" }, navigation, main, footer()),
    toastRegion(),
  );
  drawNavigation();
  startKeys(listKeys);
  startRouter((isBack) => void showAddress(isBack));
  me.follow(drawNavigation);
  startSession().catch(showStartProblem);
}

/** While a screen is opened, single keys wait for it: what is still shown is not what they mean. */
function listKeys() {
  if (opening) return globalKeys.filter(({ keys }) => keys.startsWith("mod+"));
  return [...(view?.keys ?? []), ...(list?.pane.keys ?? []), ...globalKeys];
}

/** The links that stand in the same place of every page. */
function footer() {
  const links = Object.entries({ Help: HELP, Privacy: "/privacy", Terms: "/terms" });
  return h(
    "footer",
    { class: "foot" },
    links.map(([label, href]) => h("a", { href }, label)),
  );
}

function drawNavigation() {
  const waiting = me.value?.use.candidates ?? 0;
  for (const { link, label, icon: name, paths } of areas) {
    const isCurrent = paths.test(window.location.pathname.replace(/\/+$/, ""));
    const count = label === "Review" && waiting > 0 && h("span", { class: "badge" }, waiting);
    const hint = count && h("span", { class: "visually-hidden" }, " waiting");
    setProps(link, { "aria-current": isCurrent && "page" });
    fill(link, icon(name), h("span", {}, label), count, hint);
  }
}

/** @param {boolean} isBack */
async function showAddress(isBack) {
  const isFirst = path === "";
  const place = takePlace();
  opening = place;
  const found = findRoute(screens, place.path);
  Object.assign(place.params, found?.params);
  const isSamePath = path === place.path && !isFirst;
  drawNavigation();
  const screen = await resolveScreen(found?.view ?? { open: () => notFound() });
  if (isLeft(place)) return;
  showList(screen, place);
  if (isSamePath && view?.update?.(place)) {
    opening = undefined;
    showSection(place.hash);
    return;
  }
  const opened = await openView(screen, place);
  if (isLeft(place)) return;
  opening = undefined;
  path = place.path;
  view = opened;
  main.dataset.shows = screen.open ? "view" : "list";
  const hadFocus = mainPane.contains(document.activeElement);
  fill(mainPane, view?.element ?? null);
  setTitle(view?.title ?? list?.pane.title ?? "");
  if (isBack) restoreScroll();
  else window.scrollTo(0, 0);
  const isAtSection = (isFirst || !isBack) && showSection(place.hash);
  // The first page keeps the browser's own focus, so that a screen reader begins at its top.
  if (isFirst || isAtSection) return;
  if (!isSamePath) (view?.focus ?? focusHeading)();
  else if (hadFocus && !mainPane.contains(document.activeElement)) focusHeading();
}

/**
 * @param {Screen | (() => Promise<Screen>)} screen
 * @returns {Promise<Screen>}
 */
async function resolveScreen(screen) {
  if (typeof screen !== "function") return screen;
  try {
    return await screen();
  } catch (error) {
    return { open: () => failed(error) };
  }
}

/** @param {Place} place */
function isLeft({ signal }) {
  return signal.aborted;
}

/** Leaves the current place for the one in the address bar. */
function takePlace() {
  leaving.abort();
  leaving = new AbortController();
  const { pathname, search, hash } = window.location;
  return {
    path: pathname.replace(/(?<=.)\/+$/, ""),
    params: /** @type {Record<string, string>} */ ({}),
    query: new URLSearchParams(search),
    hash: decode(hash.slice(1)) ?? "",
    signal: leaving.signal,
  };
}

/**
 * @param {Screen} screen
 * @param {Place} place
 */
function showList(screen, place) {
  main.dataset.list = screen.list ? "beside" : "none";
  if (screen.list !== list?.make) {
    list = screen.list && { make: screen.list, pane: screen.list() };
    fill(listPane, list?.pane.element ?? null);
  }
  if (!list) return;
  list.pane.update(place);
  const heading = screen.open
    ? h("h2", {}, list.pane.title)
    : h("h1", { tabindex: "-1" }, list.pane.title);
  fill(list.pane.heading, heading);
}

/**
 * @param {Screen} screen
 * @param {Place} place
 * @returns {Promise<View | undefined>}
 */
async function openView(screen, place) {
  try {
    return await screen.open?.(place);
  } catch (error) {
    return isAbort(error) ? undefined : failed(error);
  }
}

/**
 * The view in place of one that failed to open.
 *
 * @param {unknown} error
 */
function failed(error) {
  const box = problemBox(error, () => void showAddress(false));
  const element = h("div", {}, viewHeading("This page cannot be shown"), box);
  return { title: "Problem", element };
}

/**
 * Scrolls to the section that a hash names, and moves the focus there. Returns whether there is one.
 *
 * @param {string} hash
 */
function showSection(hash) {
  const section = hash ? document.getElementById(hash) : null;
  if (!section || !mainPane.contains(section)) return false;
  section.tabIndex = -1;
  section.focus({ preventScroll: true });
  section.scrollIntoView();
  return true;
}

/** Moves the focus to the heading of what is shown. */
function focusHeading() {
  main.querySelector("h1")?.focus({ preventScroll: true });
}

function notFound() {
  const element = h(
    "div",
    {},
    viewHeading("There is no such page"),
    h("p", {}, "The address may be misspelt, or the page was moved."),
    buttonLink({ label: "Open the library", look: "primary" }, "/app"),
  );
  return { title: "Not found", element };
}

/** @param {unknown} error */
function showStartProblem(error) {
  const box = problemBox(error, () => {
    box.remove();
    startSession().catch(showStartProblem);
  });
  main.prepend(box);
}
