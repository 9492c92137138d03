// What a card shows when the chat or the server is late, silent, or out of date: no state is a dead end.

import assert from "node:assert/strict";
import { test } from "node:test";

import { readColumn } from "../clients/json.js";
import { openChat } from "./support/chat.js";
import { ERROR, MINUTES, SAVED, TRIP } from "./support/harvest.js";
import { Person } from "./support/person.js";
import { expectSoon, expectText } from "./support/wait.js";

/**
 * @import { TestContext } from "node:test"
 * @import { ChatOptions, ChatUnderTest } from "./support/chat.js"
 */

/** Longer than the widget waits for a result. */
const LATE_MS = 8_500;

/** Longer than the widget waits for an answer. */
const SILENCE_MS = 31_000;

/** Words of a sale, which no card may show. */
const SALE = /upgrade|price|pricing|plan\b|subscri|€|\$/i;

/**
 * Opens a chat in which nothing depends on the host.
 *
 * @param {TestContext} t
 * @param {ChatOptions} [options]
 */
async function open(t, options) {
  const chat = await openChat(t, "chatgpt", { modes: ["inline"], ...options });
  return { chat, person: new Person(chat, "mouse") };
}

/** @param {ChatUnderTest} chat */
async function listNames(chat) {
  const { prompts } = await chat.api("GET", "/api/prompts?sort=name");
  return readColumn(prompts, "name");
}

/** @param {ChatUnderTest} chat */
async function listWaiting(chat) {
  const { candidates } = await chat.api("GET", "/api/candidates");
  return readColumn(candidates, "candidate_id");
}

/**
 * Returns the text of an alert that is shown.
 *
 * @param {ChatUnderTest} chat
 */
const alertOf = (chat) => chat.card.getByRole("alert").filter({ hasText: /./ });

test("a result that does not come within 8 s leaves a way to what waits", async (t) => {
  const { chat, person } = await open(t, { clock: true });
  await chat.call("harvest_session", { candidates: [TRIP] });
  await chat.open("harvest_session", { input: { candidates: [TRIP] } });
  await chat.card.locator("[aria-busy=true]").waitFor();
  await chat.controls.evaluate((self) =>
    self.sendPartialInput({ arguments: { candidates: [{ title: "Plan a trip" }] } }),
  );
  await chat.card.getByRole("heading", { name: "Plan a trip" }).waitFor();
  await chat.page.clock.fastForward(LATE_MS);
  await chat.card.getByText("The chat did not pass the result on.").waitFor();
  await person.press("Show what waits");
  await person.arriveAt("1 of 1: Plan a trip");
  await person.press("Save");
  await person.arriveAt("1 saved, 0 skipped");
  assert.deepEqual(await listNames(chat), ["plan-a-trip"]);
});

test("a result that comes after 8 s is shown", async (t) => {
  const { chat, person } = await open(t, { clock: true });
  const result = await chat.call("harvest_session", { candidates: [TRIP] });
  await chat.open("harvest_session");
  await chat.card.locator("[aria-busy=true]").waitFor();
  await chat.page.clock.fastForward(LATE_MS);
  await chat.card.getByText("The chat did not pass the result on.").waitFor();
  await chat.controls.evaluate(
    (self, late) => self.sendResult(/** @type {never} */ (late)),
    /** @type {unknown} */ (result),
  );
  await person.button("Save").waitFor();
});

test("no candidates, a cancelled call and a result without a structure have ways on", async (t) => {
  const { chat, person } = await open(t, { prompts: SAVED });
  await chat.open("harvest_session", {
    result: { content: [], structuredContent: { candidates: [] } },
  });
  await chat.card.getByRole("heading", { name: "Nothing waits for review" }).waitFor();
  await person.press("Library");
  await chat.card.getByRole("button", { name: "Code review" }).waitFor();
  await chat.open("harvest_session", { cancelled: "The person stopped it" });
  await chat.card.getByText("The chat cancelled this.").waitFor();
  await person.press("Library");
  await chat.card.getByRole("button", { name: "Code review" }).waitFor();
  await chat.open("harvest_session", {
    result: { content: [{ type: "text", text: "Something" }] },
  });
  await chat.card.getByText("The chat did not pass the result on.").waitFor();
  await person.press("Show what waits");
  await person.arriveAt("Nothing waits for review");
});

test("an error of the tool is announced in the server's words", async (t) => {
  const { chat, person } = await open(t);
  const result = await chat.show("open_library", { name: "no-such-prompt" });
  assert.equal(result.isError, true);
  await alertOf(chat).filter({ hasText: "no-such-prompt" }).waitFor();
  await person.button("Library").waitFor();
});

