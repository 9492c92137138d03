//! An export into a folder that holds other files, too: which files are ours, and what may happen to
//! them.
//!
//! The manifest in the folder lists each file of the last export with the SHA-256 of its bytes. A file
//! is replaced or removed only if it is listed and has these bytes, so that nothing is lost which a
//! person wrote. All files are looked at before the first one is written. No link is followed below
//! the folder, and no path of the manifest leads out of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Cursor, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::cli::CommandError;
use crate::domain::to_hex;
use crate::domain::transfer::tree::{TreeFile, is_tree_path};
use crate::domain::transfer::{FoundDraft, ImportFormat, Item, ItemContent, Source};

/// The name of the manifest.
const MANIFEST: &str = ".promptdb-export.json";
/// Maximum size of a manifest that is read, in bytes: room for 100,000 files.
const MANIFEST_MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Maximum number of files in the way that a message names.
const NAMED_MAX: usize = 5;

/// The manifest of an export.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Manifest {
    /// Explains the file to a person who finds it.
    about: String,
    /// The SHA-256 of each file in hexadecimal digits, by its path.
    files: BTreeMap<String, String>,
}

/// A folder, before or during an export into it.
pub(super) struct ExportFolder {
    root: PathBuf,
    /// The files of the last export.
    known: BTreeMap<String, String>,
    /// The files of this one, as far as they were looked at.
    current: BTreeMap<String, String>,
    in_the_way: Vec<String>,
    is_edited: bool,
    pub(super) outcome: Outcome,
}

/// The number of files by what happened to them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) written: u64,
    pub(super) unchanged: u64,
    pub(super) removed: u64,
    /// Files of the last export that were changed since and have no prompt any more.
    pub(super) kept: u64,
}

impl Outcome {
    /// The number of prompts that the folder has now.
    pub(super) fn exported(self) -> u64 {
        self.written + self.unchanged
    }
}

/// What is at the path of a file.
#[derive(Debug, PartialEq, Eq)]
enum Present {
    Nothing,
    /// The bytes that are to be written.
    Same,
    /// What the last export wrote, or the same prompt in other words of the format.
    Ours,
    /// A file of the last export that was changed since.
    Edited,
    /// Anything else.
    Foreign,
}

/// What a path leads to.
enum Found {
    Nothing,
    /// A plain file in plain folders, with its bytes.
    File(Vec<u8>),
    /// A link, a folder, or a file in the place of a folder.
    Other,
}

impl ExportFolder {
    /// Opens a folder, or makes it.
    pub(super) fn open(root: &Path) -> Result<Self, CommandError> {
        fs::create_dir_all(root).map_err(|error| CommandError::at(root, &error))?;
        let known = read_manifest(&root.join(MANIFEST))?;
        Ok(Self {
            root: root.to_owned(),
            known,
            current: BTreeMap::new(),
            in_the_way: Vec::new(),
            is_edited: false,
            outcome: Outcome::default(),
        })
    }

    /// Looks whether a file can be written.
    pub(super) fn check(&mut self, file: &TreeFile) -> Result<(), CommandError> {
        let present = self.look_at(file)?;
        if matches!(present, Present::Edited | Present::Foreign) {
            self.is_edited |= present == Present::Edited;
            self.in_the_way.push(file.path.clone());
        }
        Ok(())
    }

    /// Whether an earlier export has files here.
    pub(super) fn has_known_files(&self) -> bool {
        !self.known.is_empty()
    }

    /// Refuses the export if files are in its way.
    pub(super) fn refuse_if_blocked(&self) -> Result<(), CommandError> {
        let Some(first) = self.in_the_way.first() else { return Ok(()) };
        let named: Vec<&str> = self.in_the_way.iter().take(NAMED_MAX).map(String::as_str).collect();
        let others = self.in_the_way.len() - named.len();
        let more = if others == 0 { String::new() } else { format!(" and {others} more") };
        let root = self.root.display();
        let advice = if self.is_edited {
            format!(
                "import a change that you want to keep (`promptdb import {root}`), or delete the file"
            )
        } else {
            format!("move {first} away, or choose another folder")
        };
        Err(CommandError::failed(format!(
            "nothing was exported, for {root} has files that no earlier export wrote, or that were \
             changed since: {}{more}; {advice}",
            named.join(", ")
        )))
    }

    /// Writes a file, unless it has its bytes already.
    pub(super) fn write(&mut self, file: &TreeFile) -> Result<(), CommandError> {
        match self.look_at(file)? {
            Present::Same => self.outcome.unchanged += 1,
            Present::Nothing | Present::Ours => {
                let path = self.root.join(&file.path);
                put(&path, file.text.as_bytes())
                    .map_err(|error| CommandError::at(&path, &error))?;
                self.outcome.written += 1;
            }
            // It came since the check.
            Present::Edited | Present::Foreign => {
                self.in_the_way = vec![file.path.clone()];
                return self.refuse_if_blocked();
            }
        }
        self.current.insert(file.path.clone(), digest(file.text.as_bytes()));
        Ok(())
    }

