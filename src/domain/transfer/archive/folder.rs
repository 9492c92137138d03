//! Reading folders. Links are not followed, so that no file outside of the folder is read.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::naming::{Paths, is_junk, is_markdown};
use super::{LINK, NO_MARKDOWN, is_blank};
use crate::domain::Invalid;
use crate::domain::excerpt::Excerpt;
use crate::domain::transfer::data_export::{self, DataExport};
use crate::domain::transfer::{ReadError, Sink, invalid_field, markdown};

/// Maximum depth of a folder search.
const DEPTH_MAX: usize = 32;

/// A file below a folder.
struct Listed {
    /// Its path relative to the folder, with slashes.
    path: String,
    file: PathBuf,
    /// Why it is not read: it is a link, or a folder that cannot be searched.
    refusal: Option<Invalid>,
}

/// The files of a folder and its subfolders, in the order of their paths.
pub struct Folder {
    root: PathBuf,
    listed: Vec<Listed>,
    paths: Paths,
}

impl Folder {
    /// Lists a folder, and reads none of its files.
    pub fn list(root: &Path) -> Result<Self, ReadError> {
        let listed = list_files(root)?;
        let mut paths = Paths::default();
        for Listed { path, .. } in &listed {
            paths.add(path);
        }
        Ok(Self { root: root.to_owned(), listed, paths })
    }

    /// The paths of the files that are passed over here and read by themselves: tables, JSON, YAML and
    /// archives.
    pub fn other_forms(&self) -> Vec<Excerpt> {
        let files = self.listed.iter().filter(|listed| listed.refusal.is_none());
        let others = files.filter(|listed| self.paths.is_other_form(&listed.path));
        others.map(|listed| Excerpt::new(&listed.path)).collect()
    }

    /// Reads the Markdown files.
    pub(in crate::domain::transfer) fn read(&self, sink: &mut Sink<'_>) -> Result<(), ReadError> {
        let Self { root, listed, paths } = self;
        // A folder such as `.` has a name once its path is resolved.
        let resolved = root.canonicalize().unwrap_or_else(|_| root.clone());
        let root_name = resolved.file_name().map(|name| name.to_string_lossy().into_owned());
        let mut found = false;
        for Listed { path, file, refusal } in listed {
            if refusal.is_none() && !paths.is_prompt(path) {
                continue;
            }
            let bytes = refusal.clone().map_or_else(|| read_file(file), Err);
            if paths.is_companion(path) && bytes.as_ref().is_ok_and(|bytes| is_blank(bytes)) {
                continue;
            }
            found = true;
            let naming = paths.name(path, root_name.as_deref());
            let read = bytes.and_then(|bytes| markdown::read(&bytes, naming));
            if !sink(markdown::item(Excerpt::new(path), read)) {
                return Ok(());
            }
        }
        if found {
            return Ok(());
        }
        let chats = listed
            .iter()
            .find(|listed| listed.refusal.is_none() && data_export::may_be_in(&listed.path));
        let export = chats.and_then(|chats| recognise_export(&chats.file));
        let reason = export.map_or_else(|| NO_MARKDOWN.to_owned(), DataExport::explain);
        Err(ReadError::new(root.display().to_string(), reason))
    }
}

fn read_file(file: &Path) -> Result<Vec<u8>, Invalid> {
    File::open(file)
        .and_then(|mut file| markdown::read_bytes(&mut file))
        .unwrap_or_else(|error| Err(invalid_field("file", format!("cannot be read: {error}"))))
}

/// Recognises a data export by the start of a file.
fn recognise_export(file: &Path) -> Option<DataExport> {
    let mut start = Vec::new();
    let file = File::open(file).ok()?;
    file.take(data_export::SIGN_BYTES as u64).read_to_end(&mut start).ok()?;
    DataExport::recognise(&start)
}

/// Returns the files below a folder, the links that would be files or folders of prompts, and the folders
/// that cannot be searched.
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
                let refusal = invalid_field("folder", format!("cannot be searched: {reason}"));
                files.push(Listed { path, file, refusal: Some(refusal) });
                continue;
            }
        };
        let path = relative_path(root, entry.path());
        let is_link = entry.path_is_symlink();
        let is_listed = if is_link {
            is_markdown(&path) || entry.path().is_dir()
        } else {
            entry.file_type().is_file()
        };
        if is_listed && entry.depth() > 0 {
            let refusal = is_link.then(|| invalid_field("file", LINK));
            files.push(Listed { path, refusal, file: entry.into_path() });
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
