// What the widget does without an element: the queue of a review, saving once, and the difference of texts.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { compareTexts } from "../../widget/model/differences.js";
import {
  describeSaves,
  emptyField,
  entryOf,
  nextOpen,
  refresh,
  requestFor,
} from "../../widget/model/queue.js";
import { formatCount, sentence, setLocale, showHidden } from "../../widget/model/words.js";
import { parseJson, readObject } from "../clients/json.js";

/**
 * @import { Candidate } from "../../widget/bridge/call.js"
 */

/** A request of the page, such as `GET /api/prompts/x`, with its body. @typedef {[string, unknown]} Sent */

/** @type {Sent[]} */
let sent = [];
/** What is answered, one after the other: a status with a body, or none. @type {([number, object] | undefined)[]} */
let answers = [];

beforeEach(() => {
  sent = [];
  answers = [];
});

// The page `/widget`, which has no parent: its calls are requests.
const page = { parent: {} };
page.parent = page;
Object.assign(globalThis, { window: page });
globalThis.fetch = (
  /** @type {unknown} */ path,
  /** @type {RequestInit} */ { method, body } = {},
) => {
  sent.push([
    `${String(method)} ${String(path)}`,
    typeof body === "string" ? parseJson(body) : undefined,
  ]);
  const answer = answers.shift();
  if (!answer) return Promise.reject(new TypeError("Failed to fetch"));
  return Promise.resolve(new Response(JSON.stringify(answer[1]), { status: answer[0] }));
};
const { call } = await import("../../widget/bridge.js");
const { findWaiting, isWaiting, loadWhole, save, undo } =
  await import("../../widget/model/save.js");

/**
 * @param {string} id
 * @param {Partial<Candidate>} [more]
 * @returns {Candidate}
 */
function candidate(id, more = {}) {
  const suggested = { action: "save", name: id, title: `Title ${id}`, description: "" };
  return {
    candidate_id: id,
    title: `Title ${id}`,
    why: "",
    verdict: "new",
    similar: [],
    redactions: [],
    problems: [],
    suggested: { ...suggested, content: "Text", tags: ["one"], variables: [] },
    ...more,
  };
}

/** @param {number} version */
function updateOf(version) {
  const one = candidate("b");
  assert.ok(one.suggested);
  one.suggested = { ...one.suggested, action: "update", expected_version: version };
  return entryOf(one);
}

/** @param {Candidate[]} candidates */
const listed = (...candidates) => /** @type {[number, object]} */ ([200, { candidates }]);

const CONFLICT = "the prompt is at another version";
/** @type {[number, object]} */
const REFUSED = [409, { detail: CONFLICT }];

test("a save sends the fields that were changed, and a version only for the same name", () => {
  const entry = updateOf(3);
  assert.deepEqual(requestFor(entry), { candidate_id: "b", name: "b", expected_version: 3 });
  entry.draft = { title: "New", tags: [] };
  assert.deepEqual(requestFor(entry), {
    candidate_id: "b",
    title: "New",
    tags: [],
    name: "b",
    expected_version: 3,
  });
  entry.draft = { name: " other " };
  assert.deepEqual(requestFor(entry), { candidate_id: "b", name: "other" });
});

test("an empty title, name or content is found before a save, and empty tags are sent", () => {
  const entry = updateOf(3);
  assert.equal(emptyField(entry), undefined);
  entry.draft = { tags: [] };
  assert.equal(emptyField(entry), undefined);
  assert.deepEqual(requestFor(entry).tags, []);
  for (const key of /** @type {const} */ (["title", "name", "content"])) {
    entry.draft = { [key]: " \n" };
    assert.equal(emptyField(entry), key);
  }
});

test("the next candidate is the one below, else one that was left behind", () => {
  const entries = ["a", "b", "c"].map((id) => entryOf(candidate(id)));
  entries.push(entryOf(candidate("", { candidate_id: undefined })));
  assert.equal(nextOpen(entries, 0), 1);
  assert.equal(nextOpen(entries, 2), 3);
  const [first, second, third, refused] = entries;
  assert.ok(first && second && third && refused);
  assert.equal(refused.state, "refused");
  refused.state = "read";
  third.state = "skipped";
  assert.equal(nextOpen(entries, 2), 0);
  first.state = "saved";
  second.state = "gone";
  assert.equal(nextOpen(entries, 1), -1);
});

test("fresh facts replace old ones, and a whole text is marked whole", () => {
  const entry = entryOf(candidate("a", { content_cut: true }));
  refresh(entry, undefined);
  assert.equal(entry.content_cut, true);
  refresh(entry, candidate("a", { verdict: "duplicate" }));
  assert.equal(entry.content_cut, false);
  assert.equal(entry.verdict, "duplicate");
});

