//! Laws of removal for good: permanent deletion, the trash, pruning.

use promptdb::domain::identity::LibraryId;
use promptdb::domain::paging::{Limit, PageRequest};
use promptdb::domain::prompt::{Name, Prompt, PromptRef};
use promptdb::domain::ranking::Query;
use promptdb::store::{Filter, Presence, Removed, Search, Sort, StoreError};

use crate::store_contract::{World, by, laws, library_of, new_prompt};
use crate::support::{draft, full_draft};

/// Asserts that no method finds a prompt.
async fn assert_gone(world: &World, prompt: &Prompt) {
    let (store, library) = (&world.store, &world.library);
    for reference in [PromptRef::Id(prompt.id.clone()), PromptRef::Name(prompt.name.clone())] {
        let found = store.get_prompt(library, &reference, Presence::LivingOrDeleted).await.unwrap();
        assert_eq!(found, None);
    }
    assert_eq!(store.get_version(library, &prompt.id, 1).await.unwrap(), None);
    let page = PageRequest { limit: Limit::MAX, cursor: None };
    assert_eq!(store.list_versions(library, &prompt.id, &page).await.unwrap(), None);
    let deleted = Filter { deleted: true, ..Filter::default() };
    assert!(!world.names(&deleted, Sort::Recent, 100).await.contains(&prompt.name.to_string()));
    let restored = store.undelete_prompt(library, &prompt.id, &by("x")).await;
    assert!(matches!(restored, Err(StoreError::NotFound)));
    let again = store.purge_prompt(library, &prompt.id, &by("x")).await;
    assert!(matches!(again, Err(StoreError::NotFound)));
}

async fn empty_trash(world: &World, library: &LibraryId) -> u64 {
    let mut count = 0;
    loop {
        let Removed { count: more, has_more } =
            world.store.empty_trash(library, &by("owner")).await.unwrap();
        count += more;
        if !has_more {
            return count;
        }
    }
}

async fn prune(world: &World, prompt: &Prompt, before: u32) -> u64 {
    let mut count = 0;
    loop {
        let pruned = world
            .store
            .prune_versions(&world.library, &prompt.id, before, &by("owner"))
            .await
            .unwrap();
        count += pruned.count;
        if !pruned.has_more {
            return count;
        }
    }
}

async fn held(world: &World) -> u64 {
    world.store.count_library(&world.library).await.unwrap().bytes.unwrap()
}

async fn kept_versions(world: &World, prompt: &Prompt) -> Vec<u32> {
    let page = PageRequest { limit: Limit::MAX, cursor: None };
    let page = world.store.list_versions(&world.library, &prompt.id, &page).await.unwrap().unwrap();
    page.items.iter().map(|version| version.version).collect()
}

