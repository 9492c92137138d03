//! Cleaning the file of removed text, so that no program that reads its bytes finds any.
//!
//! SQLite overwrites what it deletes (`secure_delete`), but three kinds of copies remain: the words in
//! segments of the full-text index, where a deletion only marks a row; the copies of rows that moved to
//! another page when a page was split or merged; and the pages in the write-ahead log. So after a
//! removal the index is merged, the file rewritten (`VACUUM`) and the log truncated.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::SqliteStore;
use super::accounting::{Upkeep, note_cleaned};
use crate::store::StoreResult;

/// Maximum size of a file, in bytes, that is rewritten by way of memory. A larger one goes by way of a
/// nameless temporary file.
const IN_MEMORY_MAX: i64 = 32 * 1024 * 1024;
/// A rewriting that takes longer is not repeated before [`PAUSE_FACTOR`] times as long has passed:
/// writes wait for it.
const LONG: Duration = Duration::from_secs(1);
const PAUSE_FACTOR: u32 = 5;
/// How long a truncation of the log waits for readers, and the writes with it.
const LOG_WAIT: Duration = Duration::from_millis(200);

/// What this process has done of the cleaning.
#[derive(Default)]
pub(super) struct Cleaning(Mutex<Rewritten>);

#[derive(Default, Clone, Copy)]
struct Rewritten {
    /// The removals before the last rewriting.
    removals: Option<i64>,
    /// When the next rewriting may begin; absent: at any time.
    not_before: Option<Instant>,
}

impl Cleaning {
    fn get(&self) -> Rewritten {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, rewritten: Rewritten) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = rewritten;
    }
}

impl SqliteStore {
    /// Cleans the file if text was removed since the last time. What cannot be done now, because a
    /// reader holds the log or the last rewriting took long, is left to the next call.
    pub(super) async fn clean(&self) -> StoreResult<()> {
        let Upkeep { removals, cleaned, .. } =
            self.database.read(|db| Ok(Upkeep::read(db)?)).await?;
        if removals == cleaned {
            return Ok(());
        }
        let done = self.cleaning.get();
        if done.removals != Some(removals) {
            if done.not_before.is_some_and(|at| Instant::now() < at) {
                return Ok(());
            }
            self.rewrite(removals).await?;
        }
        let wait = self.wait;
        if self.database.run_alone(move |db| Ok(truncate_log(db, wait)?)).await? {
            self.database.write(move |db| Ok(note_cleaned(db, removals)?)).await?;
        }
        Ok(())
    }

    async fn rewrite(&self, removals: i64) -> StoreResult<()> {
        let started = Instant::now();
        let merged = self.database.write(|db| Ok(merge_index(db)?)).await;
        let rewritten = match merged {
            Ok(()) => self.database.run_alone(|db| Ok(rewrite_file(db)?)).await,
            Err(error) => Err(error),
        };
        let took = started.elapsed();
        self.cleaning.set(Rewritten {
            removals: rewritten.is_ok().then_some(removals),
            not_before: (took > LONG).then(|| Instant::now() + took * PAUSE_FACTOR),
        });
        rewritten
    }
}

/// Writes the full-text index anew, without the words of removed rows. The option `secure-delete` of
/// FTS5 does not apply to an index with `contentless_delete`.
pub(super) fn merge_index(db: &Connection) -> rusqlite::Result<()> {
    db.execute("INSERT INTO prompt_terms (prompt_terms) VALUES ('optimize')", [])?;
    Ok(())
}

fn rewrite_file(db: &Connection) -> rusqlite::Result<()> {
    let bytes: i64 = db.query_row(
        "SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()",
        [],
        |row| row.get("bytes"),
    )?;
    if bytes <= IN_MEMORY_MAX {
        return db.execute_batch("VACUUM");
    }
    db.pragma_update(None, "temp_store", "file")?;
    let rewritten = db.execute_batch("VACUUM");
    db.pragma_update(None, "temp_store", "memory")?;
    rewritten
}

/// Copies the log into the file and truncates it; returns whether no reader prevented that.
fn truncate_log(db: &Connection, wait: Duration) -> rusqlite::Result<bool> {
    db.busy_timeout(LOG_WAIT)?;
    let is_busy = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get("busy"));
    db.busy_timeout(wait)?;
    Ok(!is_busy?)
}
