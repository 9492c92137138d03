//! The embedded store: one SQLite file in WAL mode.
//!
//! `synchronous = FULL`, so an acknowledged write survives not only `kill -9` but a power cut.
//! Several processes may open the file at once; SQLite's own locks keep them apart.

mod accounts;
pub mod backup;
mod database;
mod importing;
mod listing;
mod rows;
mod schema;
mod writer;
mod writing;

#[cfg(unix)]
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OptionalExtension, ToSql, ffi, named_params};

use self::database::Database;
use self::rows::{CANDIDATE_COLUMNS, PROMPT_COLUMNS, VERSION_COLUMNS};
use super::{
    Account, Change, Counts, Filter, Idempotency, ImportedPrompt, NewCandidate, NewPrompt,
    Presence, Saved, Search, Sort, Store, StoreError, Use, WriteContext,
};
use crate::domain::audit::AuditEntry;
use crate::domain::candidate::{CANDIDATE_DAYS, Candidate, CandidateId};
use crate::domain::identity::UserId;
use crate::domain::paging::{Page, PageRequest};
use crate::domain::prompt::{Prompt, PromptId, PromptRef, RESTORABLE_DAYS, Tag, Version};
use crate::domain::{Clock, Timestamp};

type Outcome<T> = Result<T, StoreError>;

/// Most prompts that one maintenance purges, so that it never holds up the writes for long.
const PURGE_MAX: usize = 500;

/// The store in one file.
pub struct SqliteStore {
    database: Database,
    clock: Arc<dyn Clock>,
}

