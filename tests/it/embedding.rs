//! Saves and queries with a model: each save has a vector, and without a working model words go on.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use promptdb::domain::identity::{LibraryId, UserId};
use promptdb::domain::ranking::Query;
use promptdb::store::{Filter, Search, Store, VectorCounts};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::meaning::{MadeUpEncoder, embedding, model};
use crate::support::{FixedClock, TestApp, sqlite};

/// An app with a model, and the store below it.
struct Embedding {
    app: TestApp,
    store: Arc<dyn Store>,
    encoder: Arc<MadeUpEncoder>,
    _dir: TempDir,
}

impl Embedding {
    fn new() -> Self {
        let (dir, clock) = (TempDir::new().unwrap(), FixedClock::new());
        let store: Arc<dyn Store> = Arc::new(sqlite(&dir, clock.clone()));
        let encoder = Arc::new(MadeUpEncoder::new(1));
        let builder = TestApp::builder().store(Arc::clone(&store)).clock(clock);
        let app = builder.encoder(Arc::<MadeUpEncoder>::clone(&encoder)).build();
        Self { app, store, encoder, _dir: dir }
    }

    /// The names of what a meaning finds without a word, the nearest first.
    async fn near(&self, meaning: &str) -> Vec<String> {
        let query = Query::parse("zzzz").unwrap();
        let search = Search::Query { query, meaning: Some(embedding(meaning)) };
        let library = LibraryId::of_user(&UserId::local());
        let found = self.store.search_prompts(&library, &search, &Filter::default()).await;
        let mut found = found.unwrap().matches;
        found.sort_by(|one, other| other.cosine.partial_cmp(&one.cosine).unwrap());
        found.iter().map(|one| one.prompt.name.to_string()).collect()
    }

    async fn counts(&self) -> (u64, u64) {
        let VectorCounts { embedded, all } =
            self.store.count_vectors(None, &model(1)).await.unwrap();
        (embedded, all)
    }

    async fn create(&self, name: &str, content: &str) -> Value {
        self.app.create(json!({ "name": name, "content": content })).await
    }

    async fn embed_missing(&self) {
        self.app.state.library().embed_missing().await.unwrap();
    }
}

#[tokio::test]
async fn every_way_to_save_a_text_embeds_it() {
    let given = Embedding::new();
    given.create("p", "gym").await;
    given.create("q", "dinner").await;
    assert_eq!(given.near("workout").await[0], "p");
    assert_eq!(given.encoder.prompts(), 2);

    let save = |content: &str, version: u32| json!({ "name": "p", "content": content, "expected_version": version });
    given.app.tool("save_prompt", save("recipe", 1)).await;
    given.app.tool("save_prompt", save("trip", 2)).await;
    assert_eq!(given.near("vacation").await[0], "p");
    given.app.tool("restore_prompt", json!({ "name": "p", "version": 1 })).await;
    assert_eq!(given.near("workout").await[0], "p");

    let tag = json!({ "action": "tag", "tag": "new", "names": ["p", "q"] });
    let answer = given.app.post("/api/prompts/bulk", tag).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
    assert_eq!(given.near("kochen").await[0], "q");

    let candidate = json!({ "title": "Routine", "content": "A workout for {{days}}", "why": "x" });
    let harvested = given.app.tool("harvest_session", json!({ "candidates": [candidate] })).await;
    let id = &TestApp::structured(&harvested)["candidates"][0]["candidate_id"];
    given.app.tool("save_prompt", json!({ "candidate_id": id })).await;
    assert_eq!(given.counts().await, (3, 3));
}

#[tokio::test]
async fn a_save_that_changes_no_text_embeds_nothing() {
    let given = Embedding::new();
    given.create("p", "gym").await;
    given.app.tool("save_prompt", json!({ "name": "p", "favorite": true })).await;
    let same = json!({ "name": "p", "content": "gym", "expected_version": 1 });
    given.app.tool("save_prompt", same).await;
    assert_eq!((given.encoder.prompts(), given.counts().await), (1, (1, 1)));
}

#[tokio::test]
async fn a_query_is_embedded_once_for_all_of_its_pages() {
    let given = Embedding::new();
    for number in 0..3 {
        given.create(&format!("p-{number}"), "gym").await;
    }
    let first = given.app.get("/api/prompts?query=gym&limit=1").await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    given.app.get(&format!("/api/prompts?query=gym&limit=1&cursor={cursor}")).await;
    assert_eq!(given.encoder.queries(), 1);
    given.app.get("/api/prompts?query=dinner").await;
    assert_eq!(given.encoder.queries(), 2);
}

#[tokio::test]
async fn with_a_model_that_fails_saves_and_searches_go_on_by_words() {
    let given = Embedding::new();
    given.encoder.fail(true);
    given.create("p", "gym").await;
    let found = given.app.get("/api/prompts?query=gym").await.json();
    assert_eq!(found["prompts"][0]["name"], "p");
    assert_eq!(given.counts().await, (0, 1));
    given.encoder.fail(false);
    given.embed_missing().await;
    assert_eq!(given.near("workout").await, ["p"]);
    assert_eq!(given.app.get("/health/ready").await.json()["search"], "meaning");
}

#[tokio::test]
async fn imported_prompts_are_found_by_words_at_once_and_by_meaning_after_the_job() {
    let given = Embedding::new();
    let rows = (0..50).map(|number| format!("p-{number},gym"));
    let table = std::iter::once("name,content".to_owned()).chain(rows).collect::<Vec<_>>();
    let request = Request::post("/api/import").header("content-type", "text/csv");
    let request = request.body(Body::from(table.join("\n"))).unwrap();
    let unembedded = given.app.state.library().unembedded();
    let answer = given.app.send(request).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
    unembedded.notified().await;
    assert_eq!(given.counts().await, (0, 50));
    given.embed_missing().await;
    assert_eq!((given.counts().await, given.encoder.prompts()), ((50, 50), 50));
}

#[tokio::test]
async fn without_a_model_nothing_is_embedded_and_readiness_says_so() {
    let app = TestApp::new();
    app.create(json!({ "name": "p", "content": "gym" })).await;
    app.state.library().embed_missing().await.unwrap();
    let ready = app.get("/health/ready").await;
    assert_eq!((ready.status, &ready.json()["search"]), (StatusCode::OK, &json!("words")));
    assert_eq!(app.get("/api/prompts?query=gym").await.json()["prompts"][0]["name"], "p");
}
