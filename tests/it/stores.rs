//! Stores that fail, and stores whose answers a test holds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use promptdb::domain::audit::AuditEntry;
use promptdb::domain::candidate::{Candidate, CandidateId};
use promptdb::domain::identity::{ConnectedClient, LibraryId, UserId};
use promptdb::domain::paging::{Page, PageRequest};
use promptdb::domain::prompt::{Prompt, PromptId, PromptRef, Tag, Version};
use promptdb::domain::subscription::{CustomerId, EventId, Subscription};
use promptdb::domain::vector::ModelId;
use promptdb::store::{
    Account, AccountStore, AuditStore, Billing, CandidateStore, Change, ClientCall, ClientStore,
    Counts, CustomerWork, Embedded, EmbeddingTurn, Filter, Idempotency, ImportedPrompt,
    LeasedCustomer, Matches, NewCandidate, NewPrompt, Outage, Presence, PromptStore, Purge,
    Removed, Saved, Search, Sort, Store, StoreError, SubscriptionStore, Synced, TagCount,
    Unembedded, Use, VectorCounts, VectorStore, WriteContext, WriteMark,
};
use tokio::sync::oneshot;

/// Text of a cause that no answer may contain.
pub(crate) const SECRET: &str = "hunter2 at /var/lib/promptdb.db";

/// How a [`FailingStore`] answers each call.
#[derive(Clone, Copy)]
pub(crate) enum Failure {
    Busy,
    Unavailable,
    Internal,
    Panic,
    Hang,
}

pub(crate) struct FailingStore(pub(crate) Failure);

impl FailingStore {
    async fn fail<T>(&self) -> Result<T, StoreError> {
        match self.0 {
            Failure::Busy => Err(StoreError::Busy),
            Failure::Unavailable => Err(StoreError::Unavailable(Outage::DiskFull)),
            Failure::Internal => Err(StoreError::Internal(SECRET.into())),
            Failure::Panic => panic!("{SECRET}"),
            Failure::Hang => std::future::pending().await,
        }
    }
}

/// Another store, which counts its calls and can hold an answer.
pub(crate) struct HeldStore {
    inner: Arc<dyn Store>,
    calls: Mutex<BTreeMap<&'static str, usize>>,
    next: Mutex<Option<Hold>>,
}

/// The answer that is held next.
struct Hold {
    method: &'static str,
    reached: oneshot::Sender<()>,
    released: oneshot::Receiver<()>,
}

/// An answer of the store that waits for the test.
pub(crate) struct HeldAnswer {
    reached: oneshot::Receiver<()>,
    released: oneshot::Sender<()>,
}

impl HeldStore {
    pub(crate) fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, calls: Mutex::default(), next: Mutex::default() }
    }

    /// Holds the next answer of a method. What it does is done by then.
    pub(crate) fn hold_next(&self, method: &'static str) -> HeldAnswer {
        let (arrival, reached) = oneshot::channel();
        let (released, departure) = oneshot::channel();
        let hold = Hold { method, reached: arrival, released: departure };
        *self.next.lock().unwrap() = Some(hold);
        HeldAnswer { reached, released }
    }

    /// The number of calls of a method.
    pub(crate) fn count(&self, method: &'static str) -> usize {
        self.calls.lock().unwrap().get(method).copied().unwrap_or_default()
    }

    async fn pass(&self, method: &'static str) {
        *self.calls.lock().unwrap().entry(method).or_default() += 1;
        let held = self.next.lock().unwrap().take_if(|hold| hold.method == method);
        if let Some(Hold { reached, released, .. }) = held {
            reached.send(()).unwrap();
            released.await.unwrap();
        }
    }
}

impl HeldAnswer {
    /// Waits until the answer is held, runs `change`, and lets the answer go.
    pub(crate) async fn during(self, change: impl Future<Output = ()>) {
        self.reached.await.unwrap();
        change.await;
        self.released.send(()).unwrap();
    }
}

