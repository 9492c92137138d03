//! Writes whose answer is lost: the store retries them, and the real functions carry each out once.

use promptdb::domain::audit::Action;
use promptdb::domain::identity::LibraryId;
use promptdb::domain::paging::{Limit, PageRequest};
use promptdb::store::convex::ConvexStore;
use promptdb::store::{AuditStore, CandidateStore, PromptStore};

use super::fake::{Act, Fake};
use super::functions::{address, deployment_at};
use crate::store_contract::candidates::new_candidate;
use crate::store_contract::{by, change, keyed, library_of, new_prompt};
use crate::support::draft;

fn library() -> LibraryId {
    library_of("user_ann")
}

/// A store that loses the first answer to each of its next `calls` calls, and the proxy that drops
/// them.
async fn forgetful(calls: usize) -> (ConvexStore, Fake) {
    let pair = [Act::LoseAnswer(address().to_owned()), Act::Pass(address().to_owned())];
    let mut acts: Vec<Act> = pair.iter().cycle().take(2 * calls).cloned().collect();
    acts.push(Act::Pass(address().to_owned()));
    let fake = Fake::run(acts).await;
    (deployment_at(&fake.url).0, fake)
}

async fn actions(store: &ConvexStore) -> Vec<Action> {
    let page = PageRequest { limit: Limit::MAX, cursor: None };
    let entries = store.list_audit(&library(), &page).await.unwrap().items;
    entries.iter().rev().map(|entry| entry.action).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answer_is_lost_is_carried_out_once() {
    let (store, fake) = forgetful(4).await;
    let library = library();
    let new = new_prompt(draft("haiku", "one"));
    let created = store.create_prompt(&library, new, &by("a")).await.unwrap();
    assert!(created.changed);
    let two = change(&created.prompt, "two");
    let saved = store.save_prompt(&library, &created.prompt.id, two, &by("a")).await.unwrap();
    assert_eq!(saved.prompt.version, 2);
    let three = change(&saved.prompt, "three");
    let own_key = keyed("a key of the caller", "f");
    let saved = store.save_prompt(&library, &created.prompt.id, three, &own_key).await.unwrap();
    assert_eq!(saved.prompt.version, 3);
    store.delete_prompt(&library, &created.prompt.id, Some(3), &by("a")).await.unwrap();
    assert_eq!(fake.seen().len(), 8, "each was sent twice");
    let expected = [Action::Created, Action::Saved, Action::Saved, Action::Deleted];
    assert_eq!(actions(&store).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn candidates_whose_answer_is_lost_wait_once() {
    let (store, _fake) = forgetful(2).await;
    let library = library();
    let proposed = vec![new_candidate("haiku"), new_candidate("sonnet")];
    let added = store.add_candidates(&library, proposed, &by("a")).await.unwrap();
    store.reject_candidate(&library, &added[0].id, &by("a")).await.unwrap();
    let page = PageRequest { limit: Limit::MAX, cursor: None };
    let waiting = store.list_candidates(&library, &page).await.unwrap().items;
    assert_eq!(waiting, [added[1].clone()]);
    let expected = [Action::Harvested, Action::Harvested, Action::Rejected];
    assert_eq!(actions(&store).await, expected);
}
