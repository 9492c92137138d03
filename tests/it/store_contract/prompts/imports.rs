//! Laws of imports: imported data is stored unchanged and replaces nothing.

use std::sync::Arc;

use promptdb::domain::Timestamp;
use promptdb::domain::paging::{Limit, PageRequest};
use promptdb::domain::prompt::{PromptId, PromptRef, Version};
use promptdb::domain::syntax::Syntax;
use promptdb::store::{Filter, IMPORT_VERSIONS_MAX, ImportedPrompt, Presence, StoreError};
use tokio::task::JoinSet;

use crate::store_contract::{World, by, laws, library_of, limited};
use crate::support::{checked, draft, full_draft};

/// 2025-12-01T00:00:00Z, a month before the clock of the tests.
const THEN: i64 = 1_764_547_200_000;

fn version(number: u32, content: &str) -> Version {
    let (_, body) = checked(draft("p", content));
    let created_at = Timestamp::from_millis(THEN + i64::from(number));
    Version { version: number, body, source: format!("client {number}"), created_at }
}

fn imported(name: &str, versions: Vec<Version>) -> ImportedPrompt {
    let (name, _) = checked(draft(name, "x"));
    ImportedPrompt {
        id: PromptId::random(),
        name,
        favorite: true,
        deleted_at: None,
        use_count: 7,
        last_used_at: Some(Timestamp::from_millis(THEN + 5)),
        versions,
    }
}

async fn versions(world: &World, id: &PromptId) -> Vec<Version> {
    let page = PageRequest { limit: Limit::MAX, cursor: None };
    let page = world.store.list_versions(&world.library, id, &page).await.unwrap().unwrap();
    page.items.into_iter().rev().collect()
}

