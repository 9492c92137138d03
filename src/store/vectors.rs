//! [`VectorStore`]: the vectors of prompts, by which a search finds them by meaning.

use std::fs::File;

use async_trait::async_trait;

use super::error::StoreResult;
use crate::domain::identity::LibraryId;
use crate::domain::paging::{Item, Page, PageRequest};
use crate::domain::prompt::PromptId;
use crate::domain::size::{ITEM_FRAME, json_bytes};
use crate::domain::vector::{Embedding, ModelId};

/// Maximum length of [`Unembedded::content`], in characters: as much of a content as a model reads.
pub const EMBEDDED_CONTENT_MAX_CHARS: usize = 400;

/// Keeps one vector for each prompt, beside the version that it was made from.
///
/// Laws:
/// - A vector is **current** while its version is the current one of its prompt, its prompt lives and
///   its model is the one that is asked for. No method finds a prompt by another vector.
/// - A write of a prompt keeps the vector that it carries in the same transaction as the version that
///   it appends. A version that is appended without one keeps that of the version before if title,
///   description and content are the same, and otherwise has none until
///   [`keep_vectors`](Self::keep_vectors). A write that appends no version changes no vector, so a
///   deleted prompt has its vector again when it is restored.
/// - A vector goes with its prompt when that is removed for good: no byte of it stays in the files of
///   the store for more than 60 s. The same holds for a vector that another one replaced.
/// - Vectors count towards no quota, and their writes leave no audit entry.
#[async_trait]
pub trait VectorStore: Send + Sync {
    /// A page of the living prompts without a current vector of `model`, in an order of the store's; of
    /// one library, or of all.
    ///
    /// Laws: paging to the end lists every prompt that lacked a vector all the time. A store that embeds
    /// each library when its owner calls lists nothing for all.
    async fn list_unembedded(
        &self,
        library: Option<&LibraryId>,
        model: &ModelId,
        page: &PageRequest,
    ) -> StoreResult<Page<Unembedded>>;

    /// Keeps vectors, each for the version that it was made from; returns how many.
    ///
    /// Law: a vector whose version is no longer the current one of a living prompt of the library is
    /// passed over. Repeating the call changes nothing.
    async fn keep_vectors(&self, embedded: Vec<Embedded>) -> StoreResult<usize>;

    /// Takes the turn to embed the prompts of all libraries; `None` while another process that shares the
    /// store has it.
    ///
    /// Laws: one process has the turn, until it drops it or ends, however it ends. A store that embeds
    /// each library when its owner calls needs no turns and gives one to every process.
    async fn take_embedding_turn(&self) -> StoreResult<Option<EmbeddingTurn>>;

    /// Counts the living prompts and those with a current vector of `model`; of one library, or of all.
    ///
    /// Law: a store that embeds each library when its owner calls counts nothing for all.
    async fn count_vectors(
        &self,
        library: Option<&LibraryId>,
        model: &ModelId,
    ) -> StoreResult<VectorCounts>;
}

/// The turn to embed the prompts of all libraries.
#[derive(Debug, Default)]
#[must_use]
pub struct EmbeddingTurn {
    /// The file whose lock makes the turn one process's. Closing it releases the lock.
    _locked: Option<File>,
}

impl EmbeddingTurn {
    /// A turn that lasts as long as the lock of a file.
    pub(super) fn of_lock(locked: File) -> Self {
        Self { _locked: Some(locked) }
    }
}

/// The texts of a prompt that are embedded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unembedded {
    /// Whose prompt it is.
    pub library: LibraryId,
    /// The prompt.
    pub prompt: PromptId,
    /// Its current version, whose texts these are.
    pub version: u32,
    /// The title.
    pub title: String,
    /// The description.
    pub description: String,
    /// The start of the content: [`EMBEDDED_CONTENT_MAX_CHARS`] characters, or all if there are fewer.
    pub content: String,
}

impl Item for Unembedded {
    fn page_bytes(&self) -> usize {
        let texts = [self.prompt.as_str(), &self.title, &self.description, &self.content];
        texts.iter().map(|text| json_bytes(text)).sum::<usize>() + ITEM_FRAME
    }
}

/// The vector of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedded {
    /// Whose prompt it is.
    pub library: LibraryId,
    /// The prompt.
    pub prompt: PromptId,
    /// The version whose texts were embedded.
    pub version: u32,
    /// The vector, with its model.
    pub embedding: Embedding,
}

/// How many prompts have a vector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VectorCounts {
    /// Living prompts with a current vector of the model.
    pub embedded: u64,
    /// All living prompts.
    pub all: u64,
}