test("what was saved is described with its versions", () => {
  const [first, second] = [entryOf(candidate("a")), entryOf(candidate("b"))];
  assert.equal(describeSaves([first, second]), "The user saved: nothing.");
  Object.assign(first, { state: "saved", stored: { name: "a", version: 2 } });
  Object.assign(second, { state: "saved", stored: { name: "b", version: 1 } });
  assert.equal(describeSaves([first, second]), "The user saved: a v2, b v1.");
  // What was taken back is stored no longer.
  Object.assign(second, { state: "undone", stored: undefined });
  assert.equal(describeSaves([first, second]), "The user saved: a v2.");
});

test("waiting candidates are read page by page until all that are wanted are found", async () => {
  answers = [
    [200, { candidates: [candidate("z")], next_cursor: "c1" }],
    [200, { candidates: [candidate("a")], next_cursor: "c2" }],
  ];
  assert.equal((await findWaiting(["a"])).get("a")?.candidate_id, "a");
  assert.deepEqual(
    sent.map(([request]) => request),
    ["GET /api/candidates?", "GET /api/candidates?cursor=c1"],
  );
  answers = [[200, { candidates: [candidate("z")] }]];
  assert.equal((await findWaiting(["gone"])).has("gone"), false);
});

test("a save is one request", async () => {
  answers = [[201, { id: "prm_1", name: "a", version: 1, content: "Text" }]];
  const entry = entryOf(candidate("a"));
  const outcome = readObject(await save(entry, requestFor(entry)));
  assert.deepEqual(sent, [["POST /api/candidates/a/accept", { name: "a" }]]);
  assert.deepEqual([outcome.id, outcome.created, outcome.version], ["prm_1", true, 1]);
});

test("a save whose answer has no version is read", async () => {
  answers = [
    [201, {}],
    [200, { id: "prm_1", name: "b", version: 4, content: "Text" }],
  ];
  const entry = updateOf(3);
  const outcome = readObject(await save(entry, requestFor(entry)));
  assert.deepEqual([outcome.id, outcome.created, outcome.version], ["prm_1", false, 4]);
});

test("a save without an answer is repeated only if the candidate still waits", async () => {
  const entry = updateOf(3);
  await assert.rejects(save(entry, requestFor(entry)), { kind: "no-answer" });
  answers = [listed(), [200, { id: "prm_1", name: "b", version: 4, content: "Text" }]];
  const lost = readObject(await save(entry, requestFor(entry)));
  assert.deepEqual([lost.version, lost.created], [4, false]);
  assert.equal(sent.filter(([request]) => request.startsWith("POST")).length, 1);

  sent = [];
  answers = [listed(candidate("b")), [200, { name: "b", version: 4 }]];
  await save(entry, requestFor(entry));
  assert.deepEqual(
    sent.map(([request]) => request.split(" ")[0]),
    ["GET", "POST"],
  );
});

test("a lost save of a prompt that has another version was not ours", async () => {
  const entry = updateOf(3);
  await assert.rejects(save(entry, requestFor(entry)), { kind: "no-answer" });
  answers = [listed(), [200, { name: "b", version: 7, content: "Text" }]];
  assert.equal(await save(entry, requestFor(entry)), "gone");
});

test("a refused save is a conflict where another version has the name", async () => {
  const entry = updateOf(3);
  answers = [REFUSED, listed(candidate("b")), [200, { name: "b", version: 5, content: "Theirs" }]];
  assert.equal(await save(entry, requestFor(entry)), "conflict");
  assert.deepEqual([entry.conflict?.version, entry.conflict?.text], [5, "Theirs"]);

  const same = updateOf(3);
  answers = [REFUSED, listed(candidate("b")), [200, { name: "b", version: 3, content: "Theirs" }]];
  await assert.rejects(save(same, requestFor(same)), { message: CONFLICT });
  answers = [REFUSED, listed(candidate("b")), [404, { detail: "no prompt" }]];
  await assert.rejects(save(same, requestFor(same)), { message: CONFLICT });
});

test("a candidate that is gone was handled elsewhere", async () => {
  const entry = entryOf(candidate("a"));
  answers = [[404, { detail: "there is no candidate a" }], listed()];
  assert.equal(await save(entry, requestFor(entry)), "gone");
  answers = [listed(candidate("a", { verdict: "duplicate" }))];
  assert.equal(await isWaiting(entry), true);
  assert.equal(entry.verdict, "duplicate");
});

