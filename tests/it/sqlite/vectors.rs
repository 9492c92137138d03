//! Vectors in a file that changes: two stores on it, another model, faults, and a large library.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use promptdb::domain::paging::{Limit, PageRequest};
use promptdb::domain::prompt::{Prompt, PromptId};
use promptdb::domain::ranking::{MATCHES_MAX, Query};
use promptdb::domain::vector::{DIMENSIONS, Embedding};
use promptdb::library::Library as UseCases;
use promptdb::store::sqlite::SqliteStore;
use promptdb::store::{
    Change, Embedded, Filter, NewPrompt, PromptStore, Search, Store, VectorCounts, VectorStore,
};
use tokio_util::sync::CancellationToken;

use super::Library;
use crate::store_contract::{by, change, new_prompt};
use crate::support::draft;
use crate::support::meaning::{MadeUpEncoder, embedding, model, vector};

impl Library {
    /// Creates a prompt with the embedding of a text.
    async fn embed(&self, store: &SqliteStore, name: &str, meaning: &str) -> Prompt {
        let new = NewPrompt { embedding: Some(embedding(meaning)), ..new_prompt(draft(name, "x")) };
        store.create_prompt(&self.owner, new, &by("test")).await.unwrap().prompt
    }

    /// What a meaning finds without a word: the prompts with their cosines.
    async fn near(&self, store: &SqliteStore, meaning: &Embedding) -> Vec<(PromptId, f64)> {
        let query = Query::parse("zzzz").unwrap();
        let search = Search::Query { query, meaning: Some(meaning.clone()) };
        let found = store.search_prompts(&self.owner, &search, &Filter::default()).await.unwrap();
        found.matches.into_iter().map(|one| (one.prompt.id, one.cosine.unwrap())).collect()
    }

    /// The use cases on the file, with a model.
    fn with_model(&self, store: SqliteStore, encoder: &Arc<MadeUpEncoder>) -> UseCases {
        let encoder: Arc<MadeUpEncoder> = Arc::clone(encoder);
        UseCases::new(Arc::new(store), self.clock.clone()).with_encoder(Some(encoder))
    }
}

async fn count(store: &SqliteStore, number: u64) -> VectorCounts {
    store.count_vectors(None, &model(number)).await.unwrap()
}

/// A series of pseudo-random numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// Two processes write to one file in turn. After each write both find what a search through a list of
/// all vectors finds, although either has the matrix of an earlier moment in memory.
#[tokio::test]
async fn two_stores_on_one_file_find_what_either_wrote() {
    let library = Library::new();
    let stores = [library.store(), library.store()];
    let write = by("test");
    let mut living: BTreeMap<PromptId, (Prompt, Option<String>)> = BTreeMap::new();
    let mut deleted: BTreeMap<PromptId, (Prompt, Option<String>)> = BTreeMap::new();
    let mut random = Random(7);
    for step in 0..250 {
        let store = &stores[random.below(2)];
        let pick = |map: &BTreeMap<PromptId, _>, random: &mut Random| {
            let keys: Vec<PromptId> = map.keys().cloned().collect();
            (!keys.is_empty()).then(|| keys[random.below(keys.len())].clone())
        };
        let meaning = format!("gym word{step}");
        match random.below(7) {
            0 | 1 if living.len() < MATCHES_MAX - 5 => {
                let prompt = library.embed(store, &format!("p-{step}"), &meaning).await;
                living.insert(prompt.id.clone(), (prompt, Some(meaning)));
            }
            2 => {
                let Some(id) = pick(&living, &mut random) else { continue };
                let (prompt, kept) = living.get_mut(&id).unwrap();
                *kept = (step % 3 > 0).then_some(meaning);
                let embedding = kept.as_deref().map(embedding);
                let change = Change { embedding, ..change(prompt, &format!("text {step}")) };
                *prompt =
                    store.save_prompt(&library.owner, &id, change, &write).await.unwrap().prompt;
            }
            3 => {
                let Some(id) = pick(&living, &mut random) else { continue };
                store.delete_prompt(&library.owner, &id, None, &write).await.unwrap();
                deleted.insert(id.clone(), living.remove(&id).unwrap());
            }
            4 => {
                let Some(id) = pick(&deleted, &mut random) else { continue };
                store.undelete_prompt(&library.owner, &id, &write).await.unwrap();
                living.insert(id.clone(), deleted.remove(&id).unwrap());
            }
            5 => {
                let Some(id) = pick(&deleted, &mut random) else { continue };
                store.purge_prompt(&library.owner, &id, &write).await.unwrap();
                deleted.remove(&id);
                if step % 2 == 0 {
                    while store.purge().await.unwrap().has_more {}
                }
            }
            _ => {
                let Some(id) = pick(&living, &mut random) else { continue };
                let (prompt, kept) = living.get_mut(&id).unwrap();
                *kept = Some(meaning.clone());
                let one = Embedded {
                    library: library.owner.clone(),
                    prompt: id,
                    version: prompt.version,
                    embedding: embedding(&meaning),
                };
                assert_eq!(store.keep_vectors(vec![one]).await.unwrap(), 1);
            }
        }
        // One of them may miss several writes.
        let reader = &stores[random.below(2)];
        let query = embedding("workout");
        let mut expected: Vec<(PromptId, f64)> = living
            .iter()
            .filter_map(|(id, (_, kept))| {
                Some((id.clone(), vector(kept.as_deref()?).cosine(&query.vector)))
            })
            .collect();
        expected.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        let mut found = library.near(reader, &query).await;
        found.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        assert!(expected.len() <= MATCHES_MAX);
        assert_eq!(found, expected, "step {step}");
    }
    assert!(living.len() > 5, "{}", living.len());
}

