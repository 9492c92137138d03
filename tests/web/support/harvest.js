// What a person has in the library, and what a model found in a session: for the tests of the widget.

/**
 * @import { Draft } from "./prompts.js"
 */

/** @type {Draft[]} */
export const SAVED = [
  {
    name: "code-review",
    title: "Code review",
    description: "A strict review of one file",
    content:
      "Review {{code}} in a {{tone}} tone.\n\n- Name the three most serious faults first.\n- Quote the line of each.\n",
    tags: ["coding"],
    variables: [
      { name: "code", description: "The file or the diff" },
      { name: "tone", description: "kind, plain or strict", default: "plain" },
    ],
  },
  {
    name: "release-notes",
    title: "Release notes",
    description: "For users, not for developers",
    content: "Turn these commits into release notes for users of {{product}}:\n\n{{commits}}",
    tags: ["writing"],
    variables: [{ name: "product", default: "our app" }, { name: "commits" }],
  },
  {
    name: "polite-decline",
    title: "Decline politely",
    content: "Write a short e-mail to {{person}} that declines {{request}} without an excuse.",
    tags: ["writing"],
  },
];

/** A candidate as a model proposes it. @typedef {{ title: string, content: string, why: string, tags?: string[], description?: string, variables?: { name: string, description?: string, default?: string }[] }} Proposal */

export const TRIP = {
  title: "Plan a trip",
  content:
    "Plan {{days}} days in {{city}} for a family with two small children, by train only. One place in the morning, one in the afternoon.",
  description: "A calm plan, day by day",
  tags: ["home"],
  why: "You used the second answer as it was.",
};

export const ERROR = {
  title: "Explain an error",
  content: "Explain this error to a {{level}} developer, then list what to try first:\n\n{{error}}",
  tags: ["coding"],
  why: "You asked for it four times.",
  variables: [{ name: "level", default: "junior" }],
};

export const LONGER_REVIEW = {
  title: "Code review with praise",
  content: `${SAVED[0]?.content ?? ""}- End with what is good, in one sentence.\n`,
  tags: ["coding"],
  why: "Each review ended with praise.",
};

export const MINUTES = {
  title: "Minutes of a meeting",
  content: "Write minutes of this meeting: decisions, tasks with owner and date.\n\n{{transcript}}",
  tags: ["work"],
  why: "You corrected the first answer twice.",
};

const WEEK = {
  title: "Plan the week",
  content: "Plan my week from these tasks, and leave Friday afternoon free:\n\n{{tasks}}",
  tags: ["work"],
  why: "You repeat it each Monday.",
};

const VOCABULARY = {
  title: "Learn vocabulary",
  content: "Ask me ten words of {{language}} at level {{level}}, one at a time.",
  tags: ["learning"],
  why: "It worked for half an hour.",
};

const RECIPE = {
  title: "Recipe from what is left",
  content: "I have {{ingredients}}. Name one recipe for {{people}} people, at most 30 minutes.",
  tags: ["home"],
  why: "You cooked it.",
};

const INTERVIEW = {
  title: "Interview questions",
  content: "Ten questions for a {{role}}, from easy to hard, each with what a good answer holds.",
  tags: ["work"],
  why: "You copied the list.",
};

/** Eight proposals, in the order in which they are reviewed. @type {Proposal[]} */
export const EIGHT = [TRIP, ERROR, LONGER_REVIEW, MINUTES, WEEK, VOCABULARY, RECIPE, INTERVIEW];
