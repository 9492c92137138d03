//! Recorded results of writes, by which a repetition is answered instead of carried out.

use rusqlite::{Connection, OptionalExtension, named_params};

use super::lookup::{find_prompt, find_version};
use crate::domain::Timestamp;
use crate::domain::identity::LibraryId;
use crate::domain::prompt::{PromptId, PromptRef};
use crate::store::sqlite::library_write::LibraryWrite;
use crate::store::{IDEMPOTENCY_DAYS, Idempotency, PURGE_MAX, Saved, StoreError, StoreResult};

/// The recorded result of the write under a key.
pub(super) fn recall(
    db: &Connection,
    library: &LibraryId,
    idempotency: &Idempotency,
    deleted_since: Timestamp,
) -> StoreResult<Option<Saved>> {
    let recorded = db
        .prepare_cached(
            "SELECT fingerprint, prompt_id, version, changed FROM idempotency \
             WHERE owner = ?1 AND key = ?2",
        )?
        .query_row((library, &idempotency.key), |row| {
            let fingerprint: String = row.get("fingerprint")?;
            let id: PromptId = row.get("prompt_id")?;
            Ok((fingerprint, id, row.get("version")?, row.get("changed")?))
        })
        .optional()?;
    let Some((fingerprint, id, version, changed)) = recorded else { return Ok(None) };
    if fingerprint != idempotency.fingerprint {
        return Err(StoreError::IdempotencyMismatch);
    }
    let prompt = find_prompt(db, library, &PromptRef::Id(id.clone()), Some(deleted_since))?;
    let version = find_version(db, library, &id, version)?;
    let prompt = prompt.zip(version).map(|(prompt, version)| prompt.at(version));
    Ok(Some(Saved { prompt: prompt.ok_or(StoreError::NotFound)?, changed }))
}

impl LibraryWrite {
    /// Runs `work` and records its result, unless a write with the same key was done before.
    pub(super) fn once(
        &self,
        db: &Connection,
        work: impl FnOnce(&Connection) -> StoreResult<Saved>,
    ) -> StoreResult<Saved> {
        let Some(idempotency) = &self.context.idempotency else {
            return self.within_bytes(db, work);
        };
        if let Some(saved) = recall(db, &self.library, idempotency, self.deleted_since())? {
            return Ok(saved);
        }
        let saved = self.within_bytes(db, work)?;
        db.prepare_cached(
            "INSERT INTO idempotency (owner, key, fingerprint, prompt_id, version, changed, at) \
             VALUES (:owner, :key, :fingerprint, :prompt_id, :version, :changed, :at)",
        )?
        .execute(named_params! {
            ":owner": self.library,
            ":key": idempotency.key,
            ":fingerprint": idempotency.fingerprint,
            ":prompt_id": saved.prompt.id,
            ":version": saved.prompt.version,
            ":changed": saved.changed,
            ":at": self.now,
        })?;
        Ok(saved)
    }
}

/// Removes results that are kept no longer; returns whether there may be more.
pub(in crate::store::sqlite) fn purge(db: &Connection, now: Timestamp) -> rusqlite::Result<bool> {
    let removed = db.execute(
        "DELETE FROM idempotency WHERE (owner, key) IN \
         (SELECT owner, key FROM idempotency WHERE at < ?1 LIMIT ?2)",
        (now.plus_days(-IDEMPOTENCY_DAYS), PURGE_MAX),
    )?;
    Ok(removed == PURGE_MAX)
}
