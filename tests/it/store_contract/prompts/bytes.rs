//! Laws of bytes: the quota of a library, the limit of a body, the size of a page.

use std::sync::Arc;

use promptdb::domain::Timestamp;
use promptdb::domain::draft::{Draft, VariableDraft};
use promptdb::domain::paging::{Limit, PAGE_MAX_BYTES, Page, PageRequest};
use promptdb::domain::plan::Quota;
use promptdb::domain::prompt::{BODY_MAX_BYTES, PromptId, Version};
use promptdb::store::{
    Change, Filter, ImportedPrompt, NewCandidate, Sort, StoreError, WriteContext,
};
use tokio::task::JoinSet;

use crate::store_contract::candidates::new_candidate;
use crate::store_contract::{World, by, change, laws, new_prompt};
use crate::support::{checked, draft, full_draft};

/// A write to a library of at most so many bytes.
fn within(bytes: u64) -> WriteContext {
    WriteContext { quota: Quota { prompts: None, bytes: Some(bytes) }, ..by("test") }
}

async fn held(world: &World) -> u64 {
    world.store.count_library(&world.library).await.unwrap().bytes.unwrap()
}

fn is_over<T>(outcome: &Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::BytesExceeded { .. }))
}

/// A draft with a body of exactly `bytes` bytes, most of them in defaults.
fn large_draft(name: &str, bytes: u64) -> Draft {
    let names: Vec<String> = (0..40).map(|number| format!("v{number}")).collect();
    let content: Vec<String> = names.iter().map(|name| format!("{{{{{name}}}}}")).collect();
    let content = content.concat();
    let mut left = usize::try_from(bytes).unwrap();
    left -= content.len() + names.iter().map(String::len).sum::<usize>() + "Large".len();
    let variables = names.into_iter().map(|name| {
        let default = "d".repeat(left.min(4096));
        left -= default.len();
        VariableDraft { name, description: None, default: Some(default) }
    });
    let variables = variables.collect();
    Draft { title: Some("Large".to_owned()), variables: Some(variables), ..draft(name, &content) }
}

