//! What the paths of a set of files say about their prompts: which files are prompts, and what these are
//! called.

use std::collections::{HashMap, HashSet};

use crate::domain::excerpt::Excerpt;
use crate::domain::prompt::Name;
use crate::domain::transfer::markdown::Naming;
use crate::domain::transfer::skill_md::SKILL_MD;
use crate::domain::transfer::{ImportFormat, name_of_file};

/// The extensions of Markdown files; `mdc` is that of rules of Cursor.
const EXTENSIONS: [&str; 3] = ["md", "mdc", "markdown"];
/// The file of a pattern of fabric, which is named after its folder.
const PATTERN_MD: &str = "system.md";
/// The other file of a pattern, which is empty as a rule.
const COMPANION_MD: &str = "user.md";
/// The folder of the commands of Claude Code.
const COMMANDS: &str = "commands";
/// Folders and files of systems and tools, which hold no prompts.
const JUNK: [&str; 6] = ["__MACOSX", ".DS_Store", ".git", ".obsidian", ".trash", "node_modules"];

/// The paths of a set of files, with slashes.
#[derive(Debug, Default)]
pub(super) struct Paths {
    /// The folders of skills, each with a slash at its end.
    skills: HashSet<String>,
    /// The folders of patterns, each with a slash at its end.
    patterns: HashSet<String>,
    /// The number of files by name, and by folder and name.
    names: HashMap<String, u32>,
}

impl Paths {
    /// Adds a path. All must be added before the first question.
    pub(super) fn add(&mut self, path: &str) {
        self.skills.extend(skill_folder(path).map(str::to_owned));
        self.patterns.extend(path.strip_suffix(PATTERN_MD).map(str::to_owned));
        if !is_markdown(path) || has_own_name(path) {
            return;
        }
        for name in [own_name(path), folder_name(path)].into_iter().flatten() {
            *self.names.entry(name).or_default() += 1;
        }
    }

    /// Whether a path is that of a prompt: a `SKILL.md`, or a Markdown file outside of skills.
    pub(super) fn is_prompt(&self, path: &str) -> bool {
        is_markdown(path) && self.is_own(path)
    }

    /// Whether a path is that of a file which an import reads by itself only: a table, JSON, YAML or an
    /// archive outside of skills. In a folder such a file is more often a setting than prompts.
    pub(super) fn is_other_form(&self, path: &str) -> bool {
        let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
        let format = ImportFormat::from_extension(extension);
        let is_other = format
            .is_some_and(|format| !matches!(format, ImportFormat::Markdown | ImportFormat::Auto));
        is_other && !path.split('/').any(is_junk) && self.is_own(path)
    }

    /// Whether no other file owns a file, as a `SKILL.md` does those beside and below it.
    fn is_own(&self, path: &str) -> bool {
        let own = skill_folder(path);
        let folders = path.match_indices('/').map(|(slash, _)| &path[..=slash]);
        let mut skills_above =
            std::iter::once("").chain(folders).filter(|folder| self.skills.contains(*folder));
        // The outermost skill owns everything below it, skills included.
        skills_above.next().is_none_or(|outermost| own == Some(outermost))
    }

    /// Whether a file may be empty without a word: the second one of a pattern.
    pub(super) fn is_companion(&self, path: &str) -> bool {
        path.strip_suffix(COMPANION_MD).is_some_and(|folder| self.patterns.contains(folder))
    }

    /// Returns what a file is called: as it is itself, or after its folder where that tells it from others
    /// of its name. `root` is the name of the folder that holds all, if there is one.
    pub(super) fn name(&self, path: &str, root: Option<&str>) -> Naming {
        let (folders, file) = path.rsplit_once('/').unwrap_or(("", path));
        let mut above = folders.rsplit('/').filter(|name| !name.is_empty());
        let folder = above.next().or(root);
        let naming = Naming {
            stem: Some(name_of_file(file).to_owned()).filter(|stem| !stem.is_empty()),
            note: None,
            is_skill: file == SKILL_MD,
            is_command: folders.split('/').any(|name| name == COMMANDS),
        };
        if has_own_name(path) {
            return Naming { stem: folder.map(str::to_owned), ..naming };
        }
        let is_shared = |name: Option<String>| name.is_some_and(|name| self.is_shared(&name));
        if !is_shared(own_name(path)) || folders.is_empty() {
            return naming;
        }
        let stem = if is_shared(folder_name(path)) {
            path.rsplit_once('.').map_or(path, |(stem, _)| stem).replace('/', "-")
        } else {
            folder_name(path).unwrap_or_default()
        };
        let file = Excerpt::new(file);
        let note = format!("It is named after its folder, because several files are named {file}.");
        Naming { stem: Some(stem), note: Some(note.into()), ..naming }
    }

