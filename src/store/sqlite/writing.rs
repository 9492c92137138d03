//! The writes, each a function of a connection inside the writer's transaction.

use rusqlite::{Connection, OptionalExtension, named_params};

use super::{Outcome, accounts, find_prompt, find_version, owner_token, rows};
use crate::domain::Timestamp;
use crate::domain::audit::Action;
use crate::domain::candidate::{CANDIDATE_DAYS, Candidate, CandidateId, QUEUE_MAX};
use crate::domain::identity::UserId;
use crate::domain::prompt::{
    Body, Name, Prompt, PromptId, PromptRef, RESTORABLE_DAYS, Tag, Version,
};
use crate::domain::words::words;
use crate::store::{
    Change, IDEMPOTENCY_DAYS, Idempotency, NewCandidate, NewPrompt, Saved, StoreError, Use,
    WriteContext,
};

/// One write: whose, through what, when.
pub(super) struct Writing {
    pub(super) owner: UserId,
    context: WriteContext,
    pub(super) now: Timestamp,
}

impl Writing {
    pub(super) fn new(owner: &UserId, context: &WriteContext, now: Timestamp) -> Self {
        Self { owner: owner.clone(), context: context.clone(), now }
    }

    pub(super) fn create_prompt(
        &self,
        db: &Connection,
        new: &NewPrompt,
        quota: Option<u32>,
    ) -> Outcome<Saved> {
        self.once(db, |db| {
            accounts::check_not_erased(db, &self.owner)?;
            self.check_name_is_free(db, &new.name)?;
            self.check_quota(db, quota)?;
            db.prepare_cached(
                "INSERT INTO prompts (id, owner, name, change, favorite, created_at) \
                 VALUES (:id, :owner, :name, 0, :favorite, :now)",
            )?
            .execute(named_params! {
                ":id": new.id.as_str(),
                ":owner": self.owner,
                ":name": new.name.as_str(),
                ":favorite": new.favorite,
                ":now": self.now.as_millis(),
            })?;
            self.save_version(db, db.last_insert_rowid(), 1, &new.body)?;
            self.take_accepted(db)?;
            self.conclude(db, &new.id, Action::Created)
        })
    }

