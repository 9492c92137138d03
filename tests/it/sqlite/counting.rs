//! The counters of a file that is older than they are, and the bounds of background batches.

use promptdb::domain::plan::Quota;
use promptdb::domain::prompt::PromptRef;
use promptdb::domain::ranking::Query;
use promptdb::store::sqlite::SqliteStore;
use promptdb::store::{
    AUDIT_DAYS, AccountStore, CandidateStore, Filter, IDEMPOTENCY_DAYS, Presence, PromptStore,
    Purge, Search, Store, StoreError, WriteContext,
};

use super::Library;
use crate::store_contract::candidates::new_candidate;
use crate::store_contract::{by, change, keyed, library_of, new_prompt};
use crate::support::{draft, full_draft};

/// Runs the upkeep until nothing is left to do; returns the prompts that each call removed.
pub(super) async fn purge_all(store: &SqliteStore) -> Vec<usize> {
    let mut batches = Vec::new();
    loop {
        let Purge { prompts, has_more } = store.purge().await.unwrap();
        batches.push(prompts);
        if !has_more {
            return batches;
        }
    }
}

/// Sets the counters back to where a migration leaves those of a file with these rows.
fn forget_counts(library: &Library) {
    library
        .connect()
        .execute_batch(
            "DELETE FROM libraries;
             UPDATE prompts SET bytes = 0;
             UPDATE upkeep SET counted_version = 0, counted_candidate = 0,
                last_version = (SELECT coalesce(max(change), 0) FROM versions),
                last_candidate = (SELECT coalesce(max(seq), 0) FROM candidates);",
        )
        .unwrap();
}

fn within(bytes: u64) -> WriteContext {
    WriteContext { quota: Quota { prompts: None, bytes: Some(bytes) }, ..by("test") }
}

/// The bytes of a library by its rows.
async fn sum_of_bodies(library: &Library, store: &SqliteStore) -> u64 {
    let db = library.connect();
    let mut statement = db.prepare("SELECT id FROM prompts WHERE owner = ?1").unwrap();
    let ids = statement.query_map([library.owner.as_str()], |row| row.get::<_, String>(0)).unwrap();
    let mut sum = 0;
    for id in ids {
        let id = PromptRef::parse(&id.unwrap()).unwrap();
        let found = store.get_prompt(&library.owner, &id, Presence::LivingOrDeleted).await.unwrap();
        let found = found.unwrap();
        for version in 1..=found.version {
            let version = store.get_version(&library.owner, &found.id, version).await.unwrap();
            sum += version.map_or(0, |version| version.body.bytes());
        }
    }
    let page = promptdb::domain::paging::PageRequest::default();
    let queue = store.list_candidates(&library.owner, &page).await.unwrap();
    sum + queue.items.iter().map(|candidate| candidate.body.bytes()).sum::<u64>()
}

