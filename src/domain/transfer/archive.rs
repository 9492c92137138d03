//! Sets of Markdown files: zip archives, written as a stream and read within limits, and folders.
//!
//! Nothing is ever extracted to disk, so the path of an entry is only a label and cannot escape a
//! folder. A folder with a `SKILL.md` is one prompt: the files beside and below that file belong to
//! the skill and are not imported.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use walkdir::{DirEntry, WalkDir};
use zip::result::{ZipError, ZipResult};
use zip::unstable::read::ZipIterable;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::skill_md::SKILL_MD;
use super::tree::{TreeFile, TreeFormat};
use super::{Input, ReadError, Sink, invalid_field, markdown};
use crate::domain::excerpt::Excerpt;
use crate::domain::prompt::Prompt;
use crate::domain::{Invalid, Timestamp};

/// Maximum number of entries in an archive, of any kind.
const ENTRIES_MAX: usize = 50_000;
/// Maximum total size of the Markdown files of an archive, unpacked: the limit on a zip bomb.
const UNPACKED_MAX_BYTES: u64 = 256 * 1024 * 1024;
/// Maximum depth of a folder search.
const DEPTH_MAX: usize = 32;

const NO_MARKDOWN: &str = "contains no .md file";

/// The bytes of the archive that were written since the last [`take`](Self::take). The zip writer owns
/// one handle, [`Writer`] the other.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes an archive in parts: a file for each prompt.
pub struct Writer {
    format: TreeFormat,
    zip: ZipWriter<StreamWriter<Written>>,
    written: Written,
}

impl Writer {
    /// Begins an archive of files of a form.
    pub fn new(format: TreeFormat) -> Self {
        let written = Written::default();
        Self { format, zip: ZipWriter::new_stream(written.clone()), written }
    }

    /// Returns the bytes of a prompt's file. Fails if a prompt of the same name was written before.
    pub fn write(&mut self, prompt: &Prompt) -> io::Result<Vec<u8>> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(dos_time(prompt.updated_at));
        let TreeFile { path, text } = self.format.write(prompt);
        self.zip.start_file(path, options)?;
        self.zip.write_all(text.as_bytes())?;
        Ok(self.written.take())
    }

    /// Returns the bytes of the central directory, which ends the archive.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        self.zip.finish()?;
        Ok(self.written.take())
    }
}

/// Converts a time to that of MS-DOS: in UTC, with a resolution of two seconds, from 1980 on. The format
/// has no time zone.
fn dos_time(at: Timestamp) -> DateTime {
    let time = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    let time = jiff::tz::TimeZone::UTC.to_datetime(time);
    DateTime::from_date_and_time(
        time.year().unsigned_abs(),
        time.month().unsigned_abs(),
        time.day().unsigned_abs(),
        time.hour().unsigned_abs(),
        time.minute().unsigned_abs(),
        time.second().unsigned_abs(),
    )
    .unwrap_or_default()
}

/// Reads the Markdown files of an archive, in the order of its central directory.
pub(super) fn read_zip(input: Box<dyn Input>, sink: &mut Sink<'_>) -> Result<(), ReadError> {
    let mut zip = ZipIterable::try_new(input, zip::read::Config::default())
        .map_err(|error| unreadable_archive(&error))?;
    if zip.len() > ENTRIES_MAX {
        let reason = format!("has {} entries; at most {ENTRIES_MAX} are allowed", zip.len());
        return Err(ReadError::new("the archive", reason));
    }
    // The first pass reads the directory alone: a skill's files may precede its `SKILL.md`.
    let mut skills = HashSet::new();
    for entry in zip.files().map_err(|error| unreadable_archive(&error))? {
        let path = normalize_path(entry.map_err(|error| unreadable_archive(&error))?.name());
        skills.extend(skill_folder(&path).map(str::to_owned));
    }

    let mut unpacked = 0;
    let mut found = false;
    let mut last = Excerpt::new("the archive");
    let files = zip.files().map_err(|error| unreadable_archive(&error))?;
    while let Some(entry) = files.next() {
        let entry = entry
            .map_err(|error| ReadError::new(format!("after {last}"), describe(&error).as_str()))?;
        let path = normalize_path(entry.name());
        if entry.is_dir() || !is_prompt_path(&path, &skills) {
            continue;
        }
        found = true;
        let bytes = match entry.with_reader(files.reader_mut(), zip::read::ZipReadOptions::new()) {
            Ok(mut file) => markdown::read_bytes(&mut file)
                .unwrap_or_else(|error| Err(unpacking_failed(&error))),
            Err(error) => Err(unpacking_failed(&error)),
        };
        // Sizes in the directory may lie, so the bytes that were unpacked count. A file over its
        // limit was unpacked up to that limit.
        unpacked += bytes.as_ref().map_or(markdown::FILE_MAX_BYTES, Vec::len) as u64;
        if unpacked > UNPACKED_MAX_BYTES {
            let reason = format!("the files unpack to more than {UNPACKED_MAX_BYTES} bytes");
            return Err(ReadError::new(path, reason));
        }
        last = Excerpt::new(&path);
        if !sink(markdown::item(last.clone(), read_file(&path, bytes))) {
            return Ok(());
        }
    }
    if found { Ok(()) } else { Err(ReadError::new("the archive", NO_MARKDOWN)) }
}

