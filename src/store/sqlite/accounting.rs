//! What each library holds in bytes, counted in the transaction of every write.
//!
//! Rows that are older than the counters are counted in the background, from the oldest to the
//! newest. Until that is done, no write is refused for bytes. A row that is removed before it was
//! counted is not subtracted.

use rusqlite::{Connection, OptionalExtension, named_params};

use super::batch::Batch;
use super::library_write::LibraryWrite;
use super::schema::BODY_BYTES;
use crate::domain::identity::LibraryId;
use crate::store::{StoreError, StoreResult};

/// The row of `upkeep`.
pub(super) struct Upkeep {
    /// The number of removals whose text may have been in the file.
    pub(super) removals: i64,
    /// The number of those of which nothing is left.
    pub(super) cleaned: i64,
    versions: Progress,
    candidates: Progress,
}

/// How far the counting of one table has come, by row id.
struct Progress {
    counted: i64,
    last: i64,
}

impl Progress {
    /// Whether a row is in the counters.
    fn has_counted(&self, row: i64) -> bool {
        row <= self.counted || row > self.last
    }
}

impl Upkeep {
    pub(super) fn read(db: &Connection) -> rusqlite::Result<Self> {
        let mut statement = db.prepare_cached(
            "SELECT removals, cleaned, counted_version, last_version, counted_candidate, \
             last_candidate FROM upkeep",
        )?;
        statement.query_row([], |row| {
            Ok(Self {
                removals: row.get("removals")?,
                cleaned: row.get("cleaned")?,
                versions: Progress {
                    counted: row.get("counted_version")?,
                    last: row.get("last_version")?,
                },
                candidates: Progress {
                    counted: row.get("counted_candidate")?,
                    last: row.get("last_candidate")?,
                },
            })
        })
    }

    /// Whether every row is in the counters.
    fn is_complete(&self) -> bool {
        self.versions.counted == self.versions.last
            && self.candidates.counted == self.candidates.last
    }

    /// The part of a version's size that is in the counters.
    pub(super) fn version_bytes(&self, change: i64, bytes: i64) -> i64 {
        if self.versions.has_counted(change) { bytes } else { 0 }
    }

    /// The part of a candidate's size that is in the counters.
    pub(super) fn candidate_bytes(&self, seq: i64, bytes: i64) -> i64 {
        if self.candidates.has_counted(seq) { bytes } else { 0 }
    }
}

/// Records that text was removed, so that the file is cleaned of it, by another process if need be.
pub(super) fn note_removal(db: &Connection) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE upkeep SET removals = removals + 1")?.execute([])?;
    Ok(())
}

/// Records that nothing of the first `removals` removals is left in the file.
pub(super) fn note_cleaned(db: &Connection, removals: i64) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE upkeep SET cleaned = max(cleaned, ?1)")?.execute([removals])?;
    Ok(())
}

/// The bytes that a library holds; `None` until every row is counted.
pub(super) fn count_bytes(db: &Connection, library: &LibraryId) -> rusqlite::Result<Option<u64>> {
    if !Upkeep::read(db)?.is_complete() {
        return Ok(None);
    }
    Ok(Some(counter(db, library)?.unsigned_abs()))
}

/// The counter of a library; 0 for an unknown one.
fn counter(db: &Connection, library: &LibraryId) -> rusqlite::Result<i64> {
    let mut statement = db.prepare_cached("SELECT bytes FROM libraries WHERE owner = ?1")?;
    let bytes = statement.query_row([library], |row| row.get("bytes")).optional()?;
    Ok(bytes.unwrap_or_default())
}

/// Adds to the counter of a library; a negative number subtracts.
pub(super) fn add_bytes(db: &Connection, owner: &str, bytes: i64) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO libraries (owner, bytes) VALUES (:owner, :bytes) \
         ON CONFLICT (owner) DO UPDATE SET bytes = bytes + :bytes",
    )?
    .execute(named_params! { ":owner": owner, ":bytes": bytes })?;
    Ok(())
}

impl LibraryWrite {
    /// Adds to the counter of this library; a negative number subtracts.
    pub(super) fn add_bytes(&self, db: &Connection, bytes: i64) -> rusqlite::Result<()> {
        add_bytes(db, self.library.as_str(), bytes)
    }

    /// Runs `work`, and refuses it if it makes the library larger and larger than its quota.
    pub(super) fn within_bytes<T>(
        &self,
        db: &Connection,
        work: impl FnOnce(&Connection) -> StoreResult<T>,
    ) -> StoreResult<T> {
        let Some(limit) = self.context.quota.bytes else { return work(db) };
        let before = counter(db, &self.library)?;
        let done = work(db)?;
        let after = counter(db, &self.library)?;
        let is_over = after > before && after.unsigned_abs() > limit;
        if is_over && Upkeep::read(db)?.is_complete() {
            return Err(StoreError::BytesExceeded { limit });
        }
        Ok(done)
    }
}

/// The size of a body as a number of the database.
pub(super) fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Counts the next rows; returns whether there may be more.
pub(super) fn count_older(db: &Connection, batch: &mut Batch) -> StoreResult<bool> {
    let upkeep = Upkeep::read(db)?;
    if upkeep.is_complete() {
        return Ok(false);
    }
    let counted = count_versions(db, &upkeep.versions, batch)?;
    db.execute("UPDATE upkeep SET counted_version = ?1", [counted])?;
    if counted == upkeep.versions.last {
        let counted = count_candidates(db, &upkeep.candidates, batch)?;
        db.execute("UPDATE upkeep SET counted_candidate = ?1", [counted])?;
    }
    Ok(!Upkeep::read(db)?.is_complete())
}

/// Counts versions; returns the last one that is in the counters now. Those of a prompt without an
/// owner are about to be deleted.
fn count_versions(db: &Connection, progress: &Progress, batch: &mut Batch) -> StoreResult<i64> {
    let sql = format!(
        "SELECT v.change, v.prompt, p.owner, {BODY_BYTES} AS size FROM versions v \
         JOIN prompts p ON p.seq = v.prompt \
         WHERE v.change > ?1 AND v.change <= ?2 ORDER BY v.change"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([progress.counted, progress.last])?;
    let mut counted = progress.counted;
    while let Some(row) = rows.next()? {
        let size: i64 = row.get("size")?;
        if !batch.take(size.unsigned_abs()) {
            return Ok(counted);
        }
        counted = row.get("change")?;
        let owner: String = row.get("owner")?;
        if !owner.is_empty() {
            add_bytes(db, &owner, size)?;
            db.prepare_cached("UPDATE prompts SET bytes = bytes + ?1 WHERE seq = ?2")?
                .execute((size, row.get::<_, i64>("prompt")?))?;
        }
    }
    Ok(progress.last)
}

/// Counts candidates; returns the last one that is in the counters now.
fn count_candidates(db: &Connection, progress: &Progress, batch: &mut Batch) -> StoreResult<i64> {
    let sql = format!(
        "SELECT seq, owner, {BODY_BYTES} AS size FROM candidates \
         WHERE seq > ?1 AND seq <= ?2 ORDER BY seq"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([progress.counted, progress.last])?;
    let mut counted = progress.counted;
    while let Some(row) = rows.next()? {
        let size: i64 = row.get("size")?;
        if !batch.take(size.unsigned_abs()) {
            return Ok(counted);
        }
        counted = row.get("seq")?;
        add_bytes(db, &row.get::<_, String>("owner")?, size)?;
    }
    Ok(progress.last)
}
