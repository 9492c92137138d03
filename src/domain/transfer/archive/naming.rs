//! What the paths of a set of files say about their prompts: which files are prompts, and what these are
//! called.

use std::collections::{HashMap, HashSet};

use super::file_list::FileList;
use crate::domain::excerpt::Message;
use crate::domain::prompt::Name;
use crate::domain::transfer::markdown::Naming;
use crate::domain::transfer::skill_md::SKILL_MD;
use crate::domain::transfer::{ImportFormat, name_of_file, strip_marks};

/// The extensions of Markdown files; `mdc` is that of rules of Cursor.
const EXTENSIONS: [&str; 3] = ["md", "mdc", "markdown"];
/// The extension of a plain text.
const TEXT_EXTENSION: &str = "txt";
/// The file of a pattern of fabric, which is named after its folder.
const PATTERN_MD: &str = "system.md";
/// The other file of a pattern, which is empty as a rule.
const COMPANION_MD: &str = "user.md";
/// The folder of the commands of Claude Code.
const COMMANDS: &str = "commands";
/// Folders and files of systems and tools, which hold no prompts.
const JUNK: [&str; 6] = ["__MACOSX", ".DS_Store", ".git", ".obsidian", ".trash", "node_modules"];
/// Maximum number of folders above a file among which its skill is searched.
const SKILL_LEVELS_MAX: usize = 32;

/// What a file is to an import of the set that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role<'a> {
    /// It holds a prompt.
    Prompt,
    /// It belongs to the skill of this folder, which has a slash at its end or is empty.
    OfSkill(&'a str),
    /// An import reads it by itself only: a table, JSON, YAML, an archive, or a text beside Markdown files. In
    /// a set such a file is more often a setting than prompts.
    OtherForm,
    /// No import reads it.
    Unreadable,
    /// It belongs to a system or a tool.
    Junk,
}

/// The paths of a set of files, with slashes.
#[derive(Debug, Default)]
pub(super) struct Paths {
    /// The path of the folder that holds all, or as much of it as is known.
    root: String,
    /// The folders of skills, each with a slash at its end, and the files of each beside its `SKILL.md`.
    skills: HashMap<String, FileList>,
    /// The folders of patterns, each with a slash at its end.
    patterns: HashSet<String>,
    has_markdown: bool,
    /// The number of prompts by name, and by folder and name.
    names: HashMap<String, u32>,
}

impl Paths {
    /// Creates an empty set, which the folder `root` holds.
    pub(super) fn new(root: impl Into<String>) -> Self {
        Self { root: root.into(), ..Self::default() }
    }

    /// Adds a path. All must be added before any is counted.
    pub(super) fn add(&mut self, path: &str) {
        if let Some(folder) = skill_folder(path) {
            self.skills.entry(folder.to_owned()).or_default();
        }
        let (folder, file) = split(path);
        if file.eq_ignore_ascii_case(PATTERN_MD) {
            self.patterns.insert(folder.to_owned());
        }
        self.has_markdown |= is_markdown(path);
    }

