//! After a removal no byte of the text is in the files of the library or in a later backup.

use std::path::Path;
use std::time::Duration;

use promptdb::domain::candidate::{CandidateId, Findings};
use promptdb::domain::draft::{Draft, VariableDraft};
use promptdb::domain::identity::UserId;
use promptdb::domain::prompt::Prompt;
use promptdb::domain::subscription::Status;
use promptdb::domain::vector::DIMENSIONS;
use promptdb::store::sqlite::SqliteStore;
use promptdb::store::sqlite::backup::back_up;
use promptdb::store::{
    AccountStore, CandidateStore, Change, NewCandidate, NewPrompt, PromptStore, SubscriptionStore,
    WriteContext,
};
use tempfile::TempDir;

use super::counting::purge_all;
use super::{Library, WAIT};
use crate::store_contract::subscriptions::{customer, subscription};
use crate::store_contract::{by, change, keyed, new_prompt};
use crate::support::meaning::{embedding, vector};
use crate::support::{checked, draft};

/// Words in several scripts, each a marker of removed text. The index holds them in lower case.
const MARKERS: [&str; 4] = ["zqxmarker", "мойсекретик", "秘密の合言葉", "ماركرالسر"];

/// A draft with markers in every field.
fn marked(name: &str, size: usize) -> Draft {
    let [latin, cyrillic, kanji, arabic] = MARKERS;
    let filler = format!("{latin} {cyrillic} {kanji} {arabic} Zqxmarker{size} {{{{tone}}}} ");
    Draft {
        title: Some(format!("{latin} {kanji} {name}")),
        description: Some(format!("{cyrillic} {arabic}")),
        tags: Some(vec![format!("{latin}-tag")]),
        variables: Some(vec![VariableDraft {
            name: "tone".to_owned(),
            description: Some(format!("{latin} {cyrillic}")),
            default: Some(format!("{kanji} {arabic}")),
        }]),
        ..draft(&format!("{latin}-{name}"), &filler.repeat(1 + size / filler.len()))
    }
}

fn proposal(name: &str) -> NewCandidate {
    let (name, body) = checked(marked(name, 3000));
    let findings = Findings::new([("email", 1)].into(), vec![MARKERS.join(" ")]);
    NewCandidate { id: CandidateId::random(), name, body, why: MARKERS.join(" "), findings }
}

/// The number of places in the files of a folder with a marker, in any case of its Latin letters.
fn places(folder: &Path) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap().to_ascii_lowercase();
        for marker in MARKERS {
            // Half of a marker: a page boundary may split it, and the index stores prefixes.
            let half: String = marker.chars().take(marker.chars().count() / 2 + 1).collect();
            let count = bytes.windows(half.len()).filter(|w| *w == half.as_bytes()).count();
            if count > 0 {
                let file = path.file_name().unwrap().to_string_lossy().into_owned();
                found.push((format!("{file}: {marker}"), count));
            }
        }
    }
    found
}

impl Library {
    fn places(&self) -> Vec<(String, usize)> {
        places(self.path().parent().unwrap())
    }

