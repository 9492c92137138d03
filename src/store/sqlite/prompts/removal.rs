//! Removing prompts and versions for good, at the owner's wish.

use rusqlite::{Connection, named_params};

use super::lookup::find_seq;
use crate::domain::Timestamp;
use crate::domain::audit::Action;
use crate::domain::prompt::{Name, PromptId};
use crate::store::sqlite::audit::Target;
use crate::store::sqlite::library_write::LibraryWrite;
use crate::store::{Removed, StoreError, StoreResult};

impl LibraryWrite {
    pub(super) fn purge_prompt(&self, db: &Connection, id: &PromptId) -> StoreResult<()> {
        let prompt = self.find(db, id)?.ok_or(StoreError::NotFound)?;
        if prompt.deleted_at.is_none() {
            return Err(StoreError::NotDeleted);
        }
        self.expire(db, id, prompt.version)
    }

    pub(super) fn empty_trash(&self, db: &Connection) -> StoreResult<Removed> {
        let mut statement = db.prepare_cached(
            "SELECT p.id, v.version FROM prompts p JOIN versions v ON v.change = p.change \
             WHERE p.owner = ?1 AND p.deleted_at > ?2",
        )?;
        let rows = statement.query_map((&self.library, self.deleted_since()), |row| {
            Ok((row.get("id")?, row.get("version")?))
        })?;
        let deleted: Vec<(PromptId, u32)> = rows.collect::<Result<_, _>>()?;
        for (id, version) in &deleted {
            self.expire(db, id, *version)?;
        }
        Ok(Removed { count: deleted.len() as u64, has_more: false })
    }

    pub(super) fn prune_versions(
        &self,
        db: &Connection,
        id: &PromptId,
        before: u32,
    ) -> StoreResult<Removed> {
        let seq = find_seq(db, &self.library, id, self.now)?.ok_or(StoreError::NotFound)?;
        let prompt = self.find(db, id)?.ok_or(StoreError::NotFound)?;
        db.prepare_cached(
            "UPDATE prompts SET pruned_before = max(pruned_before, :before) WHERE seq = :seq",
        )?
        .execute(named_params! { ":before": before.min(prompt.version), ":seq": seq })?;
        let count = db
            .prepare_cached(
                "DELETE FROM versions WHERE prompt = ?1 \
                 AND version < (SELECT pruned_before FROM prompts WHERE seq = ?1)",
            )?
            .execute([seq])?;
        if count > 0 {
            let target = Target {
                prompt: Some((id, prompt.version)),
                candidate: None,
                name: Some(&prompt.name),
            };
            self.append_audit(db, Action::Pruned, &target)?;
        }
        Ok(Removed { count: count as u64, has_more: false })
    }

    /// Makes a deletion one that can no longer be restored, so that the next purge removes the prompt.
    fn expire(&self, db: &Connection, id: &PromptId, version: u32) -> StoreResult<()> {
        db.prepare_cached("UPDATE prompts SET deleted_at = ?1 WHERE id = ?2")?
            .execute((Timestamp::from_millis(0), id))?;
        db.prepare_cached("UPDATE audit SET name = '' WHERE owner = ?1 AND prompt_id = ?2")?
            .execute((&self.library, id))?;
        let target = Target { prompt: Some((id, version)), candidate: None, name: None::<&Name> };
        self.append_audit(db, Action::Purged, &target)
    }
}