laws! {
    async fn a_purged_prompt_is_unknown_to_every_method_and_gives_its_bytes_back(world) {
        let kept = world.create("kept", "findable").await;
        let before = held(world).await;
        let prompt = world.create_draft(full_draft("gone")).await;
        let prompt = world.save(&prompt, "findable too").await;
        let (store, library) = (&world.store, &world.library);
        let living = store.purge_prompt(library, &prompt.id, &by("owner")).await;
        assert!(matches!(living, Err(StoreError::NotDeleted)));
        let foreign = store.purge_prompt(&library_of("user_bob"), &prompt.id, &by("owner")).await;
        assert!(matches!(foreign, Err(StoreError::NotFound)));
        world.delete(&prompt).await;
        assert!(held(world).await > before, "a deleted prompt counts");

        store.purge_prompt(library, &prompt.id, &by("owner")).await.unwrap();

        assert_gone(world, &prompt).await;
        assert_eq!(held(world).await, before);
        assert_eq!(store.count_library(library).await.unwrap().deleted, 0);
        let search = Search::by_words(Query::parse("findable").unwrap());
        let found = store.search_prompts(library, &search, &Filter::default()).await.unwrap().into_prompts();
        assert_eq!(found, [kept]);
        assert_eq!(world.audit().await, [
            "created kept 1 test", "created - 1 test", "saved - 2 saver", "deleted - 2 deleter", "purged - 2 owner",
        ]);
    }

    async fn a_purged_name_can_be_used_again(world) {
        let prompt = world.create("p", "x").await;
        world.delete(&prompt).await;
        world.store.purge_prompt(&world.library, &prompt.id, &by("owner")).await.unwrap();
        let again = world.create("p", "x").await;
        assert_ne!(again.id, prompt.id);
        assert_eq!(world.audit().await.last().unwrap(), "created p 1 test");
    }

    async fn the_trash_is_emptied_of_deleted_prompts_alone(world) {
        let living = world.create("living", "x").await;
        let before = held(world).await;
        let mut deleted = Vec::new();
        for number in 0..5 {
            let prompt = world.create(&format!("gone{number}"), "text").await;
            deleted.push(world.delete(&prompt).await);
        }
        let other = library_of("user_bob");
        let theirs = world.store.create_prompt(&other, new_prompt(draft("p", "x")), &by("x")).await.unwrap().prompt;
        world.store.delete_prompt(&other, &theirs.id, None, &by("x")).await.unwrap();

        assert_eq!(empty_trash(world, &world.library).await, 5);

        for prompt in &deleted {
            assert_gone(world, prompt).await;
        }
        assert_eq!(held(world).await, before);
        assert_eq!(world.get(&living.id).await, Some(living));
        assert_eq!(world.store.count_library(&other).await.unwrap().deleted, 1);
        let purged = world.audit().await.iter().filter(|line| *line == "purged - 1 owner").count();
        assert_eq!(purged, 5);
        assert_eq!(empty_trash(world, &world.library).await, 0);
    }

    async fn pruned_versions_are_gone_and_the_current_one_stays(world) {
        let mut prompt = world.create("p", "content 1").await;
        for number in 2..=6 {
            prompt = world.save(&prompt, &format!("content {number}")).await;
        }
        let all = held(world).await;
        assert_eq!(prune(world, &prompt, 4).await, 3);
        assert_eq!(kept_versions(world, &prompt).await, [6, 5, 4]);
        assert!(held(world).await < all);
        for number in 1..=6 {
            let version = world.store.get_version(&world.library, &prompt.id, number).await.unwrap();
            assert_eq!(version.is_some(), number >= 4, "{number}");
        }
        assert_eq!(world.audit().await.last().unwrap(), "pruned p 6 owner");
        assert_eq!(prune(world, &prompt, 4).await, 0, "idempotent");
        assert_eq!(prune(world, &prompt, 99).await, 2);
        assert_eq!(kept_versions(world, &prompt).await, [6]);
        assert_eq!(world.get(&prompt.id).await.as_ref(), Some(&prompt));
        assert_eq!(held(world).await, prompt.body.bytes());

        let saved = world.save(&prompt, "content 7").await;
        assert_eq!(kept_versions(world, &saved).await, [7, 6]);
        let foreign = world.store.prune_versions(&library_of("user_bob"), &prompt.id, 7, &by("x")).await;
        assert!(matches!(foreign, Err(StoreError::NotFound)));
        world.delete(&saved).await;
        let deleted = world.store.prune_versions(&world.library, &prompt.id, 7, &by("x")).await;
        assert!(matches!(deleted, Err(StoreError::NotFound)), "only of a living prompt");
    }

    async fn two_deletions_of_one_name_are_told_apart(world) {
        let name = Name::parse("p").unwrap();
        let deleted = async || world.store.list_deleted_ids(&world.library, &name, 2).await.unwrap();
        let first = world.create("p", "one").await;
        world.delete(&first).await;
        let living = world.create("p", "living").await;
        assert_eq!(deleted().await, std::slice::from_ref(&first.id));
        let second = world.create("q", "two").await;
        world.delete(&second).await;
        assert_eq!(deleted().await.len(), 1, "another name");
        world.clock.tick();
        world.delete(&living).await;
        assert_eq!(deleted().await, [living.id.clone(), first.id.clone()], "the latest deletion first");
        world.clock.tick();
        let third = world.create("p", "three").await;
        world.delete(&third).await;
        assert_eq!(deleted().await, [third.id.clone(), living.id.clone()], "as many as are asked for");
        for prompt in [&first, &third] {
            world.store.purge_prompt(&world.library, &prompt.id, &by("x")).await.unwrap();
        }
        assert_eq!(deleted().await, [living.id]);
    }
}
