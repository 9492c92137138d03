//! Reading folders. Links are not followed, so that no file outside of the folder is read.

use std::fs::File;
use std::path::{Component, Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::LINK;
use super::files::FileSet;
use super::naming::{is_junk, is_markdown, is_text};
use crate::domain::Invalid;
use crate::domain::excerpt::Message;
use crate::domain::transfer::data_export::{self, DataExport};
use crate::domain::transfer::{ReadError, Sink, invalid_field, markdown};

/// Maximum depth of a folder search.
const DEPTH_MAX: usize = 32;

/// A file or a folder below a folder.
struct Listed {
    /// Its path relative to the folder, with slashes.
    path: String,
    file: PathBuf,
    kind: Kind,
}

enum Kind {
    File,
    /// A link that may be to a prompt or to a folder of prompts.
    Link,
    /// A folder that cannot be searched, and why.
    ClosedFolder(Invalid),
}

/// The files of a folder and its subfolders, in the order of their paths.
pub struct Folder {
    root: PathBuf,
    listed: Vec<Listed>,
    files: Box<FileSet>,
}

impl Folder {
    /// Lists a folder, and reads none of its files.
    pub fn list(root: &Path) -> Result<Self, ReadError> {
        let listed = list_files(root)?;
        let mut files = Box::new(FileSet::new(absolute_path(root)));
        // A folder that cannot be searched does not count as a file of a skill: it may hold other skills.
        let paths = || {
            let is_file = |listed: &&Listed| !matches!(listed.kind, Kind::ClosedFolder(_));
            listed.iter().filter(is_file).map(|listed| &listed.path)
        };
        for path in paths() {
            files.add(path);
        }
        for path in paths() {
            files.count(path);
        }
        Ok(Self { root: root.to_owned(), listed, files })
    }

    /// Reads the prompts. Sentences on the other files are added to `notes`.
    pub(in crate::domain::transfer) fn read(
        self,
        sink: &mut Sink<'_>,
        notes: &mut Vec<Message>,
    ) -> Result<(), ReadError> {
        let Self { root, listed, mut files } = self;
        for Listed { path, file, kind } in &listed {
            let bytes = match kind {
                Kind::File if files.is_prompt(path) => read_file(file),
                Kind::Link if files.may_link_to_prompts(path) => Err(invalid_field("file", LINK)),
                Kind::File | Kind::Link => continue,
                Kind::ClosedFolder(reason) => Err(reason.clone()),
            };
            if !files.read(path, bytes, sink) {
                break;
            }
        }
        if files.has_item() {
            notes.extend(files.describe_others());
            return Ok(());
        }
        let export = listed
            .iter()
            .filter(|listed| {
                matches!(listed.kind, Kind::File) && data_export::may_be_in(&listed.path)
            })
            .take(data_export::FILES_MAX)
            .find_map(|listed| DataExport::recognise_file(File::open(&listed.file).ok()?));
        Err(ReadError::new(root.display().to_string(), files.explain(export, "")))
    }
}

/// Returns the absolute path of a file or a folder with slashes. Links stay, for a folder is called what its
/// user calls it; only a path with `..` is resolved.
pub fn absolute_path(path: &Path) -> String {
    let has_parent = path.components().any(|part| part == Component::ParentDir);
    let absolute = if has_parent { path.canonicalize() } else { std::path::absolute(path) };
    let absolute = absolute.unwrap_or_else(|_| path.to_owned());
    let parts = absolute.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy()),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}

fn read_file(file: &Path) -> Result<Vec<u8>, Invalid> {
    File::open(file)
        .and_then(|mut file| markdown::read_bytes(&mut file))
        .unwrap_or_else(|error| Err(invalid_field("file", format!("cannot be read: {error}"))))
}

/// Returns the files below a folder, the links that may be to prompts or to folders of prompts, and the
/// folders that cannot be searched.
fn list_files(root: &Path) -> Result<Vec<Listed>, ReadError> {
    let mut files = Vec::new();
    let entries = WalkDir::new(root).max_depth(DEPTH_MAX).sort_by_file_name().into_iter();
    for entry in entries.filter_entry(is_searched) {
        let entry = match entry {
            Ok(entry) => entry,
            // The folder itself has no part that could be read.
            Err(error) if error.depth() == 0 => {
                return Err(ReadError::new(root.display().to_string(), error.to_string()));
            }
            Err(error) => {
                let file = error.path().unwrap_or(root).to_owned();
                let path = relative_path(root, &file);
                let reason =
                    error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                let reason = invalid_field("folder", format!("cannot be searched: {reason}"));
                files.push(Listed { path, file, kind: Kind::ClosedFolder(reason) });
                continue;
            }
        };
        let path = relative_path(root, entry.path());
        let is_link = entry.path_is_symlink();
        let is_listed = if is_link {
            is_markdown(&path) || is_text(&path) || entry.path().is_dir()
        } else {
            entry.file_type().is_file()
        };
        if is_listed && entry.depth() > 0 {
            let kind = if is_link { Kind::Link } else { Kind::File };
            files.push(Listed { path, kind, file: entry.into_path() });
        }
    }
    Ok(files)
}

fn relative_path(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// The folder that the user named is searched whatever its name is.
fn is_searched(entry: &DirEntry) -> bool {
    entry.depth() == 0 || !is_junk(&entry.file_name().to_string_lossy())
}