for (const isSaved of [true, false]) {
  const what = isSaved ? "whose answer is lost" : "that never reached the server";
  test(`a save ${what} is tried again, and saves once`, async (t) => {
    const { chat, person } = await open(t, { clock: true });
    await chat.show("harvest_session", { candidates: [TRIP, ERROR] });
    await person.button("Save").waitFor();
    let isFirst = true;
    chat.handleCalls(async (call, forward) => {
      if (call.name !== "save_prompt" || !isFirst) return forward();
      isFirst = false;
      if (isSaved) await forward();
      return new Promise(() => undefined);
    });
    await person.press("Save");
    await expectSoon(async () => (await listNames(chat)).length, isSaved ? 1 : 0);
    assert.equal(await person.button("Save").getAttribute("aria-busy"), "true");
    await expectSoon(() => chat.callsOf("save_prompt").length, 1);
    await chat.page.clock.fastForward(SILENCE_MS);
    await alertOf(chat).filter({ hasText: "does not answer" }).waitFor();
    await person.press("Retry");
    await person.arriveAt("2 of 2: Explain an error");
    await chat.card.getByText("Saved as plan-a-trip, version 1.").waitFor();
    assert.equal(chat.callsOf("save_prompt").length, isSaved ? 1 : 2);
    assert.deepEqual(await listNames(chat), ["plan-a-trip"]);
    assert.equal((await chat.api("GET", "/api/prompts/plan-a-trip")).version, 1);
    await person.press("Undo");
    await chat.card.getByText("Taken back: plan-a-trip, version 1.").waitFor();
    assert.deepEqual(await listNames(chat), []);
  });
}

test("while a save is tried again, no other action begins", async (t) => {
  const { chat, person } = await open(t, { clock: true });
  await chat.show("harvest_session", { candidates: [TRIP, ERROR] });
  await person.button("Save").waitFor();
  const lost = chat.holdNext("save_prompt");
  await person.press("Save");
  await lost.waitForCall();
  await chat.page.clock.fastForward(SILENCE_MS);
  await person.button("Retry").waitFor();
  const held = chat.holdNext("list_candidates");
  await person.press("Retry");
  await held.waitForCall();
  await person.press("Skip");
  held.release();
  await person.arriveAt("2 of 2: Explain an error");
  assert.equal(chat.callsOf("reject_candidate").length, 0);
  assert.deepEqual(await listNames(chat), ["plan-a-trip"]);
});

test("an answer that comes twice, or after the card has given up, changes nothing", async (t) => {
  const { chat, person } = await open(t, { clock: true });
  const faults = { twice: ["ui/initialize", "tools/call"] };
  await chat.show("harvest_session", { candidates: [TRIP, ERROR] }, { faults });
  await person.button("Save").waitFor();
  const held = chat.holdNext("save_prompt");
  await person.press("Save");
  await held.waitForCall();
  await chat.page.clock.fastForward(SILENCE_MS);
  await person.button("Retry").waitFor();
  held.release();
  await expectSoon(() => listNames(chat), ["plan-a-trip"]);
  await person.press("Retry");
  await person.arriveAt("2 of 2: Explain an error");
  await person.press("Save");
  await person.arriveAt("2 saved, 0 skipped");
  assert.equal(chat.callsOf("save_prompt").length, 2);
});

test("a chat that never answers the card is said so, and may be tried again", async (t) => {
  const { chat, person } = await open(t, { clock: true });
  // The official bridge warns of the second try.
  chat.watch.expectMessages(/second ui\/initialize/);
  await chat.open("open_library", { faults: { silent: ["ui/initialize"] } });
  await chat.card.locator("[aria-busy=true]").waitFor();
  await chat.page.clock.fastForward(LATE_MS);
  await chat.card.getByText("This chat does not let the card reach your library.").waitFor();
  await person.press("Retry");
  await chat.page.clock.fastForward(LATE_MS);
  await chat.card.getByText("This chat does not let the card reach your library.").waitFor();
  assert.equal(chat.calls.length, 0);
});

test("a chat that passes no calls on is said so in place of buttons that do nothing", async (t) => {
  const { chat, person } = await open(t);
  const capabilities = { serverTools: undefined };
  await chat.show("harvest_session", { candidates: [TRIP] }, { capabilities });
  await alertOf(chat).filter({ hasText: "does not let the card reach your library" }).waitFor();
  await chat.card.getByText("Plan {{days}} days").waitFor();
  assert.equal(await person.button("Save").count(), 0);
  assert.equal(await person.button("Skip").count(), 0);
});

