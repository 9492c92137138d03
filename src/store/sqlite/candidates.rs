//! The review queue in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::accounting::{Upkeep, add_bytes, note_removal, signed};
use super::audit::Target;
use super::batch::Batch;
use super::library_write::LibraryWrite;
use super::paging::{falling_number, read_page};
use super::schema::{
    BODY_BYTES, BODY_COLUMNS, BODY_VALUES, BodyParams, CANDIDATE_COLUMNS, read_candidate,
};
use super::{SqliteStore, accounts};
use crate::domain::audit::Action;
use crate::domain::candidate::{CANDIDATE_DAYS, Candidate, CandidateId, QUEUE_MAX};
use crate::domain::identity::LibraryId;
use crate::domain::paging::{Cursor, Page, PageRequest};
use crate::domain::{Invalid, Timestamp};
use crate::store::{
    CandidateStore, NewCandidate, PURGE_MAX, StoreError, StoreResult, WriteContext,
};

#[async_trait]
impl CandidateStore for SqliteStore {
    async fn add_candidates(
        &self,
        library: &LibraryId,
        candidates: Vec<NewCandidate>,
        write: &WriteContext,
    ) -> StoreResult<Vec<Candidate>> {
        let write = LibraryWrite::new(library, write, self.clock.now());
        self.database
            .write(move |db| write.within_bytes(db, |db| write.add_candidates(db, candidates)))
            .await
    }

    async fn import_candidate(
        &self,
        library: &LibraryId,
        candidate: Candidate,
        write: &WriteContext,
    ) -> StoreResult<Candidate> {
        let write = LibraryWrite::new(library, write, self.clock.now());
        self.database
            .write(move |db| write.within_bytes(db, |db| write.import_candidate(db, candidate)))
            .await
    }

    async fn list_candidates(
        &self,
        library: &LibraryId,
        page: &PageRequest,
    ) -> StoreResult<Page<Candidate>> {
        let (library, page, since) = (library.clone(), page.clone(), self.candidates_since());
        self.database.read(move |db| list(db, &library, &page, since)).await
    }

    async fn get_candidate(
        &self,
        library: &LibraryId,
        id: &CandidateId,
    ) -> StoreResult<Option<Candidate>> {
        let (library, id, since) = (library.clone(), id.clone(), self.candidates_since());
        self.database.look_up(move |db| Ok(find(db, &library, &id, since)?)).await
    }

    async fn reject_candidate(
        &self,
        library: &LibraryId,
        id: &CandidateId,
        write: &WriteContext,
    ) -> StoreResult<()> {
        let write = LibraryWrite::new(library, write, self.clock.now());
        let id = id.clone();
        self.database.write(move |db| write.reject_candidate(db, &id)).await
    }
}

/// A candidate of after `since`.
fn find(
    db: &Connection,
    library: &LibraryId,
    id: &CandidateId,
    since: Timestamp,
) -> rusqlite::Result<Option<Candidate>> {
    let sql = format!(
        "SELECT {CANDIDATE_COLUMNS} FROM candidates \
         WHERE id = ?1 AND owner = ?2 AND created_at > ?3"
    );
    db.prepare_cached(&sql)?.query_row((id, library, since), read_candidate).optional()
}