#[tokio::test]
async fn another_model_embeds_everything_again_and_goes_on_where_it_was_stopped() {
    let library = Library::new();
    let store = library.store();
    for number in 0..70 {
        library.create(&store, &format!("p-{number}")).await.unwrap();
    }
    let first = Arc::new(MadeUpEncoder::new(1));
    library.with_model(library.store(), &first).embed_missing().await.unwrap();
    assert_eq!(count(&store, 1).await, VectorCounts { embedded: 70, all: 70 });
    assert_eq!(first.prompts(), 70);

    let second = Arc::new(MadeUpEncoder::new(2));
    let newer = library.with_model(library.store(), &second);
    let stop = CancellationToken::new();
    second.cancel_after(40, &stop);
    assert!(stop.run_until_cancelled(newer.embed_missing()).await.is_none());
    // A call keeps 32 vectors at a time.
    let counts = (count(&store, 1).await.embedded, count(&store, 2).await.embedded);
    assert_eq!(counts, (70 - 32, 32), "what was kept before the stop stays");
    let newer_query = Embedding { model: model(2), vector: vector("content") };
    assert_eq!(library.near(&store, &embedding("content")).await.len(), 38);
    assert_eq!(library.near(&store, &newer_query).await.len(), 32);

    let before = second.prompts();
    newer.embed_missing().await.unwrap();
    assert_eq!(second.prompts() - before, 70 - 32, "what was kept is not embedded again");
    assert_eq!(count(&store, 2).await, VectorCounts { embedded: 70, all: 70 });
    assert_eq!(count(&store, 1).await.embedded, 0);
    newer.embed_missing().await.unwrap();
    assert_eq!(second.prompts() - before, 70 - 32, "nothing is left");
}

#[tokio::test]
async fn one_process_at_a_time_embeds_the_prompts_of_a_file() {
    let library = Library::new();
    let store = library.store();
    library.create(&store, "p").await.unwrap();
    let encoders = [1, 2].map(|model| Arc::new(MadeUpEncoder::new(model)));
    let [first, second] = encoders.each_ref().map(|one| library.with_model(library.store(), one));
    for _ in 0..2 {
        first.embed_missing().await.unwrap();
        second.embed_missing().await.unwrap();
    }
    assert_eq!(encoders.each_ref().map(|encoder| encoder.prompts()), [1, 0]);
    drop(first);
    second.embed_missing().await.unwrap();
    assert_eq!(count(&store, 2).await, VectorCounts { embedded: 1, all: 1 });
}

/// Another connection makes the file refuse vectors as a full disk would.
#[tokio::test]
async fn a_failure_in_the_middle_loses_nothing_and_a_later_call_goes_on() {
    let library = Library::new();
    let store = library.store();
    for number in 0..70 {
        library.create(&store, &format!("p-{number}")).await.unwrap();
    }
    library
        .connect()
        .execute_batch(
            "CREATE TRIGGER full BEFORE UPDATE ON vectors \
             WHEN (SELECT count(*) FROM vectors WHERE model <> '') >= 40 \
             BEGIN SELECT RAISE(ABORT, 'full'); END",
        )
        .unwrap();
    let encoder = Arc::new(MadeUpEncoder::new(1));
    let uses = library.with_model(library.store(), &encoder);
    uses.embed_missing().await.unwrap_err();
    let embedded = count(&store, 1).await.embedded;
    assert!(embedded > 0 && embedded < 70, "{embedded}");
    assert_eq!(library.count("SELECT count(*) FROM prompts"), 70);
    library.connect().execute_batch("DROP TRIGGER full").unwrap();

    encoder.fail(true);
    uses.embed_missing().await.unwrap_err();
    assert_eq!(count(&store, 1).await.embedded, embedded, "the model failed");
    encoder.fail(false);
    uses.embed_missing().await.unwrap();
    assert_eq!(count(&store, 1).await.embedded, 70);
}