/// Describes an error of the unpacker, which may repeat a text of the archive.
fn describe(error: &impl std::fmt::Display) -> Excerpt {
    error.to_string().into()
}

fn unreadable_archive(error: &ZipError) -> ReadError {
    let error = describe(error);
    let reason = format!(
        "must be a zip archive; it is not one, or is truncated or damaged ({error}); nothing was \
         imported"
    );
    ReadError::new("the archive", reason)
}

fn unpacking_failed(error: &impl std::fmt::Display) -> Invalid {
    invalid_field("file", format!("cannot be unpacked: {}", describe(error)))
}

/// Reads the Markdown files of a folder and its subfolders, in the order of their paths.
pub(super) fn read_folder(root: &Path, sink: &mut Sink<'_>) -> Result<(), ReadError> {
    let paths = list_files(root)?;
    let skills: HashSet<String> =
        paths.iter().filter_map(|(path, _)| skill_folder(path)).map(str::to_owned).collect();
    let mut found = false;
    for (path, file) in paths.iter().filter(|(path, _)| is_prompt_path(path, &skills)) {
        found = true;
        let bytes = File::open(file).and_then(|mut file| markdown::read_bytes(&mut file));
        let bytes = bytes
            .unwrap_or_else(|error| Err(invalid_field("file", format!("cannot be read: {error}"))));
        // A skill at the top is named after the root, whose name is not part of its path.
        let named = match path.as_str() {
            SKILL_MD => {
                format!("{}/{SKILL_MD}", root.file_name().unwrap_or_default().to_string_lossy())
            }
            other => other.to_owned(),
        };
        if !sink(markdown::item(Excerpt::new(path), read_file(&named, bytes))) {
            return Ok(());
        }
    }
    if found { Ok(()) } else { Err(ReadError::new(root.display().to_string(), NO_MARKDOWN)) }
}

/// Returns the files below a folder: their paths relative to it, with slashes, and as they are.
/// Symbolic links are not followed.
fn list_files(root: &Path) -> Result<Vec<(String, PathBuf)>, ReadError> {
    let mut paths = Vec::new();
    let entries = WalkDir::new(root).max_depth(DEPTH_MAX).sort_by_file_name().into_iter();
    for entry in entries.filter_entry(is_searched) {
        let entry =
            entry.map_err(|error| ReadError::new(root.display().to_string(), error.to_string()))?;
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
            paths.push((path.to_string_lossy().replace('\\', "/"), entry.into_path()));
        }
    }
    Ok(paths)
}

/// The folder that the user named is searched whatever its name is.
fn is_searched(entry: &DirEntry) -> bool {
    entry.depth() == 0 || !is_junk(&entry.file_name().to_string_lossy())
}

/// Reads the prompt of a file. Its name is that of the file, or of the folder for a skill, unless the
/// front matter has one.
fn read_file(path: &str, bytes: Result<Vec<u8>, Invalid>) -> Result<super::FoundDraft, Invalid> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = if file == SKILL_MD {
        folder.rsplit('/').next().filter(|name| !name.is_empty())
    } else {
        file.rsplit_once('.').map(|(stem, _)| stem)
    };
    markdown::read(&bytes?, stem)
}

/// Returns the folder of a `SKILL.md` with a slash at its end, which is empty at the top; `None` for
/// any other path.
fn skill_folder(path: &str) -> Option<&str> {
    // In capitals only, because a prompt may have the name `skill`.
    let folder = path.strip_suffix(SKILL_MD)?;
    let is_skill = folder.is_empty() || folder.ends_with('/');
    (is_skill && !folder.split('/').any(is_junk)).then_some(folder)
}

/// Whether a path is that of a prompt: a `SKILL.md`, or a Markdown file outside of skills.
fn is_prompt_path(path: &str, skills: &HashSet<String>) -> bool {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    if !extension.eq_ignore_ascii_case("md") || path.split('/').any(is_junk) {
        return false;
    }
    let own = skill_folder(path);
    let folders = path.match_indices('/').map(|(slash, _)| &path[..=slash]);
    let mut skills_above =
        std::iter::once("").chain(folders).filter(|folder| skills.contains(*folder));
    // The outermost skill owns everything below it, skills included.
    skills_above.next().is_none_or(|outermost| own == Some(outermost))
}

/// Whether a part of a path belongs to a system or tool: `__MACOSX`, `._x.md`, `.DS_Store`, `.git`.
fn is_junk(part: &str) -> bool {
    part.starts_with("._") || ["__MACOSX", ".DS_Store", ".git"].contains(&part)
}

/// Returns the path of an entry with slashes. Some archives have backslashes.
fn normalize_path(name: ZipResult<std::borrow::Cow<'_, str>>) -> String {
    name.map_or_else(|_| "?".to_owned(), |name| name.replace('\\', "/"))
}