    fn is_shared(&self, name: &str) -> bool {
        self.names.get(name).is_some_and(|count| *count > 1)
    }
}

/// Whether a file is named after its folder alone.
fn has_own_name(path: &str) -> bool {
    let (folders, file) = path.rsplit_once('/').unwrap_or(("", path));
    file == SKILL_MD || !folders.is_empty() && file.eq_ignore_ascii_case(PATTERN_MD)
}

/// The slug of a file's name, by which two files are called the same.
fn own_name(path: &str) -> Option<String> {
    let file = path.rsplit('/').next().unwrap_or(path);
    Name::read(name_of_file(file)).map(|name| name.to_string())
}

/// The slug of a file's name after that of its folder.
fn folder_name(path: &str) -> Option<String> {
    let (folders, file) = path.rsplit_once('/')?;
    let folder = folders.rsplit('/').next()?;
    Name::read(&format!("{folder}-{}", name_of_file(file))).map(|name| name.to_string())
}

/// Whether a path is that of a Markdown file that a person wrote.
pub(super) fn is_markdown(path: &str) -> bool {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension))
        && !path.split('/').any(is_junk)
}

/// Returns the folder of a `SKILL.md` with a slash at its end, which is empty at the top; `None` for
/// any other path.
fn skill_folder(path: &str) -> Option<&str> {
    // In capitals only, because a prompt may have the name `skill`.
    let folder = path.strip_suffix(SKILL_MD)?;
    let is_skill = folder.is_empty() || folder.ends_with('/');
    (is_skill && !folder.split('/').any(is_junk)).then_some(folder)
}

/// Whether a part of a path belongs to a system or tool: `__MACOSX`, `._x.md`, `.DS_Store`, `.git`.
pub(super) fn is_junk(part: &str) -> bool {
    part.starts_with("._") || JUNK.contains(&part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(paths: &[&str]) -> Vec<(String, bool)> {
        let mut all = Paths::default();
        for path in paths {
            all.add(path);
        }
        let named = paths
            .iter()
            .filter(|path| all.is_prompt(path))
            .map(|path| all.name(path, Some("root")));
        named.map(|naming| (naming.stem.unwrap_or_default(), naming.note.is_some())).collect()
    }

    #[track_caller]
    fn check(paths: &[&str], expected: &[(&str, bool)]) {
        let expected: Vec<_> =
            expected.iter().map(|(stem, noted)| ((*stem).to_owned(), *noted)).collect();
        assert_eq!(stems(paths), expected, "{paths:?}");
    }

    #[test]
    fn the_folder_tells_files_of_one_name_apart() {
        check(
            &["a/review.md", "b/Review.md", "fix.md"],
            &[("a-review", true), ("b-review", true), ("fix", false)],
        );
        check(&["review.md", "a/review.md"], &[("review", false), ("a-review", true)]);
        check(&["x/a/review.md", "y/a/review.md"], &[("x-a-review", true), ("y-a-review", true)]);
    }

    #[test]
    fn skills_and_patterns_are_named_after_their_folder() {
        check(
            &["patterns/summarize/system.md", "patterns/summarize/user.md", "SKILL.md/x.md"],
            &[("summarize", false), ("user", false), ("x", false)],
        );
        check(&["pdf/SKILL.md", "pdf/more.md"], &[("pdf", false)]);
        check(&["SKILL.md", "more.md"], &[("root", false)]);
        check(&["system.md"], &[("system", false)]);
    }

    #[test]
    fn names_lose_the_marks_of_tools() {
        check(
            &[
                "new.prompt.md",
                "rules/style.mdc",
                "Code review 0123456789abcdef0123456789abcdef.md",
            ],
            &[("new", false), ("style", false), ("Code review", false)],
        );
        check(&[".obsidian/a.md", ".trash/b.md", "._c.md", "node_modules/d.md", "e.txt"], &[]);
    }
}