    /// Runs the upkeep until the file is clean: a slow machine may put off a rewriting.
    async fn clean(&self, store: &SqliteStore) {
        loop {
            purge_all(store).await;
            if self.count("SELECT removals = cleaned FROM upkeep") == 1 {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn create_marked(&self, store: &SqliteStore, name: &str, size: usize) -> Prompt {
        let new = new_prompt(marked(name, size));
        store.create_prompt(&self.owner, new, &by("test")).await.unwrap().prompt
    }

    /// A backup in a folder of its own.
    fn back_up(&self) -> TempDir {
        let folder = TempDir::new().unwrap();
        back_up(&self.path(), &folder.path().join("backup.db"), WAIT, |_| {}).unwrap();
        folder
    }

    /// Prompts that stay, among which the removed ones are.
    async fn create_others(&self, store: &SqliteStore, prefix: &str) {
        for number in 0..40 {
            let new =
                new_prompt(draft(&format!("{prefix}-{number}"), &"other ".repeat(number * 20 + 1)));
            store.create_prompt(&self.owner, new, &by("test")).await.unwrap();
        }
    }
}

#[tokio::test]
async fn nothing_is_left_of_an_erased_account() {
    let library = Library::new();
    let store = library.store();
    for number in 0..30 {
        let prompt = library.create_marked(&store, &format!("p{number}"), number * 400).await;
        let change = change(&prompt, &format!("{} again", MARKERS.join(" ")));
        let key = keyed(&format!("{}-{number}", MARKERS[0]), "f");
        store.save_prompt(&library.owner, &prompt.id, change, &key).await.unwrap();
        if number % 3 == 0 {
            store.delete_prompt(&library.owner, &prompt.id, None, &by("test")).await.unwrap();
        }
    }
    store.add_candidates(&library.owner, vec![proposal("c")], &by("test")).await.unwrap();
    assert!(!library.places().is_empty());
    store.erase_account(&UserId::parse("user_ann").unwrap()).await.unwrap();

    let backup = library.back_up();
    assert_eq!(places(backup.path()), [], "a backup before the rows are deleted");
    library.clean(&store).await;
    assert_eq!(library.places(), []);
    let backup = library.back_up();
    assert_eq!(places(backup.path()), []);
}

#[tokio::test]
async fn nothing_is_left_of_the_subscription_of_an_erased_account_or_of_a_forgotten_customer() {
    let library = Library::new();
    let store = library.store();
    let [ann, bob] = ["user_ann", "user_bob"].map(|user| UserId::parse(user).unwrap());
    let state = subscription(&format!("sub_{}", MARKERS[0]), Status::Active);
    store.bind_customer(&ann, &customer("cus_ann")).await.unwrap();
    store.finish_sync(&customer("cus_ann"), 1, Some(&state), None).await.unwrap();
    assert!(!library.places().is_empty());
    store.erase_account(&ann).await.unwrap();
    library.clean(&store).await;
    assert_eq!(library.places(), []);

    let marked = customer(&format!("cus_{}", MARKERS[0]));
    store.bind_customer(&bob, &marked).await.unwrap();
    store.erase_account(&bob).await.unwrap();
    library.clean(&store).await;
    assert!(!library.places().is_empty(), "it waits to be deleted at Stripe");
    store.forget_customer(&marked).await.unwrap();
    library.clean(&store).await;
    assert_eq!(library.places(), []);
}

#[tokio::test]
async fn nothing_is_left_of_what_its_owner_removed_among_what_stays() {
    let library = Library::new();
    let store = library.store();
    let owner = &library.owner;
    library.create_others(&store, "a").await;
    let purged = library.create_marked(&store, "purged", 60_000).await;
    let trashed = library.create_marked(&store, "trashed", 200).await;
    let pruned = library.create_marked(&store, "pruned", 5000).await;
    let expired = library.create_marked(&store, "expired", 5000).await;
    library.create_others(&store, "b").await;
    // The pruned one goes on without a marker in it.
    let mut harmless = change(&pruned, "harmless");
    let (name, body) = checked(draft("harmless", "harmless"));
    (harmless.body, harmless.name) = (body, Some(name));
    let kept = store.save_prompt(owner, &pruned.id, harmless, &by("test")).await.unwrap().prompt;
    let queue: Vec<_> = ["rejected", "accepted", "lapsed"].map(proposal).into();
    let ids: Vec<_> = queue.iter().map(|candidate| candidate.id.clone()).collect();
    store.add_candidates(owner, queue, &by("test")).await.unwrap();

    store.delete_prompt(owner, &expired.id, None, &by("test")).await.unwrap();
    library.clock.advance_days(6);
    for prompt in [&purged, &trashed] {
        store.delete_prompt(owner, &prompt.id, None, &by("test")).await.unwrap();
    }
    store.purge_prompt(owner, &purged.id, &by("test")).await.unwrap();
    store.reject_candidate(owner, &ids[0], &by("test")).await.unwrap();
    let accepting = WriteContext { accepts: Some(ids[1].clone()), ..by("test") };
    store.create_prompt(owner, new_prompt(draft("clean", "clean")), &accepting).await.unwrap();
    while store.prune_versions(owner, &pruned.id, 2, &by("test")).await.unwrap().has_more {}
    library.clock.advance_days(24);
    store.empty_trash(owner, &by("test")).await.unwrap();

    library.clean(&store).await;
    assert_eq!(library.places(), []);
    let backup = library.back_up();
    assert_eq!(places(backup.path()), []);
    let found = library.get(&store, "harmless").await.unwrap();
    assert_eq!(found, Some(kept));
    assert!(library.get(&store, "a-7").await.unwrap().is_some());
}

/// Deleted rows leave copies behind where pages were split and merged, which only a rewriting of the
/// file removes.
#[tokio::test]
async fn nothing_is_left_in_pages_that_were_split_and_merged() {
    let library = Library::new();
    let store = library.store();
    // Names of many lengths in a scattered order; every tenth prompt is a marked one. Some grow later.
    let mut db = library.connect();
    db.pragma_update(None, "secure_delete", true).unwrap();
    let batch = db.transaction().unwrap();
    for number in 1..=6000_u32 {
        let scattered = number.wrapping_mul(2_654_435_761) % 100_000;
        let word = if number % 10 == 0 { MARKERS[0] } else { "other" };
        let name = format!("{scattered:05}-{word}{}", "-x".repeat(scattered as usize % 20));
        batch
            .execute(
                "INSERT INTO prompts (seq, id, owner, name, change, favorite, created_at)
                 VALUES (?1, 'prm_' || ?1, ?2, ?3, ?1, 0, 0)",
                (number, library.owner.as_str(), name),
            )
            .unwrap();
        batch
            .execute(
                "INSERT INTO versions (change, prompt, version, title, description, content, tags,
                    variables, source, created_at)
                 VALUES (?1, ?1, 1, 'Title', '', ?2 || printf('%0*d', ?3, 0), '', '[]', 't', 0)",
                (number, word, scattered % 700),
            )
            .unwrap();
        if number % 3 == 0 {
            let grown = scattered % number;
            batch
                .execute("UPDATE prompts SET name = name || '-y' WHERE seq = ?1", [grown])
                .unwrap();
        }
    }
    let now = promptdb::domain::Clock::now(&*library.clock).as_millis();
    let deleted = "UPDATE prompts SET deleted_at = ?1 WHERE seq % 10 = 0";
    assert_eq!(batch.execute(deleted, [now]).unwrap(), 600);
    batch.commit().unwrap();
    drop(db);
    library.clock.advance_days(30);
    library.clean(&store).await;
    assert_eq!(library.count("SELECT count(*) FROM prompts"), 5400);
    assert_eq!(library.places(), []);
}

#[tokio::test]
async fn a_cleaning_that_a_kill_or_a_reader_interrupts_is_finished_later() {
    let library = Library::new();
    let store = library.store();
    let prompt = library.create_marked(&store, "p", 5000).await;
    // Another process reads an old state of the file.
    let reader = library.connect();
    reader.execute_batch("BEGIN; SELECT count(*) FROM versions").unwrap();
    store.delete_prompt(&library.owner, &prompt.id, None, &by("test")).await.unwrap();
    store.purge_prompt(&library.owner, &prompt.id, &by("test")).await.unwrap();
    purge_all(&store).await;
    assert_eq!(library.count("SELECT removals = cleaned FROM upkeep"), 0, "it is still due");
    assert!(!library.places().is_empty());
    // Nothing of the state is in memory: a process that was killed leaves the rest to the next one.
    drop(store);
    reader.execute_batch("COMMIT").unwrap();
    drop(reader);
    let store = library.store();
    library.clean(&store).await;
    assert_eq!(library.places(), []);
}

#[tokio::test]
async fn the_keys_of_a_purged_prompt_go_with_it_and_can_be_used_again() {
    let library = Library::new();
    let store = library.store();
    let key = keyed(MARKERS[0], "f");
    let create = || store.create_prompt(&library.owner, new_prompt(draft("p", "x")), &key);
    let prompt = create().await.unwrap().prompt;
    store.delete_prompt(&library.owner, &prompt.id, None, &by("test")).await.unwrap();
    store.purge_prompt(&library.owner, &prompt.id, &by("test")).await.unwrap();
    library.clean(&store).await;
    assert_eq!(library.places(), []);
    assert!(create().await.unwrap().changed);
}

#[tokio::test]
async fn two_processes_clean_one_file() {
    let library = Library::new();
    let (store, other) = (library.store(), library.store());
    let prompt = library.create_marked(&store, "p", 5000).await;
    library.create_others(&other, "a").await;
    store.delete_prompt(&library.owner, &prompt.id, None, &by("test")).await.unwrap();
    store.purge_prompt(&library.owner, &prompt.id, &by("test")).await.unwrap();
    let (one, two) = tokio::join!(library.clean(&store), library.clean(&other));
    let ((), ()) = (one, two);
    assert_eq!(library.places(), []);
    assert!(library.get(&other, "a-3").await.unwrap().is_some());
    library.create(&store, "after").await.unwrap();
    assert!(library.get(&other, "after").await.unwrap().is_some());
}

#[tokio::test]
async fn the_job_forgets_what_was_removed_within_a_minute() {
    use promptdb::jobs::{Jobs, library_jobs};
    use std::sync::Arc;

    let files = Library::new();
    let store = Arc::new(files.store());
    let clock = files.clock.clone();
    let library = Arc::new(promptdb::library::Library::new(store.clone(), clock));
    let jobs = Jobs::start(library_jobs(&library));
    let queue = vec![proposal("c")];
    let id = queue[0].id.clone();
    store.add_candidates(&files.owner, queue, &by("test")).await.unwrap();
    assert!(!files.places().is_empty());
    let mut caller = promptdb::domain::identity::Principal::local(
        promptdb::domain::identity::Client::named("test"),
    );
    caller.library_id = files.owner.clone();
    library.reject_candidate(&caller, &id).await.unwrap();
    let forgotten = async {
        while !files.places().is_empty() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), forgotten).await.unwrap();
    jobs.stop().await;
}

/// The number of places in the files of a folder with an eighth of a vector: a page boundary may split it.
fn places_of_vectors(folder: &Path, meanings: &[String]) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for meaning in meanings {
            let vector = vector(meaning);
            let part = memchr::memmem::Finder::new(&vector.as_bytes()[..DIMENSIONS / 8]);
            let rest = memchr::memmem::Finder::new(&vector.as_bytes()[DIMENSIONS / 8 * 7..]);
            count += part.find_iter(&bytes).count() + rest.find_iter(&bytes).count();
        }
    }
    count
}

