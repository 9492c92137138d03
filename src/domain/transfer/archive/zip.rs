//! Reading zip archives. Nothing is ever extracted to disk, so the path of an entry is only a label and
//! cannot escape a folder.

use std::borrow::Cow;
use std::io::Read;

use ::zip::read::ZipReadOptions;
use ::zip::result::{ZipError, ZipResult};
use ::zip::unstable::read::ZipIterable;

use super::naming::Paths;
use super::{LINK, NO_MARKDOWN, is_blank};
use crate::domain::Invalid;
use crate::domain::excerpt::Excerpt;
use crate::domain::transfer::data_export::{self, DataExport};
use crate::domain::transfer::{Input, ReadError, Sink, invalid_field, markdown};

/// Maximum number of entries in an archive, of any kind.
const ENTRIES_MAX: usize = 50_000;
/// Maximum total size of the Markdown files of an archive, unpacked: the limit on a zip bomb.
const UNPACKED_MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Reads the Markdown files of an archive, in the order of its central directory.
pub(in crate::domain::transfer) fn read_zip(
    input: Box<dyn Input>,
    sink: &mut Sink<'_>,
) -> Result<(), ReadError> {
    let mut zip = ZipIterable::try_new(input, ::zip::read::Config::default())
        .map_err(|error| unreadable_archive(&error))?;
    if zip.len() > ENTRIES_MAX {
        let reason = format!("has {} entries; at most {ENTRIES_MAX} are allowed", zip.len());
        return Err(ReadError::new("the archive", reason));
    }
    // The first pass reads the directory alone: a skill's files may precede its `SKILL.md`.
    let mut paths = Paths::default();
    for entry in zip.files().map_err(|error| unreadable_archive(&error))? {
        let entry = entry.map_err(|error| unreadable_archive(&error))?;
        if !entry.is_dir() {
            paths.add(&normalize_path(entry.name()));
        }
    }

    let mut unpacked = 0;
    let mut found = false;
    let mut chats = None;
    let mut last = Excerpt::new("the archive");
    let files = zip.files().map_err(|error| unreadable_archive(&error))?;
    while let Some(entry) = files.next() {
        let entry = entry
            .map_err(|error| ReadError::new(format!("after {last}"), describe(&error).as_str()))?;
        let path = normalize_path(entry.name());
        let holds_chats = data_export::may_be_in(&path);
        if entry.is_dir() || !paths.is_prompt(&path) && !holds_chats {
            continue;
        }
        let opened = entry.with_reader(files.reader_mut(), ZipReadOptions::new());
        if holds_chats {
            chats = chats.or_else(|| opened.ok().and_then(recognise_export));
            continue;
        }
        let bytes = match opened {
            Ok(file) if file.is_symlink() => Err(invalid_field("file", LINK)),
            Ok(mut file) => markdown::read_bytes(&mut file)
                .unwrap_or_else(|error| Err(unpacking_failed(&error))),
            Err(error) => Err(unpacking_failed(&error)),
        };
        if paths.is_companion(&path) && bytes.as_ref().is_ok_and(|bytes| is_blank(bytes)) {
            continue;
        }
        found = true;
        // Sizes in the directory may lie, so the bytes that were unpacked count. A file over its
        // limit was unpacked up to that limit.
        unpacked += bytes.as_ref().map_or(markdown::FILE_MAX_BYTES, Vec::len) as u64;
        if unpacked > UNPACKED_MAX_BYTES {
            let reason = format!("the files unpack to more than {UNPACKED_MAX_BYTES} bytes");
            return Err(ReadError::new(path, reason));
        }
        last = Excerpt::new(&path);
        let read = bytes.and_then(|bytes| markdown::read(&bytes, paths.name(&path, None)));
        if !sink(markdown::item(last.clone(), read)) {
            return Ok(());
        }
    }
    match chats {
        _ if found => Ok(()),
        Some(export) => Err(ReadError::new("the archive", export.explain())),
        None => Err(ReadError::new("the archive", NO_MARKDOWN)),
    }
}

/// Recognises a data export by the start of a file.
fn recognise_export(file: impl Read) -> Option<DataExport> {
    let mut start = Vec::new();
    file.take(data_export::SIGN_BYTES as u64).read_to_end(&mut start).ok()?;
    DataExport::recognise(&start)
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

/// Returns the path of an entry with slashes. Some archives have backslashes.
fn normalize_path(name: ZipResult<Cow<'_, str>>) -> String {
    name.map_or_else(|_| "?".to_owned(), |name| name.replace('\\', "/"))
}
