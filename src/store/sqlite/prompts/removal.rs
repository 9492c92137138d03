//! Removing prompts and versions for good: hidden at once, and deleted in batches.

use rusqlite::{Connection, OptionalExtension, named_params};

use crate::domain::Timestamp;
use crate::domain::audit::Action;
use crate::domain::identity::LibraryId;
use crate::domain::prompt::{Name, PromptId, RESTORABLE_DAYS};
use crate::store::sqlite::accounting::{Upkeep, add_bytes, note_removal};
use crate::store::sqlite::audit::Target;
use crate::store::sqlite::batch::Batch;
use crate::store::sqlite::library_write::LibraryWrite;
use crate::store::sqlite::schema::BODY_BYTES;
use crate::store::sqlite::vectors;
use crate::store::{PURGE_MAX, Removed, StoreError, StoreResult};

impl LibraryWrite {
    pub(super) fn purge_prompt(&self, db: &Connection, id: &PromptId) -> StoreResult<()> {
        let prompt = self.find(db, id)?.ok_or(StoreError::NotFound)?;
        if prompt.deleted_at.is_none() {
            return Err(StoreError::NotDeleted);
        }
        self.purge(db, id, prompt.version)
    }

    pub(super) fn empty_trash(&self, db: &Connection) -> StoreResult<Removed> {
        let mut statement = db.prepare_cached(
            "SELECT p.id, v.version FROM prompts p JOIN versions v ON v.change = p.change \
             WHERE p.owner = ?1 AND p.deleted_at > ?2 LIMIT ?3",
        )?;
        let rows = statement
            .query_map((&self.library, self.deleted_since(), PURGE_MAX), |row| {
                Ok((row.get("id")?, row.get("version")?))
            })?;
        let deleted: Vec<(PromptId, u32)> = rows.collect::<Result<_, _>>()?;
        for (id, version) in &deleted {
            self.purge(db, id, *version)?;
        }
        Ok(Removed { count: deleted.len() as u64, has_more: deleted.len() == PURGE_MAX })
    }

    /// Hides a prompt from every read and records its end.
    fn purge(&self, db: &Connection, id: &PromptId, version: u32) -> StoreResult<()> {
        disown(db, &self.library, id)?;
        let target = Target { prompt: Some((id, version)), candidate: None, name: None::<&Name> };
        self.append_audit(db, Action::Purged, &target)
    }

    pub(super) fn prune_versions(
        &self,
        db: &Connection,
        id: &PromptId,
        before: u32,
    ) -> StoreResult<Removed> {
        let (seq, prompt) = self.living(db, id)?;
        db.prepare_cached(
            "UPDATE prompts SET pruned_before = max(pruned_before, :before), is_pruning = 1 \
             WHERE seq = :seq",
        )?
        .execute(named_params! { ":before": before.min(prompt.version), ":seq": seq })?;
        // An older name repeats the title of a version that goes.
        db.prepare_cached(
            "UPDATE audit SET name = '' WHERE prompt_id = :id AND owner = :owner AND name <> '' \
             AND version < (SELECT pruned_before FROM prompts WHERE seq = :seq)",
        )?
        .execute(named_params! { ":id": id, ":owner": self.library, ":seq": seq })?;
        let removed = delete_pruned(db, seq, &mut Batch::new())?;
        if removed.count > 0 {
            let target = Target {
                prompt: Some((id, prompt.version)),
                candidate: None,
                name: Some(&prompt.name),
            };
            self.append_audit(db, Action::Pruned, &target)?;
        }
        Ok(removed)
    }
}

/// Takes a deleted prompt from its library: no read finds it, its bytes are given back, its name is
/// removed from the audit trail, and its rows wait to be deleted.
fn disown(db: &Connection, library: &LibraryId, id: &PromptId) -> rusqlite::Result<()> {
    let (seq, bytes): (i64, i64) = db
        .prepare_cached(
            "UPDATE prompts SET owner = '', id = 'gone_' || seq, name = '', deleted_at = 0 \
             WHERE id = ?1 AND owner = ?2 RETURNING seq, bytes",
        )?
        .query_row((id, library), |row| Ok((row.get("seq")?, row.get("bytes")?)))?;
    vectors::forget(db, library, seq)?;
    add_bytes(db, library.as_str(), -bytes)?;
    db.prepare_cached(
        "UPDATE audit SET name = '' WHERE prompt_id = ?1 AND owner = ?2 AND name <> ''",
    )?
    .execute((id, library))?;
    db.prepare_cached("DELETE FROM idempotency WHERE prompt_id = ?1 AND owner = ?2")?
        .execute((id, library))?;
    note_removal(db)
}

/// Takes every prompt from a library that is erased with its audit trail.
pub(in crate::store::sqlite) fn disown_all(
    db: &Connection,
    library: &LibraryId,
) -> rusqlite::Result<()> {
    // Each condition is that of an index.
    for condition in ["deleted_at IS NULL", "deleted_at IS NOT NULL"] {
        db.execute(
            &format!(
                "UPDATE prompts SET owner = '', id = 'gone_' || seq, name = '', deleted_at = 0 \
                 WHERE owner = ?1 AND {condition}"
            ),
            [library],
        )?;
    }
    vectors::forget_all(db, library)?;
    note_removal(db)
}

