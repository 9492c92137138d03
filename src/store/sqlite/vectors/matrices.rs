//! The vectors of the libraries that were searched last, in memory.
//!
//! A matrix is brought up to date in the transaction of each search, from the numbers that every write
//! of a vector takes. So it is never older than the file, and another process may write the same file.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rusqlite::{Connection, OptionalExtension, named_params};

use super::nearest::{Allowed, Found};
use super::read_vector;
use crate::domain::identity::LibraryId;
use crate::domain::vector::{Embedding, Matrix, ModelId, Vector};

/// Maximum memory of all matrices, in bytes: those of 120,000 prompts.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Memory of a row in bytes: its vector, its row id, and its place in the table of row ids.
const ROW_BYTES: usize = Matrix::ROW_BYTES + 3 * size_of::<i64>();
/// Memory of a matrix without rows, in bytes, rounded up, so that the number of matrices is bounded too.
const MATRIX_BYTES: usize = 4096;
/// Number of rows in a chunk of a library that is too large for the memory: 1 MiB.
const CHUNK_ROWS: usize = 2048;

/// The matrices by library.
pub(in crate::store::sqlite) struct Matrices {
    kept: Mutex<HashMap<LibraryId, Kept>>,
    /// The number of searches so far, which orders them.
    searches: AtomicU64,
    bytes_max: usize,
    chunk_rows: usize,
}

/// A matrix, and its memory in bytes.
#[derive(Default)]
struct Kept {
    library: Arc<RwLock<Library>>,
    bytes: usize,
    /// The number of its last search.
    used: u64,
}

impl Default for Matrices {
    fn default() -> Self {
        Self::new(BYTES_MAX, CHUNK_ROWS)
    }
}

impl Matrices {
    fn new(bytes_max: usize, chunk_rows: usize) -> Self {
        let searches = AtomicU64::new(0);
        Self { kept: Mutex::default(), searches, bytes_max, chunk_rows }
    }

    /// Returns the `limit` living prompts of a library that are nearest to a meaning, the nearest
    /// first. `db` must be in a transaction.
    pub(super) fn nearest(
        &self,
        db: &Connection,
        library: &LibraryId,
        meaning: &Embedding,
        allowed: &Allowed,
        limit: usize,
    ) -> rusqlite::Result<Vec<Found>> {
        let state = State::read(db, library)?;
        let kept = self.take(library);
        {
            let matrix = kept.read().unwrap_or_else(PoisonError::into_inner);
            if matrix.is_current(&meaning.model, state) {
                return Ok(matrix.nearest(&meaning.vector, allowed, limit));
            }
        }
        let mut matrix = kept.write().unwrap_or_else(PoisonError::into_inner);
        let rows_max = self.bytes_max.saturating_sub(MATRIX_BYTES) / ROW_BYTES;
        if matrix.update(db, library, &meaning.model, state, rows_max)? {
            let found = matrix.nearest(&meaning.vector, allowed, limit);
            let bytes = MATRIX_BYTES + matrix.rows.len() * ROW_BYTES;
            drop(matrix);
            self.keep(library, bytes);
            Ok(found)
        } else {
            drop(matrix);
            self.remove(library);
            self.scan(db, library, meaning, allowed, limit)
        }
    }

    /// Searches a library that is too large for the memory, chunk by chunk.
    fn scan(
        &self,
        db: &Connection,
        library: &LibraryId,
        meaning: &Embedding,
        allowed: &Allowed,
        limit: usize,
    ) -> rusqlite::Result<Vec<Found>> {
        let (mut best, mut after) = (Vec::new(), Some(0));
        while let Some(change) = after {
            let mut chunk = Library::default();
            let add = |seq, vector: &Vector| chunk.set(seq, Some(vector));
            after = read_vectors(db, library, &meaning.model, change, self.chunk_rows, add)?;
            best.extend(chunk.nearest(&meaning.vector, allowed, limit));
            best.sort_by(Found::nearest_first);
            best.truncate(limit);
        }
        Ok(best)
    }

