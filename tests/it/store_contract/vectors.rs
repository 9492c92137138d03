//! Laws of vectors: which prompts a search finds by meaning, and which are still to be embedded.

use std::collections::BTreeMap;

use promptdb::domain::Timestamp;
use promptdb::domain::audit::Action;
use promptdb::domain::draft::Draft;
use promptdb::domain::identity::LibraryId;
use promptdb::domain::paging::{Limit, PageRequest};
use promptdb::domain::prompt::{Prompt, PromptId, Tag, Version};
use promptdb::domain::ranking::{MATCHES_MAX, Query, rank, weigh_by_rarity};
use promptdb::domain::vector::{Embedding, ModelId};
use promptdb::store::{
    Change, EMBEDDED_CONTENT_MAX_CHARS, Embedded, Filter, ImportedPrompt, Matches, NewPrompt,
    Search, Unembedded, VectorCounts, WriteContext,
};

use super::candidates::new_candidate;
use super::{World, by, change, laws, library_of, new_prompt};
use crate::support::meaning::{embedding, model, vector};
use crate::support::{checked, draft};

/// A query that shares no word with a prompt of these tests.
const ELSEWHERE: &str = "zzzz";

impl World {
    /// Creates a prompt with the embedding of a text.
    async fn create_embedded(&self, name: &str, meaning: &str) -> Prompt {
        self.clock.tick();
        let new = NewPrompt { embedding: Some(embedding(meaning)), ..new_prompt(draft(name, "x")) };
        self.store.create_prompt(&self.library, new, &by("test")).await.unwrap().prompt
    }

    async fn search(&self, words: &str, meaning: &Embedding, filter: &Filter) -> Matches {
        let query = Query::parse(words).unwrap();
        let search = Search::Query { query, meaning: Some(meaning.clone()) };
        self.store.search_prompts(&self.library, &search, filter).await.unwrap()
    }

    /// The names and cosines, in hundredths, of what a meaning alone finds.
    async fn near(&self, meaning: &str) -> BTreeMap<String, i64> {
        cosines(&self.search(ELSEWHERE, &embedding(meaning), &Filter::default()).await)
    }

    /// What is still to be embedded, read in pages of `limit`.
    async fn unembedded(&self, model: &ModelId, limit: i64) -> Vec<Unembedded> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let page = PageRequest { limit: Limit::parse(limit).unwrap(), cursor };
            let page = self.store.list_unembedded(Some(&self.library), model, &page).await.unwrap();
            assert!(page.items.len() <= page_limit(limit));
            all.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                return all;
            }
        }
    }

    /// The names of what is still to be embedded, in alphabetical order.
    async fn unembedded_names(&self, number: u64) -> Vec<String> {
        let mut names = Vec::new();
        for one in self.unembedded(&model(number), 100).await {
            names.push(self.get(&one.prompt).await.unwrap().name.to_string());
        }
        names.sort();
        names
    }

    async fn keep(&self, library: &LibraryId, prompt: &Prompt, meaning: &str) -> usize {
        let one = Embedded {
            library: library.clone(),
            prompt: prompt.id.clone(),
            version: prompt.version,
            embedding: embedding(meaning),
        };
        self.store.keep_vectors(vec![one]).await.unwrap()
    }

    async fn counts(&self, number: u64) -> (u64, u64) {
        let VectorCounts { embedded, all } =
            self.store.count_vectors(Some(&self.library), &model(number)).await.unwrap();
        (embedded, all)
    }
}

fn page_limit(limit: i64) -> usize {
    Limit::parse(limit).unwrap().get()
}

#[expect(clippy::cast_possible_truncation, reason = "a cosine is at most 1")]
fn cosines(found: &Matches) -> BTreeMap<String, i64> {
    let each = found.matches.iter();
    let cosine = |cosine: f64| (cosine * 100.0).round() as i64;
    each.map(|one| (one.prompt.name.to_string(), one.cosine.map_or(-1000, cosine))).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "a score is less than 3")]
fn thousandths(score: f64) -> i64 {
    (score * 1000.0).round() as i64
}

fn names(found: &BTreeMap<String, i64>) -> Vec<&str> {
    found.keys().map(String::as_str).collect()
}

