//! The prompts of a library that are nearest to a meaning.

use std::cmp::Ordering;
use std::collections::HashSet;

use rusqlite::{Connection, Params};

use super::{Matrices, read_vector};
use crate::domain::identity::LibraryId;
use crate::domain::prompt::PromptId;
use crate::domain::vector::Embedding;
use crate::store::Filter;

/// A prompt that is near to a meaning, by its row id.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::store::sqlite) struct Found {
    pub(in crate::store::sqlite) seq: i64,
    pub(in crate::store::sqlite) cosine: f64,
}

impl Found {
    /// The greater cosine first, and of equals the older prompt.
    pub(super) fn nearest_first(&self, other: &Self) -> Ordering {
        other.cosine.total_cmp(&self.cosine).then(self.seq.cmp(&other.seq))
    }
}

/// Returns the `limit` living prompts that are nearest to a meaning and pass the filter, the nearest
/// first. `db` must be in a transaction.
pub(in crate::store::sqlite) fn find_nearest(
    db: &Connection,
    matrices: &Matrices,
    library: &LibraryId,
    meaning: &Embedding,
    filter: &Filter,
    limit: usize,
) -> rusqlite::Result<Vec<Found>> {
    let allowed = Allowed::read(db, library, filter)?;
    matrices.nearest(db, library, meaning, &allowed, limit)
}

/// Returns the row id of a living prompt, and its cosine if it has a current vector.
pub(in crate::store::sqlite) fn measure(
    db: &Connection,
    id: &PromptId,
    meaning: &Embedding,
) -> rusqlite::Result<(i64, Option<f64>)> {
    let mut statement = db.prepare_cached(
        "SELECT p.seq, x.vector FROM prompts p \
         LEFT JOIN vectors x ON x.prompt = p.seq AND x.model = ?2 WHERE p.id = ?1",
    )?;
    statement.query_row((id, meaning.model.as_str()), |row| {
        let vector = read_vector(row)?;
        Ok((row.get("seq")?, vector.map(|vector| vector.cosine(&meaning.vector))))
    })
}

/// The prompts that pass a filter, by their row ids, read from indexes that have all of it.
pub(super) struct Allowed {
    tagged: Option<HashSet<i64>>,
    /// Whether favourites pass or the others do, and the favourites.
    favorites: Option<(bool, HashSet<i64>)>,
}

impl Allowed {
    fn read(db: &Connection, library: &LibraryId, filter: &Filter) -> rusqlite::Result<Self> {
        let tagged = filter.tag.as_ref().map(|tag| {
            let sql = "SELECT prompt AS seq FROM tags WHERE owner = ?1 AND tag = ?2";
            read_seqs(db, sql, (library, tag))
        });
        let favorites = filter.favorite.map(|favorite| {
            let sql = "SELECT seq FROM prompts \
                       WHERE owner = ?1 AND favorite AND deleted_at IS NULL";
            read_seqs(db, sql, [library]).map(|seqs| (favorite, seqs))
        });
        Ok(Self { tagged: tagged.transpose()?, favorites: favorites.transpose()? })
    }

    #[cfg(test)]
    pub(super) fn everything() -> Self {
        Self { tagged: None, favorites: None }
    }

    /// Whether a prompt passes.
    pub(super) fn has(&self, seq: i64) -> bool {
        let is_tagged = self.tagged.as_ref().is_none_or(|tagged| tagged.contains(&seq));
        let is_marked = self
            .favorites
            .as_ref()
            .is_none_or(|(favorite, favorites)| favorites.contains(&seq) == *favorite);
        is_tagged && is_marked
    }
}

fn read_seqs(db: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<HashSet<i64>> {
    let mut statement = db.prepare_cached(sql)?;
    let seqs = statement.query_map(params, |row| row.get("seq"))?;
    seqs.collect()
}
