//! Laws of listings: order, complete pages without repetition, filters, history.

use std::collections::BTreeSet;

use promptdb::domain::Timestamp;
use promptdb::domain::draft::Draft;
use promptdb::domain::paging::{Cursor, Limit, PageRequest};
use promptdb::domain::prompt::Tag;
use promptdb::store::{Change, Filter, Sort, StoreError, Use};

use crate::store_contract::{by, change, laws};
use crate::support::{draft, full_draft};

laws! {
    async fn every_order_is_total_and_every_page_size_lists_each_prompt_once(world) {
        for number in 0..25 {
            let prompt = world.create(&format!("p{:02}", (number * 7) % 25), "x").await;
            let uses = vec![Use { id: prompt.id, count: number % 3, last_used_at: Timestamp::from_millis(1) }];
            world.store.record_uses(&world.library, &uses).await.unwrap();
        }
        for sort in [Sort::Recent, Sort::Name, Sort::Used] {
            let all = world.names(&Filter::default(), sort, 100).await;
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 25, "{sort:?}");
            for limit in [1, 3, 25] {
                assert_eq!(world.names(&Filter::default(), sort, limit).await, all, "{sort:?} {limit}");
            }
        }
        let by_name = world.names(&Filter::default(), Sort::Name, 100).await;
        assert!(by_name.is_sorted());
        let recent = world.names(&Filter::default(), Sort::Recent, 100).await;
        assert_eq!(recent[0], format!("p{:02}", (24 * 7) % 25));
    }

    async fn paging_by_latest_save_neither_skips_nor_repeats_while_prompts_are_saved(world) {
        let mut prompts = Vec::new();
        for number in 0..30 {
            prompts.push(world.create(&format!("p{number:02}"), "x").await);
        }
        let (mut seen, mut cursor, mut round) = (Vec::new(), None, 0);
        loop {
            let page = world.page(&Filter::default(), Sort::Recent, 4, cursor).await;
            seen.extend(page.items.iter().map(|prompt| prompt.name.to_string()));
            // Save a listed prompt, two that later pages list, one of them repeatedly, and a new one.
            for index in [29 - round, round, round + 1, 0] {
                let current = world.get(&prompts[index].id).await.unwrap();
                world.save(&current, &format!("saved in round {round}, {index}")).await;
            }
            world.create(&format!("new{round}"), "x").await;
            round += 1;
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let expected: Vec<String> = prompts.iter().rev().map(|prompt| prompt.name.to_string()).collect();
        assert_eq!(seen, expected);
    }

    async fn paging_by_name_neither_skips_nor_repeats_during_writes(world) {
        for number in 0..20 {
            world.create(&format!("p{number:02}"), "x").await;
        }
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page = world.page(&Filter::default(), Sort::Name, 3, cursor).await;
            let last = page.items.last().unwrap().clone();
            seen.extend(page.items.into_iter().map(|prompt| prompt.name.to_string()));
            world.create(&format!("{}-a", last.name), "new, after the page").await;
            world.save(&last, "changed").await;
            world.delete(&last).await;
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let old: Vec<&String> = seen.iter().filter(|name| !name.ends_with("-a")).collect();
        assert_eq!(old.len(), 20);
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len());
    }

    async fn deleted_prompts_have_a_listing_of_their_own_latest_deletion_first(world) {
        let mut expected = Vec::new();
        for number in 0..5 {
            let prompt = world.create(&format!("p{number}"), "x").await;
            world.delete(&prompt).await;
            expected.insert(0, prompt.name.to_string());
        }
        world.create("alive", "x").await;
        let deleted = Filter { deleted: true, ..Filter::default() };
        for limit in [1, 2, 100] {
            assert_eq!(world.names(&deleted, Sort::Recent, limit).await, expected);
        }
        assert_eq!(world.names(&Filter::default(), Sort::Recent, 2).await, ["alive"]);
    }

    async fn filters_narrow_every_listing(world) {
        world.create_draft(full_draft("tagged")).await;
        let marked = world.create("marked", "x").await;
        let mark = Change { favorite: Some(true), ..change(&marked, "x") };
        world.store.save_prompt(&world.library, &marked.id, mark, &by("x")).await.unwrap();
        let tag = |tag: &str| Filter { tag: Some(Tag::parse(tag).unwrap()), ..Filter::default() };
        let favorite = |is| Filter { favorite: Some(is), ..Filter::default() };
        for sort in [Sort::Recent, Sort::Name, Sort::Used] {
            assert_eq!(world.names(&tag("a-tag"), sort, 1).await, ["tagged"]);
            assert!(world.names(&tag("a-ta"), sort, 1).await.is_empty());
            assert_eq!(world.names(&favorite(true), sort, 1).await, ["marked"]);
            assert_eq!(world.names(&favorite(false), sort, 1).await, ["tagged"]);
        }
    }

    async fn a_tag_disappears_with_its_last_prompt(world) {
        let prompt = world.create_draft(full_draft("p")).await;
        let tags = |prefix: &'static str| async move {
            let tags = world.store.list_tags(&world.library, prefix, 10).await.unwrap();
            tags.iter().map(Tag::to_string).collect::<Vec<_>>()
        };
        assert_eq!(tags("").await, ["a-tag", "b-tag"]);
        assert_eq!(tags("b").await, ["b-tag"]);
        world.delete(&prompt).await;
        assert!(tags("").await.is_empty());
        world.store.undelete_prompt(&world.library, &prompt.id, &by("x")).await.unwrap();
        assert_eq!(tags("a").await, ["a-tag"]);
    }

    async fn each_tag_has_the_number_of_its_living_prompts(world) {
        let store = &world.store;
        let both = world.create_draft(full_draft("p")).await;
        let mut one = draft("q", "x");
        one.tags = Some(vec!["a-tag".to_owned()]);
        let one = world.create_draft(one).await;
        let counts = |after: Option<&'static str>, most| async move {
            let after = after.map(|tag| Tag::parse(tag).unwrap());
            let counts = store.count_tags(&world.library, after.as_ref(), most).await.unwrap();
            counts.iter().map(|tag| format!("{} {}", tag.tag, tag.count)).collect::<Vec<_>>()
        };
        assert_eq!(counts(None, 10).await, ["a-tag 2", "b-tag 1"]);
        assert_eq!(counts(None, 1).await, ["a-tag 2"]);
        assert_eq!(counts(Some("a-tag"), 10).await, ["b-tag 1"]);
        assert!(counts(Some("b-tag"), 10).await.is_empty());
        // What counts is the current version.
        let (_, body) = Draft { tags: Some(vec!["c".to_owned()]), ..Draft::default() }.amend(&one.body).unwrap();
        let change = Change { body, ..change(&one, "x") };
        store.save_prompt(&world.library, &one.id, change, &by("x")).await.unwrap();
        assert_eq!(counts(None, 10).await, ["a-tag 1", "b-tag 1", "c 1"]);
        world.delete(&both).await;
        assert_eq!(counts(None, 10).await, ["c 1"]);
    }

    async fn a_cursor_is_valid_for_its_own_listing_only(world) {
        for number in 0..3 {
            world.create(&format!("p{number}"), "x").await;
        }
        let next = world.page(&Filter::default(), Sort::Name, 1, None).await.next;
        for (sort, cursor) in [
            (Sort::Recent, next.clone()),
            (Sort::Used, next),
            (Sort::Recent, Some(Cursor::from_text("garbage".to_owned()))),
            (Sort::Recent, Some(Cursor::from_text(String::new()))),
            (Sort::Recent, Some(Cursor::encode("recent", &["x", "y"]))),
            (Sort::Name, Some(Cursor::encode("name", &[]))),
        ] {
            let page = PageRequest { limit: Limit::MAX, cursor };
            let listed = world.store.list_prompts(&world.library, &Filter::default(), sort, &page).await;
            assert!(matches!(listed, Err(StoreError::InvalidCursor)), "{sort:?} {:?}", page.cursor);
        }
        let extreme = Cursor::encode("recent", &["9223372036854775807", "-9223372036854775808"]);
        let page = PageRequest { limit: Limit::MAX, cursor: Some(extreme) };
        let listed = world.store.list_prompts(&world.library, &Filter::default(), Sort::Recent, &page).await;
        assert!(listed.unwrap().items.is_empty());
    }

    async fn history_is_listed_in_pages_newest_first(world) {
        let mut prompt = world.create("p", "content 1").await;
        for number in 2..=7 {
            prompt = world.save(&prompt, &format!("content {number}")).await;
        }
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let request = PageRequest { limit: Limit::parse(3).unwrap(), cursor };
            let page = world.store.list_versions(&world.library, &prompt.id, &request).await.unwrap().unwrap();
            seen.extend(page.items.into_iter().map(|version| version.version));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
        let deleted = world.delete(&prompt).await;
        let all = PageRequest { limit: Limit::MAX, cursor: None };
        let still = world.store.list_versions(&world.library, &deleted.id, &all).await.unwrap();
        assert_eq!(still.unwrap().items.len(), 7, "a deleted prompt keeps its history");
    }

    async fn a_listing_by_oldest_save_lists_each_prompt_once_during_saves(world) {
        let mut prompts = Vec::new();
        for number in 0..6 {
            prompts.push(world.create(&format!("p{number}"), "x").await);
        }
        world.save(&prompts[0], "y").await;
        let first = world.page(&Filter::default(), Sort::Oldest, 2, None).await;
        world.save(&prompts[1], "y").await;
        world.save(&prompts[4], "y").await;
        let (mut names, mut cursor) = (Vec::new(), first.next);
        names.extend(first.items.iter().map(|prompt| prompt.name.to_string()));
        while cursor.is_some() {
            let page = world.page(&Filter::default(), Sort::Oldest, 2, cursor).await;
            names.extend(page.items.iter().map(|prompt| prompt.name.to_string()));
            cursor = page.next;
        }
        assert_eq!(names, ["p1", "p2", "p3", "p4", "p5", "p0"]);
        assert_eq!(world.names(&Filter::default(), Sort::Oldest, 2).await, ["p2", "p3", "p5", "p0", "p1", "p4"]);
    }
}