laws! {
    async fn a_prompt_is_found_by_the_meaning_of_its_current_version_alone(world) {
        let prompt = world.create_embedded("p", "gym").await;
        assert_eq!(world.near("fit").await["p"], 100);
        let cooking = Change { embedding: Some(embedding("dinner")), ..change(&prompt, "two") };
        let prompt = world.store.save_prompt(&world.library, &prompt.id, cooking, &by("x")).await.unwrap().prompt;
        assert!(world.near("fit").await["p"] < 50);
        assert_eq!(world.near("recipe").await["p"], 100);
        let prompt = world.save(&prompt, "three, without a vector").await;
        assert!(world.near("recipe").await.is_empty());
        assert_eq!(world.counts(1).await, (0, 1));
        assert_eq!(world.keep(&world.library, &prompt, "trip").await, 1);
        assert_eq!(world.near("reise").await["p"], 100);
        assert_eq!(world.counts(1).await, (1, 1));
    }

    async fn a_write_that_appends_no_version_changes_no_vector(world) {
        let prompt = world.create_embedded("p", "gym").await;
        let (store, library) = (&world.store, &world.library);
        store.mark_favorite(library, &prompt.id, true, &by("x")).await.unwrap();
        let renamed = Change {
            body: prompt.body.clone(), name: Some(checked(draft("renamed", "x")).0), ..change(&prompt, "x")
        };
        store.save_prompt(library, &prompt.id, renamed, &by("x")).await.unwrap();
        assert_eq!(world.near("fit").await["renamed"], 100);
        let same = Change { body: prompt.body.clone(), embedding: Some(embedding("dinner")), ..change(&prompt, "x") };
        assert!(!store.save_prompt(library, &prompt.id, same, &by("x")).await.unwrap().changed);
        assert_eq!(world.near("fit").await["renamed"], 100);
    }

    async fn a_version_with_the_same_texts_keeps_the_vector(world) {
        let prompt = world.create_embedded("p", "gym").await;
        let mut body = prompt.body.clone();
        body.tags = vec![Tag::parse("new").unwrap()];
        let tagged = Change { body, ..change(&prompt, "x") };
        let prompt = world.store.save_prompt(&world.library, &prompt.id, tagged, &by("x")).await.unwrap().prompt;
        assert_eq!((prompt.version, world.near("fit").await["p"], world.counts(1).await), (2, 100, (1, 1)));
        let mut body = prompt.body.clone();
        body.tags.clear();
        let untagged = Change { body, embedding: Some(embedding("dinner")), ..change(&prompt, "x") };
        let prompt = world.store.save_prompt(&world.library, &prompt.id, untagged, &by("x")).await.unwrap().prompt;
        assert_eq!(world.near("recipe").await["p"], 100, "the vector that it is saved with");
        world.save(&prompt, "another text").await;
        assert!(world.near("recipe").await.is_empty());
    }

    async fn a_deleted_prompt_is_not_found_and_has_its_vector_again_when_it_is_restored(world) {
        let prompt = world.create_embedded("p", "gym").await;
        world.create_embedded("other", "dinner").await;
        world.near("fit").await;
        world.delete(&prompt).await;
        assert_eq!(names(&world.near("fit").await), ["other"]);
        assert_eq!(world.counts(1).await, (1, 1));
        assert_eq!(world.keep(&world.library, &prompt, "gym").await, 0, "it is deleted");
        assert!(world.unembedded_names(2).await.iter().all(|name| name == "other"));
        world.store.undelete_prompt(&world.library, &prompt.id, &by("x")).await.unwrap();
        assert_eq!(world.near("fit").await["p"], 100);
        world.delete(&prompt).await;
        world.near("fit").await;
        world.store.purge_prompt(&world.library, &prompt.id, &by("x")).await.unwrap();
        assert_eq!(names(&world.near("fit").await), ["other"]);
    }

    async fn a_restored_version_has_the_vector_that_it_is_saved_with(world) {
        let prompt = world.create_embedded("p", "gym").await;
        let old = prompt.body.clone();
        let cooking = Change { embedding: Some(embedding("dinner")), ..change(&prompt, "two") };
        let prompt = world.store.save_prompt(&world.library, &prompt.id, cooking, &by("x")).await.unwrap().prompt;
        let restored = Change {
            body: old, action: Action::Restored, embedding: Some(embedding("gym")), ..change(&prompt, "x")
        };
        world.store.save_prompt(&world.library, &prompt.id, restored, &by("x")).await.unwrap();
        assert_eq!(world.near("fit").await["p"], 100);
    }

    async fn every_match_with_a_current_vector_has_a_cosine_whichever_way_it_was_found(world) {
        world.create_embedded("by-name", "gym").await;
        world.create_embedded("near", "workout").await;
        world.create("by-name-too", "nothing").await;
        let other = NewPrompt {
            embedding: Some(Embedding { model: model(2), vector: vector("gym") }),
            ..new_prompt(draft("by-name-of-another-model", "x"))
        };
        world.store.create_prompt(&world.library, other, &by("x")).await.unwrap();
        let found = world.search("by name", &embedding("fit"), &Filter::default()).await;
        let expected = [("by-name", 100), ("by-name-of-another-model", -1000), ("by-name-too", -1000), ("near", 100)];
        assert_eq!(cosines(&found), expected.map(|(name, cosine)| (name.to_owned(), cosine)).into());
        let by_words = Search::by_words(Query::parse("by name").unwrap());
        let found = world.store.search_prompts(&world.library, &by_words, &Filter::default()).await.unwrap();
        assert_eq!(found.matches.len(), 3);
        assert!(found.matches.iter().all(|one| one.cosine.is_none()));
    }

    async fn the_filter_holds_for_what_a_meaning_finds(world) {
        let tagged = Draft { tags: Some(vec!["fruit".to_owned()]), ..draft("tagged", "x") };
        let tagged = NewPrompt { embedding: Some(embedding("gym")), ..new_prompt(tagged) };
        world.store.create_prompt(&world.library, tagged, &by("x")).await.unwrap();
        let marked = world.create_embedded("marked", "gym").await;
        world.store.mark_favorite(&world.library, &marked.id, true, &by("x")).await.unwrap();
        world.create_embedded("neither", "gym").await;
        let fruit = Filter { tag: Some(Tag::parse("fruit").unwrap()), ..Filter::default() };
        let both = Filter { favorite: Some(true), ..fruit.clone() };
        for (filter, expected) in [
            (Filter::default(), &["marked", "neither", "tagged"][..]),
            (fruit, &["tagged"]),
            (Filter { favorite: Some(true), ..Filter::default() }, &["marked"]),
            (Filter { favorite: Some(false), ..Filter::default() }, &["neither", "tagged"]),
            (both, &[]),
        ] {
            let found = cosines(&world.search(ELSEWHERE, &embedding("fit"), &filter).await);
            assert_eq!(names(&found), expected, "{filter:?}");
        }
    }

    async fn the_nearest_prompts_are_found_among_many(world) {
        for number in 0..MATCHES_MAX + 10 {
            world.create_embedded(&format!("far-{number}"), &format!("dinner word{number}")).await;
        }
        world.create_embedded("nearest", "gym").await;
        let found = world.near("fit").await;
        assert_eq!(found.len(), MATCHES_MAX);
        assert_eq!(found["nearest"], 100);
        let found = world.search("far", &embedding("fit"), &Filter::default()).await;
        assert!(found.matches.len() > MATCHES_MAX && found.matches.len() <= 2 * MATCHES_MAX);
        let mut ids: Vec<&str> = found.matches.iter().map(|one| one.prompt.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), found.matches.len(), "each prompt once");
    }

    /// The same order from each store, down to the score.
    async fn words_and_meaning_rank_together(world) {
        world.create_embedded("dinner-for-two", "dinner").await;
        world.create_embedded("routine", "workout gym").await;
        world.create_embedded("fit-for-work", "application letter").await;
        world.create_embedded("pasta", "dinner tomatoes").await;
        world.create("fit-without-a-vector", "keep fit").await;
        let query = Query::parse("keep fit").unwrap();
        let found = world.search("keep fit", &embedding("gym"), &Filter::default()).await;
        let ranked = rank(&query, &weigh_by_rarity(&query, |_| 4.0), found.matches);
        let shown: Vec<(&str, i64)> = ranked.iter().map(|one| (one.prompt.name.as_str(), thousandths(one.score.total()))).collect();
        assert_eq!(shown, [("routine", 1000), ("fit-without-a-vector", 527), ("fit-for-work", 213)]);
    }

    async fn what_resembles_a_text_is_found_by_its_meaning_too(world) {
        world.create("shares", "a common word").await;
        world.create_embedded("near", "gym").await;
        let alike = Search::Alike {
            words: vec!["common".to_owned()], meaning: Some(embedding("workout")), most: 5,
        };
        let found = world.store.search_prompts(&world.library, &alike, &Filter::default()).await.unwrap();
        assert_eq!(cosines(&found), [("near".to_owned(), 100), ("shares".to_owned(), -1000)].into());
    }

    async fn what_lacks_a_vector_of_the_model_is_listed_with_its_texts(world) {
        let long = "ü".repeat(EMBEDDED_CONTENT_MAX_CHARS + 7);
        let whole = world.create_draft(Draft {
            title: Some("Title".to_owned()), description: Some("What for".to_owned()), ..draft("whole", &long)
        }).await;
        for number in 0..6 {
            world.create(&format!("p-{number}"), "x").await;
        }
        world.create_embedded("embedded", "gym").await;
        let deleted = world.create("deleted", "x").await;
        world.delete(&deleted).await;
        let listed = world.unembedded(&model(1), 2).await;
        assert_eq!(listed.len(), 7);
        let found: Vec<&Unembedded> = listed.iter().filter(|one| one.prompt == whole.id).collect();
        assert_eq!(*found[0], Unembedded {
            library: world.library.clone(), prompt: whole.id.clone(), version: 1,
            title: "Title".to_owned(), description: "What for".to_owned(),
            content: "ü".repeat(EMBEDDED_CONTENT_MAX_CHARS),
        });
        assert_eq!(world.unembedded(&model(2), 3).await.len(), 8, "another model has no vector of any");
        assert_eq!(world.counts(1).await, (1, 8));
        assert_eq!(world.counts(2).await, (0, 8));
    }

    /// As the job does while its list changes below it.
    async fn what_is_embedded_while_it_is_listed_is_listed_once(world) {
        for number in 0..7 {
            world.create(&format!("p-{number}"), "x").await;
        }
        let mut page = PageRequest { limit: Limit::parse(2).unwrap(), cursor: None };
        let mut kept = 0;
        loop {
            let found = world.store.list_unembedded(Some(&world.library), &model(1), &page).await.unwrap();
            let embedded = found.items.into_iter().map(|one| Embedded {
                library: one.library, prompt: one.prompt, version: one.version, embedding: embedding("gym"),
            });
            kept += world.store.keep_vectors(embedded.collect()).await.unwrap();
            page.cursor = found.next;
            if page.cursor.is_none() {
                break;
            }
        }
        assert_eq!(kept, 7);
        assert!(world.unembedded_names(1).await.is_empty());
    }

    async fn a_vector_is_kept_for_the_version_that_it_was_made_from(world) {
        let prompt = world.create("p", "one").await;
        let newer = world.save(&prompt, "two").await;
        assert_eq!(world.keep(&world.library, &prompt, "gym").await, 0);
        assert!(world.near("fit").await.is_empty());
        assert_eq!(world.keep(&world.library, &newer, "gym").await, 1);
        assert_eq!(world.keep(&world.library, &newer, "gym").await, 1, "again");
        assert_eq!(world.near("fit").await["p"], 100);
        let unknown = Prompt { id: PromptId::random(), ..newer };
        assert_eq!(world.keep(&world.library, &unknown, "gym").await, 0);
    }

    async fn another_model_replaces_a_vector(world) {
        let prompt = world.create_embedded("p", "gym").await;
        world.create_embedded("later", "gym").await;
        let newer = Embedding { model: model(2), vector: vector("gym") };
        assert!(world.search(ELSEWHERE, &newer, &Filter::default()).await.matches.is_empty());
        assert_eq!(world.unembedded_names(2).await, ["later", "p"]);
        let one = Embedded {
            library: world.library.clone(), prompt: prompt.id.clone(), version: 1, embedding: newer.clone(),
        };
        assert_eq!(world.store.keep_vectors(vec![one]).await.unwrap(), 1);
        assert_eq!(names(&cosines(&world.search(ELSEWHERE, &newer, &Filter::default()).await)), ["p"]);
        assert_eq!(names(&world.near("fit").await), ["later"]);
        assert_eq!((world.counts(1).await, world.counts(2).await), ((1, 2), (1, 2)));
        assert_eq!((world.unembedded_names(1).await, world.unembedded_names(2).await), (vec!["p".to_owned()], vec!["later".to_owned()]));
    }

    async fn an_imported_prompt_has_a_vector_once_it_is_kept(world) {
        let version = |number: u32, content: &str| {
            let (_, body) = checked(draft("p", content));
            let created_at = Timestamp::from_millis(1_764_547_200_000 + i64::from(number));
            Version { version: number, body, source: "file".to_owned(), created_at }
        };
        let new = ImportedPrompt {
            id: PromptId::random(),
            name: checked(draft("p", "x")).0,
            favorite: false,
            deleted_at: None,
            use_count: 0,
            last_used_at: None,
            versions: vec![version(1, "one"), version(2, "two")],
        };
        let prompt = world.store.import_prompt(&world.library, new, &by("x")).await.unwrap().prompt;
        assert_eq!(world.unembedded_names(1).await, ["p"]);
        assert_eq!(world.keep(&world.library, &prompt, "gym").await, 1);
        assert_eq!(world.near("fit").await["p"], 100);
        world.store.append_versions(&world.library, &prompt.id, vec![version(3, "three")], &by("x")).await.unwrap();
        assert!(world.near("fit").await.is_empty());
        assert_eq!(world.unembedded_names(1).await, ["p"]);
    }

    async fn an_accepted_candidate_has_the_vector_of_its_acceptance(world) {
        let candidate = new_candidate("waiting");
        world.store.add_candidates(&world.library, vec![candidate.clone()], &by("x")).await.unwrap();
        let accepting = WriteContext { accepts: Some(candidate.id.clone()), ..by("x") };
        let new = NewPrompt {
            id: PromptId::random(), name: candidate.name, body: candidate.body, favorite: false,
            embedding: Some(embedding("gym")),
        };
        world.store.create_prompt(&world.library, new, &accepting).await.unwrap();
        assert_eq!(world.near("fit").await["waiting"], 100);
    }

    async fn a_refused_write_keeps_no_vector(world) {
        let prompt = world.create_embedded("p", "gym").await;
        let stale = Change {
            expected_version: 7, embedding: Some(embedding("dinner")), ..change(&prompt, "two")
        };
        world.store.save_prompt(&world.library, &prompt.id, stale, &by("x")).await.unwrap_err();
        let taken = NewPrompt { embedding: Some(embedding("dinner")), ..new_prompt(draft("p", "x")) };
        world.store.create_prompt(&world.library, taken, &by("x")).await.unwrap_err();
        assert_eq!(world.near("fit").await, [("p".to_owned(), 100)].into());
        assert_eq!(world.counts(1).await, (1, 1));
    }

    async fn vectors_count_towards_no_quota_and_leave_no_audit_entry(world) {
        let prompt = world.create("p", "one").await;
        let before = (world.store.count_library(&world.library).await.unwrap(), world.audit().await);
        assert_eq!(world.keep(&world.library, &prompt, "gym").await, 1);
        let after = (world.store.count_library(&world.library).await.unwrap(), world.audit().await);
        assert_eq!(before, after);
    }

    async fn no_owner_finds_or_keeps_a_vector_of_another(world) {
        let mine = world.create_embedded("mine", "gym").await;
        let thief = library_of("user_bob");
        let search = Search::Query { query: Query::parse(ELSEWHERE).unwrap(), meaning: Some(embedding("fit")) };
        assert!(world.store.search_prompts(&thief, &search, &Filter::default()).await.unwrap().matches.is_empty());
        assert_eq!(world.keep(&thief, &mine, "dinner").await, 0);
        assert_eq!(world.near("fit").await["mine"], 100);
        let page = PageRequest { limit: Limit::MAX, cursor: None };
        assert!(world.store.list_unembedded(Some(&thief), &model(2), &page).await.unwrap().items.is_empty());
        assert_eq!(world.store.count_vectors(Some(&thief), &model(1)).await.unwrap(), VectorCounts::default());
        let theirs = NewPrompt { embedding: Some(embedding("fit")), ..new_prompt(draft("theirs", "x")) };
        world.store.create_prompt(&thief, theirs, &by("x")).await.unwrap();
        assert_eq!(names(&world.near("fit").await), ["mine"]);
    }

    async fn nothing_of_an_erased_account_is_found_by_meaning(world) {
        let prompt = world.create_embedded("p", "gym").await;
        world.near("fit").await;
        world.store.erase_account(&world.user).await.unwrap();
        assert!(world.near("fit").await.is_empty());
        assert_eq!(world.keep(&world.library, &prompt, "gym").await, 0);
        assert_eq!(world.counts(1).await, (0, 0));
        assert!(world.unembedded(&model(2), 10).await.is_empty());
    }
}