    pub(super) fn save_prompt(
        &self,
        db: &Connection,
        id: &PromptId,
        change: &Change,
    ) -> Outcome<Saved> {
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
                    ":name": name.map(Name::as_str),
                    ":favorite": favorite,
                    ":seq": seq,
                })?;
            }
            if appends {
                self.save_version(db, seq, current.version + 1, &change.body)?;
                self.conclude(db, id, change.action)
            } else if name.is_some() || favorite.is_some() {
                self.conclude(db, id, Action::Updated)
            } else {
                Ok(Saved { prompt: current, changed: false })
            }
        })
    }

    pub(super) fn delete_prompt(
        &self,
        db: &Connection,
        id: &PromptId,
        expected_version: Option<u32>,
    ) -> Outcome<Saved> {
        self.once(db, |db| {
            let (seq, current) = self.living(db, id)?;
            check_version(&current, expected_version)?;
            db.prepare_cached("UPDATE prompts SET deleted_at = ?1 WHERE seq = ?2")?
                .execute((self.now.as_millis(), seq))?;
            self.conclude(db, id, Action::Deleted)
        })
    }

    pub(super) fn undelete_prompt(
        &self,
        db: &Connection,
        id: &PromptId,
        quota: Option<u32>,
    ) -> Outcome<Saved> {
        self.once(db, |db| {
            let current = self.find(db, id)?.ok_or(StoreError::NotFound)?;
            if current.deleted_at.is_none() {
                return Ok(Saved { prompt: current, changed: false });
            }
            self.check_name_is_free(db, &current.name)?;
            self.check_quota(db, quota)?;
            db.prepare_cached("UPDATE prompts SET deleted_at = NULL WHERE id = ?1")?
                .execute([id.as_str()])?;
            self.conclude(db, id, Action::Undeleted)
        })
    }

    /// Does `work`, unless a write with the same idempotency key was done before.
    pub(super) fn once(
        &self,
        db: &Connection,
        work: impl FnOnce(&Connection) -> Outcome<Saved>,
    ) -> Outcome<Saved> {
        let Some(idempotency) = &self.context.idempotency else {
            return work(db);
        };
        let since = self.now.plus_days(-RESTORABLE_DAYS);
        if let Some(saved) = recall(db, &self.owner, idempotency, since)? {
            return Ok(saved);
        }
        let saved = work(db)?;
        db.prepare_cached(
            "INSERT INTO idempotency (owner, key, fingerprint, prompt_id, version, changed, at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            &self.owner,
            &idempotency.key,
            &idempotency.fingerprint,
            saved.prompt.id.as_str(),
            saved.prompt.version,
            saved.changed,
            self.now.as_millis(),
        ))?;
        Ok(saved)
    }

    /// Writes the audit entry, brings the index up to date and reads the prompt back.
    pub(super) fn conclude(
        &self,
        db: &Connection,
        id: &PromptId,
        action: Action,
    ) -> Outcome<Saved> {
        let prompt = self.find(db, id)?.ok_or(StoreError::NotFound)?;
        let seq: i64 = db
            .prepare_cached("SELECT seq FROM prompts WHERE id = ?1")?
            .query_row([id.as_str()], |row| row.get(0))?;
        self.index(db, seq, &prompt)?;
        let target = Target {
            prompt: Some((&prompt.id, prompt.version)),
            candidate: self.context.accepts.as_ref(),
            name: &prompt.name,
        };
        self.write_audit(db, action, &target)?;
        Ok(Saved { prompt, changed: true })
    }

    fn write_audit(&self, db: &Connection, action: Action, target: &Target<'_>) -> Outcome<()> {
        db.prepare_cached(
            "INSERT INTO audit (owner, action, prompt_id, candidate_id, name, version, client, at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute((
            &self.owner,
            action.as_str(),
            target.prompt.map(|(id, _)| id.as_str()),
            target.candidate.map(CandidateId::as_str),
            target.name.as_str(),
            target.prompt.map(|(_, version)| version),
            &self.context.client,
            self.now.as_millis(),
        ))?;
        Ok(())
    }

    pub(super) fn add_candidates(
        &self,
        db: &Connection,
        candidates: &[NewCandidate],
    ) -> Outcome<Vec<Candidate>> {
        accounts::check_not_erased(db, &self.owner)?;
        self.check_queue(db, candidates.len())?;
        let add = |new: &NewCandidate| {
            let NewCandidate { id, name, body, why } = new.clone();
            let (source, created_at) = (self.context.client.clone(), self.now);
            let candidate = Candidate { id, name, body, why, source, created_at };
            self.add_candidate(db, &candidate, Action::Harvested)?;
            Ok(candidate)
        };
        candidates.iter().map(add).collect()
    }

    pub(super) fn check_queue(&self, db: &Connection, more: usize) -> Outcome<()> {
        let waiting: u32 = db
            .prepare_cached("SELECT count(*) FROM candidates WHERE owner = ?1 AND created_at > ?2")?
            .query_row((&self.owner, self.candidates_since().as_millis()), |row| row.get(0))?;
        if waiting as usize + more > QUEUE_MAX as usize {
            return Err(StoreError::QueueFull { limit: QUEUE_MAX });
        }
        Ok(())
    }

    pub(super) fn add_candidate(
        &self,
        db: &Connection,
        candidate: &Candidate,
        action: Action,
    ) -> Outcome<()> {
        let Candidate { id, name, body, why, source, created_at } = candidate;
        db.prepare_cached(
            "INSERT INTO candidates (id, owner, name, title, description, content, tags, \
             variables, why, source, created_at) VALUES (:id, :owner, :name, :title, \
             :description, :content, :tags, :variables, :why, :source, :created_at)",
        )?
        .execute(named_params! {
            ":id": id.as_str(),
            ":owner": self.owner,
            ":name": name.as_str(),
            ":title": body.title.as_str(),
            ":description": body.description.as_str(),
            ":content": body.content.as_str(),
            ":tags": rows::write_tags(&body.tags),
            ":variables": rows::write_variables(&body.variables),
            ":why": why,
            ":source": source,
            ":created_at": created_at.as_millis(),
        })?;
        let target = Target { prompt: None, candidate: Some(id), name };
        self.write_audit(db, action, &target)
    }

    pub(super) fn reject_candidate(&self, db: &Connection, id: &CandidateId) -> Outcome<()> {
        let name = self.take_candidate(db, id)?;
        let target = Target { prompt: None, candidate: Some(id), name: &name };
        self.write_audit(db, Action::Rejected, &target)
    }

    /// Removes the candidate that the write accepts, if it accepts one.
    fn take_accepted(&self, db: &Connection) -> Outcome<()> {
        if let Some(id) = &self.context.accepts {
            self.take_candidate(db, id)?;
        }
        Ok(())
    }

    /// Removes a candidate that waits, and says what it was called.
    fn take_candidate(&self, db: &Connection, id: &CandidateId) -> Outcome<Name> {
        db.prepare_cached(
            "DELETE FROM candidates WHERE id = ?1 AND owner = ?2 AND created_at > ?3 \
             RETURNING name",
        )?
        .query_row((id.as_str(), &self.owner, self.candidates_since().as_millis()), |row| {
            Ok(Name::from_store(row.get(0)?))
        })
        .optional()?
        .ok_or(StoreError::NotFound)
    }

    fn candidates_since(&self) -> Timestamp {
        self.now.plus_days(-CANDIDATE_DAYS)
    }

    /// Appends what is saved now.
    fn save_version(&self, db: &Connection, seq: i64, version: u32, body: &Body) -> Outcome<()> {
        let saved = Version {
            version,
            body: body.clone(),
            source: self.context.client.clone(),
            created_at: self.now,
        };
        append_version(db, seq, &saved)
    }

    /// Makes tags and words findable while the prompt lives, and only then.
    fn index(&self, db: &Connection, seq: i64, prompt: &Prompt) -> Outcome<()> {
        db.prepare_cached("DELETE FROM tags WHERE prompt = ?1")?.execute([seq])?;
        db.prepare_cached("DELETE FROM prompt_words WHERE rowid = ?1")?.execute([seq])?;
        let body = &prompt.body;
        for tag in &body.tags {
            db.prepare_cached("INSERT INTO tags (owner, tag, prompt) VALUES (?1, ?2, ?3)")?
                .execute((&self.owner, tag.as_str(), seq))?;
        }
        if prompt.deleted_at.is_some() {
            return Ok(());
        }
        let tags = body.tags.iter().map(Tag::as_str).collect::<Vec<_>>().join(" ");
        let spelled = |text: &str| words(text).join(" ");
        db.prepare_cached(
            "INSERT INTO prompt_words (rowid, owner, name, title, tags, description, content) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            seq,
            owner_token(&self.owner),
            spelled(prompt.name.as_str()),
            spelled(body.title.as_str()),
            spelled(&tags),
            spelled(body.description.as_str()),
            spelled(body.content.as_str()),
        ))?;
        Ok(())
    }

    pub(super) fn find(&self, db: &Connection, id: &PromptId) -> Outcome<Option<Prompt>> {
        let since = self.now.plus_days(-RESTORABLE_DAYS);
        Ok(find_prompt(db, &self.owner, &PromptRef::Id(id.clone()), Some(since))?)
    }

    fn living(&self, db: &Connection, id: &PromptId) -> Outcome<(i64, Prompt)> {
        let prompt = self.find(db, id)?.filter(|prompt| prompt.deleted_at.is_none());
        let prompt = prompt.ok_or(StoreError::NotFound)?;
        let seq = super::find_seq(db, &self.owner, id, self.now)?.ok_or(StoreError::NotFound)?;
        Ok((seq, prompt))
    }

    pub(super) fn check_name_is_free(&self, db: &Connection, name: &Name) -> Outcome<()> {
        match find_prompt(db, &self.owner, &PromptRef::Name(name.clone()), None)? {
            Some(holder) => {
                Err(StoreError::NameTaken { name: name.clone(), current_version: holder.version })
            }
            None => Ok(()),
        }
    }

    pub(super) fn check_quota(&self, db: &Connection, quota: Option<u32>) -> Outcome<()> {
        let Some(limit) = quota else { return Ok(()) };
        let living: u32 = db
            .prepare_cached("SELECT count(*) FROM prompts WHERE owner = ?1 AND deleted_at IS NULL")?
            .query_row([&self.owner], |row| row.get(0))?;
        if living >= limit { Err(StoreError::QuotaExceeded { limit }) } else { Ok(()) }
    }
}

