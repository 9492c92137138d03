//! The writes of an import, which bring their own times.

use rusqlite::{Connection, named_params};

use super::writing::{Writing, append_version};
use super::{Outcome, accounts, find_seq};
use crate::domain::Timestamp;
use crate::domain::audit::Action;
use crate::domain::candidate::{Candidate, CandidateId};
use crate::domain::prompt::{PromptId, RESTORABLE_DAYS, Version};
use crate::store::{IMPORT_VERSIONS_MAX, ImportedPrompt, Saved, StoreError};

impl Writing {
    pub(super) fn import_prompt(
        &self,
        db: &Connection,
        new: &ImportedPrompt,
        quota: Option<u32>,
    ) -> Outcome<Saved> {
        self.once(db, |db| {
            check_numbers(&new.versions, 0)?;
            accounts::check_not_erased(db, &self.owner)?;
            if new.deleted_at.is_none() {
                self.check_name_is_free(db, &new.name)?;
                self.check_quota(db, quota)?;
            }
            let id = self.prompt_id(db, &new.id)?;
            db.prepare_cached(
                "INSERT INTO prompts (id, owner, name, change, favorite, created_at, deleted_at, \
                 use_count, last_used_at) VALUES (:id, :owner, :name, 0, :favorite, :created_at, \
                 :deleted_at, :use_count, :last_used_at)",
            )?
            .execute(named_params! {
                ":id": id.as_str(),
                ":owner": self.owner,
                ":name": new.name.as_str(),
                ":favorite": new.favorite,
                ":created_at": new.versions[0].created_at.as_millis(),
                ":deleted_at": new.deleted_at.map(Timestamp::as_millis),
                ":use_count": new.use_count,
                ":last_used_at": new.last_used_at.map(Timestamp::as_millis),
            })?;
            let seq = db.last_insert_rowid();
            for version in &new.versions {
                append_version(db, seq, version)?;
            }
            self.conclude(db, &id, Action::Imported)
        })
    }

    pub(super) fn append_versions(
        &self,
        db: &Connection,
        id: &PromptId,
        versions: &[Version],
    ) -> Outcome<Saved> {
        self.once(db, |db| {
            let current = self.find(db, id)?.ok_or(StoreError::NotFound)?;
            check_numbers(versions, current.version)?;
            let since = self.now.plus_days(-RESTORABLE_DAYS);
            let seq = find_seq(db, &self.owner, id, since)?.ok_or(StoreError::NotFound)?;
            for version in versions {
                append_version(db, seq, version)?;
            }
            self.conclude(db, id, Action::Imported)
        })
    }

    pub(super) fn import_candidate(
        &self,
        db: &Connection,
        candidate: &Candidate,
    ) -> Outcome<Candidate> {
        accounts::check_not_erased(db, &self.owner)?;
        self.check_queue(db, 1)?;
        let mut candidate = candidate.clone();
        if is_taken(db, "candidates", candidate.id.as_str())? {
            candidate.id = candidate.id.derived(&self.owner);
        }
        if is_taken(db, "candidates", candidate.id.as_str())? {
            candidate.id = CandidateId::random();
        }
        self.add_candidate(db, &candidate, Action::Imported)?;
        Ok(candidate)
    }

    /// The wanted id, or another one if somebody has it.
    fn prompt_id(&self, db: &Connection, wanted: &PromptId) -> Outcome<PromptId> {
        for id in [wanted.clone(), wanted.derived(&self.owner)] {
            if !is_taken(db, "prompts", id.as_str())? {
                return Ok(id);
            }
        }
        Ok(PromptId::random())
    }
}

/// Whether any owner has the id.
fn is_taken(db: &Connection, table: &str, id: &str) -> Outcome<bool> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE id = ?1)");
    Ok(db.prepare_cached(&sql)?.query_row([id], |row| row.get(0))?)
}

/// Whether the versions go on behind `current`, without a gap.
fn check_numbers(versions: &[Version], current: u32) -> Outcome<()> {
    if versions.first().is_some_and(|first| first.version != current + 1) {
        return Err(StoreError::VersionConflict { current_version: current });
    }
    let gapless = versions.windows(2).all(|pair| pair[1].version == pair[0].version + 1);
    if !gapless || !(1..=IMPORT_VERSIONS_MAX).contains(&versions.len()) {
        return Err(StoreError::Internal("an import brought versions in disorder".into()));
    }
    Ok(())
}
