// What a card must bear of each host alone.

import assert from "node:assert/strict";
import { test } from "node:test";

import { readArray, readObject, readString } from "../clients/json.js";
import { HOSTS } from "./hosts/profiles.js";
import { openChat } from "./support/chat.js";
import { SAVED, TRIP } from "./support/harvest.js";
import { Person } from "./support/person.js";
import { expectSoon } from "./support/wait.js";

const TEXT = "Write a short e-mail to Ann that declines the talk without an excuse.";

for (const host of HOSTS) {
  test(`${host} gets a card that declares its policy, and no domain`, async (t) => {
    const chat = await openChat(t, host);
    const { tools } = await chat.client.listTools();
    const withCard = tools.filter(({ _meta }) => _meta?.ui);
    assert.deepEqual(withCard.map(({ name }) => name).sort(), ["harvest_session", "open_library"]);
    const [uri] = withCard.map(({ _meta }) => readString(readObject(_meta?.ui).resourceUri));
    const { contents } = await chat.client.readResource({ uri: String(uri) });
    const meta = readObject(readObject(readArray(contents)[0])._meta);
    const ui = readObject(meta.ui);
    assert.deepEqual(ui.csp, { connectDomains: [], resourceDomains: [] });
    // Claude refuses a card with any domain but its own.
    assert.ok(!("domain" in ui), "ui.domain is sent");
  });

  test(`a text is copied in ${host}, with or without a permission for it`, async (t) => {
    const chat = await openChat(t, host, { prompts: SAVED });
    const person = new Person(chat, "mouse");
    await chat.show("open_library", { name: "polite-decline" });
    await person.type(chat.card.getByRole("textbox", { name: "person" }), "Ann");
    await person.type(chat.card.getByRole("textbox", { name: "request" }), "the talk");
    const frame = chat.page.frames().findLast((one) => one.name() === "card");
    await frame?.evaluate(() => {
      document.addEventListener("copy", () => {
        document.documentElement.dataset.copied = String(getSelection());
      });
      const { clipboard } = navigator;
      if (!("clipboard" in navigator)) return;
      const write = clipboard.writeText.bind(clipboard);
      clipboard.writeText = async (text) => {
        await write(text);
        document.documentElement.dataset.copied = text;
      };
    });
    // The browser itself reports a card that may not write to the clipboard.
    if (host !== "vscode") chat.watch.expectMessages(/^Permissions policy violation: .*Clipboard/);
    await person.press("Copy");
    const copied = () => chat.card.locator("html").getAttribute("data-copied");
    await expectSoon(copied, TEXT);
    await chat.card.getByText("Copied.").waitFor();
    await person.assertFocus();
  });
}

test("VS Code's empty answer for a display mode changes nothing", async (t) => {
  const chat = await openChat(t, "vscode", { modes: ["inline", "fullscreen"] });
  const person = new Person(chat, "mouse");
  await chat.show("harvest_session", { candidates: [TRIP] });
  await person.press("Edit");
  const countRequests = async () => {
    const log = await chat.controls.evaluate((self) => self.log);
    return log.filter(({ method }) => method === "ui/request-display-mode").length;
  };
  // The request and its answer.
  await expectSoon(countRequests, 2);
  await person.type(person.field("Title"), "A trip by train");
  await person.press("Save");
  await person.arriveAt("1 saved, 0 skipped");
  assert.equal((await chat.api("GET", "/api/prompts/plan-a-trip")).title, "A trip by train");
});

test("a card that Goose has shown keeps the width of the conversation", async (t) => {
  const chat = await openChat(t, "goose", { width: 375 });
  await chat.show("harvest_session", { candidates: [TRIP] });
  await new Person(chat, "mouse").button("Save").waitFor();
  const frame = chat.page.locator(".card iframe");
  for (const width of [720, 280]) {
    await chat.controls.evaluate((self, pixels) => {
      self.setWidth(pixels);
    }, width);
    await expectSoon(async () => (await frame.boundingBox())?.width, width);
  }
});

test("Claude's phones have no full screen, and the card asks for none", async (t) => {
  const chat = await openChat(t, "claude", { width: 375, modes: ["inline"] });
  const person = new Person(chat, "mouse");
  await chat.show("harvest_session", { candidates: [TRIP] });
  await person.press("Edit");
  await person.field("Title").waitFor();
  const log = await chat.controls.evaluate((self) => self.log);
  assert.ok(!log.some(({ method }) => method === "ui/request-display-mode"));
});
