//! The embedded store: one SQLite file in WAL mode.
//!
//! `synchronous = FULL`, so an acknowledged write survives not only `kill -9` but a power cut.
//! Several processes may open the file at once; SQLite's own locks coordinate them.

mod accounting;
mod accounts;
mod audit;
pub mod backup;
mod batch;
mod candidates;
mod cleaning;
mod clients;
mod connection;
mod database;
mod error;
mod files;
pub mod inspection;
mod library_write;
mod maintenance;
mod paging;
mod prompts;
pub mod restore;
mod schema;
mod subscriptions;
mod values;
mod vectors;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, MAIN_DB, TransactionBehavior};

use self::batch::Batch;
use self::cleaning::Cleaning;
use self::database::Database;
pub use self::error::OpenError;
use self::vectors::Matrices;
use self::writer::FileIdentity;
use crate::domain::candidate::CANDIDATE_DAYS;
use crate::domain::prompt::RESTORABLE_DAYS;
use crate::domain::{Clock, Timestamp};

/// The end of the name of the file whose lock is the turn to embed; the file stays empty.
const TURN_SUFFIX: &str = "-embedding";

/// The store in one file.
pub struct SqliteStore {
    database: Database,
    cleaning: Cleaning,
    matrices: Arc<Matrices>,
    /// The file whose lock is the turn to embed.
    turn_file: PathBuf,
    wait: Duration,
    clock: Arc<dyn Clock>,
}

impl SqliteStore {
    /// Opens or creates the file at `path` and its folder, both readable by this user alone.
    ///
    /// `wait` bounds how long a call waits for a lock or a thread before it is
    /// [`StoreError::Busy`](super::StoreError::Busy).
    pub fn open(path: &Path, wait: Duration, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            files::create_private_folder(folder).map_err(OpenError::Folder)?;
        }
        files::check_regular(path)?;
        let before = FileIdentity::of(path);
        let mut writer = connection::open_writer(path, wait)?;
        // The file is changed only after it has proved to be PromptDB's.
        schema::check(&writer)?;
        if writer.is_readonly(MAIN_DB)? {
            return Err(OpenError::ReadOnly);
        }
        files::make_private(path).map_err(OpenError::Permissions)?;
        connection::switch_to_wal(&writer, wait)?;
        writer.pragma_update(None, "synchronous", "full")?;
        writer.pragma_update(None, "foreign_keys", true)?;
        connection::leave_no_traces(&writer)?;
        schema::migrate(&mut writer)?;
        index_some(&mut writer)?;
        let database = Database::start(writer, path, wait)?;
        // A restored backup may have taken the place of the file while this waited for its lock.
        if before.exists() && FileIdentity::of(path) != before {
            return Err(OpenError::Replaced);
        }
        Ok(Self {
            database,
            cleaning: Cleaning::default(),
            matrices: Arc::default(),
            turn_file: files::beside(path, TURN_SUFFIX),
            wait,
            clock,
        })
    }

    /// Deletions up to this moment can no longer be restored.
    fn deleted_since(&self) -> Timestamp {
        self.clock.now().plus_days(-RESTORABLE_DAYS)
    }

    /// Candidates up to this moment have expired.
    fn candidates_since(&self) -> Timestamp {
        self.clock.now().plus_days(-CANDIDATE_DAYS)
    }
}

/// Indexes a batch of the prompts that are older than the index, so that a small library is searched in
/// full from the start. [`Store::purge`](super::Store::purge) goes on with the others.
fn index_some(writer: &mut Connection) -> Result<(), OpenError> {
    if prompts::words::unindexed_before(writer)? == 0 {
        return Ok(());
    }
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    prompts::words::index_older(&transaction, &mut Batch::new())?;
    Ok(transaction.commit()?)
}
