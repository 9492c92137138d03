//! Sets of Markdown files: zip archives, written as a stream and read within limits, and folders.
//!
//! Nothing is ever extracted to disk, so the path of an entry is only a label and cannot escape a
//! folder. A folder with a `SKILL.md` is one prompt: the files beside and below that file belong to
//! the skill and are not imported, but for the skills among them.

mod file_list;
mod files;
mod folder;
mod naming;
mod package;
mod zip;

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use ::zip::write::{SimpleFileOptions, StreamWriter};
use ::zip::{CompressionMethod, DateTime, ZipWriter};

pub use self::folder::{Folder, absolute_path};
pub(super) use self::naming::name_single_file;
pub(super) use self::zip::read_zip;
use super::tree::{TreeFile, TreeFormat};
use crate::domain::Timestamp;
use crate::domain::prompt::Prompt;

/// What is said of a link.
const LINK: &str = "is a link, and links are not followed; import what it points to";

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
