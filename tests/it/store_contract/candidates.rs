//! Laws of the review queue: candidates wait, expire, and are accepted once.

use std::sync::Arc;

use promptdb::domain::Timestamp;
use promptdb::domain::candidate::{Candidate, CandidateId, Findings, QUEUE_MAX};
use promptdb::domain::paging::{Limit, PageRequest};
use promptdb::domain::syntax::Syntax;
use promptdb::store::{NewCandidate, StoreError, WriteContext};
use tokio::task::JoinSet;

use super::{by, laws, library_of, new_prompt};
use crate::support::{checked, draft, full_draft};

pub(crate) fn new_candidate(name: &str) -> NewCandidate {
    let (name, body) = checked(full_draft(name));
    let problems = vec!["\"this file\" is not there".to_owned()];
    let findings = Findings::new([("email", 2), ("api_key", 1)].into(), problems);
    NewCandidate { id: CandidateId::random(), name, body, why: "It worked.".to_owned(), findings }
}

fn accepting(id: &CandidateId) -> WriteContext {
    WriteContext { accepts: Some(id.clone()), ..by("reviewer") }
}

laws! {
    async fn candidates_are_stored_unchanged_and_listed_newest_first(world) {
        let new: Vec<NewCandidate> = (0..5).map(|number| new_candidate(&format!("c{number}"))).collect();
        let added = world.store.add_candidates(&world.library, new.clone(), &by("harvester")).await.unwrap();
        for (new, added) in new.iter().zip(&added) {
            assert_eq!((&added.id, &added.name, &added.body, &added.why), (&new.id, &new.name, &new.body, &new.why));
            assert_eq!(added.findings, new.findings);
            assert_eq!(world.store.get_candidate(&world.library, &new.id).await.unwrap().as_ref(), Some(added));
        }
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let request = PageRequest { limit: Limit::parse(2).unwrap(), cursor };
            let page = world.store.list_candidates(&world.library, &request).await.unwrap();
            seen.extend(page.items.into_iter().map(|candidate| candidate.name.to_string()));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["c4", "c3", "c2", "c1", "c0"]);
        assert_eq!(world.audit().await[0], "harvested c0 0 harvester");
        assert_eq!(world.store.count_library(&world.library).await.unwrap().prompts, 0, "a candidate does not count as a prompt");
    }

    async fn a_candidate_keeps_its_syntax(world) {
        let mut old = new_candidate("old");
        old.body.syntax = Syntax::First;
        let added = world.store.add_candidates(&world.library, vec![old.clone()], &by("x")).await.unwrap();
        assert_eq!(added[0].body, old.body);
        let found = world.store.get_candidate(&world.library, &old.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(&added[0]));
        let imported = Candidate { id: CandidateId::random(), ..added[0].clone() };
        let imported = world.store.import_candidate(&world.library, imported, &by("x")).await.unwrap();
        assert_eq!(imported.body.syntax, Syntax::First);
    }

    async fn exactly_one_of_many_parallel_acceptances_succeeds(world) {
        let candidate = new_candidate("c");
        world.store.add_candidates(&world.library, vec![candidate.clone()], &by("x")).await.unwrap();
        let mut tasks = JoinSet::new();
        for number in 0..20 {
            let (store, library) = (Arc::clone(&world.store), world.library.clone());
            let write = accepting(&candidate.id);
            let new = new_prompt(draft(&format!("p{number}"), "x"));
            tasks.spawn(async move { store.create_prompt(&library, new, &write).await });
        }
        let succeeded = tasks.join_all().await.into_iter().flatten().count();
        assert_eq!(succeeded, 1);
        assert_eq!(world.store.count_library(&world.library).await.unwrap().prompts, 1);
        assert_eq!(world.store.get_candidate(&world.library, &candidate.id).await.unwrap(), None);
    }

    async fn a_refused_acceptance_keeps_the_candidate_in_the_queue(world) {
        world.create("taken", "x").await;
        let candidate = new_candidate("taken");
        world.store.add_candidates(&world.library, vec![candidate.clone()], &by("x")).await.unwrap();
        let new = new_prompt(draft("taken", "y"));
        let refused = world.store.create_prompt(&world.library, new, &accepting(&candidate.id)).await;
        assert!(matches!(refused, Err(StoreError::NameTaken { .. })));
        assert!(world.store.get_candidate(&world.library, &candidate.id).await.unwrap().is_some());
    }

    async fn a_candidate_expires_after_seven_days(world) {
        let candidate = new_candidate("c");
        world.store.add_candidates(&world.library, vec![candidate.clone()], &by("x")).await.unwrap();
        world.clock.advance_days(6);
        assert!(world.store.get_candidate(&world.library, &candidate.id).await.unwrap().is_some());
        world.clock.advance_days(1);
        assert_eq!(world.store.get_candidate(&world.library, &candidate.id).await.unwrap(), None);
        let all = PageRequest { limit: Limit::MAX, cursor: None };
        assert!(world.store.list_candidates(&world.library, &all).await.unwrap().items.is_empty());
        let late = world.store.create_prompt(&world.library, new_prompt(draft("p", "x")), &accepting(&candidate.id)).await;
        assert!(matches!(late, Err(StoreError::NotFound)));
        let late = world.store.reject_candidate(&world.library, &candidate.id, &by("x")).await;
        assert!(matches!(late, Err(StoreError::NotFound)));
    }

    async fn a_rejected_candidate_is_removed_and_recorded(world) {
        let candidate = new_candidate("c");
        world.store.add_candidates(&world.library, vec![candidate.clone()], &by("x")).await.unwrap();
        world.store.reject_candidate(&world.library, &candidate.id, &by("reviewer")).await.unwrap();
        assert_eq!(world.store.get_candidate(&world.library, &candidate.id).await.unwrap(), None);
        assert_eq!(world.audit().await, ["harvested - 0 x", "rejected - 0 reviewer"]);
    }

    async fn the_queue_is_bounded_and_a_harvest_is_added_whole_or_not_at_all(world) {
        let many = |count: u32| (0..count).map(|number| new_candidate(&format!("c{number}"))).collect::<Vec<_>>();
        world.store.add_candidates(&world.library, many(QUEUE_MAX - 1), &by("x")).await.unwrap();
        let refused = world.store.add_candidates(&world.library, many(2), &by("x")).await;
        assert!(matches!(refused, Err(StoreError::QueueFull { limit: QUEUE_MAX })));
        world.store.add_candidates(&world.library, many(1), &by("x")).await.unwrap();
        world.clock.advance_days(7);
        world.store.add_candidates(&world.library, many(2), &by("x")).await.unwrap();
    }

    async fn an_imported_candidate_keeps_its_fields_and_its_own_expiry(world) {
        let NewCandidate { id, name, body, why, findings } = new_candidate("c");
        let candidate = Candidate {
            id,
            name,
            body,
            why,
            findings,
            source: "elsewhere".to_owned(),
            created_at: Timestamp::from_millis(1_767_225_600_000 - 3 * 86_400_000),
        };
        let import = |candidate: Candidate| async { world.store.import_candidate(&world.library, candidate, &by("importer")).await };
        assert_eq!(import(candidate.clone()).await.unwrap(), candidate);
        let waiting = world.store.get_candidate(&world.library, &candidate.id).await.unwrap();
        assert_eq!(waiting.as_ref(), Some(&candidate));
        assert_eq!(world.audit().await, ["imported c 0 importer"]);
        let other = library_of("user_bob");
        let theirs = world.store.import_candidate(&other, candidate.clone(), &by("x")).await.unwrap();
        assert_eq!(theirs.id, candidate.id.derived(&other));

        for _ in 1..QUEUE_MAX {
            import(Candidate { id: CandidateId::random(), ..candidate.clone() }).await.unwrap();
        }
        let full = import(Candidate { id: CandidateId::random(), ..candidate.clone() }).await;
        assert!(matches!(full, Err(StoreError::QueueFull { limit: QUEUE_MAX })));
        world.clock.advance_days(4);
        assert_eq!(world.store.get_candidate(&world.library, &candidate.id).await.unwrap(), None);
    }
}
