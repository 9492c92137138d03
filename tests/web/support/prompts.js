// The prompts of a library as people keep it, and those that break pages which take text for markup,
// English for the only language, or any word for a short one.

/**
 * @typedef {object} Draft
 * @property {string} name
 * @property {string} title
 * @property {string} content
 * @property {string} [description]
 * @property {string[]} [tags]
 * @property {{ name: string, description?: string, default?: string }[]} [variables]
 * @property {boolean} [favorite]
 */

/** Maximum size of a content: `CONTENT_MAX_BYTES` of the server. */
export const CONTENT_MAX_BYTES = 65_536;

/** A word without a place to break it. */
export const LONG_WORD = "Donaudampfschifffahrtsgesellschaftskapitän".repeat(2);

/** Titles and contents that a page must show as they are. */
export const SCRIPTS = {
  image: "<img src=x onerror=alert(1)>",
  end: "</script><script>alert(2)</script>",
  url: "javascript:alert(3)",
  entity: "&lt;b&gt; & &amp;amp; \"quoted\" 'single' `tick` ${x}",
};

const AR = "راجع هذا النص {{النص}} وصحّح الأخطاء الإملائية، ثم اكتب ملخصًا من {{number}} جمل.";
const HE = "סכם את הפגישה {{פגישה}} בשלוש נקודות, וציין מי אחראי לכל משימה עד יום שלישי.";
const MIXED =
  "Translate «{{text}}» from English to עברית and العربية, keep 123 and (ABC) in place.";

/** @returns {Draft} */
function makeLargest() {
  const head = "Summarise {{document}} for {{audience}}.\n\n";
  const line = "Keep every number, every name and every date as the source has it.\n";
  const content = (head + line.repeat(1_000)).slice(0, CONTENT_MAX_BYTES);
  return {
    name: "largest",
    title: "The largest prompt that fits",
    content,
    description: "64 KB of instructions",
    tags: ["long"],
  };
}

/** @type {Draft[]} */
const WORK = [
  {
    name: "code-review",
    title: "Code review",
    description: "A strict review of one file, with the reasons",
    content:
      "Review {{code}} in a {{tone}} tone.\n\n- Name the three most serious faults first.\n" +
      "- Quote the line of each.\n- Leave \\{{this}} alone.\n",
    tags: ["coding", "review"],
    variables: [
      { name: "code", description: "The file or the diff" },
      { name: "tone", description: "kind, plain or strict", default: "kind" },
    ],
    favorite: true,
  },
  {
    name: "commit-message",
    title: "Commit message",
    description: "From a diff, in the imperative",
    content: "Write a commit message for this diff. Subject under 72 characters.\n\n{{diff}}",
    tags: ["coding", "git"],
  },
  {
    name: "explain-error",
    title: "Explain an error",
    content: "Explain this error to a {{level}} developer, and what to try first:\n\n{{error}}",
    tags: ["coding"],
    variables: [{ name: "level", default: "junior" }],
  },
  {
    name: "sql-from-question",
    title: "SQL from a question",
    content: "Schema:\n{{schema}}\n\nAnswer with one query in {{dialect}}: {{question}}",
    tags: ["coding", "data"],
    variables: [{ name: "dialect", default: "PostgreSQL" }],
  },
  {
    name: "release-notes",
    title: "Release notes",
    description: "For users, not for developers",
    content: "Turn these commits into release notes for users of {{product}}:\n\n{{commits}}",
    tags: ["writing", "git"],
    favorite: true,
  },
  {
    name: "meeting-notes",
    title: "Meeting notes",
    content: "Summarise the meeting: decisions, tasks with owner and date.\n\n{{transcript}}",
    tags: ["writing", "work"],
  },
  {
    name: "polite-decline",
    title: "Decline politely",
    content: "Write a short e-mail to {{person}} that declines {{request}} without an excuse.",
    tags: ["writing"],
  },
  {
    name: "weekly-plan",
    title: "Plan my week",
    content: "Plan the week from these tasks. Leave Friday afternoon free.\n\n{{tasks}}",
    tags: ["work"],
  },
  {
    name: "interview-questions",
    title: "Interview questions",
    content: "Ten questions for a {{role}}, from easy to hard, each with what a good answer has.",
    tags: ["work"],
  },
  {
    name: "recipe-from-fridge",
    title: "Recipe from what is left",
    content: "I have {{ingredients}}. One recipe for {{people}} people, at most 30 minutes.",
    tags: ["home"],
    variables: [{ name: "people", default: "2" }],
  },
  {
    name: "learn-vocabulary",
    title: "Learn vocabulary",
    content: "Ask me ten words of {{language}} at level {{level}}, one at a time.",
    tags: ["languages"],
  },
  {
    name: "socratic-tutor",
    title: "Tutor who only asks",
    content: "Teach me {{topic}} by questions alone. Never give the answer.",
    tags: ["learning"],
    favorite: true,
  },
  {
    name: "no-variables",
    title: "Shorten the last answer",
    content: "Say it again in half as many words. Keep every fact.",
    tags: ["writing"],
  },
  {
    name: "untagged",
    title: "A prompt without tags",
    content: "Give three arguments against what I just said.",
  },
];