/// Implements each trait by a macro that takes its name and its methods.
macro_rules! for_every_method {
    ($implement:ident) => {
        $implement! { PromptStore:
            create_prompt(library: &LibraryId, new: NewPrompt, context: &WriteContext) -> Saved;
            save_prompt(
                library: &LibraryId,
                id: &PromptId,
                change: Change,
                context: &WriteContext
            ) -> Saved;
            mark_favorite(
                library: &LibraryId,
                id: &PromptId,
                mark: bool,
                context: &WriteContext
            ) -> Saved;
            delete_prompt(
                library: &LibraryId,
                id: &PromptId,
                version: Option<u32>,
                context: &WriteContext
            ) -> Saved;
            undelete_prompt(library: &LibraryId, id: &PromptId, context: &WriteContext) -> Saved;
            purge_prompt(library: &LibraryId, id: &PromptId, context: &WriteContext) -> ();
            empty_trash(library: &LibraryId, context: &WriteContext) -> Removed;
            prune_versions(
                library: &LibraryId,
                id: &PromptId,
                number: u32,
                context: &WriteContext
            ) -> Removed;
            recall(library: &LibraryId, key: &Idempotency) -> Option<Saved>;
            get_prompt(
                library: &LibraryId,
                prompt: &PromptRef,
                presence: Presence
            ) -> Option<Prompt>;
            get_version(library: &LibraryId, id: &PromptId, number: u32) -> Option<Version>;
            list_prompts(
                library: &LibraryId,
                filter: &Filter,
                sort: Sort,
                page: &PageRequest
            ) -> Page<Prompt>;
            search_prompts(library: &LibraryId, search: &Search, filter: &Filter) -> Matches;
            list_versions(
                library: &LibraryId,
                id: &PromptId,
                page: &PageRequest
            ) -> Option<Page<Version>>;
            import_prompt(
                library: &LibraryId,
                imported: ImportedPrompt,
                context: &WriteContext
            ) -> Saved;
            append_versions(
                library: &LibraryId,
                id: &PromptId,
                versions: Vec<Version>,
                context: &WriteContext
            ) -> Saved;
            list_tags(library: &LibraryId, text: &str, limit: usize) -> Vec<Tag>;
            count_tags(library: &LibraryId, tag: Option<&Tag>, limit: usize) -> Vec<TagCount>;
            count_library(library: &LibraryId) -> Counts;
            record_uses(library: &LibraryId, uses: &[Use]) -> ();
        }
        $implement! { CandidateStore:
            add_candidates(
                library: &LibraryId,
                candidates: Vec<NewCandidate>,
                context: &WriteContext
            ) -> Vec<Candidate>;
            list_candidates(library: &LibraryId, page: &PageRequest) -> Page<Candidate>;
            get_candidate(library: &LibraryId, id: &CandidateId) -> Option<Candidate>;
            reject_candidate(library: &LibraryId, id: &CandidateId, context: &WriteContext) -> ();
            import_candidate(
                library: &LibraryId,
                candidate: Candidate,
                context: &WriteContext
            ) -> Candidate;
        }
        $implement! { AccountStore:
            ensure_account(user: &UserId) -> Account;
            erase_account(user: &UserId) -> ();
            end_session(user: &UserId, text: &str) -> ();
            is_session_ended(user: &UserId, text: &str) -> bool;
        }
        $implement! { AuditStore:
            list_audit(library: &LibraryId, page: &PageRequest) -> Page<AuditEntry>;
            mark_writes(library: &LibraryId) -> WriteMark;
        }
        $implement! { ClientStore:
            record_clients(library: &LibraryId, calls: &[ClientCall]) -> ();
            list_clients(library: &LibraryId) -> Vec<ConnectedClient>;
        }
        $implement! { SubscriptionStore:
            get_billing(user: &UserId) -> Option<Billing>;
            bind_customer(user: &UserId, customer: &CustomerId) -> CustomerId;
            begin_sync(customer: &CustomerId) -> Option<u64>;
            finish_sync(
                customer: &CustomerId,
                sequence: u64,
                subscription: Option<&Subscription>,
                event: Option<&EventId>
            ) -> Synced;
            is_event_processed(event: &EventId) -> bool;
            lease_customers(work: CustomerWork, limit: usize) -> Vec<LeasedCustomer>;
            has_customers_to_erase() -> bool;
            forget_customer(customer: &CustomerId) -> ();
        }
        $implement! { VectorStore:
            list_unembedded(library: Option<&LibraryId>, model: &ModelId, page: &PageRequest) -> Page<Unembedded>;
            keep_vectors(vectors: Vec<Embedded>) -> usize;
            take_embedding_turn() -> Option<EmbeddingTurn>;
            count_vectors(library: Option<&LibraryId>, model: &ModelId) -> VectorCounts;
        }

        $implement! { Store:
            ping() -> ();
            purge() -> Purge;
        }
    };
}

/// Implements a trait with methods that all fail in the configured way.
macro_rules! all_fail {
    ($trait:ident: $($name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {
        #[async_trait]
        impl $trait for FailingStore {
            $(async fn $name(&self $(, _: $kind)*) -> Result<$result, StoreError> {
                self.fail().await
            })*
        }
    };
}

/// Implements a trait with methods that pass each call on, and whose answers can be held.
macro_rules! all_pass {
    ($trait:ident: $($name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)*) => {
        #[async_trait]
        impl $trait for HeldStore {
            $(async fn $name(&self $(, $argument: $kind)*) -> Result<$result, StoreError> {
                let answer = self.inner.$name($($argument),*).await;
                self.pass(stringify!($name)).await;
                answer
            })*
        }
    };
}

for_every_method!(all_fail);
for_every_method!(all_pass);
