//! Vectors in SQLite: one row for each prompt, and the search among them by brute force.
//!
//! Each write of a row takes the next number of its library, `libraries.vector_change`, so that a cache
//! reads only what changed since, whichever process wrote it. A row that is deleted leaves its number in
//! `libraries.vectors_forgotten`: a cache that is older reads everything again.

mod matrices;
pub(super) mod nearest;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, named_params};

pub(super) use self::matrices::Matrices;
use super::paging::{number, open};
use super::{SqliteStore, files};
use crate::domain::identity::LibraryId;
use crate::domain::paging::{Cursor, Item, Page, PageRequest, Room};
use crate::domain::vector::{Embedding, ModelId, Vector};
use crate::store::{
    EMBEDDED_CONTENT_MAX_CHARS, Embedded, EmbeddingTurn, Outage, StoreError, StoreResult,
    Unembedded, VectorCounts, VectorStore,
};

#[async_trait]
impl VectorStore for SqliteStore {
    async fn list_unembedded(
        &self,
        library: Option<&LibraryId>,
        model: &ModelId,
        page: &PageRequest,
    ) -> StoreResult<Page<Unembedded>> {
        let (library, model, page) = (library.cloned(), model.clone(), page.clone());
        self.database.read(move |db| list_unembedded(db, library.as_ref(), &model, &page)).await
    }

    async fn keep_vectors(&self, embedded: Vec<Embedded>) -> StoreResult<usize> {
        let keep = move |db: &Connection| {
            let mut kept = 0;
            for one in &embedded {
                kept += usize::from(keep_vector(db, one)?);
            }
            Ok(kept)
        };
        self.database.write(keep).await
    }

    /// The turn is the lock of a file of its own, which the system releases when a process ends.
    async fn take_embedding_turn(&self) -> StoreResult<Option<EmbeddingTurn>> {
        let path = self.turn_file.clone();
        let locked = tokio::task::spawn_blocking(move || files::try_lock(&path)).await;
        let locked = locked.map_err(|error| StoreError::Internal(error.into()))?;
        let locked = locked.map_err(|error| StoreError::Unavailable(Outage::Io(error.into())))?;
        Ok(locked.map(EmbeddingTurn::of_lock))
    }

    async fn count_vectors(
        &self,
        library: Option<&LibraryId>,
        model: &ModelId,
    ) -> StoreResult<VectorCounts> {
        let (library, model) = (library.cloned(), model.clone());
        self.database.read(move |db| Ok(count_vectors(db, library.as_ref(), &model)?)).await
    }
}

/// Lists by model, and of equals by row: prompts without any vector have the empty model, which comes
/// first. A library is a condition on each row, because only its owner's calls and tests ask for one.
fn list_unembedded(
    db: &Connection,
    library: Option<&LibraryId>,
    model: &ModelId,
    page: &PageRequest,
) -> StoreResult<Page<Unembedded>> {
    let after: Option<[String; 2]> = open(page.cursor.as_ref(), "unembedded")?;
    let [after_model, after_seq] = after.unwrap_or_else(|| [String::new(), "0".to_owned()]);
    let after_seq = number(&after_seq)?;
    let mut room = Room::new(page.limit);
    let mut items = Vec::new();
    let mut last = None;
    // One transaction, because the second range goes on where the first one ends.
    let db = &*db.unchecked_transaction()?;
    // Two ranges of the index, so that the rows of the model between them are not read.
    for range in ["<", ">"] {
        let sql = format!(
            "SELECT x.prompt AS seq, x.model, p.owner, p.id, v.version, v.title, v.description, \
             substr(v.content, 1, :chars) AS content \
             FROM vectors x JOIN prompts p ON p.seq = x.prompt JOIN versions v ON v.change = p.change \
             WHERE x.model {range} :model AND (x.model, x.prompt) > (:after_model, :after_seq) \
             AND p.deleted_at IS NULL AND p.owner > '' AND (:owner IS NULL OR p.owner = :owner) \
             ORDER BY x.model, x.prompt"
        );
        let mut statement = db.prepare_cached(&sql)?;
        let mut rows = statement.query(named_params! {
            ":chars": EMBEDDED_CONTENT_MAX_CHARS,
            ":model": model.as_str(),
            ":after_model": after_model,
            ":after_seq": after_seq,
            ":owner": library,
        })?;
        while let Some(row) = rows.next()? {
            let item = read_unembedded(row)?;
            if !room.take(item.page_bytes()) {
                return Ok(Page { items, next: last });
            }
            let (model, seq): (String, i64) = (row.get("model")?, row.get("seq")?);
            last = Some(Cursor::encode("unembedded", &[&model, &seq.to_string()]));
            items.push(item);
        }
    }
    Ok(Page { items, next: None })
}

fn read_unembedded(row: &Row<'_>) -> rusqlite::Result<Unembedded> {
    Ok(Unembedded {
        library: LibraryId::from_store(row.get("owner")?),
        prompt: row.get("id")?,
        version: row.get("version")?,
        title: row.get("title")?,
        description: row.get("description")?,
        content: row.get("content")?,
    })
}