/// Why a database file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file belongs to another program.
    #[error("it is a database of another program")]
    Foreign,
    /// The file was written by a later release.
    #[error("it was written by a newer PromptDB; install that version or a later one")]
    Newer,
    /// The folder cannot be made.
    #[error("its folder cannot be made: {0}")]
    Folder(#[source] std::io::Error),
    /// The file's mode cannot be set.
    #[error("it cannot be made private: {0}")]
    Mode(#[source] std::io::Error),
    /// The file or its folder is read-only.
    #[error("it cannot be written to")]
    ReadOnly,
    /// SQLite refuses.
    #[error("{}", describe(.0))]
    Sqlite(#[from] rusqlite::Error),
}

impl SqliteStore {
    /// Opens or creates the file at `path` and its folder, both for this user's eyes only.
    ///
    /// `wait` bounds how long a call waits for a lock or a thread before it is
    /// [`StoreError::Busy`].
    pub fn open(path: &Path, wait: Duration, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            make_private_folder(folder).map_err(OpenError::Folder)?;
        }
        let mut writer = database::open_writer(path, wait)?;
        // Until it is known to be ours, nothing about the file is changed.
        schema::check(&writer)?;
        if writer.is_readonly(MAIN_DB)? {
            return Err(OpenError::ReadOnly);
        }
        make_private_files(path).map_err(OpenError::Mode)?;
        database::switch_to_wal(&writer, wait)?;
        writer.pragma_update(None, "synchronous", "full")?;
        writer.pragma_update(None, "foreign_keys", true)?;
        schema::migrate(&mut writer)?;

        let maintenance_clock = Arc::clone(&clock);
        let maintain = move |connection: &Connection| match writing::purge(
            connection,
            maintenance_clock.now(),
            PURGE_MAX,
        ) {
            Ok(purged) => purged == PURGE_MAX,
            Err(error) => {
                tracing::warn!(%error, "the purge of old deletions failed; the next is in an hour");
                false
            }
        };
        let database = Database::start(writer, path, wait, maintain)?;
        Ok(Self { database, clock })
    }

    /// Removes what was deleted more than [`RESTORABLE_DAYS`] ago, as the hourly maintenance does.
    pub async fn purge(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        self.database.write(move |db| Ok(writing::purge(db, now, PURGE_MAX)?)).await
    }

    /// Deletions before this moment can no longer be restored.
    fn deleted_since(&self) -> Timestamp {
        self.clock.now().plus_days(-RESTORABLE_DAYS)
    }

    /// Candidates from before this moment have expired.
    fn candidates_since(&self) -> Timestamp {
        self.clock.now().plus_days(-CANDIDATE_DAYS)
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn create_prompt(
        &self,
        owner: &UserId,
        new: NewPrompt,
        quota: Option<u32>,
        write: &WriteContext,
    ) -> Outcome<Saved> {
        let writing = writing::Writing::new(owner, write, self.clock.now());
        self.database.write(move |db| writing.create_prompt(db, &new, quota)).await
    }

    async fn save_prompt(
        &self,
        owner: &UserId,
        id: &PromptId,
        change: Change,
        write: &WriteContext,
    ) -> Outcome<Saved> {
        let writing = writing::Writing::new(owner, write, self.clock.now());
        let id = id.clone();
        self.database.write(move |db| writing.save_prompt(db, &id, &change)).await
    }

    async fn delete_prompt(
        &self,
        owner: &UserId,
        id: &PromptId,
        expected_version: Option<u32>,
        write: &WriteContext,
    ) -> Outcome<Saved> {
        let writing = writing::Writing::new(owner, write, self.clock.now());
        let id = id.clone();
        self.database.write(move |db| writing.delete_prompt(db, &id, expected_version)).await
    }

    async fn undelete_prompt(
        &self,
        owner: &UserId,
        id: &PromptId,
        quota: Option<u32>,
        write: &WriteContext,
    ) -> Outcome<Saved> {
        let writing = writing::Writing::new(owner, write, self.clock.now());
        let id = id.clone();
        self.database.write(move |db| writing.undelete_prompt(db, &id, quota)).await
    }

    async fn recall(&self, owner: &UserId, idempotency: &Idempotency) -> Outcome<Option<Saved>> {
        let (owner, idempotency) = (owner.clone(), idempotency.clone());
        let since = self.deleted_since();
        self.database.read(move |db| writing::recall(db, &owner, &idempotency, since)).await
    }

    async fn get_prompt(
        &self,
        owner: &UserId,
        prompt: &PromptRef,
        presence: Presence,
    ) -> Outcome<Option<Prompt>> {
        let (owner, prompt) = (owner.clone(), prompt.clone());
        let since = match presence {
            Presence::Living => None,
            Presence::LivingOrDeleted => Some(self.deleted_since()),
        };
        self.database.look_up(move |db| Ok(find_prompt(db, &owner, &prompt, since)?)).await
    }

    async fn get_version(
        &self,
        owner: &UserId,
        id: &PromptId,
        version: u32,
    ) -> Outcome<Option<Version>> {
        let (owner, id) = (owner.clone(), id.clone());
        self.database.look_up(move |db| Ok(find_version(db, &owner, &id, version)?)).await
    }

    async fn list_prompts(
        &self,
        owner: &UserId,
        filter: &Filter,
        sort: Sort,
        page: &PageRequest,
    ) -> Outcome<Page<Prompt>> {
        let (owner, filter, page) = (owner.clone(), filter.clone(), page.clone());
        let since = self.deleted_since();
        self.database
            .read(move |db| listing::list_prompts(db, &owner, &filter, sort, &page, since))
            .await
    }

    async fn search_prompts(
        &self,
        owner: &UserId,
        search: &Search,
        filter: &Filter,
    ) -> Outcome<Vec<Prompt>> {
        let (owner, search, filter) = (owner.clone(), search.clone(), filter.clone());
        self.database.read(move |db| listing::search_prompts(db, &owner, &search, &filter)).await
    }

    async fn list_versions(
        &self,
        owner: &UserId,
        id: &PromptId,
        page: &PageRequest,
    ) -> Outcome<Option<Page<Version>>> {
        let (owner, id, page) = (owner.clone(), id.clone(), page.clone());
        let since = self.deleted_since();
        self.database
            .read(move |db| {
                let seq = find_seq(db, &owner, &id, since)?;
                seq.map(|seq| listing::list_versions(db, seq, &page)).transpose()
            })
            .await
    }

    async fn import_prompt(
        &self,
        owner: &UserId,
        prompt: ImportedPrompt,
        quota: Option<u32>,
        write: &WriteContext,
    ) -> Outcome<Saved> {
        let writing = writing::Writing::new(owner, write, self.clock.now());
        self.database.write(move |db| writing.import_prompt(db, &prompt, quota)).await
    }

    async fn append_versions(
        &self,
        owner: &UserId,
        id: &PromptId,
        versions: Vec<Version>,
        write: &WriteContext,
    ) -> Outcome<Saved> {
        let writing = writing::Writing::new(owner, write, self.clock.now());
        let id = id.clone();
        self.database.write(move |db| writing.append_versions(db, &id, &versions)).await
    }

    async fn import_candidate(
        &self,
        owner: &UserId,
        candidate: Candidate,
        write: &WriteContext,
    ) -> Outcome<Candidate> {
        let writing = writing::Writing::new(owner, write, self.clock.now());
        self.database.write(move |db| writing.import_candidate(db, &candidate)).await
    }

    async fn add_candidates(
        &self,
        owner: &UserId,
        candidates: Vec<NewCandidate>,
        write: &WriteContext,
    ) -> Outcome<Vec<Candidate>> {
        let writing = writing::Writing::new(owner, write, self.clock.now());
        self.database.write(move |db| writing.add_candidates(db, &candidates)).await
    }

    async fn list_candidates(
        &self,
        owner: &UserId,
        page: &PageRequest,
    ) -> Outcome<Page<Candidate>> {
        let (owner, page, since) = (owner.clone(), page.clone(), self.candidates_since());
        self.database.read(move |db| listing::list_candidates(db, &owner, &page, since)).await
    }

    async fn get_candidate(&self, owner: &UserId, id: &CandidateId) -> Outcome<Option<Candidate>> {
        let (owner, id, since) = (owner.clone(), id.clone(), self.candidates_since());
        let sql = format!(
            "SELECT {CANDIDATE_COLUMNS} FROM candidates \
             WHERE id = ?1 AND owner = ?2 AND created_at > ?3"
        );
        self.database
            .look_up(move |db| {
                let params = (id.as_str(), &owner, since.as_millis());
                let found = db.prepare_cached(&sql)?.query_row(params, rows::candidate);
                Ok(found.optional()?)
            })
            .await
    }

    async fn reject_candidate(
        &self,
        owner: &UserId,
        id: &CandidateId,
        write: &WriteContext,
    ) -> Outcome<()> {
        let writing = writing::Writing::new(owner, write, self.clock.now());
        let id = id.clone();
        self.database.write(move |db| writing.reject_candidate(db, &id)).await
    }

    async fn list_tags(&self, owner: &UserId, prefix: &str, most: usize) -> Outcome<Vec<Tag>> {
        let (owner, prefix) = (owner.clone(), prefix.to_owned());
        self.database.read(move |db| Ok(listing::list_tags(db, &owner, &prefix, most)?)).await
    }

    async fn list_audit(&self, owner: &UserId, page: &PageRequest) -> Outcome<Page<AuditEntry>> {
        let (owner, page) = (owner.clone(), page.clone());
        self.database.read(move |db| listing::list_audit(db, &owner, &page)).await
    }

    async fn count_prompts(&self, owner: &UserId) -> Outcome<Counts> {
        let owner = owner.clone();
        let since = self.deleted_since();
        let sql = "SELECT \
            (SELECT count(*) FROM prompts WHERE owner = :owner AND deleted_at IS NULL), \
            (SELECT count(*) FROM prompts WHERE owner = :owner AND deleted_at > :since)";
        self.database
            .read(move |db| {
                let params = named_params! { ":owner": owner, ":since": since.as_millis() };
                let read = |row: &rusqlite::Row<'_>| {
                    Ok(Counts { prompts: row.get(0)?, deleted: row.get(1)? })
                };
                Ok(db.prepare_cached(sql)?.query_row(params, read)?)
            })
            .await
    }

    async fn record_uses(&self, owner: &UserId, uses: &[Use]) -> Outcome<()> {
        let (owner, uses) = (owner.clone(), uses.to_vec());
        self.database.write(move |db| Ok(writing::record_uses(db, &owner, &uses)?)).await
    }

    async fn ensure_account(&self, owner: &UserId) -> Outcome<Account> {
        let (reading, writing, now) = (owner.clone(), owner.clone(), self.clock.now());
        // Nearly everybody has an account, and a read waits for nobody.
        match self.database.read(move |db| accounts::find(db, &reading)).await? {
            Some(account) => Ok(account),
            None => self.database.write(move |db| accounts::ensure(db, &writing, now)).await,
        }
    }

    async fn erase_account(&self, owner: &UserId) -> Outcome<()> {
        let (owner, now) = (owner.clone(), self.clock.now());
        self.database.write(move |db| Ok(accounts::erase(db, &owner, now)?)).await
    }

    async fn end_session(&self, owner: &UserId, session_id: &str) -> Outcome<()> {
        let (owner, session_id, now) = (owner.clone(), session_id.to_owned(), self.clock.now());
        self.database
            .write(move |db| Ok(accounts::end_session(db, &owner, &session_id, now)?))
            .await
    }

    async fn is_session_ended(&self, owner: &UserId, session_id: &str) -> Outcome<bool> {
        let (owner, session_id) = (owner.clone(), session_id.to_owned());
        self.database.read(move |db| Ok(accounts::is_ended(db, &owner, &session_id)?)).await
    }

    async fn ping(&self) -> Outcome<()> {
        self.database
            .look_up(|db| {
                let mut statement = db.prepare_cached("SELECT count(*) FROM sqlite_schema")?;
                Ok(statement.query_row([], |_| Ok(()))?)
            })
            .await
    }
}

/// A living prompt, or one that was deleted after `deleted_since`.
fn find_prompt(
    db: &Connection,
    owner: &UserId,
    prompt: &PromptRef,
    deleted_since: Option<Timestamp>,
) -> rusqlite::Result<Option<Prompt>> {
    let find = |condition: &str, since: i64| {
        let sql = format!(
            "SELECT {PROMPT_COLUMNS} FROM prompts p JOIN versions v ON v.change = p.change \
             WHERE p.owner = :owner AND {condition}"
        );
        let params = named_params! { ":owner": owner, ":key": prompt.as_str(), ":since": since };
        db.prepare_cached(&sql)?.query_row(params, rows::prompt).optional()
    };
    let since = deleted_since.map_or(i64::MAX, Timestamp::as_millis);
    match (prompt, deleted_since) {
        (PromptRef::Id(_), _) => {
            find("p.id = :key AND coalesce(p.deleted_at > :since, TRUE)", since)
        }
        (PromptRef::Name(_), None) => {
            find("p.name = :key AND p.deleted_at IS NULL AND :since IS NOT NULL", since)
        }
        // One statement, so that a prompt that is restored meanwhile is not missed by both.
        (PromptRef::Name(_), Some(_)) => find(
            "p.seq = (SELECT coalesce(\
             (SELECT seq FROM prompts \
             WHERE owner = :owner AND name = :key AND deleted_at IS NULL), \
             (SELECT seq FROM prompts \
             WHERE owner = :owner AND name = :key AND deleted_at > :since \
             ORDER BY deleted_at DESC LIMIT 1)))",
            since,
        ),
    }
}

fn find_seq(
    db: &Connection,
    owner: &UserId,
    id: &PromptId,
    deleted_since: Timestamp,
) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT seq FROM prompts \
        WHERE id = :id AND owner = :owner AND coalesce(deleted_at > :since, TRUE)";
    let since = deleted_since.as_millis();
    let params = named_params! { ":id": id.as_str(), ":owner": owner, ":since": since };
    db.prepare_cached(sql)?.query_row(params, |row| row.get(0)).optional()
}