test("the way to read again what waits stays until it is read", async (t) => {
  const { chat, person } = await open(t);
  let isFirst = true;
  chat.handleCalls((call, forward) => {
    if (!isFirst || call.name !== "list_candidates") return forward();
    isFirst = false;
    return Promise.resolve({ isError: true, content: [{ type: "text", text: "not now" }] });
  });
  await chat.show("harvest_session", { candidates: [TRIP, ERROR] });
  await person.button("Retry").waitFor();
  await person.press("Next");
  await person.arriveAt("2 of 2: Explain an error");
  await person.press("Retry");
  await person.button("Save").waitFor();
  await person.press("Save");
  await person.arriveAt("2 of 2: Explain an error");
  await person.press("Skip");
  await person.arriveAt("1 saved, 1 skipped");
  await person.press("Undo");
  await person.arriveAt("0 saved, 1 skipped, 1 taken back");
});

test("a refusal for too many requests or an ended sign-in is shown as the server words it", async (t) => {
  const { chat, person } = await open(t);
  await chat.show("harvest_session", { candidates: [TRIP] });
  await person.button("Save").waitFor();
  const refusals = [
    "too many requests; try again in 12 s",
    "Your sign-in has ended. Sign in again in your connector settings.",
  ];
  for (const text of refusals) {
    chat.handleCalls((call, forward) =>
      call.name === "save_prompt"
        ? Promise.resolve({ isError: true, content: [{ type: "text", text }] })
        : forward(),
    );
    await person.press("Save");
    await alertOf(chat)
      .filter({ hasText: new RegExp(text.slice(1)) })
      .waitFor();
    await person.assertFocus();
  }
  // What a host answers that gets 401 or 429 itself.
  chat.handleCalls(() => Promise.reject(new Error("429 Too Many Requests")));
  await person.press("Save");
  await alertOf(chat).filter({ hasText: "429 Too Many Requests" }).waitFor();
  const text = await chat.card.locator("body").innerText();
  assert.doesNotMatch(text.replaceAll(/\bPlan\b/g, ""), SALE);
  chat.handleCalls((_call, forward) => forward());
  await person.press("Save");
  await person.arriveAt("1 saved, 0 skipped");
});

test("no button is offered from a result before it is known what of it still waits", async (t) => {
  const { chat, person } = await open(t);
  const held = chat.holdNext("list_candidates");
  await chat.show("harvest_session", { candidates: [TRIP, ERROR, MINUTES] });
  await held.waitForCall();
  await chat.card.getByRole("heading", { name: "1 of 3: Plan a trip" }).waitFor();
  for (const name of ["Save", "Skip", "Edit", "Undo", "Save as new version"]) {
    assert.equal(await person.button(name).count(), 0, `${name} is offered`);
  }
  held.release();
  await person.button("Save").waitFor();
});

test("a chat that is opened again shows what still waits, and never saves a second time", async (t) => {
  const { chat, person } = await open(t);
  await chat.show("harvest_session", { candidates: [TRIP, ERROR, MINUTES] });
  await person.button("Save").waitFor();
  await person.press("Save");
  await person.arriveAt("2 of 3: Explain an error");
  // Another client settles one more.
  const [one, ...others] = await listWaiting(chat);
  assert.equal(others.length, 1);
  await chat.api("DELETE", `/api/candidates/${String(one)}`);
  await chat.controls.evaluate((self) => self.reopen());
  await chat.card.getByRole("heading", { name: /^1 of 1: / }).waitFor();
  await person.press("Save");
  await chat.card.getByRole("heading", { name: "1 saved, 0 skipped" }).waitFor();
  await chat.card.getByText(/^2 candidates .*handled before/).waitFor();
  assert.equal(chat.callsOf("save_prompt").length, 2);
  await chat.controls.evaluate((self) => self.reopen());
  await chat.card.getByText(/^3 candidates .*handled before/).waitFor();
  assert.equal(await person.button("Save").count(), 0);
  assert.equal((await listNames(chat)).length, 2);
});

test("a candidate that was settled elsewhere or has expired is passed over", async (t) => {
  const { chat, person } = await open(t);
  await chat.show("harvest_session", { candidates: [TRIP, ERROR] });
  await person.button("Save").waitFor();
  for (const id of await listWaiting(chat)) await chat.api("DELETE", `/api/candidates/${id}`);
  await person.press("Save");
  await chat.card.getByText("Plan a trip was saved or skipped elsewhere.").waitFor();
  await person.arriveAt("2 of 2: Explain an error");
  await person.press("Skip");
  await person.arriveAt("0 saved, 1 skipped, 1 settled elsewhere");
  assert.deepEqual(await listNames(chat), []);
});

