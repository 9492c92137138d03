//! Reading zip archives. Nothing is ever extracted to disk, so the path of an entry is only a label and
//! cannot escape a folder.

use std::borrow::Cow;

use ::zip::read::ZipReadOptions;
use ::zip::result::{ZipError, ZipResult};
use ::zip::unstable::read::ZipIterable;

use super::LINK;
use super::files::FileSet;
use crate::domain::Invalid;
use crate::domain::excerpt::{Excerpt, Message};
use crate::domain::transfer::data_export::{self, DataExport};
use crate::domain::transfer::{Input, ReadError, Sink, invalid_field, markdown};

/// Maximum number of entries in an archive, of any kind.
const ENTRIES_MAX: usize = 50_000;
/// Maximum total size of the prompts of an archive, unpacked: the limit on a zip bomb.
const UNPACKED_MAX_BYTES: u64 = 256 * 1024 * 1024;

type Zip = ZipIterable<Box<dyn Input>>;

/// Reads the prompts of an archive, in the order of its central directory. The archive stands for a folder
/// of the name `root`, which is empty if it is not known. Sentences on the other files are added to `notes`.
pub(in crate::domain::transfer) fn read_zip(
    input: Box<dyn Input>,
    root: &str,
    sink: &mut Sink<'_>,
    notes: &mut Vec<Message>,
) -> Result<(), ReadError> {
    let mut zip = ZipIterable::try_new(input, ::zip::read::Config::default())
        .map_err(|error| unreadable_archive(&error))?;
    if zip.len() > ENTRIES_MAX {
        let reason = format!("has {} entries; at most {ENTRIES_MAX} are allowed", zip.len());
        return Err(ReadError::new("the archive", reason));
    }
    // The first passes read the directory alone: a skill's files may precede its `SKILL.md`.
    let mut files = FileSet::new(root);
    for_each_path(&mut zip, |path| files.add(path))?;
    for_each_path(&mut zip, |path| files.count(path))?;
    let export = read_entries(&mut zip, &mut files, sink);
    if files.has_item() {
        notes.extend(files.describe_others());
        return export.map(drop);
    }
    let reason = files.explain(export?, "unpack it and ");
    Err(ReadError::new("the archive", reason))
}

/// Calls a function with the path of each file.
fn for_each_path(zip: &mut Zip, mut call: impl FnMut(&str)) -> Result<(), ReadError> {
    for entry in zip.files().map_err(|error| unreadable_archive(&error))? {
        let entry = entry.map_err(|error| unreadable_archive(&error))?;
        if !entry.is_dir() {
            call(&normalize_path(entry.name()));
        }
    }
    Ok(())
}

/// Reads the prompts. Returns the data export that the archive is, if it has the chats of one.
fn read_entries(
    zip: &mut Zip,
    files: &mut FileSet,
    sink: &mut Sink<'_>,
) -> Result<Option<DataExport>, ReadError> {
    let mut unpacked = 0;
    let mut export = None;
    // The number of files in which chats were looked for.
    let mut searched = 0;
    let mut last = Excerpt::new("the archive");
    let entries = zip.files().map_err(|error| unreadable_archive(&error))?;
    while let Some(entry) = entries.next() {
        let entry = entry
            .map_err(|error| ReadError::new(format!("after {last}"), describe(&error).as_str()))?;
        let path = normalize_path(entry.name());
        let may_hold_chats =
            export.is_none() && searched < data_export::FILES_MAX && data_export::may_be_in(&path);
        if entry.is_dir() || !files.is_prompt(&path) && !may_hold_chats {
            continue;
        }
        let opened = entry.with_reader(entries.reader_mut(), ZipReadOptions::new());
        if may_hold_chats {
            searched += 1;
            export = opened.ok().and_then(DataExport::recognise_file);
            continue;
        }
        let bytes = match opened {
            Ok(file) if file.is_symlink() => Err(invalid_field("file", LINK)),
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
        if !files.read(&path, bytes, sink) {
            break;
        }
    }
    Ok(export)
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
