//! The SQLite store under faults: locked, damaged and truncated files, and concurrent writers.

mod counting;
mod forgetting;
mod other_writers;
mod vectors;

use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use promptdb::domain::candidate::{CandidateId, Findings};
use promptdb::domain::identity::{LibraryId, UserId};
use promptdb::domain::prompt::{Prompt, PromptRef};
use promptdb::store::sqlite::{OpenError, SqliteStore};
use promptdb::store::{
    AccountStore, CandidateStore, NewCandidate, Outage, Presence, PromptStore, Purge, Store,
    StoreError,
};
use rusqlite::{Connection, TransactionBehavior};
use serde_json::json;
use tempfile::TempDir;

use crate::store_contract::{by, change, keyed, library_of, limited, new_prompt};
use crate::support::{FixedClock, TestApp, checked, draft};

const WAIT: Duration = Duration::from_secs(5);

/// A library's file, for several stores and other programs at once.
struct Library {
    dir: TempDir,
    clock: Arc<FixedClock>,
    owner: LibraryId,
}

impl Library {
    fn new() -> Self {
        let owner = library_of("user_ann");
        Self { dir: TempDir::new().unwrap(), clock: FixedClock::new(), owner }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("library").join("promptdb.db")
    }

    fn open(&self, wait: Duration) -> Result<SqliteStore, OpenError> {
        SqliteStore::open(&self.path(), wait, self.clock.clone())
    }

    fn store(&self) -> SqliteStore {
        self.open(WAIT).unwrap()
    }

