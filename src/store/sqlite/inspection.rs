//! A look at the library's file that changes nothing of it, not even its schema.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, MAIN_DB};

use super::connection::open_reader;
use super::error::OpenError;
use super::files::check_regular;
use super::{schema, vectors};
use crate::domain::vector::ModelId;
use crate::store::VectorCounts;

/// A library's file, open for reading.
pub struct Inspection {
    db: Connection,
    is_current: bool,
}

/// Opens the file at `path`; `None` if there is none, or an empty one, so that the next command that
/// opens it makes a library of it.
///
/// `wait` bounds the wait for a lock.
///
/// # Errors
/// As [`SqliteStore::open`](super::SqliteStore::open), for a file that it would refuse.
pub fn inspect(path: &Path, wait: Duration) -> Result<Option<Inspection>, OpenError> {
    check_regular(path)?;
    match fs::metadata(path) {
        Ok(file) if file.len() == 0 => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        // SQLite itself reports what cannot be opened.
        _ => {}
    }
    let db = open_reader(path, wait)?;
    let is_current = schema::is_current(&db)?;
    if db.is_readonly(MAIN_DB)? {
        return Err(OpenError::ReadOnly);
    }
    Ok(Some(Inspection { db, is_current }))
}

impl Inspection {
    /// Whether the file has the schema of this release. The next command that opens the library brings
    /// an older one up to date.
    pub fn is_current(&self) -> bool {
        self.is_current
    }

    /// Returns the first fault of the file's pages, if there is one. Reads the whole file.
    pub fn find_damage(&self) -> Result<Option<String>, OpenError> {
        Ok(find_damage(&self.db, "quick_check")?)
    }

    /// Counts the living prompts of all libraries, and those with a current vector of `model`. The
    /// schema must be current.
    pub fn count_vectors(&self, model: &ModelId) -> Result<VectorCounts, OpenError> {
        Ok(vectors::count_vectors(&self.db, None, model)?)
    }
}

/// Runs `quick_check` or `integrity_check`, and returns the first fault.
pub(super) fn find_damage(db: &Connection, pragma: &str) -> rusqlite::Result<Option<String>> {
    let sql = format!("PRAGMA {pragma}(1)");
    let verdict = db.query_row(&sql, [], |row| row.get::<_, String>(0))?;
    // The first line names the database, the last one its fault.
    Ok((verdict != "ok").then(|| verdict.lines().last().unwrap_or_default().to_owned()))
}
