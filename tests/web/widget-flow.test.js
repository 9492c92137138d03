// The whole way of a person through the widget, in each host, with the mouse and with the keyboard alone.

import assert from "node:assert/strict";
import { test } from "node:test";

import { readColumn } from "../clients/json.js";
import { HOSTS } from "./hosts/profiles.js";
import { openChat } from "./support/chat.js";
import { EIGHT, SAVED } from "./support/harvest.js";
import { Person } from "./support/person.js";
import { expectFocus, expectSoon, expectText } from "./support/wait.js";

/**
 * @import { HostName } from "./hosts/profiles.js"
 * @import { ChatUnderTest } from "./support/chat.js"
 */

/** Longer than the widget waits for a chat that ignores a message. */
const SILENCE_MS = 6_500;

const MESSAGE =
  "Turn these commits into release notes for users of PromptDB:\n\nAdd a card for reviews";

/** @param {ChatUnderTest} chat */
const countSaves = (chat) => chat.callsOf("save_prompt").length;

/**
 * Saves what is shown, by one press, which must make exactly one call.
 *
 * @param {ChatUnderTest} chat
 * @param {Person} person
 * @param {string} button
 * @param {string} next heading after it
 */
async function saveOnce(chat, person, button, next) {
  const before = countSaves(chat);
  await person.press(button);
  await person.arriveAt(next);
  assert.equal(countSaves(chat), before + 1, "one call for one press");
}

/**
 * @param {ChatUnderTest} chat
 * @param {Person} person
 */
async function reviewEight(chat, person) {
  await chat.card.getByRole("heading", { name: "1 of 8: Plan a trip" }).waitFor();
  // The answer is held back, so that both clicks come before it.
  const held = chat.holdNext("save_prompt");
  await person.pressTwice("Save");
  await held.waitForCall();
  held.release();
  await person.arriveAt("2 of 8: Explain an error");
  assert.equal(countSaves(chat), 1, "one call for a double click");

  await person.press("Edit");
  await person.type(person.field("Title"), "Explain an error message");
  await person.type(person.field("Content"), "Explain {{error}} to me.");
  await saveOnce(chat, person, "Save", "3 of 8: Code review with praise");

  // Beside the list, the difference is there by itself.
  const mode = await chat.page.locator(".card").getAttribute("data-mode");
  if (mode === "inline") await person.press("Compare");
  await expectText(chat.card.locator("ins"), "+- End with what is good, in one sentence.");
  const elsewhere = { content: "Review {{code}} twice.", expected_version: 1 };
  await chat.api("PUT", "/api/prompts/code-review", elsewhere);
  await saveOnce(chat, person, "Save as version 2", "3 of 8: Code review with praise");
  await chat.card.getByText("A prompt named code-review exists, at version 2.").waitFor();
  await saveOnce(chat, person, "Save as new version", "4 of 8: Minutes of a meeting");

  await person.press("Skip");
  await person.arriveAt("5 of 8: Plan the week");

  const taken = { name: "plan-the-week", title: "My week", content: "Plan {{week}}." };
  await chat.api("POST", "/api/prompts", taken);
  await saveOnce(chat, person, "Save", "5 of 8: Plan the week");
  await person.press("Save under another name");
  await person.type(person.field("Name"), "plan-my-week");
  await saveOnce(chat, person, "Save", "6 of 8: Learn vocabulary");

  await person.press("Skip");
  await person.arriveAt("7 of 8: Recipe from what is left");
  await saveOnce(chat, person, "Save", "8 of 8: Interview questions");
  await saveOnce(chat, person, "Save", "6 saved, 2 skipped");
  await person.press("Undo");
  await person.arriveAt("5 saved, 2 skipped, 1 taken back");
}