laws! {
    async fn an_imported_prompt_keeps_its_history_times_and_counters(world) {
        let (_, full) = checked(full_draft("p"));
        let mut first = Version { body: full, ..version(1, "x") };
        first.body.syntax = Syntax::First;
        let history = vec![first, version(2, "two"), version(3, "three")];
        let new = imported("p", history.clone());
        let saved = world.store.import_prompt(&world.library, new.clone(), &by("importer")).await.unwrap();
        let prompt = saved.prompt;
        assert!(saved.changed);
        assert_eq!((&prompt.id, &prompt.name, prompt.version), (&new.id, &new.name, 3));
        assert_eq!((prompt.favorite, prompt.use_count, prompt.last_used_at), (true, 7, new.last_used_at));
        assert_eq!((prompt.created_at, prompt.updated_at), (history[0].created_at, history[2].created_at));
        assert_eq!((prompt.source.as_str(), prompt.deleted_at), ("client 3", None));
        assert_eq!(world.get(&new.id).await.as_ref(), Some(&prompt));
        assert_eq!(versions(world, &new.id).await, history);
        assert_eq!(world.audit().await, ["imported p 3 importer"]);
        assert_eq!(world.save(&prompt, "four").await.version, 4, "an imported prompt can be saved");
    }

    async fn an_import_respects_unique_names_and_the_quota(world) {
        world.create("taken", "x").await;
        let taken = imported("taken", vec![version(1, "y")]);
        let refused = world.store.import_prompt(&world.library, taken.clone(), &by("x")).await;
        assert!(matches!(refused, Err(StoreError::NameTaken { current_version: 1, .. })));
        let other = imported("other", vec![version(1, "y")]);
        let refused = world.store.import_prompt(&world.library, other.clone(), &limited(1, "x")).await;
        assert!(matches!(refused, Err(StoreError::QuotaExceeded { limit: 1 })));
        assert_eq!(world.audit().await.len(), 1, "a refused import leaves nothing");

        let deleted = ImportedPrompt { deleted_at: Some(Timestamp::from_millis(THEN + 9 * 86_400_000)), ..taken };
        let deleted = world.store.import_prompt(&world.library, deleted, &limited(1, "x")).await.unwrap().prompt;
        assert_eq!(deleted.deleted_at, Some(Timestamp::from_millis(THEN + 9 * 86_400_000)));
        assert_eq!(world.get(&deleted.id).await, None);
        assert_eq!(world.store.count_library(&world.library).await.unwrap().deleted, 1);
        let back = world.store.undelete_prompt(&world.library, &deleted.id, &by("x")).await;
        assert!(matches!(back, Err(StoreError::NameTaken { .. })));
    }

    async fn exactly_one_of_many_parallel_imports_under_one_name_succeeds(world) {
        let mut crowd = JoinSet::new();
        for number in 0..50 {
            let (store, library) = (Arc::clone(&world.store), world.library.clone());
            let new = imported("wanted", vec![version(1, &format!("content {number}"))]);
            crowd.spawn(async move { store.import_prompt(&library, new, &limited(10, "test")).await });
        }
        assert_eq!(crowd.join_all().await.into_iter().flatten().count(), 1);
        assert_eq!(world.audit().await.len(), 1);
    }

    async fn another_owners_id_is_replaced_by_a_derived_one_that_a_second_import_finds(world) {
        let new = imported("p", vec![version(1, "x")]);
        world.store.import_prompt(&world.library, new.clone(), &by("x")).await.unwrap();
        let other = library_of("user_bob");
        let theirs = world.store.import_prompt(&other, new.clone(), &by("x")).await.unwrap().prompt;
        assert_eq!(theirs.id, new.id.derived(&other));
        let again = imported("q", vec![version(1, "x")]);
        let again = ImportedPrompt { id: new.id.clone(), ..again };
        let again = world.store.import_prompt(&other, again, &by("x")).await.unwrap().prompt;
        assert!(again.id != new.id && again.id != theirs.id);
        assert_eq!(world.get(&new.id).await.unwrap().name.as_str(), "p");
        let foreign = world.store.get_prompt(&other, &PromptRef::Id(new.id), Presence::Living).await.unwrap();
        assert_eq!(foreign, None);
    }

    async fn an_import_does_not_restore_an_erased_account(world) {
        world.store.erase_account(&world.user).await.unwrap();
        let new = imported("p", vec![version(1, "x")]);
        let refused = world.store.import_prompt(&world.library, new, &by("x")).await;
        assert!(matches!(refused, Err(StoreError::AccountErased)));
    }

    async fn versions_are_appended_only_directly_after_the_current_one(world) {
        let prompt = world.create("p", "one").await;
        for wrong in [1, 3] {
            let refused = world.store.append_versions(&world.library, &prompt.id, vec![version(wrong, "x")], &by("x")).await;
            assert!(matches!(refused, Err(StoreError::VersionConflict { current_version: 1 })));
        }
        let more = vec![version(2, "two"), version(3, "three")];
        let saved = world.store.append_versions(&world.library, &prompt.id, more.clone(), &by("importer")).await.unwrap();
        assert_eq!((saved.prompt.version, saved.prompt.updated_at), (3, more[1].created_at));
        assert_eq!(versions(world, &prompt.id).await[1..], more);
        assert_eq!(world.audit().await[1], "imported p 3 importer");

        let gap = vec![version(4, "four"), version(6, "six")];
        assert!(world.store.append_versions(&world.library, &prompt.id, gap, &by("x")).await.is_err());
        let many = (4..).take(IMPORT_VERSIONS_MAX + 1).map(|number| version(number, "x")).collect();
        assert!(world.store.append_versions(&world.library, &prompt.id, many, &by("x")).await.is_err());
        assert_eq!(versions(world, &prompt.id).await.len(), 3);

        world.delete(&saved.prompt).await;
        let saved = world.store.append_versions(&world.library, &prompt.id, vec![version(4, "four")], &by("x")).await.unwrap();
        assert!(saved.prompt.deleted_at.is_some(), "the prompt stays deleted");
        let other = library_of("user_bob");
        let foreign = world.store.append_versions(&other, &prompt.id, vec![version(5, "x")], &by("x")).await;
        assert!(matches!(foreign, Err(StoreError::NotFound)));
    }

    async fn an_imported_prompt_is_found_by_its_words(world) {
        let new = imported("p", vec![version(1, "kumquat"), version(2, "persimmon")]);
        world.store.import_prompt(&world.library, new, &by("x")).await.unwrap();
        for (word, found) in [("persimmon", 1), ("kumquat", 0)] {
            let query = promptdb::domain::ranking::Query::parse(word).unwrap();
            let search = promptdb::store::Search::by_words(query);
            let hits = world.store.search_prompts(&world.library, &search, &Filter::default()).await.unwrap().into_prompts();
            assert_eq!(hits.len(), found, "{word}");
        }
    }
}