/// A page of the candidates of after `since`, the newest first.
fn list(
    db: &Connection,
    library: &LibraryId,
    page: &PageRequest,
    since: Timestamp,
) -> StoreResult<Page<Candidate>> {
    let sql = format!(
        "SELECT {CANDIDATE_COLUMNS}, seq FROM candidates \
         WHERE owner = :owner AND created_at > :since AND seq < :after \
         ORDER BY seq DESC LIMIT :limit"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(
        named_params! {
            ":owner": library,
            ":since": since,
            ":after": falling_number(page, "candidates")?,
            ":limit": page.limit.get() + 1,
        },
        |row| Ok((read_candidate(row)?, row.get("seq")?)),
    )?;
    read_page(rows, page.limit, |_, seq| Cursor::encode("candidates", &[&seq.to_string()]))
}

impl LibraryWrite {
    fn add_candidates(
        &self,
        db: &Connection,
        candidates: Vec<NewCandidate>,
    ) -> StoreResult<Vec<Candidate>> {
        accounts::check_not_erased(db, &self.library)?;
        self.check_queue(db, candidates.len())?;
        let mut added = Vec::with_capacity(candidates.len());
        for NewCandidate { id, name, body, why, findings } in candidates {
            let (source, created_at) = (self.context.client.clone(), self.now);
            let candidate = Candidate { id, name, body, why, findings, source, created_at };
            self.insert_candidate(db, &candidate, Action::Harvested)?;
            added.push(candidate);
        }
        Ok(added)
    }

    fn import_candidate(
        &self,
        db: &Connection,
        mut candidate: Candidate,
    ) -> StoreResult<Candidate> {
        accounts::check_not_erased(db, &self.library)?;
        self.check_queue(db, 1)?;
        if is_taken(db, &candidate.id)? {
            candidate.id = candidate.id.derived(&self.library);
        }
        if is_taken(db, &candidate.id)? {
            candidate.id = CandidateId::random();
        }
        self.insert_candidate(db, &candidate, Action::Imported)?;
        Ok(candidate)
    }

    fn reject_candidate(&self, db: &Connection, id: &CandidateId) -> StoreResult<()> {
        self.take_candidate(db, id)?;
        let target = Target { prompt: None, candidate: Some(id), name: None };
        self.append_audit(db, Action::Rejected, &target)
    }

    /// Removes the candidate that the write accepts, if any.
    pub(super) fn take_accepted(&self, db: &Connection) -> StoreResult<()> {
        if let Some(id) = &self.context.accepts {
            self.take_candidate(db, id)?;
        }
        Ok(())
    }

    /// Removes a waiting candidate.
    fn take_candidate(&self, db: &Connection, id: &CandidateId) -> StoreResult<()> {
        let sql = format!(
            "SELECT seq, id, owner, {BODY_BYTES} AS size FROM candidates \
             WHERE id = ?1 AND owner = ?2 AND created_at > ?3"
        );
        let waiting = db
            .prepare_cached(&sql)?
            .query_row((id, &self.library, self.candidates_since()), Stale::read)
            .optional()?
            .ok_or(StoreError::NotFound)?;
        Ok(waiting.remove(db)?)
    }

    fn check_queue(&self, db: &Connection, more: usize) -> StoreResult<()> {
        let waiting: u32 = db
            .prepare_cached(
                "SELECT count(*) AS waiting FROM candidates WHERE owner = ?1 AND created_at > ?2",
            )?
            .query_row((&self.library, self.candidates_since()), |row| row.get("waiting"))?;
        if waiting as usize + more > QUEUE_MAX as usize {
            return Err(StoreError::QueueFull { limit: QUEUE_MAX });
        }
        Ok(())
    }

    fn insert_candidate(
        &self,
        db: &Connection,
        candidate: &Candidate,
        action: Action,
    ) -> StoreResult<()> {
        let Candidate { id, name, body, why, findings, source, created_at } = candidate;
        // The use cases have refused such a body; this is the last line of defence.
        body.check_size().map_err(|error| StoreError::Internal(Invalid::from(error).into()))?;
        self.add_bytes(db, signed(body.bytes()))?;
        let sql = format!(
            "INSERT INTO candidates (id, owner, name, {BODY_COLUMNS}, why, findings, source, created_at) \
             VALUES (:id, :owner, :name, {BODY_VALUES}, :why, :findings, :source, :created_at)"
        );
        let body = BodyParams::new(body);
        let findings = serde_json::to_string(findings).expect("texts and numbers always make JSON");
        db.prepare_cached(&sql)?.execute(&*body.with(named_params! {
            ":id": id,
            ":owner": self.library,
            ":name": name,
            ":why": why,
            ":findings": findings,
            ":source": source,
            ":created_at": created_at,
        }))?;
        let target = Target { prompt: None, candidate: Some(id), name: Some(name) };
        self.append_audit(db, action, &target)
    }
}

/// Whether any library has a candidate with this id.
fn is_taken(db: &Connection, id: &CandidateId) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM candidates WHERE id = ?1")?.exists([id])
}

/// A candidate that is to be removed.
struct Stale {
    seq: i64,
    id: CandidateId,
    owner: String,
    bytes: i64,
}

impl Stale {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get("seq")?,
            id: row.get("id")?,
            owner: row.get("owner")?,
            bytes: row.get("size")?,
        })
    }

    /// Removes it with its name in the audit trail, and gives its bytes back.
    fn remove(&self, db: &Connection) -> rusqlite::Result<()> {
        let counted = Upkeep::read(db)?.candidate_bytes(self.seq, self.bytes);
        db.prepare_cached("DELETE FROM candidates WHERE seq = ?1")?.execute([self.seq])?;
        add_bytes(db, &self.owner, -counted)?;
        db.prepare_cached(
            "UPDATE audit SET name = '' \
             WHERE candidate_id = ?1 AND owner = ?2 AND prompt_id IS NULL AND name <> ''",
        )?
        .execute((&self.id, &self.owner))?;
        note_removal(db)
    }
}

/// Removes expired candidates; returns whether there may be more.
pub(super) fn purge(db: &Connection, now: Timestamp, batch: &mut Batch) -> StoreResult<bool> {
    let sql = format!(
        "SELECT seq, id, owner, {BODY_BYTES} AS size FROM candidates \
         WHERE created_at <= ?1 ORDER BY created_at LIMIT ?2"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map((now.plus_days(-CANDIDATE_DAYS), PURGE_MAX), Stale::read)?;
    let expired: Vec<Stale> = rows.collect::<Result<_, _>>()?;
    for candidate in &expired {
        if !batch.take(candidate.bytes.unsigned_abs()) {
            return Ok(true);
        }
        candidate.remove(db)?;
    }
    Ok(expired.len() == PURGE_MAX)
}
