//! Laws of accounts: creation on first use, erasure, ended sessions.

use promptdb::domain::Clock;
use promptdb::domain::identity::{Channel, Client, LibraryId, UserId};
use promptdb::domain::paging::{Limit, PageRequest};
use promptdb::domain::prompt::{PromptRef, Tag};
use promptdb::domain::ranking::Query;
use promptdb::store::{ClientCall, ERASURE_DAYS, Filter, Presence, Search, Sort, StoreError};

use super::candidates::new_candidate;
use super::{EMPTY, by, keyed, laws, library_of, new_prompt};
use crate::support::{draft, full_draft};

laws! {
    async fn concurrent_first_uses_create_one_account(world) {
        let calls = (0..8).map(|_| {
            world.clock.tick();
            let (store, user) = (world.store.clone(), world.user.clone());
            tokio::spawn(async move { store.ensure_account(&user).await.unwrap() })
        });
        let mut accounts = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            accounts.push(call.await.unwrap());
        }
        accounts.dedup();
        assert_eq!(accounts.len(), 1);
        world.clock.advance_days(1);
        assert_eq!(world.store.ensure_account(&world.user).await.unwrap(), accounts[0]);
    }

    async fn erasure_removes_all_data_of_its_owner_and_of_no_other(world) {
        let store = &world.store;
        let other = library_of("user_bob");
        store.ensure_account(&world.user).await.unwrap();
        let theirs = store.create_prompt(&other, new_prompt(full_draft("kept")), &by("x")).await.unwrap().prompt;
        let living = world.create_draft(full_draft("living")).await;
        let living = world.save(&living, "second text").await;
        let deleted = world.create("deleted", "findable").await;
        world.delete(&deleted).await;
        store.add_candidates(&world.library, vec![new_candidate("waiting")], &by("x")).await.unwrap();
        store.end_session(&world.user, "session_1").await.unwrap();
        let seen = ClientCall { name: Client::named("cursor"), via: Channel::Mcp, at: world.clock.now() };
        for library in [&world.library, &other] {
            store.record_clients(library, std::slice::from_ref(&seen)).await.unwrap();
        }

        store.erase_account(&world.user).await.unwrap();

        let all = PageRequest { limit: Limit::MAX, cursor: None };
        for prompt in [&living, &deleted] {
            let id = PromptRef::Id(prompt.id.clone());
            assert_eq!(store.get_prompt(&world.library, &id, Presence::LivingOrDeleted).await.unwrap(), None);
            assert_eq!(store.get_version(&world.library, &prompt.id, 1).await.unwrap(), None);
        }
        assert!(world.names(&Filter::default(), Sort::Recent, 100).await.is_empty());
        assert!(world.names(&Filter { tag: Some(Tag::parse("a-tag").unwrap()), ..Filter::default() }, Sort::Name, 100).await.is_empty());
        let search = Search::by_words(Query::parse("second text").unwrap());
        assert!(store.search_prompts(&world.library, &search, &Filter::default()).await.unwrap().matches.is_empty());
        assert!(store.list_tags(&world.library, "", 10).await.unwrap().is_empty());
        assert!(store.list_candidates(&world.library, &all).await.unwrap().items.is_empty());
        assert!(world.audit().await.is_empty());
        assert!(store.list_clients(&world.library).await.unwrap().is_empty());
        assert_eq!(store.list_clients(&other).await.unwrap().len(), 1);
        assert_eq!(store.count_library(&world.library).await.unwrap(), EMPTY);
        assert!(!store.is_session_ended(&world.user, "session_1").await.unwrap());

        let kept = PromptRef::Id(theirs.id.clone());
        assert_eq!(store.get_prompt(&other, &kept, Presence::Living).await.unwrap(), Some(theirs));
        assert_eq!(store.list_audit(&other, &all).await.unwrap().items.len(), 1);
        let search = Search::by_words(Query::parse("line one").unwrap());
        assert_eq!(store.search_prompts(&other, &search, &Filter::default()).await.unwrap().matches.len(), 1);
    }

    async fn nothing_brings_an_erased_account_back(world) {
        let store = &world.store;
        store.erase_account(&world.user).await.unwrap();
        store.erase_account(&world.user).await.unwrap();
        let erased = |error: StoreError| assert!(matches!(error, StoreError::AccountErased), "{error:?}");
        erased(store.ensure_account(&world.user).await.unwrap_err());
        let new = || new_prompt(draft("late", "x"));
        erased(store.create_prompt(&world.library, new(), &by("x")).await.unwrap_err());
        erased(store.create_prompt(&world.library, new(), &keyed("key", "a")).await.unwrap_err());
        let candidates = vec![new_candidate("late")];
        erased(store.add_candidates(&world.library, candidates, &by("x")).await.unwrap_err());
        let late = ClientCall { name: Client::named("late"), via: Channel::Mcp, at: world.clock.now() };
        store.record_clients(&world.library, &[late]).await.unwrap();
        assert!(store.list_clients(&world.library).await.unwrap().is_empty());
        world.clock.advance_days(ERASURE_DAYS - 1);
        erased(store.ensure_account(&world.user).await.unwrap_err());
        assert_eq!(store.count_library(&world.library).await.unwrap(), EMPTY);
    }

    async fn after_an_erasure_the_local_user_can_save_again_and_sessions_stay_ended(world) {
        let (store, local) = (&world.store, UserId::local());
        let library = LibraryId::of_user(&local);
        let new = || new_prompt(draft("p", "x"));
        store.create_prompt(&library, new(), &by("x")).await.unwrap();
        store.end_session(&local, "session_1").await.unwrap();
        store.erase_account(&local).await.unwrap();
        assert_eq!(store.count_library(&library).await.unwrap(), EMPTY);
        assert!(store.is_session_ended(&local, "session_1").await.unwrap());
        store.create_prompt(&library, new(), &by("x")).await.unwrap();
    }

    async fn a_session_ends_for_its_owner_alone(world) {
        let (store, other) = (&world.store, UserId::parse("user_bob").unwrap());
        assert!(!store.is_session_ended(&world.user, "session_1").await.unwrap());
        for _ in 0..2 {
            store.end_session(&world.user, "session_1").await.unwrap();
        }
        assert!(store.is_session_ended(&world.user, "session_1").await.unwrap());
        assert!(!store.is_session_ended(&world.user, "session_2").await.unwrap());
        assert!(!store.is_session_ended(&other, "session_1").await.unwrap());
        assert!(world.audit().await.is_empty());
    }
}
