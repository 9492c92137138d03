// The formats of an export, each with what its files hold.

/** @type {[label: string, format: string, content: string][]} */
export const EXPORT_FORMATS = [
  [
    "JSON",
    "json",
    "Everything: prompts with all versions, the trash, suggestions, activity and connected clients. An import restores it.",
  ],
  ["Markdown", "markdown", "A zip archive with one file for each prompt, in its current version."],
  [
    "Skills",
    "skills",
    "A zip archive with a SKILL.md for each prompt, as Claude Code and Codex load it.",
  ],
  ["CSV", "csv", "A table with one row for each prompt, in its current version."],
];
