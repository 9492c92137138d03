//! Creating, saving, deleting and restoring prompts.

use rusqlite::{Connection, named_params};

use super::lookup::{find_prompt, find_seq};
use super::words;
use crate::domain::Invalid;
use crate::domain::audit::Action;
use crate::domain::identity::LibraryId;
use crate::domain::prompt::{Body, Name, Prompt, PromptId, PromptRef, Version};
use crate::store::sqlite::accounting::signed;
use crate::store::sqlite::accounts;
use crate::store::sqlite::audit::Target;
use crate::store::sqlite::library_write::LibraryWrite;
use crate::store::sqlite::schema::{BODY_COLUMNS, BODY_VALUES, BodyParams};
use crate::store::sqlite::vectors;
use crate::store::{Change, NewPrompt, Saved, StoreError, StoreResult, Use};

impl LibraryWrite {
    pub(super) fn create_prompt(&self, db: &Connection, new: NewPrompt) -> StoreResult<Saved> {
        self.once(db, |db| {
            accounts::check_not_erased(db, &self.library)?;
            self.check_name_is_free(db, &new.name)?;
            self.check_prompts(db)?;
            db.prepare_cached(
                "INSERT INTO prompts (id, owner, name, change, favorite, created_at) \
                 VALUES (:id, :owner, :name, 0, :favorite, :now)",
            )?
            .execute(named_params! {
                ":id": new.id,
                ":owner": self.library,
                ":name": new.name,
                ":favorite": new.favorite,
                ":now": self.now,
            })?;
            let seq = db.last_insert_rowid();
            self.save_version(db, seq, 1, new.body)?;
            vectors::set(db, &self.library, seq, new.embedding.as_ref())?;
            self.take_accepted(db)?;
            self.conclude(db, &new.id, Action::Created)
        })
    }

    pub(super) fn save_prompt(
        &self,
        db: &Connection,
        id: &PromptId,
        change: Change,
    ) -> StoreResult<Saved> {
        self.once(db, |db| {
            let (seq, current) = self.living(db, id)?;
            check_version(&current, Some(change.expected_version))?;
            self.take_accepted(db)?;
            let name = change.name.as_ref().filter(|name| **name != current.name);
            let favorite = change.favorite.filter(|favorite| *favorite != current.favorite);
            let appends = change.body != current.body;
            if let Some(name) = name {
                self.check_name_is_free(db, name)?;
            }
            if name.is_some() || favorite.is_some() {
                db.prepare_cached(
                    "UPDATE prompts SET name = coalesce(:name, name), \
                     favorite = coalesce(:favorite, favorite) WHERE seq = :seq",
                )?
                .execute(named_params! {
                    ":name": name,
                    ":favorite": favorite,
                    ":seq": seq,
                })?;
            }
            if appends {
                let keeps_texts = change.body.has_texts_of(&current.body);
                self.save_version(db, seq, current.version + 1, change.body)?;
                if change.embedding.is_some() || !keeps_texts {
                    vectors::set(db, &self.library, seq, change.embedding.as_ref())?;
                }
                self.conclude(db, id, change.action)
            } else if name.is_some() || favorite.is_some() {
                self.conclude(db, id, Action::Updated)
            } else {
                Ok(Saved { prompt: current, changed: false })
            }
        })
    }

    pub(super) fn mark_favorite(
        &self,
        db: &Connection,
        id: &PromptId,
        favorite: bool,
    ) -> StoreResult<Saved> {
        self.once(db, |db| {
            let (seq, current) = self.living(db, id)?;
            if current.favorite == favorite {
                return Ok(Saved { prompt: current, changed: false });
            }
            db.prepare_cached("UPDATE prompts SET favorite = ?1 WHERE seq = ?2")?
                .execute((favorite, seq))?;
            self.conclude(db, id, Action::Updated)
        })
    }

    pub(super) fn delete_prompt(
        &self,
        db: &Connection,
        id: &PromptId,
        expected_version: Option<u32>,
    ) -> StoreResult<Saved> {
        self.once(db, |db| {
            let (seq, current) = self.living(db, id)?;
            check_version(&current, expected_version)?;
            db.prepare_cached("UPDATE prompts SET deleted_at = ?1 WHERE seq = ?2")?
                .execute((self.now, seq))?;
            vectors::touch(db, &self.library, seq)?;
            self.conclude(db, id, Action::Deleted)
        })
    }

    pub(super) fn undelete_prompt(&self, db: &Connection, id: &PromptId) -> StoreResult<Saved> {
        self.once(db, |db| {
            let current = self.find(db, id)?.ok_or(StoreError::NotFound)?;
            if current.deleted_at.is_none() {
                return Ok(Saved { prompt: current, changed: false });
            }
            self.check_name_is_free(db, &current.name)?;
            self.check_prompts(db)?;
            let seq = db
                .prepare_cached("UPDATE prompts SET deleted_at = NULL WHERE id = ?1 RETURNING seq")?
                .query_row([id], |row| row.get("seq"))?;
            vectors::touch(db, &self.library, seq)?;
            self.conclude(db, id, Action::Undeleted)
        })
    }