test("a candidate that the server refused is read, and offers no save", async (t) => {
  const { chat, person } = await open(t);
  const bad = { ...ERROR, content: "" };
  await chat.show("harvest_session", { candidates: [bad, TRIP] });
  await chat.card.getByRole("heading", { name: "1 of 2: Explain an error" }).waitFor();
  await chat.card.getByText("Not added").waitFor();
  await chat.card
    .getByText(/content/i)
    .first()
    .waitFor();
  await person.button("Next").waitFor();
  assert.equal(await person.button("Save").count(), 0);
  await person.press("Next");
  await person.arriveAt("2 of 2: Plan a trip");
  await person.press("Save");
  await person.arriveAt("1 saved, 0 skipped");
});

test("the same result again keeps what is typed, and another one replaces the card", async (t) => {
  const { chat, person } = await open(t);
  const result = await chat.show("harvest_session", { candidates: [TRIP] });
  await person.button("Save").waitFor();
  await person.press("Edit");
  await person.type(person.field("Title"), "A trip by train");
  const send = (/** @type {unknown} */ value) =>
    chat.controls.evaluate((self, one) => self.sendResult(/** @type {never} */ (one)), value);
  await send(result);
  assert.equal(await person.field("Title").inputValue(), "A trip by train");
  await send(await chat.call("harvest_session", { candidates: [MINUTES] }));
  await chat.card.getByRole("heading", { name: "1 of 1: Minutes of a meeting" }).waitFor();
});

test("a change of the theme is followed at once, and a teardown is answered", async (t) => {
  const { chat, person } = await open(t);
  await chat.show("harvest_session", { candidates: [TRIP] });
  await person.button("Save").waitFor();
  const colorOf = () =>
    chat.card.locator("h1").evaluate((element) => getComputedStyle(element).color);
  const light = await colorOf();
  await chat.controls.evaluate((self) => {
    self.setTheme("dark");
  });
  await expectSoon(async () => (await colorOf()) === light, false);
  assert.deepEqual(await chat.controls.evaluate((self) => self.tearDown()), {});
});

test("an emptied field is not saved, and is named", async (t) => {
  const { chat, person } = await open(t);
  await chat.show("harvest_session", { candidates: [TRIP] });
  await person.press("Edit");
  for (const name of ["Content", "Title", "Name"]) {
    const field = person.field(name);
    const before = await field.inputValue();
    await person.type(field, " ");
    await person.press("Save");
    await alertOf(chat)
      .filter({ hasText: `The ${name.toLowerCase()} is empty.` })
      .waitFor();
    await expectSoon(() => field.evaluate((element) => element === document.activeElement), true);
    await person.type(field, before);
  }
  assert.equal(chat.callsOf("save_prompt").length, 0);
  await person.type(person.field("Tags"), " ");
  await person.press("Save");
  await person.arriveAt("1 saved, 0 skipped");
  assert.deepEqual((await chat.api("GET", "/api/prompts/plan-a-trip")).tags, []);
});

test("the second click of a slow double click does not save what comes next", async (t) => {
  const { chat, person } = await open(t);
  await chat.show("harvest_session", { candidates: [TRIP, ERROR] });
  const box = await person.button("Save").boundingBox();
  assert.ok(box);
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await chat.page.mouse.move(x, y);
  await chat.page.mouse.down({ clickCount: 1 });
  await chat.page.mouse.up({ clickCount: 1 });
  await person.arriveAt("2 of 2: Explain an error");
  await chat.page.mouse.down({ clickCount: 2 });
  await chat.page.mouse.up({ clickCount: 2 });
  await person.press("Skip");
  await person.arriveAt("1 saved, 1 skipped");
  assert.equal(chat.callsOf("save_prompt").length, 1);
});

test("a chat whose composer is not empty leaves the text to be copied", async (t) => {
  const chat = await openChat(t, "vscode", { prompts: SAVED });
  const person = new Person(chat, "mouse");
  await chat.show("open_library", { name: "polite-decline" });
  await chat.page.getByLabel("Message").fill("Half a sentence");
  await person.type(person.field("person required"), "Ann");
  await person.type(person.field("request required"), "the talk");
  await person.press("Use in chat");
  const area = person.field("Copy it into your message");
  await expectText(
    chat.card.locator("pre"),
    "Write a short e-mail to Ann that declines the talk without an excuse.",
  );
  assert.equal(
    await area.inputValue(),
    "Write a short e-mail to Ann that declines the talk without an excuse.",
  );
  assert.equal(await chat.page.getByLabel("Message").inputValue(), "Half a sentence");
});