    /// Counts a path for the names and for its skill, and returns its role. All must be counted before the
    /// first name.
    pub(super) fn count<'a>(&mut self, path: &'a str) -> Role<'a> {
        let role = self.role(path);
        match role {
            Role::Prompt if !is_named_after_folder(path) => {
                for name in [own_name(path), folder_name(path)].into_iter().flatten() {
                    *self.names.entry(name).or_default() += 1;
                }
            }
            Role::OfSkill(folder) => {
                if let Some(files) = self.skills.get_mut(folder) {
                    files.push(&path[folder.len()..]);
                }
            }
            Role::Prompt | Role::OtherForm | Role::Unreadable | Role::Junk => {}
        }
        role
    }

    /// Returns what a file is.
    pub(super) fn role<'a>(&self, path: &'a str) -> Role<'a> {
        if path.split('/').any(is_junk) {
            return Role::Junk;
        }
        if skill_folder(path).is_some() {
            return Role::Prompt;
        }
        if let Some(folder) = self.find_skill(path) {
            return Role::OfSkill(folder);
        }
        // Beside Markdown files, texts are more often licenses and lists of packages than prompts.
        if is_markdown(path) || is_text(path) && !self.has_markdown {
            return Role::Prompt;
        }
        match ImportFormat::from_extension(extension(path)) {
            Some(_) => Role::OtherForm,
            None => Role::Unreadable,
        }
    }

    /// Whether a path is that of a prompt.
    pub(super) fn is_prompt(&self, path: &str) -> bool {
        self.role(path) == Role::Prompt
    }

    /// Returns the innermost folder of a skill above a file.
    fn find_skill<'a>(&self, path: &'a str) -> Option<&'a str> {
        let folders = path.rmatch_indices('/').map(|(slash, _)| &path[..=slash]);
        // A path may have thousands of folders, and each costs a look.
        let mut folders = folders.take(SKILL_LEVELS_MAX).chain([""]);
        folders.find(|folder| self.skills.contains_key(*folder))
    }

    /// Returns the note on the files that belong to a skill, given the path of its `SKILL.md`.
    pub(super) fn describe_skill_files(&self, path: &str) -> Option<Message> {
        let files = self.skills.get(skill_folder(path)?).filter(|files| !files.is_empty())?;
        Some(match files.count() {
            1 => format!("The other file of the skill was not imported: {files}.").into(),
            count => {
                format!("The {count} other files of the skill were not imported: {files}.").into()
            }
        })
    }

    /// Whether a file may be empty without a word: the second one of a pattern.
    pub(super) fn is_companion(&self, path: &str) -> bool {
        let (folder, file) = split(path);
        file.eq_ignore_ascii_case(COMPANION_MD) && self.patterns.contains(folder)
    }

    /// Returns what a file is called: as it is itself, or after its folder where that tells it from others
    /// of its name.
    pub(super) fn name(&self, path: &str) -> Naming {
        let (folders, file) = path.rsplit_once('/').unwrap_or(("", path));
        let above = || folders.rsplit('/').chain(self.root.rsplit('/'));
        let naming = Naming {
            stem: Some(name_of_file(file).to_owned()).filter(|stem| !stem.is_empty()),
            note: None,
            is_skill: file == SKILL_MD,
            is_command: above().any(|name| name == COMMANDS),
        };
        if is_named_after_folder(path) {
            let folder = above().find(|name| !name.is_empty());
            return Naming { stem: folder.map(str::to_owned), ..naming };
        }
        let name = own_name(path).filter(|name| self.is_shared(name));
        let Some(name) = name.filter(|_| !folders.is_empty()) else { return naming };
        let stem = match folder_name(path) {
            Some(name) if !self.is_shared(&name) => name,
            _ => {
                let parts = folders.split('/').map(strip_marks).chain([name_of_file(file)]);
                parts.collect::<Vec<_>>().join("-")
            }
        };
        let note =
            format!("It is named after its folder, because several files have the name {name}.");
        Naming { stem: Some(stem), note: Some(note.into()), ..naming }
    }

    fn is_shared(&self, name: &str) -> bool {
        self.names.get(name).is_some_and(|count| *count > 1)
    }
}

/// Whether a file is named after its folder alone, for each skill and each pattern has a file of that name.
fn is_named_after_folder(path: &str) -> bool {
    let (_, file) = split(path);
    file == SKILL_MD || file.eq_ignore_ascii_case(PATTERN_MD)
}

/// Returns what a Markdown file is called that is imported by itself, given its path without the extension
/// as far as it is known.
pub(in crate::domain::transfer) fn name_single_file(stem: &str) -> Naming {
    Paths::default().name(&format!("{stem}.md"))
}

/// The slug of a file's name, by which two files are called the same.
fn own_name(path: &str) -> Option<String> {
    let (_, file) = split(path);
    Name::read(name_of_file(file)).map(|name| name.to_string())
}