    /// Indexes the prompt, appends the audit entry and returns the prompt after the write.
    pub(super) fn conclude(
        &self,
        db: &Connection,
        id: &PromptId,
        action: Action,
    ) -> StoreResult<Saved> {
        let prompt = self.find(db, id)?.ok_or(StoreError::NotFound)?;
        let seq: i64 = db
            .prepare_cached("SELECT seq FROM prompts WHERE id = ?1")?
            .query_row([id], |row| row.get("seq"))?;
        words::index(db, &self.library, seq, &prompt)?;
        let target = Target {
            prompt: Some((&prompt.id, prompt.version)),
            candidate: self.context.accepts.as_ref(),
            name: Some(&prompt.name),
        };
        self.append_audit(db, action, &target)?;
        Ok(Saved { prompt, changed: true })
    }

    /// Appends a version of this moment.
    fn save_version(&self, db: &Connection, seq: i64, version: u32, body: Body) -> StoreResult<()> {
        let source = self.context.client.clone();
        self.append_version(db, seq, &Version { version, body, source, created_at: self.now })
    }

    /// Inserts a version, makes it the current one of its prompt, and counts its bytes.
    pub(super) fn append_version(
        &self,
        db: &Connection,
        seq: i64,
        version: &Version,
    ) -> StoreResult<()> {
        let Version { version, body, source, created_at } = version;
        // The use cases have refused such a body; this is the last line of defence.
        body.check_size().map_err(|error| StoreError::Internal(Invalid::from(error).into()))?;
        let bytes = signed(body.bytes());
        let sql = format!(
            "INSERT INTO versions (prompt, version, {BODY_COLUMNS}, source, created_at) \
             VALUES (:prompt, :version, {BODY_VALUES}, :source, :created_at)"
        );
        let body = BodyParams::new(body);
        db.prepare_cached(&sql)?.execute(&*body.with(named_params! {
            ":prompt": seq,
            ":version": version,
            ":source": source,
            ":created_at": created_at,
        }))?;
        db.prepare_cached("UPDATE prompts SET change = ?1, bytes = bytes + ?2 WHERE seq = ?3")?
            .execute((db.last_insert_rowid(), bytes, seq))?;
        Ok(self.add_bytes(db, bytes)?)
    }

    /// A living or restorable prompt.
    pub(super) fn find(&self, db: &Connection, id: &PromptId) -> StoreResult<Option<Prompt>> {
        let prompt = PromptRef::Id(id.clone());
        Ok(find_prompt(db, &self.library, &prompt, Some(self.deleted_since()))?)
    }

    pub(super) fn living(&self, db: &Connection, id: &PromptId) -> StoreResult<(i64, Prompt)> {
        let prompt = self.find(db, id)?.filter(|prompt| prompt.deleted_at.is_none());
        let prompt = prompt.ok_or(StoreError::NotFound)?;
        let seq = find_seq(db, &self.library, id, self.now)?.ok_or(StoreError::NotFound)?;
        Ok((seq, prompt))
    }

    pub(super) fn check_name_is_free(&self, db: &Connection, name: &Name) -> StoreResult<()> {
        match find_prompt(db, &self.library, &PromptRef::Name(name.clone()), None)? {
            Some(holder) => {
                Err(StoreError::NameTaken { name: name.clone(), current_version: holder.version })
            }
            None => Ok(()),
        }
    }

    pub(super) fn check_prompts(&self, db: &Connection) -> StoreResult<()> {
        let Some(limit) = self.context.quota.prompts else { return Ok(()) };
        let living: u32 = db
            .prepare_cached(
                "SELECT count(*) AS living FROM prompts WHERE owner = ?1 AND deleted_at IS NULL",
            )?
            .query_row([&self.library], |row| row.get("living"))?;
        if living >= limit { Err(StoreError::QuotaExceeded { limit }) } else { Ok(()) }
    }
}

fn check_version(current: &Prompt, expected: Option<u32>) -> StoreResult<()> {
    match expected {
        Some(expected) if expected != current.version => {
            Err(StoreError::VersionConflict { current_version: current.version })
        }
        _ => Ok(()),
    }
}

pub(super) fn record_uses(
    db: &Connection,
    library: &LibraryId,
    uses: &[Use],
) -> rusqlite::Result<()> {
    let mut statement = db.prepare_cached(
        "UPDATE prompts SET use_count = use_count + :count, \
         last_used_at = max(coalesce(last_used_at, 0), :at) WHERE id = :id AND owner = :owner",
    )?;
    for one in uses {
        statement.execute(named_params! {
            ":count": one.count,
            ":at": one.last_used_at,
            ":id": one.id,
            ":owner": library,
        })?;
    }
    Ok(())
}
