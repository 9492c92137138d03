// How the cards look in each host: in both themes, at every width, and with their states.

import { test } from "node:test";

import { HOSTS, PROFILES } from "./hosts/profiles.js";
import { INLINE_MAX_HEIGHT_PX, checkCardAccessible, checkFits } from "./support/card-checks.js";
import { openChat } from "./support/chat.js";
import { ERROR, LONGER_REVIEW, MINUTES, SAVED, TRIP } from "./support/harvest.js";
import { TOKEN } from "./support/library.js";
import { Person } from "./support/person.js";

/**
 * @import { ChatUnderTest } from "./support/chat.js"
 */

/**
 * Checks what is shown, in both themes and at every width.
 *
 * @param {ChatUnderTest} chat
 * @param {number} [maxHeight] in pixels
 */
async function checkCard(chat, maxHeight) {
  await checkFits(chat, maxHeight);
  await checkCardAccessible(chat, "light");
  await checkCardAccessible(chat, "dark");
}

const SECRET = {
  title: "Ask the support",
  content: `Write to the support about {{problem}}, in short words. The key is ${TOKEN}, and it does not work, as discussed above.`,
  why: "It found the right tone.",
};

for (const host of HOSTS) {
  test(`the review is accessible and fits in ${host}`, async (t) => {
    // Without the full screen, in which the card has the window.
    const chat = await openChat(t, host, { prompts: SAVED, modes: ["inline"] });
    const person = new Person(chat, "mouse");
    await chat.show("harvest_session", { candidates: [TRIP, LONGER_REVIEW, SECRET, MINUTES] });
    await person.button("Save").waitFor();
    await checkCard(chat, INLINE_MAX_HEIGHT_PX);
    await person.press("Edit");
    await checkCard(chat);
    await person.press("Save");
    await person.arriveAt("2 of 4: Code review with praise");
    await checkCard(chat, INLINE_MAX_HEIGHT_PX);
    await person.press("Compare");
    await chat.card.locator("ins").first().waitFor();
    await checkCard(chat);
    await chat.api("PUT", "/api/prompts/code-review", { content: "New.", expected_version: 1 });
    await person.press("Save as version 2");
    await person.button("Save as new version").waitFor();
    await checkCard(chat);
    await person.press("Save as new version");
    await person.arriveAt("3 of 4: Ask the support");
    await chat.card.getByText("1 api key replaced.").waitFor();
    await checkCard(chat);
    await person.press("Skip");
    await person.press("Skip");
    await person.arriveAt("2 saved, 2 skipped");
    await checkCard(chat, INLINE_MAX_HEIGHT_PX);
  });

  test(`the library and the form are accessible and fit in ${host}`, async (t) => {
    const many = [TRIP, ERROR, MINUTES].map(({ title, content }, index) => {
      return { title, content, name: `other-${index}` };
    });
    const chat = await openChat(t, host, { prompts: [...SAVED, ...many], modes: ["inline"] });
    const person = new Person(chat, "mouse");
    await chat.show("open_library", {});
    await person.button("Show more").waitFor();
    await checkCard(chat, INLINE_MAX_HEIGHT_PX);
    const search = chat.card.getByRole("searchbox", { name: "Search prompts" });
    await search.fill("xylophone");
    await person.button("Clear").waitFor();
    await checkCard(chat, INLINE_MAX_HEIGHT_PX);
    await person.press("Clear");
    await person.press(chat.card.getByRole("button", { name: "Decline politely" }));
    await person.arriveAt("Decline politely");
    await checkCard(chat, INLINE_MAX_HEIGHT_PX);
    await person.press("Use in chat");
    await chat.card.getByText("Fill in person.").waitFor();
    await checkCard(chat);
  });

  if (!PROFILES[host].modes.includes("fullscreen")) continue;
  test(`the full screen is accessible in ${host}`, async (t) => {
    const chat = await openChat(t, host, { prompts: SAVED });
    const person = new Person(chat, "mouse");
    await chat.show("harvest_session", { candidates: [LONGER_REVIEW, TRIP] });
    await person.button("Edit").waitFor();
    await chat.controls.evaluate((self) => {
      self.setMode("fullscreen");
    });
    await person.press(chat.card.getByRole("button", { name: /^Code review with praise/ }));
    await chat.card.locator("ins").first().waitFor();
    await checkCardAccessible(chat, "light");
    await checkCardAccessible(chat, "dark");
  });
}
