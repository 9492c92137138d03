// Takes the pictures of the widget for the directories of apps: `npm run pictures` writes them to
// `docs/submission/pictures/`, in a chat of no host in particular.

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { ROOT } from "../clients/harness.js";
import { waitForHeight } from "./support/card-checks.js";
import { openChat } from "./support/chat.js";
import { MINUTES, SAVED, TRIP } from "./support/harvest.js";
import { Person } from "./support/person.js";

/**
 * @import { TestContext } from "node:test"
 * @import { ChatUnderTest } from "./support/chat.js"
 */

const FOLDER = join(ROOT, "docs/submission/pictures");

/** Width of a picture in pixels, and how many of them a pixel of the chat takes. */
const WIDTH_PX = 1600;
const ZOOM = 2;

/** Space between the card and the composer, in pixels of the chat. */
const SPACE_PX = 24;

/**
 * Opens a chat with the library that is photographed.
 *
 * @param {TestContext} t
 */
async function open(t) {
  const chat = await openChat(t, "chatgpt", {
    prompts: [...LIBRARY, ...SAVED],
    modes: ["inline"],
  });
  return { chat, person: new Person(chat, "mouse") };
}

/** The saved review with more to do. */
const REVIEW_WITH_FIXES = {
  title: "Code review with fixes",
  content:
    "Review {{code}} in a {{tone}} tone.\n\n- Name the two most serious faults first.\n- Quote and mend the line of each.\n",
  tags: ["coding"],
  why: "You asked for a fix each time.",
};

const LIBRARY = [
  {
    name: "weekly-report",
    title: "Weekly report",
    content: "Turn these notes into a weekly report for {{reader}}: {{notes}}",
    tags: ["work"],
  },
  {
    name: "translate-letter",
    title: "Translate a letter",
    content: "Translate this letter into {{language}}, and keep its tone: {{letter}}",
    tags: ["writing"],
  },
  {
    name: "sql-from-question",
    title: "SQL from a question",
    content: "Schema:\n{{schema}}\n\nAnswer with one query in {{dialect}}: {{question}}",
    tags: ["coding"],
  },
];

/**
 * Takes a picture of the conversation, in a window as high as that is.
 *
 * @param {ChatUnderTest} chat
 * @param {string} name
 */
async function take(chat, name) {
  await waitForHeight(chat);
  const card = await chat.page.locator(".card").boundingBox();
  const footer = await chat.page.locator("footer").boundingBox();
  assert.ok(card && footer);
  // A device of more pixels would draw the frame of another origin blurred.
  await chat.page.evaluate((zoom) => {
    document.documentElement.style.setProperty("zoom", String(zoom));
  }, ZOOM);
  const height = ZOOM * Math.ceil(card.y + card.height + SPACE_PX + footer.height);
  await chat.page.setViewportSize({ width: WIDTH_PX, height });
  await mkdir(FOLDER, { recursive: true });
  const picture = await chat.page.screenshot({ animations: "disabled", caret: "hide" });
  await writeFile(join(FOLDER, `${name}.png`), picture);
}

test("review", async (t) => {
  const { chat, person } = await open(t);
  await chat.post("user", "Review this session for prompts that are worth keeping.");
  await chat.post(
    "assistant",
    "Three prompts of this session are worth keeping. Look through them here:",
  );
  await chat.show("harvest_session", { candidates: [TRIP, REVIEW_WITH_FIXES, MINUTES] });
  await person.button("Save").waitFor();
  await take(chat, "review");
});

test("compare", async (t) => {
  const { chat, person } = await open(t);
  await chat.post("user", "Review this session for prompts that are worth keeping.");
  await chat.post("assistant", "One of them is a new version of a prompt in your library:");
  await chat.show("harvest_session", { candidates: [REVIEW_WITH_FIXES, TRIP, MINUTES] });
  await person.press("Compare");
  await chat.card.locator("ins").first().waitFor();
  await take(chat, "compare");
});

test("library", async (t) => {
  const { chat, person } = await open(t);
  await chat.post("user", "Open my prompt library.");
  await chat.post("assistant", "Here is your library. Pick a prompt to fill it in:");
  await chat.show("open_library", {});
  await person.button("Show more").waitFor();
  await take(chat, "library");
});

test("fill-in", async (t) => {
  const { chat, person } = await open(t);
  await chat.post("user", "I want to write release notes.");
  await chat.post("assistant", "Your prompt for that has two blanks:");
  await chat.show("open_library", { name: "release-notes" });
  await person.type(chat.card.getByRole("textbox", { name: "product" }), "Trail Maps");
  await person.type(
    chat.card.getByRole("textbox", { name: "commits" }),
    "Show the profile of a route\nDownload maps for a whole region\nFix the compass after a pause",
  );
  await chat.card.locator("h1").click();
  await take(chat, "fill-in");
});