/// Takes prompts that can no longer be restored from their libraries; returns whether there may be
/// more.
pub(in crate::store::sqlite) fn disown_expired(
    db: &Connection,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let mut statement = db.prepare_cached(
        "SELECT id, owner FROM prompts \
         WHERE deleted_at IS NOT NULL AND deleted_at <= ?1 AND owner > '' LIMIT ?2",
    )?;
    let rows = statement.query_map((now.plus_days(-RESTORABLE_DAYS), PURGE_MAX), |row| {
        Ok((row.get("id")?, LibraryId::from_store(row.get("owner")?)))
    })?;
    let expired: Vec<(PromptId, LibraryId)> = rows.collect::<Result<_, _>>()?;
    for (id, library) in &expired {
        disown(db, library, id)?;
    }
    Ok(expired.len() == PURGE_MAX)
}

/// Deletes prompts without an owner, versions first; returns the number of deleted prompts and
/// whether more are left.
pub(in crate::store::sqlite) fn delete_disowned(
    db: &Connection,
    batch: &mut Batch,
) -> rusqlite::Result<Removed> {
    let mut count = 0;
    while batch.rows() > 0 {
        let next = db
            .prepare_cached(
                "SELECT seq FROM prompts \
                 WHERE owner = '' AND deleted_at IS NOT NULL LIMIT 1",
            )?
            .query_row([], |row| row.get::<_, i64>("seq"))
            .optional()?;
        let Some(seq) = next else { return Ok(Removed { count, has_more: false }) };
        if delete_versions(db, seq, u32::MAX, batch)?.has_more {
            break;
        }
        // The tags and the vector go with their prompt.
        db.prepare_cached("DELETE FROM prompt_terms WHERE rowid = ?1")?.execute([seq])?;
        db.prepare_cached("DELETE FROM prompts WHERE seq = ?1")?.execute([seq])?;
        count += 1;
    }
    Ok(Removed { count, has_more: true })
}

/// Goes on with the prunings that were interrupted; returns whether more is left.
pub(in crate::store::sqlite) fn finish_pruning(
    db: &Connection,
    batch: &mut Batch,
) -> rusqlite::Result<bool> {
    while batch.rows() > 0 {
        let next = db
            .prepare_cached("SELECT seq FROM prompts WHERE is_pruning LIMIT 1")?
            .query_row([], |row| row.get::<_, i64>("seq"))
            .optional()?;
        let Some(seq) = next else { return Ok(false) };
        delete_pruned(db, seq, batch)?;
    }
    Ok(true)
}

/// Deletes pruned versions of a prompt and gives their bytes back.
fn delete_pruned(db: &Connection, seq: i64, batch: &mut Batch) -> rusqlite::Result<Removed> {
    let (owner, before): (String, u32) = db
        .prepare_cached("SELECT owner, pruned_before FROM prompts WHERE seq = ?1")?
        .query_row([seq], |row| Ok((row.get("owner")?, row.get("pruned_before")?)))?;
    let Deleted { count, bytes, has_more } = delete_versions(db, seq, before, batch)?;
    db.prepare_cached("UPDATE prompts SET bytes = bytes - ?1, is_pruning = ?2 WHERE seq = ?3")?
        .execute((bytes, has_more, seq))?;
    // The bytes of a prompt without an owner are given back already.
    if count > 0 && !owner.is_empty() {
        add_bytes(db, &owner, -bytes)?;
        note_removal(db)?;
    }
    Ok(Removed { count, has_more })
}

/// What a batch of deleted versions held.
struct Deleted {
    count: u64,
    /// The part of their size that was in the counters.
    bytes: i64,
    has_more: bool,
}

/// Deletes the versions of a prompt before `before`, the oldest first, as far as the batch goes.
fn delete_versions(
    db: &Connection,
    seq: i64,
    before: u32,
    batch: &mut Batch,
) -> rusqlite::Result<Deleted> {
    let upkeep = Upkeep::read(db)?;
    let sql = format!(
        "SELECT change, {BODY_BYTES} AS size FROM versions \
         WHERE prompt = ?1 AND version < ?2 ORDER BY version"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query((seq, before))?;
    let mut deleted = Deleted { count: 0, bytes: 0, has_more: false };
    let mut changes: Vec<i64> = Vec::new();
    while let Some(row) = rows.next()? {
        let (change, size): (i64, i64) = (row.get("change")?, row.get("size")?);
        if !batch.take(size.unsigned_abs()) {
            deleted.has_more = true;
            break;
        }
        deleted.count += 1;
        deleted.bytes += upkeep.version_bytes(change, size);
        changes.push(change);
    }
    drop(rows);
    for change in changes {
        db.prepare_cached("DELETE FROM versions WHERE change = ?1")?.execute([change])?;
    }
    Ok(deleted)
}