#[tokio::test]
async fn older_rows_are_counted_in_batches_while_writes_go_on_and_refuse_nothing_until_then() {
    let library = Library::new();
    let store = library.store();
    let owner = &library.owner;
    for number in 0..30 {
        let new = new_prompt(draft(&format!("p{number}"), &"x".repeat(60_000)));
        store.create_prompt(owner, new, &by("test")).await.unwrap();
    }
    let full =
        store.create_prompt(owner, new_prompt(full_draft("full")), &by("test")).await.unwrap();
    let mut long = library.create(&store, "long").await.unwrap();
    for number in 0..250 {
        let change = change(&long, &format!("{number} {}", "y".repeat(60_000)));
        long = store.save_prompt(owner, &long.id, change, &by("test")).await.unwrap().prompt;
    }
    let candidates = vec![new_candidate("a"), new_candidate("b")];
    store.add_candidates(owner, candidates.clone(), &by("test")).await.unwrap();
    forget_counts(&library);
    assert_eq!(store.count_library(owner).await.unwrap().bytes, None);

    let mut runs = 0;
    while store.purge().await.unwrap().has_more {
        runs += 1;
        assert_eq!(store.count_library(owner).await.unwrap().bytes, None, "after {runs} batches");
        match runs {
            // Another process goes on where the first one was killed.
            1 => drop(library.store()),
            2 => {
                let new = new_prompt(draft("during", "counted at its creation"));
                store.create_prompt(owner, new, &within(1)).await.unwrap();
                let change = change(&full.prompt, "z");
                store.save_prompt(owner, &full.prompt.id, change, &by("test")).await.unwrap();
                // What is removed may be counted already or not.
                store.reject_candidate(owner, &candidates[0].id, &by("test")).await.unwrap();
                while store.prune_versions(owner, &long.id, 40, &by("test")).await.unwrap().has_more
                {
                }
                for name in ["p1", "p29"] {
                    let prompt = library.get(&store, name).await.unwrap().unwrap();
                    store.delete_prompt(owner, &prompt.id, None, &by("test")).await.unwrap();
                    store.purge_prompt(owner, &prompt.id, &by("test")).await.unwrap();
                }
            }
            _ => {}
        }
    }
    assert!(runs >= 2, "{runs}");
    let expected = sum_of_bodies(&library, &store).await;
    assert_eq!(store.count_library(owner).await.unwrap().bytes, Some(expected));
    let refused =
        store.create_prompt(owner, new_prompt(draft("late", "x")), &within(expected)).await;
    assert!(matches!(refused, Err(StoreError::BytesExceeded { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_file_of_the_release_before_is_counted_and_cleaned() {
    let library = Library::new();
    let store = library.store();
    library.create(&store, "old").await.unwrap();
    drop(store);
    // What the third migration and the later ones added, undone.
    library
        .connect()
        .execute_batch(
            "ALTER TABLE versions DROP COLUMN syntax; ALTER TABLE candidates DROP COLUMN syntax;
             DROP TABLE prompt_vocabulary; DROP TABLE prompt_terms;
             CREATE VIRTUAL TABLE prompt_words USING fts5 (
                owner, name, title, tags, description, content,
                content = '', contentless_delete = 1, detail = column, prefix = '1 2 3',
                tokenize = 'ascii'
             );
             DROP TABLE vectors; DROP INDEX prompts_favorite;
             DROP TABLE upkeep; DROP TABLE libraries;
             DROP INDEX prompts_pruning; DROP INDEX audit_by_time; DROP INDEX audit_by_prompt;
             DROP INDEX audit_by_candidate; DROP INDEX candidates_by_time;
             DROP INDEX idempotency_by_time; DROP INDEX idempotency_by_prompt; DROP TABLE clients;
             DROP TABLE subscriptions; DROP TABLE stripe_events;
             DROP TRIGGER versions_live_with_their_prompt;
             CREATE TRIGGER versions_live_with_their_prompt BEFORE DELETE ON versions
             WHEN EXISTS (SELECT 1 FROM prompts WHERE seq = OLD.prompt AND deleted_at IS NULL)
             BEGIN SELECT RAISE(ABORT, 'a version is never lost'); END;
             ALTER TABLE prompts DROP COLUMN pruned_before;
             ALTER TABLE prompts DROP COLUMN is_pruning;
             ALTER TABLE prompts DROP COLUMN bytes;
             INSERT INTO audit (owner, action, prompt_id, name, version, client, at)
                VALUES ('user_ann', 'created', 'prm_purged_long_ago', 'oldsecret', 1, 'x', 1);
             ALTER TABLE candidates DROP COLUMN findings;
             PRAGMA user_version = 2;",
        )
        .unwrap();
    let store = library.store();
    let old = library.get(&store, "old").await.unwrap().unwrap();
    let search = Search::by_words(Query::parse("content").unwrap());
    let found = store.search_prompts(&library.owner, &search, &Filter::default()).await.unwrap();
    assert_eq!(found.into_prompts(), std::slice::from_ref(&old), "its words are in the new index");
    assert_eq!(store.count_library(&library.owner).await.unwrap().bytes, None);
    purge_all(&store).await;
    let counts = store.count_library(&library.owner).await.unwrap();
    assert_eq!(counts.bytes, Some(old.body.bytes()));
    assert_eq!(library.count("SELECT count(*) FROM upkeep WHERE cleaned = removals"), 1);
    assert_eq!(library.count("SELECT count(*) FROM audit WHERE name = 'oldsecret'"), 0);
}

#[tokio::test]
async fn a_long_history_is_removed_in_batches_of_bounded_size() {
    let library = Library::new();
    let store = library.store();
    let mut prompt = library.create(&store, "long").await.unwrap();
    for number in 0..300 {
        let change = change(&prompt, &format!("{number} {}", "y".repeat(65_000)));
        let saved = store.save_prompt(&library.owner, &prompt.id, change, &by("test")).await;
        prompt = saved.unwrap().prompt;
    }
    let versions = || library.count("SELECT count(*) FROM versions");
    let before = versions();
    let pruned = store.prune_versions(&library.owner, &prompt.id, 150, &by("test")).await.unwrap();
    assert!(pruned.has_more && pruned.count > 0);
    assert!(before - versions() <= 65, "4 MiB of 65 KB each");
    for hidden in [1, 100, 149] {
        let found = store.get_version(&library.owner, &prompt.id, hidden).await.unwrap();
        assert_eq!(found, None, "version {hidden} is hidden at once");
    }
    // A process that was killed here leaves the rest to the next one.
    drop(store);
    let store = library.store();
    assert!(purge_all(&store).await.len() > 1);
    assert_eq!(versions(), 152);
    let counts = store.count_library(&library.owner).await.unwrap();
    assert_eq!(counts.bytes, Some(sum_of_bodies(&library, &store).await));

    store
        .erase_account(&promptdb::domain::identity::UserId::parse("user_ann").unwrap())
        .await
        .unwrap();
    assert_eq!(library.get(&store, "long").await.unwrap(), None);
    let left = versions();
    assert!(left > 0, "the rows are deleted later");
    store.purge().await.unwrap();
    assert!(versions() > 0 && versions() < left);
    purge_all(&store).await;
    assert_eq!((versions(), library.count("SELECT count(*) FROM prompts")), (0, 0));
    assert_eq!(library.count("SELECT count(*) FROM audit"), 0);
    assert_eq!(library.count("SELECT count(*) FROM libraries"), 0);
}

#[tokio::test]
async fn old_audit_entries_and_keys_are_removed_and_no_row_is_in_the_way_of_others() {
    let library = Library::new();
    let store = library.store();
    let other = library_of("user_bob");
    store
        .create_prompt(&library.owner, new_prompt(draft("p", "x")), &keyed("k", "a"))
        .await
        .unwrap();
    library
        .connect()
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
             INSERT INTO audit (owner, action, name, client, at)
                SELECT 'user_bob', 'saved', '', 'x', 0 FROM n;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
             INSERT INTO idempotency (owner, key, fingerprint, prompt_id, version, changed, at)
                SELECT 'user_bob', 'k' || i, '', '', 1, 1, 0 FROM n;",
        )
        .unwrap();
    let entries = || library.count("SELECT count(*) FROM audit");
    let keys = || library.count("SELECT count(*) FROM idempotency");
    assert!(store.purge().await.unwrap().has_more);
    assert_eq!((entries(), keys()), (701, 701), "500 of each in one batch");
    purge_all(&store).await;
    assert_eq!((entries(), keys()), (1, 1));

    library.clock.advance_days(IDEMPOTENCY_DAYS + 1);
    purge_all(&store).await;
    assert_eq!((entries(), keys()), (1, 0));
    library.clock.advance_days(AUDIT_DAYS - IDEMPOTENCY_DAYS - 1);
    purge_all(&store).await;
    assert_eq!(entries(), 1, "{AUDIT_DAYS} days old");
    library.clock.advance_days(1);

    // A table that cannot be written to stops no other kind of upkeep.
    library
        .connect()
        .execute_batch(
            "CREATE TRIGGER stuck BEFORE DELETE ON candidates
             BEGIN SELECT RAISE(ABORT, 'stuck'); END;
             INSERT INTO candidates (id, owner, name, title, description, content, tags, variables,
                why, source, created_at) VALUES ('c', 'o', 'n', 't', '', 'c', '', '[]', '', '', 0);",
        )
        .unwrap();
    assert!(store.purge().await.is_err());
    assert_eq!(entries(), 0);
    let created = store.create_prompt(&other, new_prompt(draft("p", "x")), &by("x")).await.unwrap();
    assert_eq!(created.prompt.version, 1);
}