test("a text that was cut is read whole, and only then", async () => {
  const entry = entryOf(candidate("a", { content_cut: true }));
  answers = [[200, candidate("a", { why: "whole" })]];
  await loadWhole(entry);
  await loadWhole(entry);
  assert.deepEqual(sent, [["GET /api/candidates/a", undefined]]);
  assert.deepEqual([entry.why, entry.content_cut], ["whole", false]);
});

test("taking back deletes what is new, and saves the version before again", async () => {
  answers = [
    [200, {}],
    [200, {}],
  ];
  await undo({ id: "prm_1", name: "a", version: 1, created: true });
  await undo({ id: "prm_2", name: "b", version: 4, created: false });
  assert.deepEqual(sent, [
    ["DELETE /api/prompts/prm_1", undefined],
    ["POST /api/prompts/prm_2/restore", { version: 3 }],
  ]);
});

test("each call has its request, and each failure its kind", async () => {
  answers = Array.from({ length: 5 }, () => [200, { content: "Text" }]);
  await call("list_prompts", { query: "a b", cursor: "c" });
  await call("get_prompt", { name: "ä/b", raw: true });
  await call("get_prompt", { id: "p", version: 2, arguments: { x: "1" } });
  await call("reject_candidate", { candidate_id: "c" });
  assert.deepEqual(sent, [
    ["GET /api/prompts?query=a+b&cursor=c", undefined],
    ["GET /api/prompts/%C3%A4%2Fb", undefined],
    ["POST /api/prompts/p/render", { version: 2, arguments: { x: "1" } }],
    ["DELETE /api/candidates/c", undefined],
  ]);
  answers = [
    [401, { detail: "sign in" }],
    [429, { detail: "too many requests" }],
  ];
  await assert.rejects(call("list_prompts", {}), { kind: "signed-out", message: "sign in" });
  await assert.rejects(call("list_prompts", {}), { kind: "refused", message: "too many requests" });
  await assert.rejects(call("list_prompts", {}), { kind: "no-answer" });
});

/**
 * @param {import("../../widget/model/differences.js").Change[]} changes
 * @param {string} other The sign that is left out.
 */
const side = (changes, other) =>
  changes.map(({ text, sign }) => (sign === other ? "" : text)).join("");

test("a difference has all of both texts, word by word", () => {
  const changes = compareTexts("Be brief.\nList all.", "Be very brief.\nList some.");
  assert.deepEqual(
    changes.filter(({ sign }) => sign).map(({ text, sign }) => sign + text),
    ["+very ", "−all.", "+some."],
  );
  const words = ["a", "b", "c", " ", "\n", "", "d e", "  "];
  let state = 7;
  const random = () => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) / 2 ** 32;
  const make = () =>
    Array.from({ length: 20 }, () => words[Math.floor(random() * words.length)]).join("");
  for (let round = 0; round < 300; round++) {
    const [before, after] = [make(), make()];
    const some = compareTexts(before, after);
    assert.equal(side(some, "+"), before);
    assert.equal(side(some, "−"), after);
  }
});

test("the longest texts are compared in bounded work, whatever they have in common", () => {
  const long = (/** @type {string} */ word) =>
    Array.from({ length: 16_000 }, (_, index) => `${word}${index % 97}`).join(" ");
  for (const [before, after] of [
    [long("a"), long("b")],
    [long("a"), `x ${long("a")}`],
    ["x ".repeat(32_000), "x\n".repeat(32_000)],
    ["x".repeat(65_536), "y".repeat(65_536)],
    ["", long("a")],
  ]) {
    assert.ok(before !== undefined && after !== undefined);
    const changes = compareTexts(before, after);
    assert.equal(side(changes, "+"), before);
    assert.equal(side(changes, "−"), after);
  }
});

test("what reorders or hides text is shown as its number, and all else as it is", () => {
  assert.equal(
    showHidden("a\u202eb\u2066c\u0000\u0085\ufeff"),
    "a[U+202e]b[U+2066]c[U+0][U+85][U+feff]",
  );
  const plain = "Zeile\n\tשלום 👩‍👩‍👧 می‌خواهم\u200f";
  assert.equal(showHidden(plain), plain);
});

test("numbers follow the language of the chat, and a malformed one changes nothing", () => {
  assert.equal(sentence("the prompt is gone"), "The prompt is gone.");
  assert.equal(sentence("Done?"), "Done?");
  assert.equal(setLocale("not a language"), "en");
  assert.equal(setLocale("de-DE"), "de-DE");
  assert.equal(formatCount(1234, "prompt"), "1.234 prompts");
  assert.equal(formatCount(1, "prompt"), "1 prompt");
});
