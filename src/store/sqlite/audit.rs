//! The audit trail in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::SqliteStore;
use super::library_write::LibraryWrite;
use super::paging::{falling_number, read_page};
use crate::domain::Timestamp;
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::candidate::CandidateId;
use crate::domain::identity::LibraryId;
use crate::domain::paging::{Cursor, Page, PageRequest};
use crate::domain::prompt::{Name, PromptId};
use crate::store::{AUDIT_DAYS, AuditStore, PURGE_MAX, StoreResult, WriteMark};

#[async_trait]
impl AuditStore for SqliteStore {
    async fn list_audit(
        &self,
        library: &LibraryId,
        page: &PageRequest,
    ) -> StoreResult<Page<AuditEntry>> {
        let (library, page) = (library.clone(), page.clone());
        self.database.read(move |db| list(db, &library, &page)).await
    }

    async fn mark_writes(&self, library: &LibraryId) -> StoreResult<WriteMark> {
        let library = library.clone();
        // The version of the data differs after the commits of every other connection. On that of the
        // writer these are the commits of other processes.
        self.database.run_alone(move |db| Ok(mark(db, &library)?)).await
    }
}

/// Both numbers are of one statement, and so of one state of the file. The entries of
/// candidates that were proposed or rejected, which change no prompt, are passed over.
fn mark(db: &Connection, library: &LibraryId) -> rusqlite::Result<WriteMark> {
    let mut statement = db.prepare_cached(
        "SELECT coalesce((SELECT seq FROM audit WHERE owner = ?1 AND \
         action NOT IN ('harvested', 'rejected') ORDER BY seq DESC LIMIT 1), 0) AS entry, \
         data_version AS others FROM pragma_data_version",
    )?;
    statement.query_row([library], |row| {
        Ok(WriteMark { entry: row.get("entry")?, others: row.get("others")? })
    })
}

/// The subject of an audit entry.
pub(super) struct Target<'a> {
    /// The prompt and its current version.
    pub(super) prompt: Option<(&'a PromptId, u32)>,
    pub(super) candidate: Option<&'a CandidateId>,
    /// Absent where the write removes it for good.
    pub(super) name: Option<&'a Name>,
}

impl LibraryWrite {
    /// Appends the entry of this write.
    pub(super) fn append_audit(
        &self,
        db: &Connection,
        action: Action,
        target: &Target<'_>,
    ) -> StoreResult<()> {
        db.prepare_cached(
            "INSERT INTO audit (owner, action, prompt_id, candidate_id, name, version, client, at) \
             VALUES (:owner, :action, :prompt_id, :candidate_id, :name, :version, :client, :at)",
        )?
        .execute(named_params! {
            ":owner": self.library,
            ":action": action.as_str(),
            ":prompt_id": target.prompt.map(|(id, _)| id),
            ":candidate_id": target.candidate,
            ":name": target.name.map_or("", Name::as_str),
            ":version": target.prompt.map(|(_, version)| version),
            ":client": self.context.client,
            ":at": self.now,
        })?;
        Ok(())
    }
}

fn list(db: &Connection, library: &LibraryId, page: &PageRequest) -> StoreResult<Page<AuditEntry>> {
    let mut statement = db.prepare_cached(
        "SELECT seq, action, prompt_id, candidate_id, name, version, client, at FROM audit \
         WHERE owner = :owner AND seq < :after AND seq > coalesce( \
         (SELECT audit_after FROM libraries WHERE owner = :owner), 0) \
         ORDER BY seq DESC LIMIT :limit",
    )?;
    let rows = statement.query_map(
        named_params! {
            ":owner": library,
            ":after": falling_number(page, "audit")?,
            ":limit": page.limit.get() + 1,
        },
        |row| Ok((read_entry(row, library)?, row.get("seq")?)),
    )?;
    read_page(rows, page.limit, |_, seq| Cursor::encode("audit", &[&seq.to_string()]))
}

/// Hides the entries of a library that is erased, and sets its counter to zero.
pub(super) fn hide_all(db: &Connection, library: &LibraryId) -> rusqlite::Result<()> {
    let newest = "(SELECT coalesce(max(seq), 0) FROM audit WHERE owner = ?1)";
    db.execute(
        &format!(
            "INSERT INTO libraries (owner, bytes, audit_after) VALUES (?1, 0, {newest}) \
             ON CONFLICT (owner) DO UPDATE SET bytes = 0, audit_after = {newest}"
        ),
        [library],
    )?;
    Ok(())
}

/// Deletes hidden entries; returns whether there may be more.
pub(super) fn delete_hidden(db: &Connection) -> rusqlite::Result<bool> {
    let hidden = db
        .prepare_cached("SELECT owner, audit_after FROM libraries WHERE audit_after > 0 LIMIT 1")?
        .query_row([], |row| Ok((row.get("owner")?, row.get("audit_after")?)))
        .optional()?;
    let Some((owner, after)): Option<(String, i64)> = hidden else { return Ok(false) };
    let removed = db.execute(
        "DELETE FROM audit WHERE seq IN \
         (SELECT seq FROM audit WHERE owner = ?1 AND seq <= ?2 LIMIT ?3)",
        (&owner, after, PURGE_MAX),
    )?;
    if removed < PURGE_MAX {
        db.execute("UPDATE libraries SET audit_after = 0 WHERE owner = ?1", [&owner])?;
        db.execute("DELETE FROM libraries WHERE owner = ?1 AND bytes = 0", [&owner])?;
    }
    Ok(true)
}

/// Deletes entries that are kept no longer; returns whether there may be more.
pub(super) fn purge(db: &Connection, now: Timestamp) -> rusqlite::Result<bool> {
    let removed = db.execute(
        "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE at < ?1 LIMIT ?2)",
        (now.plus_days(-AUDIT_DAYS), PURGE_MAX),
    )?;
    Ok(removed == PURGE_MAX)
}

fn read_entry(row: &Row<'_>, library: &LibraryId) -> rusqlite::Result<AuditEntry> {
    let word = row.get_ref("action")?.as_str()?;
    Ok(AuditEntry {
        library_id: library.clone(),
        action: Action::parse(word).ok_or(rusqlite::Error::InvalidQuery)?,
        prompt_id: row.get("prompt_id")?,
        candidate_id: row.get("candidate_id")?,
        // Empty once the text is removed for good; the column is older than that.
        name: Some(row.get::<_, Name>("name")?).filter(|name| !name.as_str().is_empty()),
        version: row.get("version")?,
        client: row.get("client")?,
        at: row.get("at")?,
    })
}