#[tokio::test]
async fn a_file_of_the_release_before_is_embedded_after_its_migration() {
    let library = Library::new();
    let store = library.store();
    library.create(&store, "old").await.unwrap();
    let gone = library.create(&store, "gone").await.unwrap();
    store.delete_prompt(&library.owner, &gone.id, None, &by("test")).await.unwrap();
    drop(store);
    library
        .connect()
        .execute_batch(
            "DROP TABLE vectors; DROP INDEX prompts_favorite;
             ALTER TABLE libraries DROP COLUMN vector_change;
             ALTER TABLE libraries DROP COLUMN vectors_forgotten;",
        )
        .unwrap();
    let version = library.count("SELECT user_version FROM pragma_user_version");
    library.connect().pragma_update(None, "user_version", version - 1).unwrap();
    let store = library.store();
    assert_eq!(count(&store, 1).await, VectorCounts { embedded: 0, all: 1 });
    let encoder = Arc::new(MadeUpEncoder::new(1));
    let uses = library.with_model(library.store(), &encoder);
    uses.embed_missing().await.unwrap();
    assert_eq!(count(&store, 1).await, VectorCounts { embedded: 1, all: 1 });
    store.undelete_prompt(&library.owner, &gone.id, &by("test")).await.unwrap();
    uses.embed_missing().await.unwrap();
    assert_eq!(library.near(&store, &embedding("content")).await.len(), 2);
}

#[tokio::test]
async fn a_damaged_vector_is_passed_over() {
    let library = Library::new();
    let store = library.store();
    library.embed(&store, "sound", "gym").await;
    for (name, blob) in
        [("short", "x'01'"), ("range", "unhex(replace(hex(zeroblob(512)), '00', '80'))")]
    {
        let prompt = library.embed(&store, name, "gym").await;
        let sql = format!(
            "UPDATE vectors SET vector = CAST({blob} AS BLOB) \
             WHERE prompt = (SELECT seq FROM prompts WHERE id = ?1)"
        );
        library.connect().execute(&sql, [prompt.id.as_str()]).unwrap();
    }
    assert_eq!(library.near(&store, &embedding("fit")).await.len(), 1);
    assert_eq!(library.near(&library.store(), &embedding("fit")).await.len(), 1);
}

#[tokio::test]
async fn the_nearest_of_a_hundred_thousand_prompts_are_found() {
    const PROMPTS: u32 = 100_000;
    let library = Library::new();
    // However slow the machine is.
    let open = || library.open(Duration::from_mins(10)).unwrap();
    let store = open();
    library
        .connect()
        .execute_batch(&format!(
            "BEGIN;
             CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS
                (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {PROMPTS}) SELECT i FROM n;
             INSERT INTO prompts (seq, id, owner, name, change, favorite, created_at)
                SELECT i, 'prm_' || i, '{owner}', 'filled-' || i, i, 0, 0 FROM n;
             INSERT INTO versions (change, prompt, version, title, description, content, tags,
                variables, source, created_at)
                SELECT i, i, 1, 'Filled ' || i, '', 'x', '', '[]', 't', 0 FROM n;
             INSERT INTO libraries (owner, vector_change) VALUES ('{owner}', {PROMPTS});
             INSERT INTO vectors (prompt, owner, change, model, vector)
                SELECT i, '{owner}', i, '{model}', CAST(hex(randomblob({half})) AS BLOB) FROM n;
             COMMIT",
            owner = library.owner.as_str(),
            model = model(1),
            half = DIMENSIONS / 2,
        ))
        .unwrap();
    let all = u64::from(PROMPTS);
    assert_eq!(count(&store, 1).await, VectorCounts { embedded: all, all });
    let planted = library.embed(&store, "planted", "gym").await;
    for store in [&store, &open()] {
        let found = library.near(store, &embedding("workout")).await;
        assert_eq!(found.len(), MATCHES_MAX);
        assert_eq!(found[0], (planted.id.clone(), 1.0));
    }
    let page = PageRequest { limit: Limit::MAX, cursor: None };
    let left = store.list_unembedded(None, &model(1), &page).await.unwrap();
    assert_eq!((left.items.len(), left.next), (0, None));
    let left = store.list_unembedded(None, &model(2), &page).await.unwrap();
    assert!(left.items.len() == 100 && left.next.is_some());
}
