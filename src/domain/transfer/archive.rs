//! Many Markdown files: zip archives, written as a stream and read within limits, and folders.
//!
//! Nothing is ever extracted, so the path of an entry is a label and no more. A folder with a
//! `SKILL.md` is one prompt: what lies beside and below that file belongs to the skill.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use walkdir::{DirEntry, WalkDir};
use zip::result::{ZipError, ZipResult};
use zip::unstable::read::ZipIterable;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::{Input, ReadError, Sink, invalid_field, markdown};
use crate::domain::prompt::Prompt;
use crate::domain::{Invalid, Timestamp};

/// Most entries of an archive, of whatever kind.
const ENTRIES_MAX: usize = 50_000;
/// Most bytes that the Markdown files of an archive may have when they are unpacked.
const UNPACKED_MAX_BYTES: u64 = 256 * 1024 * 1024;
/// Most bytes of an entry's path that are shown.
const LABEL_MAX_CHARS: usize = 200;
/// How deep a folder is searched.
const DEPTH_MAX: usize = 32;

const SKILL: &str = "SKILL.md";
const NO_MARKDOWN: &str = "holds no .md file";

/// What the archive has come to since it was last asked.
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

/// Writes an archive bit by bit: a file for each prompt.
pub struct Writer {
    zip: ZipWriter<StreamWriter<Written>>,
    written: Written,
}

impl Default for Writer {
    fn default() -> Self {
        let written = Written::default();
        Self { zip: ZipWriter::new_stream(written.clone()), written }
    }
}

impl Writer {
    /// Adds a prompt. Fails where two have one name.
    pub fn write(&mut self, prompt: &Prompt) -> io::Result<Vec<u8>> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(dos_time(prompt.updated_at));
        self.zip.start_file(format!("{}.md", prompt.name), options)?;
        self.zip.write_all(markdown::write(prompt).as_bytes())?;
        Ok(self.written.take())
    }

    /// Ends the archive.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        self.zip.finish()?;
        Ok(self.written.take())
    }
}

/// The time as archives have it: in UTC, to two seconds, from 1980 on.
fn dos_time(at: Timestamp) -> DateTime {
    let time = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    let time = jiff::tz::TimeZone::UTC.to_datetime(time);
    let part = |number: i8| number.unsigned_abs();
    DateTime::from_date_and_time(
        time.year().unsigned_abs(),
        part(time.month()),
        part(time.day()),
        part(time.hour()),
        part(time.minute()),
        part(time.second()),
    )
    .unwrap_or_default()
}

/// Reads the Markdown files of an archive in their order.
pub(super) fn read_zip(input: Box<dyn Input>, sink: &mut Sink<'_>) -> Result<(), ReadError> {
    let unreadable = |error: ZipError| {
        let reason = format!(
            "is no zip archive, or is cut off or damaged ({error}); nothing of it was imported"
        );
        ReadError::new("the archive", reason)
    };
    let mut zip = ZipIterable::try_new(input, zip::read::Config::default()).map_err(unreadable)?;
    if zip.len() > ENTRIES_MAX {
        let reason = format!("has {} entries; at most {ENTRIES_MAX} are read", zip.len());
        return Err(ReadError::new("the archive", reason));
    }
    let mut skills = HashSet::new();
    for entry in zip.files().map_err(unreadable)? {
        let path = path_of(entry.map_err(unreadable)?.name());
        skills.extend(skill_folder(&path).map(str::to_owned));
    }

    let mut unpacked = 0;
    let mut found = false;
    let mut last = "the archive".to_owned();
    let files = zip.files().map_err(unreadable)?;
    while let Some(entry) = files.next() {
        let broken = |error: ZipError| ReadError::new(format!("after {last}"), error.to_string());
        let entry = entry.map_err(broken)?;
        let path = path_of(entry.name());
        if entry.is_dir() || !is_wanted(&path, &skills) {
            continue;
        }
        found = true;
        let bytes = match entry.with_reader(files.reader_mut(), zip::read::ZipReadOptions::new()) {
            Ok(mut file) => markdown::read_bytes(&mut file).unwrap_or_else(|error| {
                Err(invalid_field("file", format!("cannot be unpacked: {error}")))
            }),
            Err(error) => Err(invalid_field("file", format!("cannot be unpacked: {error}"))),
        };
        // What was too long has cost as much as the longest that is taken.
        unpacked += bytes.as_ref().map_or(markdown::FILE_MAX_BYTES, Vec::len) as u64;
        if unpacked > UNPACKED_MAX_BYTES {
            let reason = format!("the files come to more than {UNPACKED_MAX_BYTES} bytes");
            return Err(ReadError::new(label(&path), reason));
        }
        last = label(&path);
        if !sink(markdown::item(last.clone(), read_file(&path, bytes))) {
            return Ok(());
        }
    }
    if found { Ok(()) } else { Err(ReadError::new("the archive", NO_MARKDOWN)) }
}