/** @type {Draft[]} */
const SCRIPTS_OF_THE_WORLD = [
  {
    name: "arabic",
    title: "مراجعة نص عربي",
    description: "تصحيح وتلخيص",
    content: AR,
    tags: ["languages"],
  },
  {
    name: "hebrew",
    title: "סיכום פגישה",
    content: HE,
    tags: ["languages", "work"],
    favorite: true,
  },
  {
    name: "both-directions",
    title: "Translate into עברית and العربية",
    content: MIXED,
    tags: ["languages"],
  },
  {
    name: "japanese",
    title: "議事録を要約する",
    content: "次の会議録を{{行数}}行で要約してください。\n\n{{議事録}}",
    tags: ["languages"],
  },
  {
    name: "hindi",
    title: "पाठ को सरल बनाओ",
    content: "इस पाठ को {{स्तर}} के छात्र के लिए सरल हिंदी में लिखो: {{पाठ}}",
    tags: ["languages"],
  },
  {
    name: "greek",
    title: "Σύνοψη κειμένου",
    content: "Γράψε μια σύνοψη του {{κείμενο}} σε πέντε γραμμές.",
    tags: ["languages"],
  },
  {
    name: "emoji",
    title: "Post with emoji 🎉👩🏽‍💻🏳️‍🌈",
    content: "Write a post about {{topic}} 🚀 with at most 3 emoji 👨‍👩‍👧‍👦.",
    tags: ["writing"],
  },
  {
    name: "combining",
    title: "Zálgo: e\u0301 a\u0308 ﬁ ﷺ",
    content: "Normalise {{text}} to NFC: e\u0301 becomes é.",
    tags: ["data"],
  },
];

/** @type {Draft[]} */
const HOSTILE = [
  {
    name: "script-image",
    title: SCRIPTS.image,
    description: SCRIPTS.image,
    content: `${SCRIPTS.image}\n{{input}}\n<svg onload=alert(4)>`,
    tags: ["data"],
    variables: [{ name: "input", description: SCRIPTS.image, default: SCRIPTS.end }],
  },
  {
    name: "script-end",
    title: SCRIPTS.end,
    content: `${SCRIPTS.end} {{x}} <!-- --> ]]>`,
    tags: ["data"],
  },
  {
    name: "script-url",
    title: SCRIPTS.url,
    content: `[link](${SCRIPTS.url}) {{url}}`,
    description: SCRIPTS.url,
  },
  { name: "script-entity", title: SCRIPTS.entity, content: SCRIPTS.entity, tags: ["data"] },
  {
    name: "long-word",
    title: LONG_WORD,
    description: LONG_WORD.repeat(3),
    content: `${LONG_WORD.repeat(20)}\n{{${"a".repeat(64)}}}`,
    tags: ["long"],
  },
  {
    name: "many-lines",
    title: "Two hundred lines with spaces and tabs",
    content: Array.from({ length: 200 }, (_, index) => `\t${index}:  two  spaces  `).join("\n"),
    tags: ["long"],
  },
];

/** The prompts that are live: 30. */
export const PROMPTS = [...WORK, ...SCRIPTS_OF_THE_WORLD, ...HOSTILE, makeLargest()];
PROMPTS.push({
  name: "many-variables",
  title: "Letter with many variables",
  description: "One field each, in the order of the text",
  content: Array.from(
    { length: 20 },
    (_, index) => `Line ${index + 1}: {{field_${index + 1}}}`,
  ).join("\n"),
  tags: ["writing", "long"],
});