    /// Removes the files of the last export that are not of this one, and writes the manifest.
    pub(super) fn finish(&mut self) -> Result<(), CommandError> {
        let known = std::mem::take(&mut self.known);
        for (path, known_digest) in &known {
            if self.current.contains_key(path) {
                continue;
            }
            match self.read_file(path)? {
                Found::Nothing => {}
                Found::File(bytes) if digest(&bytes) == *known_digest => self.remove(path)?,
                Found::File(_) | Found::Other => self.outcome.kept += 1,
            }
        }
        let manifest = Manifest {
            about: "Written by `promptdb export`. It removes only files that are listed here and \
                    unchanged."
                .to_owned(),
            files: std::mem::take(&mut self.current),
        };
        let mut text = serde_json::to_string_pretty(&manifest)
            .map_err(|error| CommandError::failed(format!("the manifest is not JSON: {error}")))?;
        text.push('\n');
        let path = self.root.join(MANIFEST);
        if fs::read(&path).is_ok_and(|bytes| bytes == text.as_bytes()) {
            return Ok(());
        }
        put(&path, text.as_bytes()).map_err(|error| CommandError::at(&path, &error))
    }

    fn look_at(&self, file: &TreeFile) -> Result<Present, CommandError> {
        let bytes = match self.read_file(&file.path)? {
            Found::Nothing => return Ok(Present::Nothing),
            Found::Other => return Ok(Present::Foreign),
            Found::File(bytes) => bytes,
        };
        if bytes == file.text.as_bytes() {
            return Ok(Present::Same);
        }
        let Some(known) = self.known.get(&file.path) else { return Ok(Present::Foreign) };
        let is_ours = digest(&bytes) == *known || says_the_same(&bytes, file.text.as_bytes());
        Ok(if is_ours { Present::Ours } else { Present::Edited })
    }

    /// Reads a file below the folder.
    fn read_file(&self, path: &str) -> Result<Found, CommandError> {
        let mut place = self.root.clone();
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            place.push(part);
            let found = match fs::symlink_metadata(&place) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
                found => found.map_err(|error| CommandError::at(&place, &error))?,
            };
            let is_plain = if parts.peek().is_some() { found.is_dir() } else { found.is_file() };
            if !is_plain {
                return Ok(Found::Other);
            }
        }
        let bytes = fs::read(&place).map_err(|error| CommandError::at(&place, &error))?;
        Ok(Found::File(bytes))
    }

    fn remove(&mut self, path: &str) -> Result<(), CommandError> {
        let place = self.root.join(path);
        fs::remove_file(&place).map_err(|error| CommandError::at(&place, &error))?;
        self.outcome.removed += 1;
        if let (true, Some(folder)) = (path.contains('/'), place.parent()) {
            // Only an empty folder is removed; one with other files stays.
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }
}

/// Reads the files of the last export; empty if there was none.
fn read_manifest(path: &Path) -> Result<BTreeMap<String, String>, CommandError> {
    let unusable = |why: &str| {
        let advice = "delete it, and the files of the last export count as yours";
        CommandError::failed(format!("{} {why}; {advice}", path.display()))
    };
    let size = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(CommandError::at(path, &error)),
        Ok(found) if !found.is_file() => return Err(unusable("is not a file")),
        Ok(found) => found.len(),
    };
    if size > MANIFEST_MAX_BYTES {
        return Err(unusable("is too long to be of an export"));
    }
    let bytes = fs::read(path).map_err(|error| CommandError::at(path, &error))?;
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|_| unusable("is not what an export writes"))?;
    if !manifest.files.keys().all(|path| is_tree_path(path)) {
        return Err(unusable("lists files that no export writes"));
    }
    Ok(manifest.files)
}

/// Writes a file under a temporary name and renames it, which replaces a link and follows none.
fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    match fs::create_dir(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

fn digest(bytes: &[u8]) -> String {
    to_hex(&Sha256::digest(bytes))
}

/// Whether the library has all that a file says, because the change of it was imported. Then the file
/// may be written anew. `current` is the file of the prompt as it is.
fn says_the_same(found: &[u8], current: &[u8]) -> bool {
    let (Some(found), Some(current)) = (read_prompt(found), read_prompt(current)) else {
        return false;
    };
    let is_marked = agrees(found.favorite.as_ref(), Some(&current.favorite.unwrap_or_default()));
    let (found, current) = (found.draft, current.draft);
    is_marked
        && agrees(found.name.as_ref(), current.name.as_ref())
        && agrees(found.title.as_ref(), current.title.as_ref())
        && agrees(found.description.as_ref(), current.description.as_ref())
        && agrees(found.content.as_ref(), current.content.as_ref())
        && agrees(found.tags.as_ref(), current.tags.as_ref())
        && agrees(found.variables.as_ref(), current.variables.as_ref())
}

/// Whether a field of a file is absent, so that an import keeps its value, or has the current one.
fn agrees<T: PartialEq>(found: Option<&T>, current: Option<&T>) -> bool {
    found.is_none() || found == current
}

/// Reads the prompt of a file, as an import does.
fn read_prompt(bytes: &[u8]) -> Option<FoundDraft> {
    let input = Box::new(Cursor::new(bytes.to_vec()));
    let source = Source::File { format: ImportFormat::Markdown, input, stem: None };
    let mut found = None;
    let read = source.read(&mut |item: Item| {
        found = Some(item.content);
        false
    });
    match (read, found) {
        (Ok(()), Some(Ok(ItemContent::Draft(draft)))) => Some(draft),
        _ => None,
    }
}