/// Reads the Markdown files of a folder and the folders in it, by their paths.
pub(super) fn read_folder(root: &Path, sink: &mut Sink<'_>) -> Result<(), ReadError> {
    let mut paths = Vec::new();
    let shown =
        |entry: &DirEntry| entry.depth() == 0 || !is_junk(&entry.file_name().to_string_lossy());
    for entry in
        WalkDir::new(root).max_depth(DEPTH_MAX).sort_by_file_name().into_iter().filter_entry(shown)
    {
        let entry =
            entry.map_err(|error| ReadError::new(root.display().to_string(), error.to_string()))?;
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
            paths.push((path.to_string_lossy().replace('\\', "/"), entry.into_path()));
        }
    }
    let skills: HashSet<String> =
        paths.iter().filter_map(|(path, _)| skill_folder(path)).map(str::to_owned).collect();
    let mut found = false;
    for (path, file) in paths.iter().filter(|(path, _)| is_wanted(path, &skills)) {
        found = true;
        let bytes = File::open(file).and_then(|mut file| markdown::read_bytes(&mut file));
        let bytes = bytes
            .unwrap_or_else(|error| Err(invalid_field("file", format!("cannot be read: {error}"))));
        // A skill at the top has the name of the folder that was named.
        let named = match path.as_str() {
            SKILL => format!("{}/{SKILL}", root.file_name().unwrap_or_default().to_string_lossy()),
            other => other.to_owned(),
        };
        if !sink(markdown::item(label(path), read_file(&named, bytes))) {
            return Ok(());
        }
    }
    if found { Ok(()) } else { Err(ReadError::new(root.display().to_string(), NO_MARKDOWN)) }
}

/// Reads a file's prompt, named after the file, or for a skill after its folder.
fn read_file(path: &str, bytes: Result<Vec<u8>, Invalid>) -> Result<super::FoundDraft, Invalid> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = if file == SKILL {
        folder.rsplit('/').next().filter(|name| !name.is_empty())
    } else {
        file.rsplit_once('.').map(|(stem, _)| stem)
    };
    markdown::read(&bytes?, stem)
}

/// The folder of a `SKILL.md`, with a slash at its end; empty at the top.
fn skill_folder(path: &str) -> Option<&str> {
    // In capitals only: a prompt may have the name `skill`.
    let folder = path.strip_suffix(SKILL)?;
    let is_skill = folder.is_empty() || folder.ends_with('/');
    (is_skill && !folder.split('/').any(is_junk)).then_some(folder)
}

/// Whether a path is that of a prompt: a Markdown file that is neither junk nor part of a skill.
fn is_wanted(path: &str, skills: &HashSet<String>) -> bool {
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

/// What systems and tools leave behind: `__MACOSX`, `._x.md`, `.DS_Store`, `.git`.
fn is_junk(part: &str) -> bool {
    part.starts_with("._") || ["__MACOSX", ".DS_Store", ".git"].contains(&part)
}

/// An entry's path with slashes, whichever the archive has.
fn path_of(name: ZipResult<std::borrow::Cow<'_, str>>) -> String {
    name.map_or_else(|_| "?".to_owned(), |name| name.replace('\\', "/"))
}

/// A path to show: neither long nor able to steer a terminal.
fn label(path: &str) -> String {
    path.chars().filter(|c| !c.is_control()).take(LABEL_MAX_CHARS).collect()
}
