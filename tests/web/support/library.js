// A library as a person has it after some months: prompts with versions, deleted ones, and candidates
// that wait for a review.

import { call } from "./api.js";
import { PROMPTS } from "./prompts.js";

/**
 * @import { Api } from "./api.js"
 * @import { Draft } from "./prompts.js"
 */

const EMAIL = "ada.lovelace@analytical-engines.org";
// In two parts, so that no scanner for secrets reports this file.
export const TOKEN = ["ghp", "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"].join("_");

/**
 * Later contents of prompts by name, oldest first: version 2, 3 and so on.
 *
 * @type {Record<string, string[]>}
 */
const LATER_VERSIONS = {
  "code-review": [
    "Review {{code}} in a {{tone}} tone.\n\n- Name the five most serious faults first.\n- Quote the line of each.\n",
    "Review {{code}} in a {{tone}} tone, for {{reader}}.\n\n- Name the three most serious faults first.\n" +
      "- Quote the line of each.\n- End with what is good.\n- Leave \\{{this}} alone.\n",
  ],
  arabic: ["راجع هذا النص {{النص}} وصحّح الأخطاء، ثم اكتب ملخصًا من {{number}} جمل قصيرة."],
  "script-image": ["<img src=y onerror=alert(5)>\n{{input}}"],
  "many-lines": [
    Array.from({ length: 200 }, (_, line) => `\t${line % 7 ? line : -line}`).join("\n"),
  ],
};

/**
 * Prompts that were saved and deleted.
 *
 * @type {Draft[]}
 */
const DELETED = [
  { name: "old-review", title: "Old code review", content: "Look at {{code}}.", tags: ["coding"] },
  { name: "old-script", title: "<b onclick=alert(6)>Deleted</b>", content: "<i>x</i>" },
  { name: "old-hebrew", title: "ישן", content: "טקסט ישן {{שם}}" },
];

/** What a chat proposed: new, a variant, a duplicate, one with secrets, one with problems. */
const CANDIDATES = [
  {
    title: "Plan a trip",
    content: "Plan {{days}} days in {{city}} for a family with two small children, by train only.",
    description: "Days with one place in the morning and one in the afternoon",
    tags: ["home"],
    why: "You asked for it twice, and the second answer was used as it was.",
  },
  {
    title: "Code review, shorter",
    content:
      "Review {{code}} in a {{tone}} tone, for {{reader}}.\n\n- Name the three most serious faults first.\n" +
      "- Quote the line of each.\n- End with one question.\n- Leave \\{{this}} alone.\n",
    why: "It ended with a question each time.",
  },
  {
    title: "Shorten",
    content: "say it again in half as many words; keep every fact",
    why: "Used after most answers.",
  },
  {
    title: "Ask the support",
    content: `Write to ${EMAIL} about {{problem}}. The key is ${TOKEN}, and the key does not work.`,
    why: "It found the right tone.",
  },
  {
    title: "<img src=x onerror=alert(7)>",
    content:
      "Refactor this file so that it has no globals, as discussed above. Begin with /home/ada/main.rs.",
    why: "</script><script>alert(8)</script>",
  },
  {
    title: "شرح المفهوم",
    content: "اشرح {{المفهوم}} لطفل في العاشرة بمثال من الحياة اليومية.",
    why: "طلبته ثلاث مرات.",
  },
];

/** Returns what a full library consists of. */
export function realLibrary() {
  return {
    prompts: PROMPTS,
    laterVersions: LATER_VERSIONS,
    deleted: DELETED,
    candidates: CANDIDATES,
  };
}

/**
 * Fills an empty library with what `realLibrary` returns.
 *
 * @param {Api} api
 * @param {number} [limit] the most prompts that stay
 */
export async function fillLibrary(api, limit = Infinity) {
  const { prompts, laterVersions, deleted, candidates } = realLibrary();
  const app = { api };
  for (const draft of deleted) {
    await call(app, "POST", "/api/prompts", draft);
    await call(app, "DELETE", `/api/prompts/${draft.name}`);
  }
  for (const draft of prompts.slice(0, limit)) {
    await call(app, "POST", "/api/prompts", draft);
    const later = laterVersions[draft.name] ?? [];
    for (const [index, content] of later.entries()) {
      const body = { content, expected_version: index + 1 };
      await call(app, "PUT", `/api/prompts/${draft.name}`, body);
    }
  }
  await call(app, "POST", "/api/candidates", { candidates });
  for (const name of ["code-review", "commit-message"]) {
    await call(app, "POST", `/api/prompts/${name}/render`, { arguments: {} });
  }
}
