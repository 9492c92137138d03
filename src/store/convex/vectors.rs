//! Vectors in Convex: the functions of `convex/vectors.ts`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::ConvexStore;
use super::paging::CursorOf;
use super::wire::{Whole, WireEmbedding};
use crate::clients::convex::Kind;
use crate::domain::identity::LibraryId;
use crate::domain::paging::{Page, PageRequest};
use crate::domain::prompt::PromptId;
use crate::domain::vector::ModelId;
use crate::store::{Embedded, EmbeddingTurn, StoreResult, Unembedded, VectorCounts, VectorStore};

/// Maximum number of vectors that one call keeps.
pub const KEPT_MAX: usize = 50;

/// A function serves one owner, so for all libraries nothing is listed or counted: the prompts of an owner
/// are embedded when the owner next calls.
#[async_trait]
impl VectorStore for ConvexStore {
    async fn list_unembedded(
        &self,
        library: Option<&LibraryId>,
        model: &ModelId,
        page: &PageRequest,
    ) -> StoreResult<Page<Unembedded>> {
        let Some(library) = library else { return Ok(Page { items: Vec::new(), next: None }) };
        let cursor = CursorOf { kind: "unembedded", fields: ["model", "seq"] };
        let args = json!({ "model": model.as_str() });
        let path = "vectors:listUnembedded";
        let found = self.page::<WireUnembedded, _>(library, path, args, page, cursor).await?;
        let (items, next) = found.unwrap_or_default();
        Ok(Page { items: items.into_iter().map(|one| one.of(library)).collect(), next })
    }

    async fn keep_vectors(&self, embedded: Vec<Embedded>) -> StoreResult<usize> {
        let mut kept = 0;
        for of_library in embedded.chunk_by(|one, next| one.library == next.library) {
            for some in of_library.chunks(KEPT_MAX) {
                let owner = some[0].library.as_str();
                let args = WireKeep { vectors: some.iter().map(WireEmbedded::from).collect() };
                // Keeping a vector again changes nothing, so the call needs no key.
                let count: Whole = self.call(Kind::Mutation, owner, "vectors:keep", args).await?;
                kept += usize::try_from(count.number()).unwrap_or_default();
            }
        }
        Ok(kept)
    }

    async fn take_embedding_turn(&self) -> StoreResult<Option<EmbeddingTurn>> {
        Ok(Some(EmbeddingTurn::default()))
    }

    async fn count_vectors(
        &self,
        library: Option<&LibraryId>,
        model: &ModelId,
    ) -> StoreResult<VectorCounts> {
        let Some(library) = library else { return Ok(VectorCounts::default()) };
        let mut missing = 0;
        let mut after = None;
        // A call counts as many rows as a transaction can read.
        loop {
            let args = json!({ "model": model.as_str(), "after": after });
            let found: WireCount = self.query(library.as_str(), "vectors:count", args).await?;
            missing += found.missing.number().unsigned_abs();
            let all = found.all.number().unsigned_abs();
            let Some(next) = found.next else {
                return Ok(VectorCounts { embedded: all.saturating_sub(missing), all });
            };
            after = Some(next);
        }
    }
}

#[derive(Deserialize)]
struct WireUnembedded {
    id: String,
    version: Whole,
    title: String,
    description: String,
    content: String,
}

impl WireUnembedded {
    fn of(self, library: &LibraryId) -> Unembedded {
        Unembedded {
            library: library.clone(),
            prompt: PromptId::from_store(self.id),
            version: self.version.version(),
            title: self.title,
            description: self.description,
            content: self.content,
        }
    }
}

#[derive(Serialize)]
struct WireKeep<'a> {
    vectors: Vec<WireEmbedded<'a>>,
}

#[derive(Serialize)]
struct WireEmbedded<'a> {
    id: &'a str,
    version: u32,
    embedding: WireEmbedding<'a>,
}

impl<'a> From<&'a Embedded> for WireEmbedded<'a> {
    fn from(one: &'a Embedded) -> Self {
        Self {
            id: one.prompt.as_str(),
            version: one.version,
            embedding: WireEmbedding::from(&one.embedding),
        }
    }
}

#[derive(Deserialize)]
struct WireCount {
    all: Whole,
    missing: Whole,
    next: Option<Map<String, Value>>,
}