    /// Returns the matrix of a library, empty if it is not in memory.
    fn take(&self, library: &LibraryId) -> Arc<RwLock<Library>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let one = kept.entry(library.clone()).or_default();
        one.used = self.searches.fetch_add(1, Ordering::Relaxed);
        Arc::clone(&one.library)
    }

    /// Records the memory of a matrix, and drops those that were used longest ago until all fit.
    fn keep(&self, library: &LibraryId, bytes: usize) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = kept.get_mut(library) {
            one.bytes = bytes;
        }
        while kept.values().map(|one| one.bytes).sum::<usize>() > self.bytes_max {
            let oldest = kept.iter().filter(|(other, _)| *other != library);
            let oldest = oldest.min_by_key(|(_, one)| one.used).map(|(other, _)| other.clone());
            let Some(oldest) = oldest else { break };
            kept.remove(&oldest);
        }
    }

    fn remove(&self, library: &LibraryId) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(library);
    }
}

/// The numbers of a library's changes, in the transaction of a search.
#[derive(Clone, Copy)]
struct State {
    change: i64,
    forgotten: i64,
}

impl State {
    fn read(db: &Connection, library: &LibraryId) -> rusqlite::Result<Self> {
        let state = db
            .prepare_cached(
                "SELECT vector_change, vectors_forgotten FROM libraries WHERE owner = ?1",
            )?
            .query_row([library], |row| {
                Ok(Self {
                    change: row.get("vector_change")?,
                    forgotten: row.get("vectors_forgotten")?,
                })
            });
        Ok(state.optional()?.unwrap_or(Self { change: 0, forgotten: 0 }))
    }
}

/// The current vectors of one library and model, as of a change.
#[derive(Default)]
struct Library {
    /// `None` before the first search.
    model: Option<ModelId>,
    change: i64,
    matrix: Matrix,
    /// The row id of the prompt in each row of the matrix.
    seqs: Vec<i64>,
    /// The row of each prompt.
    rows: HashMap<i64, usize>,
}

impl Library {
    /// Whether it is not older than `state`. It may be newer, where the transaction of another search
    /// began later; what that one found is checked when the prompts are read.
    fn is_current(&self, model: &ModelId, state: State) -> bool {
        self.can_follow(model, state) && self.change >= state.change
    }

    /// Whether the changes since its own lead to `state`.
    fn can_follow(&self, model: &ModelId, state: State) -> bool {
        self.model.as_ref() == Some(model) && self.change >= state.forgotten
    }

    /// Brings it to `state`; returns whether it has at most `rows_max` rows. One that has more is left
    /// empty.
    fn update(
        &mut self,
        db: &Connection,
        library: &LibraryId,
        model: &ModelId,
        state: State,
        rows_max: usize,
    ) -> rusqlite::Result<bool> {
        if self.is_current(model, state) {
            return Ok(true);
        }
        // A failure in between leaves a matrix that is loaded again.
        let follows = self.can_follow(model, state);
        self.model = None;
        let fits = if follows {
            self.follow(db, library, model)?;
            self.rows.len() <= rows_max
        } else {
            self.load(db, library, model, rows_max)?
        };
        if fits {
            (self.model, self.change) = (Some(model.clone()), state.change);
        } else {
            *self = Self::default();
        }
        Ok(fits)
    }

    /// Reads all vectors, unless they are more than `rows_max`.
    fn load(
        &mut self,
        db: &Connection,
        library: &LibraryId,
        model: &ModelId,
        rows_max: usize,
    ) -> rusqlite::Result<bool> {
        *self = Self::default();
        let living: usize = db
            .prepare_cached(
                "SELECT count(*) AS living FROM prompts WHERE owner = ?1 AND deleted_at IS NULL",
            )?
            .query_row([library], |row| row.get("living"))?;
        if living > rows_max {
            return Ok(false);
        }
        self.matrix = Matrix::with_capacity(living);
        self.seqs.reserve(living);
        self.rows.reserve(living);
        read_vectors(db, library, model, 0, living, |seq, vector| self.set(seq, Some(vector)))?;
        Ok(true)
    }