    /// A plain connection to the file, in the place of another program.
    fn connect(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    async fn create(&self, store: &SqliteStore, name: &str) -> Result<Prompt, StoreError> {
        let new = new_prompt(draft(name, "content"));
        Ok(store.create_prompt(&self.owner, new, &by("test")).await?.prompt)
    }

    async fn get(&self, store: &SqliteStore, name: &str) -> Result<Option<Prompt>, StoreError> {
        let name = PromptRef::parse(name).unwrap();
        store.get_prompt(&self.owner, &name, Presence::Living).await
    }

    /// Adds `count` prompts, one statement for each table.
    fn fill(&self, count: u32) {
        self.connect()
            .execute_batch(&format!(
                "BEGIN;
                 CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS
                    (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n;
                 INSERT INTO prompts (seq, id, owner, name, change, favorite, created_at)
                    SELECT i, 'prm_' || i, '{owner}', 'filled-' || i, i, 0, 0 FROM n;
                 INSERT INTO versions (change, prompt, version, title, description, content, tags,
                    variables, source, created_at)
                    SELECT i, i, 1, 'Filled ' || i, '', hex(randomblob(750)), '', '[]', 't', 0 FROM n;
                 INSERT INTO prompt_terms (rowid, terms) SELECT i, 'w_filled w_' || i FROM n;
                 COMMIT",
                owner = self.owner.as_str(),
            ))
            .unwrap();
    }

    fn count(&self, sql: &str) -> u32 {
        self.connect().query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

/// An endless series of distinct names.
fn names(prefix: &str) -> impl Iterator<Item = String> {
    (0..).map(move |number| format!("{prefix}-{number}"))
}

#[tokio::test]
async fn a_closed_library_is_its_file_alone() {
    let library = Library::new();
    for name in names("prompt").take(300) {
        let store = library.store();
        library.create(&store, &name).await.unwrap();
        // A reader has the log open now, as the writer has.
        assert!(library.get(&store, &name).await.unwrap().is_some());
        drop(store);
        for ending in ["-wal", "-shm"] {
            let beside = format!("{}{ending}", library.path().display());
            assert!(!Path::new(&beside).exists(), "after {name}, {ending} is left");
        }
    }
}

#[tokio::test]
async fn a_locked_file_is_busy_after_the_timeout_and_usable_once_unlocked() {
    let library = Library::new();
    let store = library.open(Duration::from_millis(300)).unwrap();
    let app = TestApp::builder().store(Arc::new(store)).build();
    app.create(json!({ "name": "before", "content": "x" })).await;
    let mut other = library.connect();

    let lock = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let refused = app.post("/api/prompts", json!({ "name": "during", "content": "x" })).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.json()["type"], "urn:promptdb:problem:busy");
    assert_eq!(refused.header("retry-after"), "1");
    let result = app.tool("save_prompt", json!({ "name": "during", "content": "x" })).await;
    assert!(TestApp::mistake(&result).contains("busy"), "{result}");
    assert_eq!(app.get("/api/prompts/before").await.status, StatusCode::OK, "reads need no lock");
    drop(lock);
    app.create(json!({ "name": "during", "content": "x" })).await;

    let lock = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let waiting = app.post("/api/prompts", json!({ "name": "waited", "content": "x" }));
    let mut waiting = std::pin::pin!(waiting);
    let early = tokio::time::timeout(Duration::from_millis(50), &mut waiting).await;
    assert!(early.is_err(), "the write finished although the file was locked");
    drop(lock);
    assert_eq!(waiting.await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_write_reported_as_busy_is_never_carried_out_later() {
    let library = Library::new();
    let wait = Duration::from_millis(300);
    let store = Arc::new(library.open(wait).unwrap());
    let mut other = library.connect();
    let lock = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    // The writes arrive spread over the first write's wait for the lock. The writer then starts a
    // new wait, and holds the later writes in its batch when their callers time out.
    let mut tasks = tokio::task::JoinSet::new();
    let mut pace = tokio::time::interval(wait / 30);
    for name in names("late").take(30) {
        pace.tick().await;
        let (store, owner) = (Arc::clone(&store), library.owner.clone());
        tasks.spawn(async move {
            let new = new_prompt(draft(&name, "content"));
            store.create_prompt(&owner, new, &by("test")).await
        });
    }
    while let Some(outcome) = tasks.join_next().await {
        let outcome = outcome.unwrap();
        assert!(matches!(outcome, Err(StoreError::Busy)), "{outcome:?}");
    }
    drop(lock);
    library.create(&store, "after").await.unwrap();
    assert_eq!(library.count("SELECT count(*) FROM prompts"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_that_create_one_file_at_the_same_time_share_it() {
    for _ in 0..20 {
        let library = Arc::new(Library::new());
        let barrier = Arc::new(std::sync::Barrier::new(4));
        let opening: Vec<_> = (0..4)
            .map(|_| {
                let (library, barrier) = (Arc::clone(&library), Arc::clone(&barrier));
                std::thread::spawn(move || {
                    barrier.wait();
                    library.open(WAIT)
                })
            })
            .collect();
        let stores: Vec<SqliteStore> =
            opening.into_iter().map(|opened| opened.join().unwrap().unwrap()).collect();
        library.create(&stores[0], "one").await.unwrap();
        for store in &stores {
            assert!(library.get(store, "one").await.unwrap().is_some());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_on_one_file_keep_names_unique_and_versions_in_order() {
    let library = Library::new();
    let stores = [Arc::new(library.store()), Arc::new(library.store())];
    let prompt = library.create(&stores[0], "contested").await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..60 {
        let (store, owner) = (Arc::clone(&stores[number % 2]), library.owner.clone());
        let prompt = prompt.clone();
        tasks.spawn(async move {
            let new = new_prompt(draft(&format!("name-{}", number / 4), "content"));
            let created = store.create_prompt(&owner, new, &by("test")).await;
            let change = change(&prompt, &format!("content {number}"));
            let saved = store.save_prompt(&owner, &prompt.id, change, &by("test")).await;
            (created, saved)
        });
    }
    let (mut created, mut saved) = (0, 0);
    while let Some(outcome) = tasks.join_next().await {
        match outcome.unwrap() {
            (create, Ok(_)) => {
                saved += 1;
                created += u32::from(create.is_ok());
            }
            (Ok(_), Err(StoreError::VersionConflict { current_version: 2 })) => created += 1,
            (
                Err(StoreError::NameTaken { .. }),
                Err(StoreError::VersionConflict { current_version: 2 }),
            ) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((created, saved), (15, 1));
}

#[tokio::test]
async fn file_and_folder_are_for_their_owners_eyes_only() {
    let library = Library::new();
    let store = library.store();
    library.create(&store, "secret").await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(library.path().parent().unwrap()), 0o700);
    let files = ["promptdb.db", "promptdb.db-wal", "promptdb.db-shm"];
    for file in files {
        assert_eq!(mode(&library.path().with_file_name(file)), 0o600, "{file}");
    }
    drop(store);

    std::fs::set_permissions(library.path(), PermissionsExt::from_mode(0o644)).unwrap();
    let store = library.store();
    library.create(&store, "another").await.unwrap();
    for file in files {
        assert_eq!(mode(&library.path().with_file_name(file)), 0o600, "{file}, reopened");
    }
}

/// Makes a table unreadable: overwrites its root page.
fn damage(library: &Library, table: &str) {
    let db = library.connect();
    let page = |sql: &str| db.query_row(sql, [], |row| row.get::<_, u64>(0)).unwrap();
    let sql = format!("SELECT rootpage FROM sqlite_schema WHERE name = '{table}'");
    let (root, size) = (page(&sql), page("PRAGMA page_size"));
    drop(db);
    let file = std::fs::File::options().write(true).open(library.path()).unwrap();
    file.write_all_at(&vec![0xA5; usize::try_from(size).unwrap()], (root - 1) * size).unwrap();
}

#[tokio::test]
async fn a_damaged_page_makes_its_table_unavailable_and_no_other() {
    let library = Library::new();
    let store = library.store();
    library.create(&store, "lost").await.unwrap();
    drop(store);
    damage(&library, "versions");

    let app = TestApp::builder().store(Arc::new(library.store())).build();
    for path in ["/api/prompts/prm_unknown", "/api/me", "/health", "/health/ready", "/api/audit"] {
        let status = app.get(path).await.status;
        assert!([StatusCode::OK, StatusCode::NOT_FOUND].contains(&status), "{path}: {status}");
    }
    let answer = app.post("/api/prompts", json!({ "name": "new", "content": "x" })).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{:?}", answer.json());
    assert_eq!(answer.json()["type"], "urn:promptdb:problem:unavailable");
    let store = library.store();
    let lost = library.get(&store, "lost").await;
    assert!(matches!(&lost, Err(StoreError::Unavailable(Outage::Damaged))), "{lost:?}");
}

#[tokio::test]
async fn a_file_truncated_under_a_running_store_is_unavailable() {
    let library = Library::new();
    drop(library.store());
    library.fill(500);
    let store = library.store();
    let file = std::fs::File::options().write(true).open(library.path()).unwrap();
    let length = file.metadata().unwrap().len();
    file.set_len(length / 3).unwrap();
    let (mut found, mut unavailable) = (0, 0);
    for number in 1..=500 {
        match library.get(&store, &format!("filled-{number}")).await {
            Ok(Some(prompt)) => {
                assert_eq!(prompt.body.title.as_str(), format!("Filled {number}"));
                found += 1;
            }
            Err(StoreError::Unavailable(_)) => unavailable += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(unavailable > 0, "{found} found");
    let refused = library.create(&store, "new").await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_purge_deletes_prompts_and_their_versions_in_bounded_batches() {
    let library = Library::new();
    let store = library.store();
    drop(store);
    library.fill(1300);
    let store = library.store();
    let deleted_at = promptdb::domain::Clock::now(&*library.clock).as_millis();
    library
        .connect()
        .execute("UPDATE prompts SET deleted_at = ?1 WHERE seq <= 1200", [deleted_at])
        .unwrap();
    library.clock.advance_days(29);
    assert_eq!(store.purge().await.unwrap(), Purge::default(), "still restorable");
    library.clock.advance_days(1);
    let mut batches = Vec::new();
    loop {
        let Purge { prompts, has_more } = store.purge().await.unwrap();
        batches.push(prompts);
        if !has_more {
            break;
        }
    }
    assert_eq!(batches, [500, 500, 200]);
    assert_eq!(store.purge().await.unwrap(), Purge::default(), "nothing is left to purge");
    assert_eq!(library.count("SELECT count(*) FROM prompts"), 100);
    assert_eq!(library.count("SELECT count(*) FROM versions"), 100);
    assert!(library.get(&store, "filled-1201").await.unwrap().is_some());
}

#[tokio::test]
async fn a_purge_removes_every_expired_row_and_no_other() {
    let library = Library::new();
    let store = library.store();
    let (name, body) = checked(draft("proposal", "content"));
    let old = NewCandidate {
        id: CandidateId::random(),
        name,
        body,
        why: "w".to_owned(),
        findings: Findings::default(),
    };
    let new = NewCandidate { id: CandidateId::random(), ..old.clone() };
    store.add_candidates(&library.owner, vec![old], &by("test")).await.unwrap();
    let prompt = new_prompt(draft("kept", "content"));
    store.create_prompt(&library.owner, prompt, &keyed("key", "a")).await.unwrap();
    let (leaver, user) = (UserId::parse("leaver").unwrap(), UserId::parse("user").unwrap());
    store.erase_account(&leaver).await.unwrap();
    store.ensure_account(&user).await.unwrap();
    store.end_session(&user, "session").await.unwrap();

    library.clock.advance_days(3);
    store.purge().await.unwrap();
    assert_eq!(library.count("SELECT count(*) FROM idempotency"), 0);
    assert_eq!(library.count("SELECT count(*) FROM candidates"), 1);
    library.clock.advance_days(4);
    store.add_candidates(&library.owner, vec![new], &by("test")).await.unwrap();
    store.purge().await.unwrap();
    assert_eq!(library.count("SELECT count(*) FROM candidates"), 1);
    assert_eq!(library.count("SELECT count(*) FROM ended_sessions"), 1);
    assert_eq!(library.count("SELECT count(*) FROM accounts"), 2);
    library.clock.advance_days(24);
    store.purge().await.unwrap();
    assert_eq!(library.count("SELECT count(*) FROM ended_sessions"), 0);
    assert_eq!(library.count("SELECT count(*) FROM accounts WHERE erased_at IS NULL"), 1);
    assert_eq!(library.count("SELECT count(*) FROM accounts"), 1);
    assert!(library.get(&store, "kept").await.unwrap().is_some());
}

#[tokio::test]
async fn the_schema_refuses_to_change_a_version_or_to_lose_one_of_a_living_prompt() {
    let library = Library::new();
    let store = library.store();
    let prompt = library.create(&store, "kept").await.unwrap();
    let refused = |sql: &str, why: &str| {
        let error = library.connect().execute(sql, []).unwrap_err().to_string();
        assert!(error.contains(why), "{sql}: {error}");
    };
    refused("UPDATE versions SET content = 'other'", "a version never changes");
    refused("UPDATE versions SET version = 7", "a version never changes");
    refused("DELETE FROM versions", "a version is never lost");
    let kept = store.get_version(&library.owner, &prompt.id, 1).await.unwrap().unwrap();
    assert_eq!(kept.body, prompt.body);

    store.delete_prompt(&library.owner, &prompt.id, None, &by("test")).await.unwrap();
    assert_eq!(library.connect().execute("DELETE FROM versions", []).unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_works_after_thousands_of_refused_writes() {
    let library = Library::new();
    let store = Arc::new(library.store());
    let prompt = library.create(&store, "calm").await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..2000_u32 {
        let (store, owner, prompt) = (Arc::clone(&store), library.owner.clone(), prompt.clone());
        tasks.spawn(async move {
            let write = by("test");
            match number % 4 {
                0 => store
                    .create_prompt(&owner, new_prompt(draft("calm", "x")), &write)
                    .await
                    .map(drop),
                1 => {
                    let mut stale = change(&prompt, "x");
                    stale.expected_version = 9;
                    store.save_prompt(&owner, &prompt.id, stale, &write).await.map(drop)
                }
                2 => store
                    .create_prompt(&owner, new_prompt(draft("new", "x")), &limited(0, "test"))
                    .await
                    .map(drop),
                _ => store.reject_candidate(&owner, &CandidateId::random(), &write).await,
            }
        });
    }
    let mut refused = 0;
    while let Some(outcome) = tasks.join_next().await {
        match outcome.unwrap() {
            Err(
                StoreError::NameTaken { .. }
                | StoreError::VersionConflict { .. }
                | StoreError::QuotaExceeded { .. }
                | StoreError::NotFound,
            ) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, 2000);
    library.create(&store, "after").await.unwrap();
    assert_eq!(library.count("SELECT count(*) FROM audit"), 2);
}

#[test]
fn the_time_to_open_does_not_grow_with_the_number_of_prompts() {
    let fastest = |library: &Library| {
        let time = |_| {
            let started = Instant::now();
            let store = library.store();
            let opened = started.elapsed();
            drop(store);
            opened
        };
        (0..7).map(time).min().unwrap()
    };
    let library = Library::new();
    let empty = fastest(&library);
    library.fill(10_000);
    let full = fastest(&library);
    assert!(full < empty * 8, "{empty:?} when empty, {full:?} with 10,000 prompts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_is_found_at_every_moment_of_a_deletion_and_a_restore() {
    let library = Library::new();
    let store = Arc::new(library.store());
    let owner = library.owner.clone();
    let prompt = library.create(&store, "flicker").await.unwrap();
    let mut readers = tokio::task::JoinSet::new();
    let done = tokio_util::sync::CancellationToken::new();
    for _ in 0..4 {
        let (store, owner, done) = (Arc::clone(&store), owner.clone(), done.clone());
        readers.spawn(async move {
            let name = PromptRef::parse("flicker").unwrap();
            while !done.is_cancelled() {
                let found = store.get_prompt(&owner, &name, Presence::LivingOrDeleted).await;
                assert!(found.unwrap().is_some());
            }
        });
    }
    for _ in 0..400 {
        store.delete_prompt(&owner, &prompt.id, None, &by("test")).await.unwrap();
        store.undelete_prompt(&owner, &prompt.id, &by("test")).await.unwrap();
    }
    done.cancel();
    while let Some(reader) = readers.join_next().await {
        reader.unwrap();
    }
}

#[test]
fn opening_an_exclusively_locked_library_fails_after_the_timeout() {
    let library = Library::new();
    drop(library.store());
    let other = library.connect();
    other.pragma_update(None, "locking_mode", "exclusive").unwrap();
    other.execute_batch("BEGIN IMMEDIATE; COMMIT").unwrap();
    let wait = Duration::from_millis(100);
    let started = Instant::now();
    let refused = library.open(wait).map(drop).unwrap_err();
    assert!(started.elapsed() >= wait);
    assert_eq!(refused.to_string(), "another program holds it locked");
    drop(other);
    library.store();
}