#[tokio::test]
async fn nothing_is_left_of_the_vectors_of_what_was_removed() {
    let library = Library::new();
    let store = library.store();
    library.create_others(&store, "before").await;
    let meanings: Vec<String> = (0..80).map(|number| format!("secret{number}")).collect();
    let mut prompts = Vec::new();
    for (number, pair) in meanings.chunks(2).enumerate() {
        let first = new_prompt(draft(&format!("p-{number}"), "one"));
        let first = NewPrompt { embedding: Some(embedding(&pair[0])), ..first };
        let prompt = store.create_prompt(&library.owner, first, &by("x")).await.unwrap().prompt;
        let second = Change { embedding: Some(embedding(&pair[1])), ..change(&prompt, "two") };
        store.save_prompt(&library.owner, &prompt.id, second, &by("x")).await.unwrap();
        prompts.push(prompt.id);
    }
    let folder = library.path().parent().unwrap().to_owned();
    assert!(places_of_vectors(&folder, &meanings) > 0);
    for (number, id) in prompts.iter().enumerate() {
        store.delete_prompt(&library.owner, id, None, &by("x")).await.unwrap();
        if number % 2 == 0 {
            store.purge_prompt(&library.owner, id, &by("x")).await.unwrap();
        }
    }
    library.clean(&store).await;
    let purged: Vec<String> =
        meanings.chunks(4).flat_map(|four| four[..2].iter().cloned()).collect();
    assert_eq!(places_of_vectors(&folder, &purged), 0);
    assert!(places_of_vectors(&folder, &meanings) > 0, "of those that can be restored");
    let backup = library.back_up();
    assert_eq!(places_of_vectors(backup.path(), &purged), 0);

    store.erase_account(&UserId::parse("user_ann").unwrap()).await.unwrap();
    let backup = library.back_up();
    assert_eq!(places_of_vectors(backup.path(), &meanings), 0, "before the rows are deleted");
    library.clean(&store).await;
    assert_eq!(places_of_vectors(&folder, &meanings), 0);
}
