//! The laws of [`Store`], each tested once against `&dyn Store` and run on every implementation.

mod accounts;
mod audit;
pub(crate) mod candidates;
mod clients;
mod isolation;
mod prompts;
pub(crate) mod subscriptions;
pub(crate) mod vectors;

use std::sync::Arc;

use promptdb::domain::draft::Draft;
use promptdb::domain::identity::{LibraryId, UserId};
use promptdb::domain::paging::{Cursor, Limit, Page, PageRequest};
use promptdb::domain::plan::Quota;
use promptdb::domain::prompt::{Name, Prompt, PromptId, PromptRef};
use promptdb::domain::syntax::Syntax;
use promptdb::store::{
    Change, Counts, Filter, Idempotency, NewPrompt, Presence, Saved, Sort, Store, StoreError,
    WriteContext,
};
use tempfile::TempDir;

use crate::convex::functions;
use crate::support::{FixedClock, OnEitherStore, checked, draft, sqlite};

/// A store without prompts, its clock, a user and their library.
pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) user: UserId,
    pub(crate) library: LibraryId,
    _dir: Option<TempDir>,
}

impl OnEitherStore for World {
    fn in_sqlite() -> Self {
        let dir = TempDir::new().unwrap();
        let clock = FixedClock::new();
        let store = Arc::new(sqlite(&dir, clock.clone()));
        Self::new(store, clock, Some(dir))
    }

    fn in_convex() -> Self {
        let (store, clock) = functions::deployment();
        Self::new(Arc::new(store), clock, None)
    }
}

pub(crate) fn library_of(user: &str) -> LibraryId {
    LibraryId::of_user(&UserId::parse(user).unwrap())
}

/// Expands each law to one test for each implementation.
macro_rules! laws {
    ($($(#[$doc:meta])* async fn $name:ident($world:ident) $body:block)*) => {
        $crate::support::on_both_stores! {
            $(
                $(#[$doc])*
                async fn $name($world: &$crate::store_contract::World) $body
            )*
        }
    };
}
pub(crate) use laws;

/// What an empty library holds.
pub(crate) const EMPTY: Counts = Counts { prompts: 0, deleted: 0, candidates: 0, bytes: Some(0) };

pub(crate) fn by(client: &str) -> WriteContext {
    WriteContext { client: client.to_owned(), ..WriteContext::default() }
}

/// A write to a library of at most so many living prompts.
pub(crate) fn limited(prompts: u32, client: &str) -> WriteContext {
    WriteContext { quota: Quota { prompts: Some(prompts), bytes: None }, ..by(client) }
}

pub(crate) fn keyed(key: &str, fingerprint: &str) -> WriteContext {
    let idempotency = Idempotency { key: key.to_owned(), fingerprint: fingerprint.to_owned() };
    WriteContext { idempotency: Some(idempotency), ..by("keyed") }
}

pub(crate) fn new_prompt(draft: Draft) -> NewPrompt {
    let (name, body) = checked(draft);
    NewPrompt { id: PromptId::random(), name, body, favorite: false, embedding: None }
}

/// The prompt as a release before the second syntax saved it: only `{{lower_case}}` is a variable.
pub(crate) fn in_first_syntax(mut new: NewPrompt) -> NewPrompt {
    new.body.syntax = Syntax::First;
    let content = new.body.content.to_string();
    new.body.variables.retain(|variable| content.contains(&format!("{{{{{}}}}}", variable.name)));
    new
}

pub(crate) fn change(current: &Prompt, content: &str) -> Change {
    let (_, body) = draft(current.name.as_str(), content).amend(&current.body).unwrap();
    Change {
        expected_version: current.version,
        body,
        name: None,
        favorite: None,
        action: promptdb::domain::audit::Action::Saved,
        embedding: None,
    }
}

impl World {
    fn new(store: Arc<dyn Store>, clock: Arc<FixedClock>, dir: Option<TempDir>) -> Self {
        let user = UserId::parse("user_ann").unwrap();
        Self { store, clock, library: LibraryId::of_user(&user), user, _dir: dir }
    }

    pub(crate) async fn create(&self, name: &str, content: &str) -> Prompt {
        self.create_draft(draft(name, content)).await
    }

    pub(crate) async fn create_draft(&self, draft: Draft) -> Prompt {
        self.clock.tick();
        let new = new_prompt(draft);
        self.store.create_prompt(&self.library, new, &by("test")).await.unwrap().prompt
    }

    pub(crate) async fn save(&self, prompt: &Prompt, content: &str) -> Prompt {
        self.clock.tick();
        self.try_save(prompt, content).await.unwrap().prompt
    }

    pub(crate) async fn try_save(&self, p: &Prompt, content: &str) -> Result<Saved, StoreError> {
        self.store.save_prompt(&self.library, &p.id, change(p, content), &by("saver")).await
    }

    pub(crate) async fn delete(&self, prompt: &Prompt) -> Prompt {
        self.clock.tick();
        let deleted =
            self.store.delete_prompt(&self.library, &prompt.id, None, &by("deleter")).await;
        deleted.unwrap().prompt
    }

    pub(crate) async fn get(&self, id: &PromptId) -> Option<Prompt> {
        let by_id = PromptRef::Id(id.clone());
        self.store.get_prompt(&self.library, &by_id, Presence::Living).await.unwrap()
    }

    pub(crate) async fn page(
        &self,
        filter: &Filter,
        sort: Sort,
        limit: i64,
        cursor: Option<Cursor>,
    ) -> Page<Prompt> {
        let page = PageRequest { limit: Limit::parse(limit).unwrap(), cursor };
        self.store.list_prompts(&self.library, filter, sort, &page).await.unwrap()
    }

    /// The names of a whole listing, in its order, read in pages of `limit`.
    pub(crate) async fn names(&self, filter: &Filter, sort: Sort, limit: i64) -> Vec<String> {
        let (mut names, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.page(filter, sort, limit, cursor).await;
            names.extend(page.items.iter().map(|prompt| prompt.name.to_string()));
            cursor = page.next;
            if cursor.is_none() {
                return names;
            }
        }
    }

    /// The audit trail as lines `action name version client`, oldest first. The version is 0 where
    /// an entry has none.
    pub(crate) async fn audit(&self) -> Vec<String> {
        let page = PageRequest { limit: Limit::MAX, cursor: None };
        let entries = self.store.list_audit(&self.library, &page).await.unwrap().items;
        let line = |entry: &promptdb::domain::audit::AuditEntry| {
            let version = entry.version.unwrap_or_default();
            let name = entry.name.as_ref().map_or("-", Name::as_str);
            format!("{} {name} {version} {}", entry.action.as_str(), entry.client)
        };
        entries.iter().rev().map(line).collect()
    }
}
