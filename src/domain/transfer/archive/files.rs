//! The files of a folder or an archive: which of them hold prompts, and what is said of the others.

use super::file_list::FileList;
use super::naming::{Paths, Role, is_text};
use super::package::Package;
use crate::domain::Invalid;
use crate::domain::excerpt::{Excerpt, Message};
use crate::domain::transfer::data_export::{self, DataExport};
use crate::domain::transfer::recognise::{is_one_text, recognise};
use crate::domain::transfer::record::Settled;
use crate::domain::transfer::{ImportFormat, Sink, markdown};

/// A set of files. All are added, then all are counted, and then the prompts are read.
#[derive(Debug, Default)]
pub(super) struct FileSet {
    paths: Paths,
    /// Whether a file may hold a prompt, by its name.
    has_candidate: bool,
    /// Whether an item was handed over.
    has_item: bool,
    /// The files that an import reads by themselves only.
    other_forms: FileList,
    /// The files without a text.
    empty: FileList,
    /// The files that no import reads.
    unreadable: FileList,
    /// The file of the projects of a data export.
    projects: Option<Excerpt>,
    /// The program whose file the archive is.
    package: Option<Package>,
}

impl FileSet {
    /// Creates an empty set, which the folder `root` holds. As much of its path is given as is known.
    pub(super) fn new(root: impl Into<String>) -> Self {
        Self { paths: Paths::new(root), ..Self::default() }
    }

    /// Adds a file.
    pub(super) fn add(&mut self, path: &str) {
        self.paths.add(path);
    }

    /// Counts a file that was added.
    pub(super) fn count(&mut self, path: &str) {
        match self.paths.count(path) {
            Role::OtherForm => self.other_forms.push(path),
            Role::Unreadable => self.unreadable.push(path),
            Role::Prompt => self.has_candidate = true,
            Role::OfSkill(_) | Role::Junk => {}
        }
        if self.projects.is_none() && data_export::has_projects(path) {
            self.projects = Some(path.into());
        }
        self.package = self.package.or_else(|| Package::recognise(path));
    }

    /// Whether a file holds a prompt.
    pub(super) fn is_prompt(&self, path: &str) -> bool {
        self.paths.is_prompt(path)
    }

    /// Whether a link may be to a prompt or to a folder of prompts. What belongs to a skill is described with
    /// the skill, whether it is a link or not.
    pub(super) fn may_link_to_prompts(&self, path: &str) -> bool {
        match self.paths.role(path) {
            Role::Prompt => true,
            Role::OtherForm | Role::Unreadable => !is_text(path),
            Role::OfSkill(_) | Role::Junk => false,
        }
    }

    /// Hands the prompt of a file over, if it has one, or why it is refused. Returns whether reading should
    /// continue.
    pub(super) fn read(
        &mut self,
        path: &str,
        bytes: Result<Vec<u8>, Invalid>,
        sink: &mut Sink<'_>,
    ) -> bool {
        let read = match bytes {
            Ok(bytes) if is_text(path) => match recognise(&bytes) {
                // Programs give the extension to tables and JSON as well.
                Some(ImportFormat::Csv | ImportFormat::Yaml | ImportFormat::Zip) => {
                    self.other_forms.push(path);
                    return true;
                }
                Some(ImportFormat::Json) if !is_one_text(&bytes) => {
                    self.other_forms.push(path);
                    return true;
                }
                Some(ImportFormat::Markdown) => markdown::read(&bytes, self.paths.name(path)),
                _ => markdown::read_plain(&bytes, self.paths.name(path)),
            },
            bytes => bytes.and_then(|bytes| markdown::read(&bytes, self.paths.name(path))),
        };
        let skill_files = self.paths.describe_skill_files(path);
        if skill_files.is_none() && read.as_ref().is_ok_and(is_blank) {
            if !self.paths.is_companion(path) {
                self.empty.push(path);
            }
            return true;
        }
        self.has_item = true;
        let mut item = markdown::item(path.into(), read);
        item.notes.extend(skill_files);
        sink(item)
    }

    /// Whether an item was handed over: a prompt, or the refusal of a file.
    pub(super) fn has_item(&self) -> bool {
        self.has_item
    }

    /// Returns sentences on the files that were passed over.
    pub(super) fn describe_others(&self) -> Vec<Message> {
        let Self { other_forms, empty, .. } = self;
        let mut notes = Vec::new();
        if !other_forms.is_empty() {
            let note = format!(
                "Passed over: {other_forms}. Import such a file by itself if it holds prompts."
            );
            notes.push(note.into());
        }
        if !empty.is_empty() {
            notes.push(format!("Passed over, having no text: {empty}.").into());
        }
        notes
    }

    /// Returns why no item was handed over, and what to do. `export` is the one that the files are of, and
    /// `unpack` what comes before the import of one of them.
    pub(super) fn explain(&self, export: Option<DataExport>, unpack: &str) -> String {
        let Self { other_forms, empty, unreadable, projects, package, .. } = self;
        if let Some(export) = export {
            let explained = export.explain();
            return match projects {
                Some(projects) => format!(
                    "{explained}; for the instructions of your projects, {unpack}import {projects} by itself"
                ),
                None => explained,
            };
        }
        if let Some(package) = package {
            return package.explain().to_owned();
        }
        let contains = match empty.count() {
            0 if self.has_candidate => "contains no prompt".to_owned(),
            0 => "contains no .md or .txt file".to_owned(),
            1 => format!("contains no prompt: {empty} has no text"),
            _ => format!("contains no prompt: {empty} have no text"),
        };
        match other_forms.count() {
            0 if unreadable.is_empty() || !empty.is_empty() => contains,
            0 => format!("{contains}, only {unreadable}"),
            1 => format!("{contains}; {unpack}import {other_forms} by itself"),
            _ => format!("{contains}; {unpack}import each of its files by itself: {other_forms}"),
        }
    }
}

/// Whether a prompt has no text.
fn is_blank(settled: &Settled) -> bool {
    settled.draft.draft.content.as_ref().is_none_or(|content| content.trim().is_empty())
}
