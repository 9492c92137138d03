// What search by meaning shows: the page finds what is meant, and what has a near meaning is named.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { ROOT } from "../clients/harness.js";
import { call } from "./support/api.js";
import { openApp } from "./support/app.js";
import { openChat } from "./support/chat.js";
import { checkAccessible } from "./support/checks.js";
import { rowsOf, searchOf, titlesOf } from "./support/rows.js";
import { expectSoon } from "./support/wait.js";

const MODEL = join(ROOT, "target/model/meaning.bin");
const env = { MODEL_PATH: MODEL };

const TRAINER = {
  name: "personal-trainer",
  title: "Personal trainer",
  content: "Act as a coach who makes a plan of exercises for my weight and goals.",
};
const PLANNER = {
  name: "trip-planner",
  title: "Trip planner",
  content: "Plan the days of a city break: sights, restaurants, and how to get there.",
};
const OTHERS = [
  {
    name: "cover-letter",
    title: "Cover letter",
    content: "Write a letter for this job from my résumé.",
  },
  {
    name: "code-review",
    title: "Code review",
    content: "Look for bugs and unclear names in this diff.",
  },
  { name: "chef", title: "Chef", content: "Suggest a dinner from what is in the fridge." },
];
/** Of the meaning of the trainer's, in other words. */
const WORKOUT = {
  title: "Personal fitness trainer",
  content: "You are my gym instructor. Build a workout routine that suits my body and my targets.",
};

test("the model was made", () => {
  assert.ok(existsSync(MODEL), `${MODEL} is missing: run \`make model\``);
});

test("the page finds what is meant, in other words and in another language", async (t) => {
  const app = await openApp(t, { env, path: "/privacy" });
  for (const prompt of [TRAINER, PLANNER, ...OTHERS]) {
    await call(app, "POST", "/api/prompts", prompt);
  }
  await app.page.goto("/app");
  for (const { query, title } of [
    { query: "help me get fit", title: TRAINER.title },
    { query: "Reise nach Rom planen", title: PLANNER.title },
  ]) {
    await searchOf(app.page).fill(query);
    await expectSoon(async () => (await titlesOf(app.page))[0], title);
  }
});

test("a near meaning is named on the page of a prompt and in the review", async (t) => {
  const app = await openApp(t, { env, path: "/privacy" });
  const { page } = app;
  for (const prompt of [TRAINER, ...OTHERS]) await call(app, "POST", "/api/prompts", prompt);
  await call(app, "POST", "/api/candidates", {
    candidates: [{ ...WORKOUT, why: "You asked for it twice." }],
  });
  await page.goto("/app/review");
  await page.getByText("Related to personal-trainer").first().waitFor();
  await checkAccessible(page);

  await call(app, "POST", "/api/prompts", WORKOUT);
  await page.goto("/app/p/personal-fitness-trainer");
  const notice = page.getByText("Related: Personal trainer.");
  await notice.waitFor();
  await checkAccessible(page);
  await notice.getByRole("link", { name: TRAINER.title }).click();
  await page.getByRole("heading", { level: 1, name: TRAINER.title }).waitFor();
  await page.goto("/app");
  await expectSoon(() => rowsOf(page).count(), OTHERS.length + 2);
});

test("the card in a chat names what a suggestion is related to", async (t) => {
  const chat = await openChat(t, "chatgpt", { env, prompts: [TRAINER, ...OTHERS] });
  await chat.show("harvest_session", {
    candidates: [{ ...WORKOUT, why: "You asked for it twice." }],
  });
  await chat.card.getByText("Related to personal-trainer").waitFor();
  await chat.card.getByRole("button", { name: "Save", exact: true }).waitFor();
});