    /// Reads the vectors that changed since its own change.
    fn follow(
        &mut self,
        db: &Connection,
        library: &LibraryId,
        model: &ModelId,
    ) -> rusqlite::Result<()> {
        let mut statement = db.prepare_cached(
            "SELECT x.prompt, CASE WHEN x.model = :model AND p.owner = :owner \
             AND p.deleted_at IS NULL THEN x.vector END AS vector \
             FROM vectors x JOIN prompts p ON p.seq = x.prompt \
             WHERE x.owner = :owner AND x.change > :after",
        )?;
        let params = named_params! {
            ":model": model.as_str(),
            ":owner": library,
            ":after": self.change,
        };
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            self.set(row.get("prompt")?, read_vector(row)?.as_ref());
        }
        Ok(())
    }

    /// Sets the vector of a prompt, or removes it.
    fn set(&mut self, seq: i64, vector: Option<&Vector>) {
        match (self.rows.get(&seq).copied(), vector) {
            (Some(row), Some(vector)) => self.matrix.replace(row, vector),
            (None, Some(vector)) => {
                self.rows.insert(seq, self.matrix.len());
                self.seqs.push(seq);
                self.matrix.push(vector);
            }
            (Some(row), None) => {
                self.matrix.swap_remove(row);
                self.seqs.swap_remove(row);
                self.rows.remove(&seq);
                if let Some(moved) = self.seqs.get(row) {
                    self.rows.insert(*moved, row);
                }
            }
            (None, None) => {}
        }
    }

    fn nearest(&self, query: &Vector, allowed: &Allowed, limit: usize) -> Vec<Found> {
        let found = self.matrix.nearest(query, limit, |row| allowed.has(self.seqs[row]));
        found.iter().map(|one| Found { seq: self.seqs[one.row], cosine: one.cosine }).collect()
    }
}

