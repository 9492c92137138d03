//! Two processes on one file: each finds what the other wrote.

use std::sync::Arc;

use futures_util::FutureExt;
use promptdb::domain::harvest::Proposal;
use promptdb::domain::identity::{Client, LibraryId, Principal, UserId};
use promptdb::library::{Harvested, Library, Proposals, SaveOptions};
use promptdb::store::sqlite::SqliteStore;
use promptdb::store::{AuditStore, Presence, PromptStore, Use};
use tempfile::TempDir;
use tokio::sync::broadcast::Receiver;

use crate::support::{FixedClock, draft, sqlite};

/// A process with the file of `dir` open, and what it does as a client of its own.
struct Process {
    store: Arc<SqliteStore>,
    library: Arc<Library>,
    caller: Principal,
}

impl Process {
    fn open(dir: &TempDir) -> Self {
        let clock = FixedClock::new();
        let store = Arc::new(sqlite(dir, clock.clone()));
        let library = Arc::new(Library::new(store.clone(), clock));
        Self { store, library, caller: Principal::local(Client::named("test")) }
    }

    async fn save(&self, name: &str) {
        let draft = draft(name, "Something to keep");
        self.library.create_prompt(&self.caller, draft, SaveOptions::default()).await.unwrap();
    }

    /// Adds a candidate and rejects it.
    async fn harvest(&self) {
        let proposal = Proposal {
            title: "Notes".to_owned(),
            content: "Write release notes in a calm voice from {{changes}}".to_owned(),
            why: "Used twice.".to_owned(),
            ..Proposal::default()
        };
        let proposals = Proposals { entries: vec![Ok(proposal)], count: 1 };
        let harvested = self.library.harvest(&self.caller, proposals, None).await.unwrap();
        let [Harvested::Waiting(waiting)] = harvested.as_slice() else {
            panic!("{harvested:?}");
        };
        self.library.reject_candidate(&self.caller, &waiting.candidate.id).await.unwrap();
    }

    async fn use_prompt(&self, name: &str) {
        let reference = promptdb::domain::prompt::PromptRef::parse(name).unwrap();
        let library = &self.caller.library_id;
        let prompt =
            self.store.get_prompt(library, &reference, Presence::Living).await.unwrap().unwrap();
        let last_used_at = promptdb::domain::Timestamp::from_millis(1);
        let uses = [Use { id: prompt.id, count: 1, last_used_at }];
        self.store.record_uses(library, &uses).await.unwrap();
    }
}

fn count_changes(receiver: &mut Receiver<LibraryId>) -> usize {
    std::iter::from_fn(|| receiver.recv().now_or_never()).flatten().count()
}

#[tokio::test]
async fn a_write_of_another_process_is_noticed_once_and_no_own_write_or_use_is() {
    let dir = TempDir::new().unwrap();
    let (own, other) = (Process::open(&dir), Process::open(&dir));
    own.save("first").await;
    let mut changes = own.library.changes();
    let watch = own.library.watch(own.caller.library_id.clone());
    own.library.find_other_writers().await.unwrap();
    assert_eq!(count_changes(&mut changes), 0, "the first look has nothing to compare with");

    other.save("second").await;
    own.library.find_other_writers().await.unwrap();
    assert_eq!(count_changes(&mut changes), 1);
    own.library.find_other_writers().await.unwrap();
    assert_eq!(count_changes(&mut changes), 0);

    own.save("third").await;
    assert_eq!(count_changes(&mut changes), 1, "the process announces it itself");
    own.library.find_other_writers().await.unwrap();
    assert_eq!(count_changes(&mut changes), 0);

    other.use_prompt("second").await;
    own.library.find_other_writers().await.unwrap();
    assert_eq!(count_changes(&mut changes), 0, "a use changes no list");

    other.harvest().await;
    own.library.find_other_writers().await.unwrap();
    assert_eq!(count_changes(&mut changes), 0, "a harvest changes no prompt");

    other.library.purge().await.unwrap();
    own.library.find_other_writers().await.unwrap();
    assert_eq!(count_changes(&mut changes), 0, "upkeep changes no list");

    drop(watch);
    other.save("fourth").await;
    own.library.find_other_writers().await.unwrap();
    assert_eq!(count_changes(&mut changes), 0, "nothing is watched");
}

#[tokio::test]
async fn a_write_after_the_begin_of_a_watch_is_noticed_by_the_first_look() {
    let dir = TempDir::new().unwrap();
    let (own, other) = (Process::open(&dir), Process::open(&dir));
    let mut changes = own.library.changes();
    let watch = own.library.watch(own.caller.library_id.clone());
    own.library.begin_watch(&watch).await.unwrap();
    other.save("first").await;
    // A second watch of the same library keeps the state of the first one.
    let second = own.library.watch(own.caller.library_id.clone());
    own.library.begin_watch(&second).await.unwrap();
    drop(watch);
    own.library.find_other_writers().await.unwrap();
    assert_eq!(count_changes(&mut changes), 1);
}

#[tokio::test]
async fn the_writes_of_another_owner_are_not_noticed() {
    let dir = TempDir::new().unwrap();
    let (own, mut other) = (Process::open(&dir), Process::open(&dir));
    let user = UserId::parse("user_ann").unwrap();
    let library_id = LibraryId::of_user(&user);
    other.caller = Principal { user_id: user, library_id, ..other.caller };
    let library = &own.caller.library_id;
    let before = own.store.mark_writes(library).await.unwrap();
    other.save("theirs").await;
    let after = own.store.mark_writes(library).await.unwrap();
    assert!(!after.shows_other_writer_since(before));
    let theirs = own.store.mark_writes(&other.caller.library_id).await.unwrap();
    assert!(theirs.shows_other_writer_since(before));
}

#[tokio::test]
async fn a_store_is_looked_at_only_while_a_library_is_watched() {
    let store = Arc::new(crate::stores::FailingStore(crate::stores::Failure::Internal));
    let library = Arc::new(Library::new(store, FixedClock::new()));
    let _changes = library.changes();
    library.find_other_writers().await.unwrap();
    let watch = library.watch(LibraryId::of_user(&UserId::local()));
    library.find_other_writers().await.unwrap_err();
    library.begin_watch(&watch).await.unwrap_err();
}