/** @param {ChatUnderTest} chat */
async function checkStore(chat) {
  const read = async (/** @type {string} */ name) => {
    const { title, content, version } = await chat.api("GET", `/api/prompts/${name}`);
    return { title, content, version };
  };
  const { prompts } = await chat.api("GET", "/api/prompts?sort=name");
  assert.deepEqual(readColumn(prompts, "name"), [
    "code-review",
    "explain-an-error",
    "plan-a-trip",
    "plan-my-week",
    "plan-the-week",
    "polite-decline",
    "recipe-from-what-is-left",
    "release-notes",
  ]);
  assert.deepEqual(await read("plan-a-trip"), {
    title: "Plan a trip",
    content: EIGHT[0]?.content,
    version: 1,
  });
  assert.deepEqual(await read("explain-an-error"), {
    title: "Explain an error message",
    content: "Explain {{error}} to me.",
    version: 1,
  });
  assert.deepEqual(await read("code-review"), {
    title: "Code review with praise",
    content: EIGHT[2]?.content,
    version: 3,
  });
  assert.equal((await read("plan-the-week")).title, "My week");
  assert.equal((await read("plan-my-week")).content, EIGHT[4]?.content);
  assert.deepEqual((await chat.api("GET", "/api/candidates")).candidates, []);
}

/**
 * @param {ChatUnderTest} chat
 * @param {Person} person
 */
async function useFromLibrary(chat, person) {
  await person.press("Library");
  const search = chat.card.getByRole("searchbox", { name: "Search prompts" });
  await person.type(search, "commits");
  const rows = chat.card.getByRole("listitem");
  await expectSoon(() => rows.count(), 1);
  await person.press(rows.getByRole("button", { name: "Release notes" }));
  await person.arriveAt("Release notes");
  await person.type(chat.card.getByRole("textbox", { name: "product" }), "PromptDB");
  await person.type(chat.card.getByRole("textbox", { name: "commits" }), "Add a card for reviews");
  await person.press("Use in chat");
}

/**
 * Checks what each host does with the text: it is sent, or it waits for the person.
 *
 * @type {Record<HostName, (chat: ChatUnderTest) => Promise<void>>}
 */
const ARRIVALS = {
  chatgpt: (chat) => expectText(chat.page.locator(".user").last(), flat(MESSAGE)),
  goose: (chat) => expectText(chat.page.locator(".user").last(), flat(MESSAGE)),
  async vscode(chat) {
    await expectSoon(() => chat.page.getByLabel("Message").inputValue(), MESSAGE);
    assert.equal(await chat.page.locator(".user").count(), 1, "it was not sent");
    await expectFocus(chat.page, "Message");
  },
  async claude(chat) {
    await expectSoon(async () => (await listMessages(chat)).length, 1);
    await chat.page.clock.fastForward(SILENCE_MS);
    const area = chat.card.getByRole("textbox", { name: "Copy it into your message" });
    await area.waitFor();
    assert.equal(await area.inputValue(), MESSAGE);
    const selected = await area.evaluate(
      (element) =>
        element instanceof HTMLTextAreaElement &&
        element.value.slice(element.selectionStart, element.selectionEnd),
    );
    assert.equal(selected, MESSAGE);
  },
};

/** @param {string} text */
const flat = (text) => text.replaceAll(/\s+/g, " ");

/** @param {ChatUnderTest} chat */
async function listMessages(chat) {
  const log = await chat.controls.evaluate((self) => self.log);
  return log.filter(({ from, method }) => from === "card" && method === "ui/message");
}

for (const host of HOSTS) {
  for (const input of /** @type {const} */ (["mouse", "keyboard"])) {
    test(`eight candidates are reviewed and a prompt is used in ${host} with the ${input}`, async (t) => {
      const chat = await openChat(t, host, { prompts: SAVED, clock: host === "claude" });
      const person = new Person(chat, input);
      await chat.post("user", "Review this session for prompts.");
      await chat.show("harvest_session", { candidates: EIGHT });
      await reviewEight(chat, person);
      await checkStore(chat);
      assert.deepEqual(await listMessages(chat), [], "the card sent a message unasked");
      if (host === "chatgpt") {
        const { contexts } = await chat.controls.evaluate((self) => self.requests);
        const last = JSON.stringify(contexts.at(-1));
        assert.match(last, /The user saved: plan-a-trip v1, explain-an-error v1, code-review v3/);
        assert.ok(!last.includes("interview-questions"), last);
      }
      await useFromLibrary(chat, person);
      await ARRIVALS[host](chat);
      assert.equal((await listMessages(chat)).length, 1);
      // VS Code moves the focus to its composer.
      if (host !== "vscode") await person.assertFocus();
    });
  }
}
