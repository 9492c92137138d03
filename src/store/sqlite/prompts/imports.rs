//! The writes of an import, which carry their own times.

use rusqlite::{Connection, named_params};

use super::lookup::find_seq;
use crate::domain::audit::Action;
use crate::domain::prompt::{PromptId, Version};
use crate::store::sqlite::accounts;
use crate::store::sqlite::library_write::LibraryWrite;
use crate::store::sqlite::vectors;
use crate::store::{IMPORT_VERSIONS_MAX, ImportedPrompt, Saved, StoreError, StoreResult};

impl LibraryWrite {
    pub(super) fn import_prompt(
        &self,
        db: &Connection,
        new: &ImportedPrompt,
    ) -> StoreResult<Saved> {
        self.once(db, |db| {
            check_numbers(&new.versions, 0)?;
            accounts::check_not_erased(db, &self.library)?;
            if new.deleted_at.is_none() {
                self.check_name_is_free(db, &new.name)?;
                self.check_prompts(db)?;
            }
            let id = self.prompt_id(db, &new.id)?;
            db.prepare_cached(
                "INSERT INTO prompts (id, owner, name, change, favorite, created_at, deleted_at, \
                 use_count, last_used_at) VALUES (:id, :owner, :name, 0, :favorite, :created_at, \
                 :deleted_at, :use_count, :last_used_at)",
            )?
            .execute(named_params! {
                ":id": id,
                ":owner": self.library,
                ":name": new.name,
                ":favorite": new.favorite,
                ":created_at": new.versions[0].created_at,
                ":deleted_at": new.deleted_at,
                ":use_count": new.use_count,
                ":last_used_at": new.last_used_at,
            })?;
            let seq = db.last_insert_rowid();
            for version in &new.versions {
                self.append_version(db, seq, version)?;
            }
            vectors::set(db, &self.library, seq, None)?;
            self.conclude(db, &id, Action::Imported)
        })
    }

    pub(super) fn append_versions(
        &self,
        db: &Connection,
        id: &PromptId,
        versions: &[Version],
    ) -> StoreResult<Saved> {
        self.once(db, |db| {
            let current = self.find(db, id)?.ok_or(StoreError::NotFound)?;
            check_numbers(versions, current.version)?;
            let seq = find_seq(db, &self.library, id, self.deleted_since())?;
            let seq = seq.ok_or(StoreError::NotFound)?;
            for version in versions {
                self.append_version(db, seq, version)?;
            }
            vectors::set(db, &self.library, seq, None)?;
            self.conclude(db, id, Action::Imported)
        })
    }

    /// The wanted id if it is free, else the derived one, else a fresh one.
    fn prompt_id(&self, db: &Connection, wanted: &PromptId) -> StoreResult<PromptId> {
        for id in [wanted.clone(), wanted.derived(&self.library)] {
            if !is_taken(db, &id)? {
                return Ok(id);
            }
        }
        Ok(PromptId::random())
    }
}

/// Whether any library has a prompt with this id.
fn is_taken(db: &Connection, id: &PromptId) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM prompts WHERE id = ?1")?.exists([id])
}

/// Checks that the versions follow `current` without a gap, and their number.
fn check_numbers(versions: &[Version], current: u32) -> StoreResult<()> {
    if versions.first().is_some_and(|first| first.version != current + 1) {
        return Err(StoreError::VersionConflict { current_version: current });
    }
    let is_gapless = versions.windows(2).all(|pair| pair[1].version == pair[0].version + 1);
    if !is_gapless || !(1..=IMPORT_VERSIONS_MAX).contains(&versions.len()) {
        return Err(StoreError::Internal("an import has versions out of order".into()));
    }
    Ok(())
}
