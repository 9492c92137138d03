//! The vectors of queries and prompts, made off the async threads.
//!
//! Nothing here fails a search or a save: without a vector words find a prompt, and the job that runs
//! [`Library::embed_missing`] makes the vector later.

mod due;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, Notify};

use self::due::Due;
use super::Library;
use crate::domain::identity::LibraryId;
use crate::domain::paging::{Limit, PageRequest};
use crate::domain::prompt::Body;
use crate::domain::vector::{Embedding, ModelId, Vector};
use crate::error::chain;
use crate::meaning::{Encoder, ModelError};
use crate::store::{
    EMBEDDED_CONTENT_MAX_CHARS, Embedded, EmbeddingTurn, StoreError, Unembedded, VectorCounts,
};
use crate::telemetry::metrics::{MODEL_LOADED, PROMPTS_EMBEDDED, PROMPTS_UNEMBEDDED};

/// Maximum number of queries whose vectors are kept: at most 2.5 MB, as a query has at most 4,000
/// bytes.
const QUERIES_MAX: usize = 512;
/// Maximum number of texts whose vectors are kept: those of a review queue and of a call that changes many
/// prompts, in less than 0.5 MB.
const TEXTS_MAX: usize = 512;
/// Number of prompts that are embedded between two writes: about a second of work, which is what a kill
/// loses.
const BATCH: i64 = 32;
/// The time between two lines about the progress in the log.
const REPORT_EVERY: Duration = Duration::from_secs(30);

/// A model that turns texts into vectors. Implementations compute: their calls belong on the pool.
pub trait TextEncoder: Send + Sync {
    /// Returns the id of the model.
    fn model_id(&self) -> &ModelId;

    /// Embeds a query.
    fn embed_query(&self, text: &str) -> Result<Vector, ModelError>;

    /// Embeds a prompt by its title, its description and the first [`EMBEDDED_CONTENT_MAX_CHARS`]
    /// characters of its content.
    fn embed_prompt(
        &self,
        title: &str,
        description: &str,
        content: &str,
    ) -> Result<Vector, ModelError>;

    /// Returns how rare a word is, from 0.5 for the most common ones.
    fn rarity(&self, word: &str) -> f64;
}

impl TextEncoder for Encoder {
    fn model_id(&self) -> &ModelId {
        self.model_id()
    }

    fn embed_query(&self, text: &str) -> Result<Vector, ModelError> {
        self.embed_query(text)
    }

    fn embed_prompt(
        &self,
        title: &str,
        description: &str,
        content: &str,
    ) -> Result<Vector, ModelError> {
        self.embed_prompt(title, description, content)
    }

    fn rarity(&self, word: &str) -> f64 {
        self.rarity(word)
    }
}

