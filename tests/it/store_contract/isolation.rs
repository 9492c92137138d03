//! The law of isolation, for every method: no call returns or changes another owner's data.

use promptdb::domain::Timestamp;
use promptdb::domain::paging::{Limit, PageRequest};
use promptdb::domain::prompt::PromptRef;
use promptdb::domain::ranking::Query;
use promptdb::store::{Filter, Presence, Search, Sort, StoreError, Use};

use super::candidates::new_candidate;
use super::{EMPTY, by, change, keyed, laws, library_of, limited, new_prompt};
use crate::support::{draft, full_draft};

laws! {
    async fn another_owner_sees_and_changes_nothing(world) {
        let mine = world.create_draft(full_draft("mine")).await;
        let gone = world.create("gone", "deleted words").await;
        let gone = world.delete(&gone).await;
        let candidate = world.store.add_candidates(&world.library, vec![new_candidate("waiting")], &by("x")).await.unwrap().remove(0);
        let before = (world.get(&mine.id).await, world.audit().await);

        let (store, thief) = (&world.store, library_of("user_bob"));
        let not_found = |outcome: &Result<_, StoreError>| matches!(outcome, Err(StoreError::NotFound));
        for id in [&mine.id, &gone.id] {
            assert!(not_found(&store.save_prompt(&thief, id, change(&mine, "x"), &by("t")).await));
            assert!(not_found(&store.delete_prompt(&thief, id, None, &by("t")).await));
            assert!(not_found(&store.undelete_prompt(&thief, id, &by("t")).await));
            let id = PromptRef::Id(id.clone());
            assert_eq!(store.get_prompt(&thief, &id, Presence::LivingOrDeleted).await.unwrap(), None);
        }
        let name = PromptRef::Name(mine.name.clone());
        assert_eq!(store.get_prompt(&thief, &name, Presence::LivingOrDeleted).await.unwrap(), None);
        assert_eq!(store.get_version(&thief, &mine.id, 1).await.unwrap(), None);
        let all = PageRequest { limit: Limit::MAX, cursor: None };
        assert_eq!(store.list_versions(&thief, &mine.id, &all).await.unwrap(), None);
        for deleted in [false, true] {
            let filter = Filter { deleted, ..Filter::default() };
            for sort in [Sort::Recent, Sort::Name, Sort::Used] {
                assert!(store.list_prompts(&thief, &filter, sort, &all).await.unwrap().items.is_empty());
            }
        }
        for search in [
            Search::by_words(Query::parse("mine").unwrap()),
            Search::by_words(Query::parse("line one").unwrap()),
            Search::Alike { words: vec!["line".to_owned(), "mine".to_owned()], meaning: None, most: 20 },
        ] {
            assert!(store.search_prompts(&thief, &search, &Filter::default()).await.unwrap().matches.is_empty());
        }
        assert!(store.list_audit(&thief, &all).await.unwrap().items.is_empty());
        assert!(store.list_tags(&thief, "", 10).await.unwrap().is_empty());
        assert!(store.count_tags(&thief, None, 10).await.unwrap().is_empty());
        assert!(store.list_clients(&thief).await.unwrap().is_empty());
        assert_eq!(store.count_library(&thief).await.unwrap(), EMPTY);
        let uses = vec![Use { id: mine.id.clone(), count: 9, last_used_at: Timestamp::from_millis(1) }];
        store.record_uses(&thief, &uses).await.unwrap();

        assert!(store.list_candidates(&thief, &all).await.unwrap().items.is_empty());
        assert_eq!(store.get_candidate(&thief, &candidate.id).await.unwrap(), None);
        assert!(matches!(store.reject_candidate(&thief, &candidate.id, &by("t")).await, Err(StoreError::NotFound)));
        let mut accepting = by("t");
        accepting.accepts = Some(candidate.id.clone());
        assert!(not_found(&store.create_prompt(&thief, new_prompt(draft("loot", "x")), &accepting).await));
        assert_eq!(store.count_library(&thief).await.unwrap().prompts, 0, "nothing was written");

        assert_eq!((world.get(&mine.id).await, world.audit().await), before);
        assert_eq!(store.get_candidate(&world.library, &candidate.id).await.unwrap(), Some(candidate));
    }

    async fn a_foreign_cursor_lists_nothing_foreign(world) {
        for number in 0..4 {
            world.create(&format!("p{number}"), "x").await;
        }
        let thief = library_of("user_bob");
        for sort in [Sort::Recent, Sort::Name, Sort::Used] {
            let cursor = world.page(&Filter::default(), sort, 1, None).await.next;
            let page = PageRequest { limit: Limit::MAX, cursor };
            let listed = world.store.list_prompts(&thief, &Filter::default(), sort, &page).await.unwrap();
            assert!(listed.items.is_empty());
        }
    }

    async fn names_quotas_and_keys_are_each_owners_own(world) {
        world.create("shared", "mine").await;
        let other = library_of("user_bob");
        let write = keyed("key", "a");
        let new = new_prompt(draft("shared", "theirs"));
        let theirs = world.store.create_prompt(&other, new, &limited(1, "test")).await.unwrap().prompt;
        let key = write.idempotency.clone().unwrap();
        assert_eq!(world.store.recall(&world.library, &key).await.unwrap(), None);
        let mine = new_prompt(draft("keyed", "mine"));
        let mine = world.store.create_prompt(&world.library, mine, &write).await.unwrap();
        assert!(mine.changed && mine.prompt.id != theirs.id);
    }

    async fn owners_that_resemble_each_other_are_kept_apart(world) {
        world.create("p", "findable words").await;
        for almost in ["user_an", "user_ann2", "USER_ANN", "user-ann", "user%5Fann", "*", "\""] {
            let other = library_of(almost);
            let search = Search::by_words(Query::parse("findable").unwrap());
            let found = world.store.search_prompts(&other, &search, &Filter::default()).await.unwrap().matches;
            assert!(found.is_empty(), "{almost}");
        }
    }
}
