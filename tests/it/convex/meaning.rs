//! Searches by meaning on Convex: the calls, the order that both stores share, and the prompts of an owner
//! that are embedded when the owner calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use promptdb::domain::identity::{LibraryId, UserId};
use promptdb::domain::ranking::Query;
use promptdb::domain::vector::{DIMENSIONS, Embedding, Vector};
use promptdb::meaning::Encoder;
use promptdb::store::convex::KEPT_MAX;
use promptdb::store::{
    Embedded, Filter, NewPrompt, PromptStore, Search, Store, StoreError, VectorCounts, VectorStore,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::fake::{Act, Fake};
use super::{WAIT, functions, store_at};
use crate::store_contract::{by, library_of, new_prompt};
use crate::support::meaning::{MadeUpEncoder, embedding, model};
use crate::support::{FixedClock, TestApp, draft, sqlite};

fn search_for(meaning: Embedding) -> Search {
    Search::Query { query: Query::parse("zzzz").unwrap(), meaning: Some(meaning) }
}

/// The answer of a search that found nothing.
fn nothing() -> Act {
    Act::Return(json!({ "matches": [], "rows": 0.0, "withWord": [0.0] }))
}

#[tokio::test(start_paused = true)]
async fn a_search_by_meaning_is_an_action_that_is_repeated_as_a_query_is() {
    let busy = Act::Say(503, "application/json", String::new());
    let fake = Fake::run(vec![busy, Act::Close, nothing()]).await;
    let store = store_at(&fake.url, 16, WAIT);
    let search = search_for(embedding("gym"));
    let found = store.search_prompts(&library_of("user_ann"), &search, &Filter::default()).await;
    assert!(found.unwrap().matches.is_empty());
    assert_eq!(fake.seen().len(), 3);
    assert!(fake.heads().iter().all(|head| head.starts_with("post /api/action ")));
    let args = &fake.seen()[2]["args"];
    assert_eq!(args["userId"], "user_ann");
    let vector = args["embedding"]["vector"].as_array().unwrap();
    let sent: Vec<u8> = vector
        .iter()
        .map(|one| i8::try_from(one.as_i64().unwrap()).unwrap().cast_unsigned())
        .collect();
    assert_eq!(Vector::from_bytes(&sent), Some(embedding("gym").vector));
}

#[tokio::test]
async fn a_search_that_the_functions_refuse_is_not_repeated() {
    let fake = Fake::run(vec![Act::Throw(json!({ "code": "UNAUTHORIZED" }))]).await;
    let store = store_at(&fake.url, 16, WAIT);
    let search = search_for(embedding("gym"));
    let found = store.search_prompts(&library_of("user_ann"), &search, &Filter::default()).await;
    assert!(matches!(found, Err(StoreError::Unavailable(_))), "{found:?}");
    assert_eq!(fake.seen().len(), 1);
}

/// Vectors whose cosines differ in their last bits at most.
fn nearly_equal(number: u8) -> Embedding {
    let mut bytes = [100; DIMENSIONS];
    bytes[usize::from(number)] = 100 + number % 20;
    bytes[511] = number.wrapping_neg() % 100;
    Embedding { model: model(1), vector: Vector::from_bytes(&bytes).unwrap() }
}

#[tokio::test]
async fn both_stores_return_the_same_cosines_to_the_last_bit() {
    let dir = TempDir::new().unwrap();
    let clock = FixedClock::new();
    let (convex, _) = functions::deployment();
    let stores: [Arc<dyn Store>; 2] = [Arc::new(sqlite(&dir, clock)), Arc::new(convex)];
    let library = library_of("user_ann");
    let mut found = Vec::new();
    for store in stores {
        for number in 0..40_u8 {
            let embedding = Some(nearly_equal(number));
            let new = new_prompt(draft(&format!("p-{number}"), "x"));
            let new = NewPrompt { embedding, ..new };
            store.create_prompt(&library, new, &by("x")).await.unwrap();
        }
        let mut cosines = BTreeMap::new();
        for query in 0..3 {
            let search = search_for(nearly_equal(query));
            let matches = store.search_prompts(&library, &search, &Filter::default()).await;
            for one in matches.unwrap().matches {
                cosines.insert((query, one.prompt.name), one.cosine.map(f64::to_bits));
            }
        }
        found.push(cosines);
    }
    assert_eq!(found[0].len(), 3 * 40);
    assert_eq!(found[0], found[1]);
}

/// Titles and contents of a small library.
const LIBRARY: [(&str, &str); 12] = [
    ("Personal trainer", "Act as a coach who makes a plan of exercises for my weight and goals."),
    ("Trip planner", "Plan the days of a city break: sights, restaurants, and how to get there."),
    ("Cover letter", "Write a letter for this job from my résumé."),
    ("Chef", "Suggest a dinner from what is in the fridge."),
    ("Code review", "Look for bugs and unclear names in this diff."),
    ("Query tuning", "Explain why this SQL statement is slow, and make it fast."),
    ("English teacher", "Correct my sentences and explain each mistake."),
    ("Bedtime story", "Tell a calm story for a child of {{age}}."),
    ("Household budget", "Sort my spending into categories and say where I can save."),
    ("Meeting notes", "Summarize the decisions and the tasks, with an owner for each."),
    ("Interview practice", "Ask me questions as the interviewer, one at a time."),
    ("Gardening", "Say what to sow this month on a balcony."),
];

#[tokio::test]
async fn with_the_real_model_both_stores_answer_alike_over_rest_and_mcp() {
    let dir = TempDir::new().unwrap();
    let clock = FixedClock::new();
    let (convex, convex_clock) = functions::deployment();
    let encoder = Arc::new(crate::meaning::encoder());
    let builders = [
        TestApp::builder().store(Arc::new(sqlite(&dir, clock.clone()))).clock(clock),
        TestApp::builder().store(Arc::new(convex)).clock(convex_clock),
    ];
    let mut answers = Vec::new();
    for builder in builders {
        let app = builder.encoder(Arc::<Encoder>::clone(&encoder)).build();
        for (title, content) in LIBRARY {
            app.create(json!({ "title": title, "content": content })).await;
        }
        let mut answered = Vec::new();
        for (asked, first) in [
            ("help me get fit", "personal-trainer"),
            ("Reise nach Rom planen", "trip-planner"),
            ("冷蔵庫にあるもので料理", "chef"),
            ("mi código tiene errores", "code-review"),
            ("my database is slow", "query-tuning"),
            ("where does my money go", "household-budget"),
        ] {
            let query: String = form_urlencoded::byte_serialize(asked.as_bytes()).collect();
            let listed = app.get(&format!("/api/prompts?query={query}&explain=true")).await.json();
            let listed: Vec<(String, String)> = listed["prompts"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| (one["name"].as_str().unwrap().to_owned(), one["score"].to_string()))
                .collect();
            assert_eq!(listed[0].0, first, "{asked}: {listed:?}");
            let got = app.tool("get_prompt", json!({ "query": asked })).await;
            let got = TestApp::structured(&got);
            let got = got["name"].as_str().or_else(|| got["matches"][0]["name"].as_str());
            assert_eq!(got, Some(first), "{asked}");
            answered.push(listed);
        }
        answers.push(answered);
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn vectors_are_kept_in_calls_of_one_owner_and_a_bounded_number() {
    let (store, _) = functions::deployment();
    let mut embedded = Vec::new();
    for user in ["user_ann", "user_bob"] {
        let library = library_of(user);
        for number in 0..=KEPT_MAX {
            let new = new_prompt(draft(&format!("p-{number}"), "x"));
            let prompt = store.create_prompt(&library, new, &by("x")).await.unwrap().prompt;
            embedded.push(Embedded {
                library: library.clone(),
                prompt: prompt.id,
                version: 1,
                embedding: embedding("gym"),
            });
        }
    }
    assert_eq!(store.keep_vectors(embedded).await.unwrap(), 2 * (KEPT_MAX + 1));
    for user in ["user_ann", "user_bob"] {
        let counts = store.count_vectors(Some(&library_of(user)), &model(1)).await.unwrap();
        let all = u64::try_from(KEPT_MAX + 1).unwrap();
        assert_eq!(counts, VectorCounts { embedded: all, all });
    }
    assert_eq!(store.count_vectors(None, &model(1)).await.unwrap(), VectorCounts::default());
}

#[tokio::test]
async fn what_a_position_leaves_out_is_counted_by_the_next_call() {
    let first = json!({ "all": 9.0, "missing": 4.0, "next": { "model": "", "seq": 7.0 } });
    let last = json!({ "all": 9.0, "missing": 3.0, "next": null });
    let fake = Fake::run(vec![Act::Return(first), Act::Return(last)]).await;
    let store = store_at(&fake.url, 16, WAIT);
    let counts = store.count_vectors(Some(&library_of("user_ann")), &model(1)).await.unwrap();
    assert_eq!(counts, VectorCounts { embedded: 2, all: 9 });
    let after: Vec<Value> = fake.seen().iter().map(|call| call["args"]["after"].clone()).collect();
    assert_eq!(after, [Value::Null, json!({ "model": "", "seq": 7.0 })]);
}

/// An app on Convex with a model, whose owner has a prompt from before there was one.
struct Older {
    app: TestApp,
    store: Arc<dyn Store>,
    encoder: Arc<MadeUpEncoder>,
}

impl Older {
    async fn new() -> Self {
        let (store, clock) = functions::deployment();
        let store: Arc<dyn Store> = Arc::new(store);
        let new = new_prompt(draft("older", "gym"));
        store.create_prompt(&Self::library(), new, &by("x")).await.unwrap();
        let encoder = Arc::new(MadeUpEncoder::new(1));
        let builder = TestApp::builder().store(Arc::clone(&store)).clock(clock);
        let app = builder.encoder(Arc::<MadeUpEncoder>::clone(&encoder)).build();
        Self { app, store, encoder }
    }

    fn library() -> LibraryId {
        LibraryId::of_user(&UserId::local())
    }

    async fn search(&self) -> Value {
        self.app.get("/api/prompts?query=workout").await.json()["prompts"].clone()
    }

    async fn embed_missing(&self) {
        self.app.state.library().embed_missing().await.unwrap();
    }

    async fn embedded(&self) -> u64 {
        self.store.count_vectors(Some(&Self::library()), &model(1)).await.unwrap().embedded
    }
}

#[tokio::test]
async fn the_prompts_of_an_owner_are_embedded_after_the_first_search() {
    let given = Older::new().await;
    given.embed_missing().await;
    assert_eq!(given.embedded().await, 0, "the owner has not called");
    let work = given.app.state.library().unembedded();
    assert_eq!(given.search().await, json!([]));
    work.notified().await;
    given.embed_missing().await;
    assert_eq!((given.embedded().await, given.encoder.prompts()), (1, 1));
    given.search().await;
    given.embed_missing().await;
    assert_eq!(given.encoder.prompts(), 1);
}

#[tokio::test]
async fn a_failure_of_the_model_is_made_up_for_after_a_later_search() {
    let given = Older::new().await;
    given.search().await;
    given.embed_missing().await;
    given.encoder.fail(true);
    given.app.create(json!({ "name": "unlucky", "content": "gym" })).await;
    given.search().await;
    given.app.state.library().embed_missing().await.unwrap_err();
    assert_eq!(given.embedded().await, 1);
    given.encoder.fail(false);
    given.embed_missing().await;
    assert_eq!(given.embedded().await, 2);
}