/// Why prompts could not be embedded.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// The model failed.
    #[error("the model failed")]
    Model(#[from] ModelError),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The model of a library, if there is one.
pub(super) struct Meaning {
    encoder: Option<Arc<dyn TextEncoder>>,
    /// The vectors of queries, each for the library that it was asked of: whether a query was asked
    /// before must not show in another one.
    queries: Cache<(LibraryId, String), Vector>,
    /// The vectors of texts that were saved or compared last, by their hashes and for the same reason of
    /// one library each.
    texts: Cache<(LibraryId, [u8; 32]), Vector>,
    /// Notified when a prompt was written without a vector.
    unembedded: Arc<Notify>,
    /// The libraries whose owner searched for the first time, or imported.
    due: Due,
    /// The turn to embed the prompts of all libraries, once this process has it. It is kept, so that two
    /// processes with different models do not embed the same prompts again and again.
    turn: Mutex<Option<EmbeddingTurn>>,
    /// Whether the last use of the model failed. Only the first failure of several is logged.
    is_failing: AtomicBool,
}

impl Default for Meaning {
    fn default() -> Self {
        Self {
            encoder: None,
            queries: Cache::new(QUERIES_MAX),
            texts: Cache::new(TEXTS_MAX),
            unembedded: Arc::default(),
            due: Due::default(),
            turn: Mutex::default(),
            is_failing: AtomicBool::new(false),
        }
    }
}

impl Meaning {
    /// Returns the embedding that the model made, and logs the first of several failures.
    fn note(&self, model: &ModelId, made: Result<Vector, EmbedError>) -> Option<Embedding> {
        match made {
            Ok(vector) => {
                self.is_failing.store(false, Ordering::Relaxed);
                Some(Embedding { model: model.clone(), vector })
            }
            Err(error) => {
                if !self.is_failing.swap(true, Ordering::Relaxed) {
                    let error = chain(&error);
                    tracing::warn!(%error, "texts are not embedded; words alone find them");
                }
                None
            }
        }
    }
}

impl Library {
    /// Sets the model by which prompts are found by meaning. Without one they are found by words alone.
    #[must_use]
    pub fn with_encoder(mut self, encoder: Option<Arc<dyn TextEncoder>>) -> Self {
        MODEL_LOADED.set(if encoder.is_some() { 1.0 } else { 0.0 });
        self.meaning.encoder = encoder;
        self
    }

    /// Returns the model.
    pub fn encoder(&self) -> Option<&Arc<dyn TextEncoder>> {
        self.meaning.encoder.as_ref()
    }

    /// Notified when prompts were written without a vector, so that
    /// [`embed_missing`](Self::embed_missing) has work.
    pub fn unembedded(&self) -> Arc<Notify> {
        Arc::clone(&self.meaning.unembedded)
    }

    /// Records that a library has new prompts without a vector.
    pub(super) fn note_unembedded(&self, library: &LibraryId) {
        self.meaning.due.add(library);
        self.meaning.unembedded.notify_one();
    }

    /// Embeds a query, once for several pages of its results.
    pub(super) async fn embed_query(&self, library: &LibraryId, text: &str) -> Option<Embedding> {
        let encoder = Arc::clone(self.encoder()?);
        if self.meaning.due.add_once(library) {
            self.meaning.unembedded.notify_one();
        }
        let key = (library.clone(), text.to_owned());
        if let Some(vector) = self.meaning.queries.get(&key) {
            return Some(Embedding { model: encoder.model_id().clone(), vector });
        }
        let (text, running) = (text.to_owned(), Arc::clone(&encoder));
        let made = self.pool.run(move || running.embed_query(&text)).await;
        let embedding = self.meaning.note(encoder.model_id(), flatten(made))?;
        self.meaning.queries.insert(key, embedding.vector.clone());
        Some(embedding)
    }

    /// Embeds the text of a prompt or candidate, once for several uses of it that follow each other.
    pub(super) async fn embed_text(&self, library: &LibraryId, body: &Body) -> Option<Embedding> {
        let encoder = Arc::clone(self.encoder()?);
        let [title, description, content] = [
            body.title.to_string(),
            body.description.to_string(),
            start_of(body.content.as_str()).to_owned(),
        ];
        let key = (library.clone(), digest([&title, &description, &content]));
        if let Some(vector) = self.meaning.texts.get(&key) {
            return Some(Embedding { model: encoder.model_id().clone(), vector });
        }
        let running = Arc::clone(&encoder);
        let embed = move || running.embed_prompt(&title, &description, &content);
        let made = self.pool.run(embed).await;
        let embedding = self.meaning.note(encoder.model_id(), flatten(made))?;
        self.meaning.texts.insert(key, embedding.vector.clone());
        Some(embedding)
    }

    /// Embeds a body that is to be saved. Without a vector it is embedded later.
    pub(super) async fn embed_body(&self, library: &LibraryId, body: &Body) -> Option<Embedding> {
        let embedding = self.embed_text(library, body).await;
        if embedding.is_none() && self.encoder().is_some() {
            self.meaning.due.forget_seen();
            self.meaning.unembedded.notify_one();
        }
        embedding
    }

    /// Embeds a body that is to be saved over `current`, if its texts differ: else the prompt keeps its
    /// vector.
    pub(super) async fn embed_changed(
        &self,
        library: &LibraryId,
        body: &Body,
        current: &Body,
    ) -> Option<Embedding> {
        if body.has_texts_of(current) { None } else { self.embed_body(library, body).await }
    }

    /// Embeds the prompts of the store that have no vector of the model, in short batches, until there
    /// are no more. Each prompt waits for the jobs of requests. Of several processes
    /// that share a store the one that [has the turn](crate::store::VectorStore::take_embedding_turn) does
    /// it, and the others do nothing.
    ///
    /// A store that does not list the prompts of all libraries embeds those of the owners that have searched
    /// or imported since the last call.
    ///
    /// # Errors
    /// At the first failure of the model or the store. What was embedded before is kept, also where the
    /// call is dropped, and the next one goes on from there.
    pub async fn embed_missing(&self) -> Result<(), EmbedError> {
        let Some(encoder) = self.encoder().cloned() else { return Ok(()) };
        let mut turn = self.meaning.turn.lock().await;
        if turn.is_none() {
            *turn = self.store.take_embedding_turn().await?;
        }
        if turn.is_none() {
            return Ok(());
        }
        self.embed_all_of(&encoder, None).await?;
        while let Some(library) = self.meaning.due.take() {
            let embedded = self.embed_all_of(&encoder, Some(&library)).await;
            if embedded.is_err() {
                self.meaning.due.add(&library);
            }
            embedded?;
        }
        Ok(())
    }

    /// Embeds the prompts of one library, or of all.
    async fn embed_all_of(
        &self,
        encoder: &Arc<dyn TextEncoder>,
        library: Option<&LibraryId>,
    ) -> Result<(), EmbedError> {
        let limit = Limit::parse(BATCH).unwrap_or_default();
        let mut page = PageRequest { limit, cursor: None };
        let mut progress = None;
        loop {
            let found = self.store.list_unembedded(library, encoder.model_id(), &page).await?;
            if found.items.is_empty() {
                PROMPTS_UNEMBEDDED.set(0.0);
                return Ok(());
            }
            if progress.is_none() {
                let counts = self.store.count_vectors(library, encoder.model_id()).await?;
                progress = Some(Progress::begin(counts, library.is_some()));
            }
            let mut embedded = Vec::with_capacity(found.items.len());
            for prompt in found.items {
                embedded.push(self.embed_later(encoder, prompt).await?);
            }
            let kept = self.store.keep_vectors(embedded).await?;
            if let Some(progress) = &mut progress {
                progress.advance(kept);
            }
            page.cursor = found.next;
            if page.cursor.is_none() {
                if let Some(progress) = progress {
                    progress.end();
                }
                return Ok(());
            }
        }
    }

    /// Embeds a prompt when no request needs the pool.
    async fn embed_later(
        &self,
        encoder: &Arc<dyn TextEncoder>,
        prompt: Unembedded,
    ) -> Result<Embedded, EmbedError> {
        let Unembedded { library, prompt, version, title, description, content } = prompt;
        let running = Arc::clone(encoder);
        let embed = move || running.embed_prompt(&title, &description, &content);
        let vector = self.pool.run_later(embed).await??;
        let embedding = Embedding { model: encoder.model_id().clone(), vector };
        Ok(Embedded { library, prompt, version, embedding })
    }
}

/// Returns the hash of texts. Their lengths keep apart what their concatenations do not.
fn digest(texts: [&str; 3]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    hash.finalize().into()
}

/// Returns the first [`EMBEDDED_CONTENT_MAX_CHARS`] characters of a content.
fn start_of(content: &str) -> &str {
    let end = content.char_indices().nth(EMBEDDED_CONTENT_MAX_CHARS);
    end.map_or(content, |(end, _)| &content[..end])
}

fn flatten(made: Result<Result<Vector, ModelError>, StoreError>) -> Result<Vector, EmbedError> {
    Ok(made??)
}

/// How far a call of [`Library::embed_missing`] has come, in the log and the metrics.
struct Progress {
    /// The number of prompts without a vector.
    left: u64,
    embedded: u64,
    all: u64,
    /// Whether the prompts are those of one library. There may be many such calls, so that their beginning
    /// and end are for a log in detail alone.
    is_of_one: bool,
    reported: Instant,
}

impl Progress {
    fn begin(counts: VectorCounts, is_of_one: bool) -> Self {
        let VectorCounts { embedded, all } = counts;
        let left = all.saturating_sub(embedded);
        if is_of_one {
            tracing::debug!(left, all, "embedding the prompts of a library");
        } else {
            tracing::info!(left, all, "embedding prompts");
        }
        let progress = Self { left, embedded: 0, all, is_of_one, reported: Instant::now() };
        progress.show();
        progress
    }

    fn advance(&mut self, kept: usize) {
        let kept = kept as u64;
        self.embedded += kept;
        self.left = self.left.saturating_sub(kept);
        PROMPTS_EMBEDDED.add(kept);
        self.show();
        if self.reported.elapsed() >= REPORT_EVERY {
            self.reported = Instant::now();
            tracing::info!(left = self.left, all = self.all, "embedding prompts");
        }
    }

    fn end(self) {
        let Self { embedded, all, .. } = self;
        if self.is_of_one {
            tracing::debug!(embedded, all, "embedded every prompt of a library");
        } else {
            tracing::info!(embedded, all, "embedded every prompt");
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a store has far fewer than 2^52 prompts")]
    fn show(&self) {
        PROMPTS_UNEMBEDDED.set(self.left as f64);
    }
}