fn find_version(
    db: &Connection,
    owner: &UserId,
    id: &PromptId,
    version: u32,
) -> rusqlite::Result<Option<Version>> {
    let sql = format!(
        "SELECT {VERSION_COLUMNS} FROM prompts p JOIN versions v ON v.prompt = p.seq \
         WHERE p.id = :id AND p.owner = :owner AND v.version = :version"
    );
    let params = named_params! { ":id": id.as_str(), ":owner": owner, ":version": version };
    db.prepare_cached(&sql)?.query_row(params, rows::version).optional()
}

/// The owner as one word of the full-text index, whatever characters the id holds.
fn owner_token(owner: &UserId) -> String {
    owner.as_str().bytes().fold("o".to_owned(), |token, byte| format!("{token}{byte:02x}"))
}

impl ToSql for UserId {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        failure(&error)
    }
}

/// What a failure of SQLite means to a caller.
fn failure(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        _ if is_busy(error) => StoreError::Busy,
        Some(
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase,
        ) => StoreError::Unavailable(describe(error)),
        _ => StoreError::Internal(error.to_string().into()),
    }
}

/// Whether another connection is in the way.
fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed
        )
    )
}

fn is_moved(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_READONLY_DBMOVED)
}

/// A failure of the file in a person's words.
fn describe(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::ReadOnly) if is_moved(error) => {
            "its file was moved or replaced; restart PromptDB".to_owned()
        }
        Some(ErrorCode::DiskFull) => "the disk is full".to_owned(),
        Some(ErrorCode::ReadOnly) => "it cannot be written to".to_owned(),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "it cannot be opened; check that the path is right and may be written".to_owned()
        }
        Some(ErrorCode::DatabaseCorrupt) => "it is damaged; restore a backup".to_owned(),
        Some(ErrorCode::NotADatabase) => "it is not a database".to_owned(),
        _ if is_busy(error) => "another program holds it locked".to_owned(),
        Some(ErrorCode::SystemIoFailure) => "reading or writing it failed".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(unix)]
fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)
}

/// The file, and those beside it, which SQLite makes with the mode of the first.
#[cfg(unix)]
fn make_private_files(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        match std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)) {
            Err(error) if suffix.is_empty() || error.kind() != ErrorKind::NotFound => {
                return Err(error);
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_private_files(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_file_or_disk_is_unavailable_and_a_lock_is_busy() {
        let check = |code: i32, expected: &str| {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            assert_eq!(failure(&error).to_string(), expected, "{code}");
        };
        check(ffi::SQLITE_BUSY, "the store is busy");
        check(ffi::SQLITE_BUSY_SNAPSHOT, "the store is busy");
        check(ffi::SQLITE_LOCKED, "the store is busy");
        check(ffi::SQLITE_PROTOCOL, "the store is busy");
        let failed = "the store is unavailable: reading or writing it failed";
        check(ffi::SQLITE_IOERR_READ, failed);
        check(ffi::SQLITE_IOERR_SHORT_READ, failed);
        check(ffi::SQLITE_IOERR_FSYNC, failed);
        check(ffi::SQLITE_FULL, "the store is unavailable: the disk is full");
        let damaged = "the store is unavailable: it is damaged; restore a backup";
        check(ffi::SQLITE_CORRUPT, damaged);
        check(ffi::SQLITE_CORRUPT_VTAB, damaged);
        check(ffi::SQLITE_NOTADB, "the store is unavailable: it is not a database");
        check(ffi::SQLITE_READONLY, "the store is unavailable: it cannot be written to");
        let moved = "the store is unavailable: its file was moved or replaced; restart PromptDB";
        check(ffi::SQLITE_READONLY_DBMOVED, moved);
        check(ffi::SQLITE_ERROR, "the store failed");
    }
}
