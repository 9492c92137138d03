//! Laws of writes: uniqueness, versions, quotas, deletion, idempotency, the audit trail.

use std::sync::Arc;

use promptdb::domain::paging::{Limit, PageRequest};
use promptdb::domain::prompt::{Name, PromptRef};
use promptdb::domain::syntax::Syntax;
use promptdb::store::{Change, Filter, Presence, Saved, Sort, StoreError};
use tokio::task::JoinSet;

use crate::store_contract::{
    by, change, in_first_syntax, keyed, laws, library_of, limited, new_prompt,
};
use crate::support::{draft, full_draft};

/// Number of concurrent callers in the tests of races.
const CROWD: usize = 50;

laws! {
    async fn exactly_one_of_many_parallel_creates_under_one_name_succeeds(world) {
        let mut crowd = JoinSet::new();
        for number in 0..CROWD {
            let (store, library) = (Arc::clone(&world.store), world.library.clone());
            let new = new_prompt(draft("wanted", &format!("content {number}")));
            crowd.spawn(async move { store.create_prompt(&library, new, &by("test")).await });
        }
        let (won, lost): (Vec<_>, Vec<_>) = crowd.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, CROWD - 1));
        for refusal in lost {
            assert!(matches!(refusal, Err(StoreError::NameTaken { current_version: 1, .. })));
        }
        assert_eq!(world.audit().await.len(), 1);
        assert_eq!(world.store.count_library(&world.library).await.unwrap().prompts, 1);
    }

    async fn exactly_one_of_many_parallel_saves_of_one_version_succeeds(world) {
        let prompt = world.create("wanted", "first").await;
        let mut crowd = JoinSet::new();
        for number in 0..CROWD {
            let (store, library, id) = (Arc::clone(&world.store), world.library.clone(), prompt.id.clone());
            let change = change(&prompt, &format!("content {number}"));
            crowd.spawn(async move { store.save_prompt(&library, &id, change, &by("test")).await });
        }
        let (won, lost): (Vec<_>, Vec<_>) = crowd.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, CROWD - 1));
        for refusal in lost {
            assert!(matches!(refusal, Err(StoreError::VersionConflict { current_version: 2 })));
        }
        let winner = won.into_iter().next().unwrap().unwrap().prompt;
        assert_eq!(world.get(&prompt.id).await, Some(winner));
        assert_eq!(world.audit().await.len(), 2);
    }

    async fn a_mark_appends_no_version_and_conflicts_with_no_save(world) {
        let prompt = world.create("p", "start").await;
        let mark = async |favorite: bool, write| {
            world.store.mark_favorite(&world.library, &prompt.id, favorite, &write).await
        };
        let marked = mark(true, by("test")).await.unwrap();
        assert!(marked.changed && marked.prompt.favorite);
        assert_eq!(marked.prompt.version, 1);
        assert!(!mark(true, by("test")).await.unwrap().changed);
        assert_eq!(world.audit().await, ["created p 1 test", "updated p 1 test"]);
        let filter = Filter { favorite: Some(true), ..Filter::default() };
        let first = PageRequest { limit: Limit::MAX, cursor: None };
        let listed = world.store.list_prompts(&world.library, &filter, Sort::Recent, &first).await.unwrap();
        assert_eq!(listed.items, std::slice::from_ref(&marked.prompt));

        let repeated = mark(false, keyed("once", "f")).await.unwrap();
        let saved = world.save(&repeated.prompt, "two").await;
        assert_eq!(mark(false, keyed("once", "f")).await.unwrap().changed, repeated.changed);
        let current = world.get(&prompt.id).await.unwrap();
        assert_eq!((current.version, current.body, current.favorite), (2, saved.body, false));

        let unknown = world.store.mark_favorite(&library_of("user_bob"), &prompt.id, true, &by("x")).await;
        assert!(matches!(unknown, Err(StoreError::NotFound)));
        world.delete(&world.get(&prompt.id).await.unwrap()).await;
        assert!(matches!(mark(true, by("x")).await, Err(StoreError::NotFound)), "only of a living prompt");
    }

    async fn a_save_that_expects_a_stale_version_writes_nothing(world) {
        let first = world.create("p", "one").await;
        let second = world.save(&first, "two").await;
        for expected_version in [0, 1, 3, u32::MAX] {
            let change = Change { expected_version, ..change(&second, "three") };
            let outcome = world.store.save_prompt(&world.library, &first.id, change, &by("x")).await;
            assert!(matches!(outcome, Err(StoreError::VersionConflict { current_version: 2 })));
        }
        assert_eq!(world.get(&first.id).await, Some(second));
        assert_eq!(world.audit().await, ["created p 1 test", "saved p 2 saver"]);
    }

    async fn a_save_that_changes_nothing_appends_nothing(world) {
        let prompt = world.create_draft(full_draft("p")).await;
        let saved = world.try_save(&prompt, prompt.body.content.as_str()).await.unwrap();
        assert_eq!((saved.changed, saved.prompt), (false, prompt));
        assert_eq!(world.audit().await.len(), 1);
    }

    async fn a_body_keeps_its_syntax_and_the_same_text_in_another_is_a_change(world) {
        let old = in_first_syntax(new_prompt(draft("p", "{{a}} {{ B }}")));
        let saved = world.store.create_prompt(&world.library, old.clone(), &by("test")).await.unwrap().prompt;
        assert_eq!(saved.body, old.body);
        let again = Change { body: old.body.clone(), ..change(&saved, "x") };
        let unchanged = world.store.save_prompt(&world.library, &saved.id, again, &by("x")).await.unwrap();
        assert_eq!((unchanged.changed, unchanged.prompt.version), (false, 1));

        let new = world.try_save(&saved, saved.body.content.as_str()).await.unwrap();
        assert_eq!((new.changed, new.prompt.version), (true, 2));
        assert_eq!(new.prompt.body.syntax, Syntax::Second);
        let first = world.store.get_version(&world.library, &saved.id, 1).await.unwrap().unwrap();
        assert_eq!(first.body, old.body);
        let page = PageRequest::default();
        let listed = world.store.list_versions(&world.library, &saved.id, &page).await.unwrap().unwrap();
        let syntaxes: Vec<Syntax> = listed.items.iter().map(|version| version.body.syntax).collect();
        assert_eq!(syntaxes, [Syntax::Second, Syntax::First]);
    }

    async fn every_field_is_read_as_it_was_saved(world) {
        let new = new_prompt(full_draft("p"));
        let saved = world.store.create_prompt(&world.library, new.clone(), &by("test")).await.unwrap().prompt;
        assert_eq!((&saved.name, &saved.body, &saved.id), (&new.name, &new.body, &new.id));
        assert_eq!(world.get(&new.id).await.unwrap(), saved);
        let long = world.create("long", &"€".repeat(65_536 / 3)).await;
        assert_eq!(world.get(&long.id).await.unwrap(), long);
    }

    async fn history_keeps_every_version_as_it_was(world) {
        let mut prompt = world.create("p", "content 1").await;
        for number in 2..=30 {
            prompt = world.save(&prompt, &format!("content {number}")).await;
        }
        world.delete(&prompt).await;
        world.store.undelete_prompt(&world.library, &prompt.id, &by("x")).await.unwrap();
        for number in 1..=30 {
            let version = world.store.get_version(&world.library, &prompt.id, number).await.unwrap().unwrap();
            assert_eq!(version.version, number);
            assert_eq!(version.body.content.as_str(), format!("content {number}"));
            assert_eq!(version.source, if number == 1 { "test" } else { "saver" });
        }
        assert_eq!(world.store.get_version(&world.library, &prompt.id, 31).await.unwrap(), None);
    }

    async fn a_change_of_name_or_favorite_adds_no_version(world) {
        let prompt = world.create("before", "x").await;
        world.create("taken", "y").await;
        let rename = |name: &str| Change {
            name: Some(Name::parse(name).unwrap()),
            favorite: Some(true),
            ..change(&prompt, "x")
        };
        let refused = world.store.save_prompt(&world.library, &prompt.id, rename("taken"), &by("x")).await;
        assert!(matches!(refused, Err(StoreError::NameTaken { .. })));
        assert_eq!(world.get(&prompt.id).await.as_ref(), Some(&prompt));
        let saved = world.store.save_prompt(&world.library, &prompt.id, rename("after"), &by("x")).await.unwrap();
        assert_eq!((saved.prompt.name.as_str(), saved.prompt.version, saved.prompt.favorite), ("after", 1, true));
        assert_eq!(saved.prompt.updated_at, prompt.updated_at);
        world.create("before", "the name is free again").await;
        assert_eq!(world.audit().await[2], "updated after 1 x");
    }

    async fn no_concurrency_exceeds_the_quota(world) {
        let mut crowd = JoinSet::new();
        for number in 0..CROWD {
            let (store, library) = (Arc::clone(&world.store), world.library.clone());
            let new = new_prompt(draft(&format!("p{number}"), "x"));
            crowd.spawn(async move { store.create_prompt(&library, new, &limited(10, "test")).await });
        }
        let (won, lost): (Vec<_>, Vec<_>) = crowd.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (10, CROWD - 10));
        assert!(lost.iter().all(|lost| matches!(lost, Err(StoreError::QuotaExceeded { limit: 10 }))));

        let deleted = world.delete(&won[0].as_ref().unwrap().prompt).await;
        let fits = new_prompt(draft("fits", "x"));
        world.store.create_prompt(&world.library, fits, &limited(10, "test")).await.unwrap();
        let back = world.store.undelete_prompt(&world.library, &deleted.id, &limited(10, "x")).await;
        assert!(matches!(back, Err(StoreError::QuotaExceeded { limit: 10 })));
    }

    async fn above_the_quota_of_prompts_only_what_adds_one_is_refused(world) {
        let (store, library) = (&world.store, &world.library);
        let first = world.create("a", "x").await;
        let second = world.create("b", "x").await;
        let third = world.create("c", "x").await;
        let few = || limited(1, "x");
        let is_over = |refused: Result<Saved, StoreError>| matches!(refused, Err(StoreError::QuotaExceeded { limit: 1 }));
        assert!(is_over(store.create_prompt(library, new_prompt(draft("d", "x")), &few()).await));
        assert_eq!(world.names(&Filter::default(), Sort::Name, 10).await, ["a", "b", "c"]);
        assert_eq!(world.get(&third.id).await.as_ref(), Some(&third));

        // What is there can change and go; it does not come back.
        let saved = store.save_prompt(library, &first.id, change(&first, "y"), &few()).await.unwrap();
        assert_eq!(saved.prompt.version, 2);
        store.delete_prompt(library, &second.id, None, &few()).await.unwrap();
        assert!(is_over(store.undelete_prompt(library, &second.id, &few()).await));
        store.purge_prompt(library, &second.id, &few()).await.unwrap();
        store.prune_versions(library, &first.id, 2, &few()).await.unwrap();
        store.delete_prompt(library, &third.id, None, &few()).await.unwrap();
        assert!(is_over(store.undelete_prompt(library, &third.id, &few()).await), "one is living");
        store.delete_prompt(library, &first.id, None, &few()).await.unwrap();
        store.undelete_prompt(library, &third.id, &few()).await.unwrap();
    }

    async fn a_deletion_frees_the_name_and_can_be_undone_for_thirty_days(world) {
        let old = world.create("p", "old").await;
        let deleted = world.delete(&old).await;
        assert!(deleted.deleted_at.is_some());
        assert_eq!(world.get(&old.id).await, None);
        let by_name = PromptRef::Name(old.name.clone());
        let found = world.store.get_prompt(&world.library, &by_name, Presence::LivingOrDeleted).await.unwrap();
        assert_eq!(found.as_ref(), Some(&deleted));

        let new = world.create("p", "new").await;
        let found = world.store.get_prompt(&world.library, &by_name, Presence::LivingOrDeleted).await.unwrap();
        assert_eq!(found, Some(new.clone()), "a living prompt takes precedence");
        let back = world.store.undelete_prompt(&world.library, &old.id, &by("x")).await;
        assert!(matches!(back, Err(StoreError::NameTaken { .. })));

        world.delete(&new).await;
        world.clock.advance_days(29);
        let back = world.store.undelete_prompt(&world.library, &old.id, &by("x")).await.unwrap();
        assert_eq!((back.changed, back.prompt.deleted_at), (true, None));
        let again = world.store.undelete_prompt(&world.library, &old.id, &by("x")).await.unwrap();
        assert!(!again.changed);
        world.clock.advance_days(2);
        let gone = world.store.undelete_prompt(&world.library, &new.id, &by("x")).await;
        assert!(matches!(gone, Err(StoreError::NotFound)));
        let gone = PromptRef::Id(new.id.clone());
        let gone = world.store.get_prompt(&world.library, &gone, Presence::LivingOrDeleted).await.unwrap();
        assert_eq!(gone, None);
        assert_eq!(world.store.count_library(&world.library).await.unwrap().deleted, 0);
    }

    async fn a_deletion_can_expect_a_version(world) {
        let prompt = world.create("p", "x").await;
        let refused = world.store.delete_prompt(&world.library, &prompt.id, Some(2), &by("x")).await;
        assert!(matches!(refused, Err(StoreError::VersionConflict { current_version: 1 })));
        world.store.delete_prompt(&world.library, &prompt.id, Some(1), &by("x")).await.unwrap();
        let again = world.store.delete_prompt(&world.library, &prompt.id, None, &by("x")).await;
        assert!(matches!(again, Err(StoreError::NotFound)));
    }

    async fn a_repeated_write_returns_the_recorded_result_and_writes_nothing(world) {
        let new = new_prompt(draft("p", "x"));
        let key = keyed("k1", "create");
        let mut crowd = JoinSet::new();
        for _ in 0..20 {
            let (store, library, key) = (Arc::clone(&world.store), world.library.clone(), key.clone());
            // A repetition generates a new id. The result holds the recorded one.
            let new = new_prompt(draft("p", "x"));
            crowd.spawn(async move { store.create_prompt(&library, new, &key).await.unwrap() });
        }
        let saved = crowd.join_all().await;
        assert!(saved.iter().all(|one| *one == saved[0]));
        assert_eq!(world.audit().await.len(), 1);

        let other = world.store.create_prompt(&world.library, new.clone(), &keyed("k1", "other")).await;
        assert!(matches!(other, Err(StoreError::IdempotencyMismatch)));

        let first = saved[0].prompt.clone();
        let save = change(&first, "two");
        let key = keyed("k2", "save");
        let second = world.store.save_prompt(&world.library, &first.id, save.clone(), &key).await.unwrap();
        world.save(&second.prompt, "three").await;
        let replayed = world.store.save_prompt(&world.library, &first.id, save, &key).await.unwrap();
        assert_eq!(replayed.prompt.version, 2);
        assert_eq!(replayed.prompt.body, second.prompt.body);

        let key = keyed("k3", "delete");
        let deleted = world.store.delete_prompt(&world.library, &first.id, None, &key).await.unwrap();
        let replayed = world.store.delete_prompt(&world.library, &first.id, None, &key).await.unwrap();
        assert_eq!(deleted, replayed);
        let recalled = async |key| world.store.recall(&world.library, &keyed(key, "delete").idempotency.unwrap()).await;
        assert_eq!(recalled("k3").await.unwrap(), Some(deleted));
        assert_eq!(recalled("k4").await.unwrap(), None);
        assert!(matches!(recalled("k2").await, Err(StoreError::IdempotencyMismatch)));
        assert_eq!(world.audit().await.len(), 4);
    }

    async fn a_failed_write_is_not_recorded(world) {
        world.create("p", "x").await;
        let key = keyed("k", "create");
        let refused = world.store.create_prompt(&world.library, new_prompt(draft("p", "y")), &key).await;
        assert!(matches!(refused, Err(StoreError::NameTaken { .. })));
        let mended = world.store.create_prompt(&world.library, new_prompt(draft("q", "y")), &key).await;
        assert!(mended.unwrap().changed);
    }

    async fn uses_are_added_up_and_change_nothing_else(world) {
        use promptdb::domain::Timestamp;
        use promptdb::store::Use;
        let prompt = world.create("p", "x").await;
        let used = |count, at| vec![Use { id: prompt.id.clone(), count, last_used_at: Timestamp::from_millis(at) }];
        world.store.record_uses(&world.library, &used(3, 2000)).await.unwrap();
        world.store.record_uses(&world.library, &used(2, 1000)).await.unwrap();
        let after = world.get(&prompt.id).await.unwrap();
        assert_eq!((after.use_count, after.last_used_at), (5, Some(Timestamp::from_millis(2000))));
        assert_eq!((after.version, after.updated_at), (prompt.version, prompt.updated_at));
        assert_eq!(world.audit().await.len(), 1);
    }
}
