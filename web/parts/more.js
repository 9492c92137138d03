// The button below a list that loads its next page.

import { button, whileBusy } from "./button.js";

/**
 * Makes the button, which stays in the page and is hidden where there is no other page. With the last
 * page, the first new item of the list takes its focus.
 *
 * @param {Element} list Holds the list, whose items may be made anew.
 * @param {() => Promise<unknown>} load
 */
export function moreButton(list, load) {
  const more = button({ label: "More" }, () => {
    void whileBusy(more, async () => {
      const hadFocus = document.activeElement === more;
      const count = list.querySelectorAll("li").length;
      await load();
      const item = list.querySelectorAll("li")[count];
      if (!hadFocus || !more.hidden || !item) return;
      item.tabIndex = -1;
      item.focus({ preventScroll: true });
    });
  });
  more.hidden = true;
  return more;
}