/// Writes a version and makes it the current one of its prompt.
pub(super) fn append_version(db: &Connection, seq: i64, version: &Version) -> Outcome<()> {
    let Version { version, body, source, created_at } = version;
    db.prepare_cached(
        "INSERT INTO versions (prompt, version, title, description, content, tags, variables, \
         source, created_at) VALUES (:prompt, :version, :title, :description, :content, :tags, \
         :variables, :source, :created_at)",
    )?
    .execute(named_params! {
        ":prompt": seq,
        ":version": version,
        ":title": body.title.as_str(),
        ":description": body.description.as_str(),
        ":content": body.content.as_str(),
        ":tags": rows::write_tags(&body.tags),
        ":variables": rows::write_variables(&body.variables),
        ":source": source,
        ":created_at": created_at.as_millis(),
    })?;
    db.prepare_cached("UPDATE prompts SET change = ?1 WHERE seq = ?2")?
        .execute((db.last_insert_rowid(), seq))?;
    Ok(())
}

/// What an audit entry is about.
struct Target<'a> {
    prompt: Option<(&'a PromptId, u32)>,
    candidate: Option<&'a CandidateId>,
    name: &'a Name,
}

/// The recorded outcome of the write under a key.
pub(super) fn recall(
    db: &Connection,
    owner: &UserId,
    idempotency: &Idempotency,
    deleted_since: Timestamp,
) -> Outcome<Option<Saved>> {
    let known = db
        .prepare_cached(
            "SELECT fingerprint, prompt_id, version, changed FROM idempotency \
             WHERE owner = ?1 AND key = ?2",
        )?
        .query_row((owner, &idempotency.key), |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let Some((fingerprint, id, version, changed)) = known else { return Ok(None) };
    if fingerprint != idempotency.fingerprint {
        return Err(StoreError::IdempotencyMismatch);
    }
    let id = PromptId::from_store(id);
    let prompt = find_prompt(db, owner, &PromptRef::Id(id.clone()), Some(deleted_since))?;
    let version = find_version(db, owner, &id, version)?;
    let prompt = prompt.zip(version).map(|(prompt, version)| prompt.at(version));
    Ok(Some(Saved { prompt: prompt.ok_or(StoreError::NotFound)?, changed }))
}

fn check_version(current: &Prompt, expected: Option<u32>) -> Outcome<()> {
    match expected {
        Some(expected) if expected != current.version => {
            Err(StoreError::VersionConflict { current_version: current.version })
        }
        _ => Ok(()),
    }
}

pub(super) fn record_uses(db: &Connection, owner: &UserId, uses: &[Use]) -> rusqlite::Result<()> {
    let mut statement = db.prepare_cached(
        "UPDATE prompts SET use_count = use_count + :count, \
         last_used_at = max(coalesce(last_used_at, 0), :at) WHERE id = :id AND owner = :owner",
    )?;
    for one in uses {
        statement.execute(named_params! {
            ":count": one.count,
            ":at": one.last_used_at.as_millis(),
            ":id": one.id.as_str(),
            ":owner": owner,
        })?;
    }
    Ok(())
}

/// Removes at most `most` prompts that can no longer be restored, with their versions, and what is
/// kept for a time only: outcomes of writes, candidates, ends of sessions and accounts.
pub(super) fn purge(db: &Connection, now: Timestamp, most: usize) -> rusqlite::Result<usize> {
    db.execute(
        "DELETE FROM idempotency WHERE at < ?1",
        [now.plus_days(-IDEMPOTENCY_DAYS).as_millis()],
    )?;
    db.execute(
        "DELETE FROM candidates WHERE created_at <= ?1",
        [now.plus_days(-CANDIDATE_DAYS).as_millis()],
    )?;
    accounts::purge(db, now)?;
    db.execute(
        "DELETE FROM prompts WHERE seq IN \
         (SELECT seq FROM prompts WHERE deleted_at <= ?1 ORDER BY deleted_at LIMIT ?2)",
        (now.plus_days(-RESTORABLE_DAYS).as_millis(), most),
    )
}
