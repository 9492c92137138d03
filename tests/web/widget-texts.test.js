// Texts of strangers in a card: whatever they hold stays text, whole and in its place.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  checkCardAccessible,
  checkFits,
  findCardFrame,
  waitForHeight,
} from "./support/card-checks.js";
import { openChat } from "./support/chat.js";
import { SAVED } from "./support/harvest.js";
import { Person } from "./support/person.js";
import { CONTENT_MAX_BYTES, LONG_WORD, SCRIPTS } from "./support/prompts.js";

/**
 * @import { ChatUnderTest } from "./support/chat.js"
 */

const MARKUP = `${SCRIPTS.image}${SCRIPTS.end}<svg onload=alert(4)>`;

/** @type {{ title: string, content: string, why: string, description: string, tags: string[], variables: { name: string, description: string, default: string }[] }} */
const HOSTILE = {
  title: MARKUP,
  description: MARKUP,
  content: `${MARKUP} {{code}} [link](${SCRIPTS.url}) ${SCRIPTS.entity}`,
  why: MARKUP,
  tags: ["data"],
  variables: [{ name: "code", description: MARKUP, default: MARKUP }],
};

/** Elements that no card has. */
const FOREIGN = "img, svg, iframe, object, embed, link, a, form, main ~ *, main script, main style";

/**
 * Fails if a text became an element, or ran.
 *
 * @param {ChatUnderTest} chat
 */
async function assertText(chat) {
  const frame = findCardFrame(chat);
  const found = await frame.evaluate(
    (selector) => [...document.querySelectorAll(selector)].map((element) => element.outerHTML),
    FOREIGN,
  );
  assert.deepEqual(found, []);
  assert.equal(await frame.evaluate(() => document.scripts.length), 1);
}

test("markup in every field of a candidate and of a prompt stays text", async (t) => {
  const chat = await openChat(t, "chatgpt", { modes: ["inline"], prompts: SAVED });
  const person = new Person(chat, "mouse");
  await chat.show("harvest_session", { candidates: [HOSTILE] });
  await person.button("Save").waitFor();
  for (const text of [`1 of 1: ${MARKUP}`, MARKUP]) {
    await chat.card.getByText(text, { exact: true }).first().waitFor();
  }
  await assertText(chat);
  await person.press("Edit");
  assert.equal(await person.field("Title").inputValue(), MARKUP);
  assert.equal(await person.field("Content").inputValue(), HOSTILE.content);
  await assertText(chat);
  await person.type(person.field("Name"), "hostile");
  // The name is taken meanwhile, by another such text.
  const taken = { name: "hostile", title: MARKUP, content: `${MARKUP} {{x}}` };
  await chat.api("POST", "/api/prompts", taken);
  await person.press("Save");
  await person.button("Save as new version").waitFor();
  await chat.card.locator("ins, del").first().waitFor();
  await assertText(chat);
  await person.press("Save as new version");
  await person.arriveAt("1 saved, 0 skipped");
  await person.press("Library");
  await person.press(chat.card.getByRole("button", { name: MARKUP }));
  await person.arriveAt(MARKUP);
  assert.equal(await chat.card.getByRole("textbox", { name: "code" }).inputValue(), MARKUP);
  await assertText(chat);
  await person.press("Use in chat");
  await chat.page.locator(".user").last().waitFor();
  const { content } = await chat.api("GET", "/api/prompts/hostile");
  assert.equal(content, HOSTILE.content);
});

test("characters that reorder or hide others are shown as what they are", async (t) => {
  const chat = await openChat(t, "chatgpt", { modes: ["inline"] });
  const person = new Person(chat, "mouse");
  const tricky = {
    title: "Send \u202Egnihton\u202C away",
    content: "Pay \u2066{{amount}}\u2069 to \u202Eeve\u202C, and \u0007 ring. سلام {{name}} שלום",
    why: "It \u202Ereads backwards.",
  };
  await chat.show("harvest_session", { candidates: [tricky] });
  await person.button("Save").waitFor();
  const text = await chat.card.locator("main").innerText();
  assert.doesNotMatch(text, /[\u202a-\u202e\u2066-\u2069\u0007]/);
  await checkCardAccessible(chat, "light");
  await person.press("Save");
  await person.arriveAt("1 saved, 0 skipped");
});

test("long words and many lines fit into the narrowest conversation", async (t) => {
  const chat = await openChat(t, "claude", { modes: ["inline"], width: 280 });
  const person = new Person(chat, "mouse");
  const long = {
    title: LONG_WORD.slice(0, 120),
    content: `${LONG_WORD.repeat(20)} {{${"a".repeat(64)}}}\n`.repeat(20),
    why: LONG_WORD,
    tags: ["a".repeat(32)],
  };
  await chat.show("harvest_session", { candidates: [long] });
  await person.button("Show all").waitFor();
  await checkFits(chat, 800);
  await person.press("Save");
  await person.arriveAt("1 saved, 0 skipped");
  await person.press("Library");
  await person.press(chat.card.getByRole("listitem").getByRole("button"));
  await person.arriveAt(long.title);
  await checkFits(chat);
});

test("candidates of 64 KB are shown, edited, compared and saved whole", async (t) => {
  const line = "Keep every number, every name and every date as the source has it.\n";
  const make = (/** @type {number} */ size, /** @type {string} */ head) =>
    `${head}\n${line.repeat(1_000)}`.slice(0, size);
  const content = make(CONTENT_MAX_BYTES, "Summarise {{document}} for {{audience}}.");
  const chat = await openChat(t, "chatgpt", { modes: ["inline"], prompts: SAVED });
  const person = new Person(chat, "mouse");
  const result = await chat.show("harvest_session", {
    candidates: [
      { title: "Summary", content, why: "Long." },
      { title: "Other summary", content: make(60_000, "Shorten {{text}}."), why: "Long, too." },
      { title: "Third summary", content: make(60_000, "Explain {{text}}."), why: "Long as well." },
    ],
  });
  assert.ok(JSON.stringify(result.structuredContent).length < 50_000);
  await person.button("Save").waitFor();
  await person.press("Show all");
  await waitForHeight(chat);
  const shown = chat.card.locator("pre");
  assert.equal((await shown.innerText()).trimEnd(), content.trimEnd());
  await person.press("Edit");
  assert.equal(await person.field("Content").inputValue(), content);
  await person.type(person.field("Title"), "A whole summary");
  await person.press("Save");
  await chat.card.getByRole("heading", { name: /^2 of 3/ }).waitFor();
  assert.equal((await chat.api("GET", "/api/prompts/summary")).content, content);
  await person.press("Compare");
  await chat.card.locator("ins").first().waitFor();
  await person.press("Skip");
  await chat.card.getByRole("heading", { name: /^3 of 3/ }).waitFor();
  await person.press("Skip");
  await person.arriveAt("1 saved, 2 skipped");
  // In the library, too.
  await person.press("Library");
  await person.press(chat.card.getByRole("button", { name: "A whole summary" }));
  await person.arriveAt("A whole summary");
  await person.type(chat.card.getByRole("textbox", { name: "document" }), "this");
  await person.type(chat.card.getByRole("textbox", { name: "audience" }), "me");
  await person.press("Use in chat");
  const text = content.replace("{{document}}", "this").replace("{{audience}}", "me");
  assert.equal(await chat.page.locator(".user").last().innerText(), text.trimEnd());
});