/// Reads at most `most` current vectors of a library, in the order of the latest saves, from the one
/// after the save `after`. Returns the save of the last one, unless it was the end.
fn read_vectors(
    db: &Connection,
    library: &LibraryId,
    model: &ModelId,
    after: i64,
    most: usize,
    mut each: impl FnMut(i64, &Vector),
) -> rusqlite::Result<Option<i64>> {
    // The prompts come from an index that has all of their columns here.
    let mut statement = db.prepare_cached(
        "SELECT p.seq, p.change, x.vector FROM prompts p CROSS JOIN vectors x ON x.prompt = p.seq \
         WHERE p.owner = :owner AND p.deleted_at IS NULL AND p.change > :after \
         AND x.model = :model ORDER BY p.change LIMIT :most",
    )?;
    let params = named_params! {
        ":owner": library,
        ":after": after,
        ":model": model.as_str(),
        ":most": most,
    };
    let mut rows = statement.query(params)?;
    let (mut count, mut last) = (0, None);
    while let Some(row) = rows.next()? {
        if let Some(vector) = read_vector(row)? {
            each(row.get("seq")?, &vector);
        }
        count += 1;
        last = Some(row.get("change")?);
    }
    Ok(last.filter(|_| count == most))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::SystemClock;
    use crate::domain::draft::Draft;
    use crate::domain::identity::UserId;
    use crate::domain::prompt::PromptId;
    use crate::domain::vector::DIMENSIONS;
    use crate::store::sqlite::SqliteStore;
    use crate::store::sqlite::vectors::nearest::find_nearest;
    use crate::store::{Filter, NewPrompt, PromptStore, WriteContext};

    /// The memory of a matrix with so many rows.
    const fn memory(rows: usize) -> usize {
        MATRIX_BYTES + rows * ROW_BYTES
    }

    fn library(user: &str) -> LibraryId {
        LibraryId::of_user(&UserId::parse(user).unwrap())
    }

    /// A vector that leans from the first axis towards the second.
    fn leaning(degree: u8) -> Embedding {
        let vector =
            Vector::quantise(&std::array::from_fn::<f32, DIMENSIONS, _>(|axis| match axis {
                0 => 0.1,
                1 => f32::from(degree) / 512.0,
                _ => 0.0,
            }));
        Embedding { model: ModelId::parse("00000000000000aa").unwrap(), vector }
    }

    fn open() -> (tempfile::TempDir, SqliteStore) {
        let dir = tempfile::TempDir::new().unwrap();
        let (file, wait) = (dir.path().join("file"), Duration::from_secs(10));
        let store = SqliteStore::open(&file, wait, Arc::new(SystemClock)).unwrap();
        (dir, store)
    }

    async fn create(store: &SqliteStore, owner: &LibraryId, degree: u8) -> PromptId {
        let content = Some("x".to_owned());
        let draft = Draft { name: Some(format!("p-{degree}")), content, ..Draft::default() };
        let (name, body) = draft.into_new().unwrap();
        let (id, embedding) = (PromptId::random(), Some(leaning(degree)));
        let new = NewPrompt { id, name, body, favorite: degree.is_multiple_of(2), embedding };
        let write = WriteContext { client: "test".to_owned(), ..WriteContext::default() };
        store.create_prompt(owner, new, &write).await.unwrap().prompt.id
    }

    async fn search(
        store: &SqliteStore,
        matrices: &Arc<Matrices>,
        owner: &LibraryId,
        filter: Filter,
    ) -> Vec<Found> {
        let (matrices, owner) = (Arc::clone(matrices), owner.clone());
        let find = move |db: &Connection| {
            let db = &*db.unchecked_transaction()?;
            Ok(find_nearest(db, &matrices, &owner, &leaning(20), &filter, 7)?)
        };
        store.database.read(find).await.unwrap()
    }

    #[tokio::test]
    async fn a_library_that_is_too_large_is_searched_in_chunks_with_the_same_result() {
        let (_dir, store) = open();
        let owner = library("user_ann");
        for degree in 0..40 {
            create(&store, &owner, degree).await;
        }
        let cached = Arc::new(Matrices::new(memory(40), 1));
        for filter in [Filter::default(), Filter { favorite: Some(true), ..Filter::default() }] {
            let expected = search(&store, &cached, &owner, filter.clone()).await;
            assert_eq!(expected.len(), 7);
            for chunk_rows in [1, 3, 39, 40, 41] {
                let small = Arc::new(Matrices::new(memory(39), chunk_rows));
                let found = search(&store, &small, &owner, filter.clone()).await;
                assert_eq!(found, expected, "{chunk_rows}");
                assert!(small.kept.lock().unwrap().is_empty(), "nothing stays in memory");
            }
        }
        assert_eq!(cached.kept.lock().unwrap().len(), 1);
        create(&store, &owner, 40).await;
        assert_eq!(search(&store, &cached, &owner, Filter::default()).await.len(), 7);
        assert!(cached.kept.lock().unwrap().is_empty(), "it has grown too large");
    }

    #[tokio::test]
    async fn the_libraries_that_were_searched_longest_ago_leave_the_memory() {
        let (_dir, store) = open();
        let owners = ["user_ann", "user_bob", "user_cat"].map(library);
        for owner in &owners {
            for degree in 0..3 {
                create(&store, owner, degree).await;
            }
        }
        let matrices = Arc::new(Matrices::new(2 * memory(3), 1));
        let [ann, bob, cat] = &owners;
        for owner in [ann, bob, ann, cat] {
            assert_eq!(search(&store, &matrices, owner, Filter::default()).await.len(), 3);
        }
        let kept = matrices.kept.lock().unwrap();
        assert!(kept.contains_key(ann) && !kept.contains_key(bob) && kept.contains_key(cat));
    }

    #[test]
    fn removed_rows_leave_the_others_in_their_places() {
        let mut matrix = Library::default();
        for degree in 0..5 {
            matrix.set(i64::from(degree), Some(&leaning(degree).vector));
        }
        for seq in [0, 4, 9, 2] {
            matrix.set(seq, None);
        }
        matrix.set(3, Some(&leaning(50).vector));
        let all = Allowed::everything();
        let found = matrix.nearest(&leaning(50).vector, &all, 9);
        assert_eq!(found.iter().map(|one| one.seq).collect::<Vec<_>>(), [3, 1]);
        assert_eq!(matrix.rows.len(), 2);
    }
}