/// Keeps a vector if its version is still the current one of a living prompt; returns whether it is.
fn keep_vector(db: &Connection, embedded: &Embedded) -> rusqlite::Result<bool> {
    let seq = db
        .prepare_cached(
            "SELECT p.seq FROM prompts p JOIN versions v ON v.change = p.change \
             WHERE p.id = ?1 AND p.owner = ?2 AND p.deleted_at IS NULL AND v.version = ?3",
        )?
        .query_row((&embedded.prompt, &embedded.library, embedded.version), |row| row.get("seq"))
        .optional()?;
    let Some(seq) = seq else { return Ok(false) };
    set(db, &embedded.library, seq, Some(&embedded.embedding))?;
    Ok(true)
}

pub(super) fn count_vectors(
    db: &Connection,
    library: Option<&LibraryId>,
    model: &ModelId,
) -> rusqlite::Result<VectorCounts> {
    let sql = match library {
        Some(_) => {
            "SELECT count(*) AS living, count(x.prompt) AS embedded FROM prompts p \
             LEFT JOIN vectors x ON x.prompt = p.seq AND x.model = :model \
             WHERE p.owner = :owner AND p.deleted_at IS NULL"
        }
        None => {
            "SELECT (SELECT count(*) FROM prompts WHERE deleted_at IS NULL) AS living, \
             (SELECT count(*) FROM vectors x JOIN prompts p ON p.seq = x.prompt \
             WHERE x.model = :model AND p.deleted_at IS NULL AND :owner IS NULL) AS embedded"
        }
    };
    let params = named_params! { ":model": model.as_str(), ":owner": library };
    db.prepare_cached(sql)?.query_row(params, |row| {
        Ok(VectorCounts { embedded: row.get("embedded")?, all: row.get("living")? })
    })
}

/// Sets the vector of a prompt, or that it has none: after a version was appended, or when it is made
/// later.
pub(super) fn set(
    db: &Connection,
    library: &LibraryId,
    seq: i64,
    embedding: Option<&Embedding>,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO vectors (prompt, owner, change, model, vector) \
         VALUES (:prompt, :owner, :change, :model, :vector) ON CONFLICT (prompt) DO UPDATE \
         SET change = excluded.change, model = excluded.model, vector = excluded.vector",
    )?
    .execute(named_params! {
        ":prompt": seq,
        ":owner": library,
        ":change": next_change(db, library)?,
        ":model": embedding.map_or("", |embedding| embedding.model.as_str()),
        ":vector": embedding.map(|embedding| embedding.vector.as_bytes()),
    })?;
    Ok(())
}

/// Records that a prompt was deleted or restored. Its vector stays.
pub(super) fn touch(db: &Connection, library: &LibraryId, seq: i64) -> rusqlite::Result<()> {
    let change = next_change(db, library)?;
    db.prepare_cached("UPDATE vectors SET change = ?1 WHERE prompt = ?2")?
        .execute((change, seq))?;
    Ok(())
}

/// Deletes the vector of a prompt that is removed for good.
pub(super) fn forget(db: &Connection, library: &LibraryId, seq: i64) -> rusqlite::Result<()> {
    let forgotten: Option<i64> = db
        .prepare_cached("DELETE FROM vectors WHERE prompt = ?1 RETURNING change")?
        .query_row([seq], |row| row.get("change"))
        .optional()?;
    if let Some(change) = forgotten {
        db.prepare_cached(
            "UPDATE libraries SET vectors_forgotten = max(vectors_forgotten, ?1) WHERE owner = ?2",
        )?
        .execute((change, library))?;
    }
    Ok(())
}

/// Records that the vectors of a library are to be found no more. They are deleted with their prompts.
pub(super) fn forget_all(db: &Connection, library: &LibraryId) -> rusqlite::Result<()> {
    let change = next_change(db, library)?;
    db.prepare_cached("UPDATE libraries SET vectors_forgotten = ?1 WHERE owner = ?2")?
        .execute((change, library))?;
    Ok(())
}

/// Takes the next number of a change in a library.
fn next_change(db: &Connection, library: &LibraryId) -> rusqlite::Result<i64> {
    db.prepare_cached(
        "INSERT INTO libraries (owner, vector_change) VALUES (?1, 1) \
         ON CONFLICT (owner) DO UPDATE SET vector_change = vector_change + 1 \
         RETURNING vector_change",
    )?
    .query_row([library], |row| row.get("vector_change"))
}

/// Reads the column `vector`. Bytes that are no vector, which only damage can write, are passed over.
fn read_vector(row: &Row<'_>) -> rusqlite::Result<Option<Vector>> {
    let bytes = row.get_ref("vector")?.as_blob_or_null()?;
    Ok(bytes.and_then(Vector::from_bytes))
}
