//! Vectors in SQLite.

use async_trait::async_trait;

use super::SqliteStore;
use crate::domain::identity::LibraryId;
use crate::domain::paging::{Page, PageRequest};
use crate::domain::vector::ModelId;
use crate::store::{Embedded, PromptStore, StoreResult, Unembedded, VectorCounts, VectorStore};

/// Keeps no vectors yet.
#[async_trait]
impl VectorStore for SqliteStore {
    async fn list_unembedded(
        &self,
        _library: Option<&LibraryId>,
        _model: &ModelId,
        _page: &PageRequest,
    ) -> StoreResult<Page<Unembedded>> {
        Ok(Page { items: Vec::new(), next: None })
    }

    async fn keep_vectors(&self, _embedded: Vec<Embedded>) -> StoreResult<usize> {
        Ok(0)
    }

    async fn count_vectors(
        &self,
        library: Option<&LibraryId>,
        _model: &ModelId,
    ) -> StoreResult<VectorCounts> {
        let all = match library {
            Some(library) => self.count_library(library).await?.prompts,
            None => 0,
        };
        Ok(VectorCounts { embedded: 0, all })
    }
}