laws! {
    async fn every_byte_of_every_version_and_candidate_counts(world) {
        let (store, library) = (&world.store, &world.library);
        assert_eq!(held(world).await, 0);
        let first = world.create_draft(full_draft("p")).await;
        let mut expected = first.body.bytes();
        assert_eq!(held(world).await, expected);
        let second = world.save(&first, "another content").await;
        expected += second.body.bytes();
        assert_eq!(held(world).await, expected);
        world.try_save(&second, "another content").await.unwrap();
        world.delete(&second).await;
        assert_eq!(held(world).await, expected, "neither an equal save nor a deletion");
        store.undelete_prompt(library, &first.id, &by("x")).await.unwrap();
        let candidates: Vec<NewCandidate> = (0..2).map(|number| new_candidate(&format!("c{number}"))).collect();
        store.add_candidates(library, candidates.clone(), &by("x")).await.unwrap();
        assert_eq!(held(world).await, expected + 2 * candidates[0].body.bytes());
        store.reject_candidate(library, &candidates[0].id, &by("x")).await.unwrap();
        let accepting = WriteContext { accepts: Some(candidates[1].id.clone()), ..by("x") };
        let accepted = store.create_prompt(library, new_prompt(draft("accepted", "short")), &accepting).await.unwrap().prompt;
        expected += accepted.body.bytes();
        assert_eq!(held(world).await, expected);

        let (name, body) = checked(full_draft("imported"));
        let version = Version { version: 1, body, source: "x".to_owned(), created_at: Timestamp::from_millis(1) };
        expected += 3 * version.body.bytes();
        let more = [2, 3].map(|number| Version { version: number, ..version.clone() }).to_vec();
        let new = ImportedPrompt {
            id: PromptId::random(), name, favorite: false, deleted_at: None, use_count: 0, last_used_at: None,
            versions: vec![version],
        };
        let imported = store.import_prompt(library, new, &by("x")).await.unwrap().prompt;
        store.append_versions(library, &imported.id, more, &by("x")).await.unwrap();
        assert_eq!(held(world).await, expected);
        store.erase_account(&world.user).await.unwrap();
        assert_eq!(held(world).await, 0);
    }

    async fn no_concurrency_exceeds_the_quota_of_bytes(world) {
        let size = new_prompt(draft("p00", "ten bytes.")).body.bytes();
        let mut crowd = JoinSet::new();
        for number in 0..40 {
            let (store, library) = (Arc::clone(&world.store), world.library.clone());
            let new = new_prompt(draft(&format!("p{number:02}"), "ten bytes."));
            crowd.spawn(async move { store.create_prompt(&library, new, &within(10 * size + size - 1)).await });
        }
        let (won, lost): (Vec<_>, Vec<_>) = crowd.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (10, 30));
        assert!(lost.iter().all(is_over), "{lost:?}");
        assert_eq!(held(world).await, 10 * size);
        assert_eq!(world.audit().await.len(), 10, "a refusal writes nothing");
    }

    async fn above_the_quota_only_what_adds_is_refused(world) {
        let (store, library) = (&world.store, &world.library);
        let prompt = world.create("p", "a content of some length").await;
        let other = world.create("other", "x").await;
        let candidate = new_candidate("c");
        store.add_candidates(library, vec![candidate.clone()], &by("x")).await.unwrap();
        let full = || within(1);
        let before = held(world).await;

        let new = || new_prompt(draft("new", "x"));
        assert!(is_over(&store.create_prompt(library, new(), &full()).await));
        assert!(is_over(&store.save_prompt(library, &prompt.id, change(&prompt, "y"), &full()).await), "a save adds a version");
        assert!(is_over(&store.add_candidates(library, vec![new_candidate("d")], &full()).await));
        let (name, body) = checked(draft("imported", "x"));
        let version = Version { version: 1, body, source: "x".to_owned(), created_at: Timestamp::from_millis(1) };
        let import = |deleted_at| ImportedPrompt {
            id: PromptId::random(), name: name.clone(), favorite: false, deleted_at, use_count: 0,
            last_used_at: None, versions: vec![version.clone()],
        };
        let now = promptdb::domain::Clock::now(&*world.clock);
        for deleted_at in [None, Some(now)] {
            let imported = store.import_prompt(library, import(deleted_at), &full()).await;
            assert!(is_over(&imported), "deleted at {deleted_at:?}");
        }
        let more = vec![Version { version: 2, ..version.clone() }];
        assert!(is_over(&store.append_versions(library, &prompt.id, more, &full()).await));
        assert_eq!(held(world).await, before, "a refusal writes nothing");

        let mark = Change { favorite: Some(true), ..change(&prompt, prompt.body.content.as_str()) };
        store.save_prompt(library, &prompt.id, mark, &full()).await.unwrap();
        store.delete_prompt(library, &prompt.id, None, &full()).await.unwrap();
        store.undelete_prompt(library, &prompt.id, &full()).await.unwrap();
        let accepting = WriteContext { accepts: Some(candidate.id.clone()), ..full() };
        let accepted = store.create_prompt(library, promptdb::store::NewPrompt {
            id: PromptId::random(), name: candidate.name.clone(), body: candidate.body.clone(), favorite: false, embedding: None,
        }, &accepting).await;
        accepted.expect("an acceptance of an unchanged text adds nothing");
        store.delete_prompt(library, &other.id, None, &full()).await.unwrap();
        store.purge_prompt(library, &other.id, &full()).await.unwrap();
        store.prune_versions(library, &prompt.id, 1, &full()).await.unwrap();
        assert!(held(world).await < before);
    }

    async fn a_body_of_the_largest_size_is_stored_and_a_larger_one_is_not(world) {
        let (store, library) = (&world.store, &world.library);
        let new = new_prompt(large_draft("p", BODY_MAX_BYTES));
        assert_eq!(new.body.bytes(), BODY_MAX_BYTES);
        let saved = store.create_prompt(library, new.clone(), &by("x")).await.unwrap().prompt;
        assert_eq!(saved.body, new.body);
        let mut larger = new.body.clone();
        larger.variables[0].description = Some("!".to_owned());
        let refused = store.create_prompt(library, promptdb::store::NewPrompt {
            body: larger.clone(), ..new_prompt(draft("larger", "x"))
        }, &by("x")).await;
        assert!(matches!(refused, Err(StoreError::Internal(_))), "{refused:?}");
        let change = Change { body: larger.clone(), ..change(&saved, "x") };
        assert!(store.save_prompt(library, &saved.id, change, &by("x")).await.is_err());
        let candidate = NewCandidate { body: larger, ..new_candidate("c") };
        assert!(store.add_candidates(library, vec![candidate], &by("x")).await.is_err());
        assert_eq!(held(world).await, BODY_MAX_BYTES);
    }

    async fn a_page_ends_at_its_size_and_its_cursor_goes_on(world) {
        let (store, library) = (&world.store, &world.library);
        let mut prompt = world.create("history", "version 1").await;
        for number in 2..=20 {
            prompt = world.save(&prompt, &format!("{number} {}", "v".repeat(65_000))).await;
        }
        for number in 0..20 {
            world.create(&format!("p{number:02}"), &format!("{number} {}", "p".repeat(65_000))).await;
        }
        let candidates = (0..20).map(|number| {
            let (name, body) = checked(draft(&format!("c{number}"), &"c".repeat(65_000)));
            NewCandidate { name, body, ..new_candidate("c") }
        });
        for candidate in candidates.collect::<Vec<_>>() {
            store.add_candidates(library, vec![candidate], &by("x")).await.unwrap();
        }
        let all = |cursor| PageRequest { limit: Limit::MAX, cursor };

        let versions = pages(async |cursor| store.list_versions(library, &prompt.id, &all(cursor)).await.unwrap().unwrap()).await;
        assert_sizes(&versions, |version| version.body.content.as_str().len());
        let numbers: Vec<u32> = versions.concat().iter().map(|version| version.version).collect();
        assert_eq!(numbers, (1..=20).rev().collect::<Vec<_>>());

        for sort in [Sort::Recent, Sort::Oldest, Sort::Name, Sort::Used] {
            let prompts = pages(async |cursor| store.list_prompts(library, &Filter::default(), sort, &all(cursor)).await.unwrap()).await;
            assert_sizes(&prompts, |prompt| prompt.body.content.as_str().len());
            let mut names: Vec<String> = prompts.concat().iter().map(|prompt| prompt.name.to_string()).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), 21, "{sort:?}");
        }

        let queue = pages(async |cursor| store.list_candidates(library, &all(cursor)).await.unwrap()).await;
        assert_sizes(&queue, |candidate| candidate.body.content.as_str().len());
        let names: Vec<String> = queue.concat().iter().map(|candidate| candidate.name.to_string()).collect();
        assert_eq!(names, (0..20).rev().map(|number| format!("c{number}")).collect::<Vec<_>>());
    }
}

/// Reads a listing to its end.
async fn pages<T>(
    read: impl AsyncFn(Option<promptdb::domain::paging::Cursor>) -> Page<T>,
) -> Vec<Vec<T>> {
    let (mut pages, mut cursor) = (Vec::new(), None);
    loop {
        let page = read(cursor).await;
        pages.push(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return pages;
        }
    }
}

fn assert_sizes<T>(pages: &[Vec<T>], bytes: impl Fn(&T) -> usize) {
    assert!(pages.len() > 1);
    for page in pages {
        let size: usize = page.iter().map(&bytes).sum();
        assert!(!page.is_empty() && size <= PAGE_MAX_BYTES, "{size} bytes");
    }
    let first: usize = pages[0].iter().map(&bytes).sum();
    assert!(first > PAGE_MAX_BYTES / 2, "a page is not cut without need: {first} bytes");
}