/// The slug of a file's name after that of its folder.
fn folder_name(path: &str) -> Option<String> {
    let (folders, file) = path.rsplit_once('/')?;
    let folder = strip_marks(folders.rsplit('/').next()?);
    Name::read(&format!("{folder}-{}", name_of_file(file))).map(|name| name.to_string())
}

/// Splits a path into its folder, which has a slash at its end or is empty, and the name of the file.
fn split(path: &str) -> (&str, &str) {
    path.split_at(path.rfind('/').map_or(0, |slash| slash + 1))
}

/// Whether a path is that of a Markdown file that a person wrote.
pub(super) fn is_markdown(path: &str) -> bool {
    EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension(path)))
        && !path.split('/').any(is_junk)
}

/// Whether a path is that of a plain text.
pub(super) fn is_text(path: &str) -> bool {
    extension(path).eq_ignore_ascii_case(TEXT_EXTENSION)
}

/// Returns the extension of a file without its dot, which is empty if it has none.
fn extension(path: &str) -> &str {
    let (_, file) = split(path);
    file.rsplit_once('.').map_or("", |(_, extension)| extension)
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

    /// The set of some files below a folder.
    fn set(root: &str, paths: &[&str]) -> Paths {
        let mut all = Paths::new(root);
        for path in paths {
            all.add(path);
        }
        for path in paths {
            all.count(path);
        }
        all
    }

    #[track_caller]
    fn check(paths: &[&str], expected: &[(&str, bool)]) {
        let all = set("home/root", paths);
        let named = paths.iter().filter(|path| all.is_prompt(path)).map(|path| all.name(path));
        let named: Vec<_> =
            named.map(|naming| (naming.stem.unwrap_or_default(), naming.note.is_some())).collect();
        let expected: Vec<_> =
            expected.iter().map(|(stem, noted)| ((*stem).to_owned(), *noted)).collect();
        assert_eq!(named, expected, "{paths:?}");
    }

    #[test]
    fn the_folder_tells_files_of_one_name_apart() {
        check(
            &["a/review.md", "b/Review.md", "fix.md"],
            &[("a-review", true), ("b-review", true), ("fix", false)],
        );
        check(&["review.md", "a/review.md"], &[("review", false), ("a-review", true)]);
        check(&["x/a/review.md", "y/a/review.md"], &[("x-a-review", true), ("y-a-review", true)]);
        let note = set("", &["a/fix.mdc", "b/fix.md"]).name("a/fix.mdc").note.unwrap();
        let expected = "It is named after its folder, because several files have the name fix.";
        assert_eq!(note, *expected);
        // Only prompts take a name.
        check(&["a/fix.md", "pdf/SKILL.md", "pdf/fix.md"], &[("fix", false), ("pdf", false)]);
        check(&["a/fix.md", "b/fix.txt"], &[("fix", false)]);
    }

    #[test]
    fn longer_names_lose_the_marks_of_tools_as_well() {
        let (one, two) = ("0123456789abcdef0123456789abcdef", "1123456789abcdef0123456789abcdef");
        check(
            &[&format!("a {one}/Review {one}.md"), &format!("b {two}/Review {two}.md")],
            &[("a-review", true), ("b-review", true)],
        );
        check(
            &[&format!("x {one}/a {two}/Review {one}.md"), &format!("y/a/Review {two}.md")],
            &[("x-a-Review", true), ("y-a-Review", true)],
        );
        check(
            &["x/a/review.prompt.md", "y/a/review.prompt.md"],
            &[("x-a-review", true), ("y-a-review", true)],
        );
        // An import appends a number where nothing but marks tells two names apart.
        check(
            &[&format!("a/Review {one}.md"), &format!("a/Review {two}.md")],
            &[("a-Review", true), ("a-Review", true)],
        );
    }

    #[test]
    fn the_other_file_of_a_pattern_lies_beside_a_whole_name() {
        let paths = ["a/System.md", "a/user.md", "b/filesystem.md", "b/fileuser.md", "b/user.md"];
        let all = set("", &paths);
        let companions = paths.map(|path| all.is_companion(path));
        assert_eq!(companions, [false, true, false, false, false]);
    }

    #[test]
    fn skills_and_patterns_are_named_after_their_folder() {
        check(
            &["patterns/summarize/system.md", "patterns/summarize/user.md", "SKILL.md/x.md"],
            &[("summarize", false), ("user", false), ("x", false)],
        );
        check(&["pdf/SKILL.md", "pdf/more.md"], &[("pdf", false)]);
        check(&["SKILL.md", "more.md"], &[("root", false)]);
        check(&["system.md"], &[("root", false)]);
        for (path, stem) in [
            ("patterns/summarize/system", Some("summarize")),
            ("pdf/SKILL", Some("pdf")),
            // Each of the files that have the name would replace the one before.
            ("SKILL", None),
            ("system", None),
            ("x/review", Some("review")),
        ] {
            assert_eq!(name_single_file(path).stem.as_deref(), stem, "{path}");
        }
    }

    #[test]
    fn a_command_lies_in_a_folder_of_commands_whichever_part_of_the_path_that_is() {
        for (root, path, expected) in [
            ("home/.claude/commands", "move.md", true),
            ("home/.claude/commands/git", "move.md", true),
            ("home/.claude", "commands/git/move.md", true),
            ("", "commands/move.md", true),
            ("home", "commands.md", false),
            ("home/my-commands", "move.md", false),
        ] {
            assert_eq!(set(root, &[path]).name(path).is_command, expected, "{root} {path}");
        }
        assert!(name_single_file("home/.claude/commands/move").is_command);
        assert!(!name_single_file("commands").is_command);
    }

    #[test]
    fn a_skill_owns_the_files_below_it_but_for_other_skills() {
        let paths = [
            "SKILL.md",
            "commands/c.md",
            "data.csv",
            "skills/x/SKILL.md",
            "skills/x/a.md",
            "skills/x/b/c/d.py",
            "skills/.git/e.md",
        ];
        let all = set("root", &paths);
        let roles = [
            Role::Prompt,
            Role::OfSkill(""),
            Role::OfSkill(""),
            Role::Prompt,
            Role::OfSkill("skills/x/"),
            Role::OfSkill("skills/x/"),
            Role::Junk,
        ];
        assert_eq!(paths.map(|path| all.role(path)), roles);
        for (path, note) in [
            (
                "SKILL.md",
                "The 2 other files of the skill were not imported: commands/c.md, data.csv.",
            ),
            (
                "skills/x/SKILL.md",
                "The 2 other files of the skill were not imported: a.md, b/c/d.py.",
            ),
        ] {
            assert_eq!(all.describe_skill_files(path), Some(note.into()));
        }
        let one = set("", &["a/SKILL.md", "a/x.sh", "b/SKILL.md"]);
        let note = "The other file of the skill was not imported: x.sh.";
        assert_eq!(one.describe_skill_files("a/SKILL.md"), Some(note.into()));
        assert_eq!(one.describe_skill_files("b/SKILL.md"), None);
    }

    #[test]
    fn texts_are_prompts_where_there_is_no_markdown_file() {
        let texts = set("", &["a.txt", "b/C.TXT", "notes.csv", ".git/x.md"]);
        assert_eq!([texts.role("a.txt"), texts.role("b/C.TXT")], [Role::Prompt; 2]);
        assert_eq!(texts.role("notes.csv"), Role::OtherForm);
        let mixed = set("", &["LICENSE.txt", "a.md"]);
        assert_eq!(mixed.role("LICENSE.txt"), Role::OtherForm);
        check(&["a/x.txt", "b/x.txt"], &[("a-x", true), ("b-x", true)]);
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
        check(&[".obsidian/a.md", ".trash/b.md", "._c.md", "node_modules/d.md", "e.png"], &[]);
    }
}
