//! The forms of an export in which each prompt is a file of its own, in an archive or in a folder.
//!
//! Path and bytes of a file depend on its prompt alone, so that a version control shows what was
//! changed and nothing else.

use super::skill_md::{SKILL_MD, Skill};
use super::{ExportFormat, markdown};
use crate::domain::prompt::{NAME_MAX_CHARS, Prompt};

/// The extension of a Markdown file, with its dot.
const MARKDOWN_EXTENSION: &str = ".md";

/// A form with a file for each prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeFormat {
    /// `NAME.md` with front matter.
    Markdown,
    /// `NAME/SKILL.md`, as Claude Code, Codex and others load it.
    Skills,
}

/// A file of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// Its path below the root, with slashes: at most one folder.
    pub path: String,
    /// Its content.
    pub text: String,
}

impl TreeFormat {
    /// The form of an export, if it has a file for each prompt.
    pub fn of_export(format: ExportFormat) -> Option<Self> {
        match format {
            ExportFormat::Markdown => Some(Self::Markdown),
            ExportFormat::Skills => Some(Self::Skills),
            ExportFormat::Json | ExportFormat::Csv => None,
        }
    }

    /// Writes the file of a prompt.
    pub fn write(self, prompt: &Prompt) -> TreeFile {
        match self {
            Self::Markdown => {
                let path = format!("{}{MARKDOWN_EXTENSION}", prompt.name);
                TreeFile { path, text: markdown::write(prompt) }
            }
            Self::Skills => {
                let Skill { name, text, .. } = Skill::exported(prompt);
                TreeFile { path: format!("{name}/{SKILL_MD}"), text }
            }
        }
    }
}

/// Returns whether a path is of the kind that [`TreeFormat::write`] returns, which leads out of no
/// folder.
pub fn is_tree_path(path: &str) -> bool {
    let name = path.strip_suffix(MARKDOWN_EXTENSION).filter(|_| !path.contains('/'));
    let folder = path.strip_suffix(SKILL_MD).and_then(|folder| folder.strip_suffix('/'));
    name.or(folder).is_some_and(|name| {
        (1..=NAME_MAX_CHARS).contains(&name.len())
            && !name.starts_with('-')
            && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::draft::Draft;

    #[test]
    fn a_file_depends_on_its_prompt_alone_and_its_path_is_known_again() {
        for name in ["review", "a--b", "x-", "skill", "7"] {
            let draft = Draft {
                name: Some(name.to_owned()),
                content: Some("Text".to_owned()),
                ..Draft::default()
            };
            let [one, other] =
                [0, 1].map(|at| draft.clone().into_prompt(Timestamp::from_millis(at)));
            for tree in [TreeFormat::Markdown, TreeFormat::Skills] {
                let file = tree.write(&one);
                assert!(is_tree_path(&file.path), "{}", file.path);
                assert_eq!(file, tree.write(&other), "another id and other times");
            }
        }
    }

    #[test]
    fn no_path_that_leads_elsewhere_is_one_of_a_tree() {
        for path in [
            "",
            ".md",
            "a",
            "a.txt",
            "A.md",
            "../a.md",
            "a/b.md",
            "/a.md",
            "a/../b.md",
            "SKILL.md",
            "/SKILL.md",
            "../SKILL.md",
            "a/b/SKILL.md",
            ".git/SKILL.md",
            "a\\b.md",
            "c:a.md",
            "-a.md",
            "a/SKILL.md/",
            "é.md",
            ".promptdb-export.json",
        ] {
            assert!(!is_tree_path(path), "{path}");
        }
    }
}
