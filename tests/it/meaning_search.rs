//! Search by meaning and words together, as clients see it.

use std::sync::Arc;

use axum::http::StatusCode;
use promptdb::store::Store;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::meaning::MadeUpEncoder;
use crate::support::{FixedClock, TestApp, sqlite};

/// An app with a model, and its library.
struct Given {
    app: TestApp,
    encoder: Arc<MadeUpEncoder>,
    _dir: TempDir,
}

impl Given {
    /// A personal trainer, a trip planner, and others of which no query of these tests is about.
    async fn new() -> Self {
        let (dir, clock) = (TempDir::new().unwrap(), FixedClock::new());
        let store: Arc<dyn Store> = Arc::new(sqlite(&dir, clock.clone()));
        let encoder = Arc::new(MadeUpEncoder::new(1));
        let builder = TestApp::builder().store(store).clock(clock);
        let app = builder.encoder(Arc::<MadeUpEncoder>::clone(&encoder)).build();
        for (name, title, content) in [
            ("coach", "Personal trainer", "workout"),
            ("planner", "Travel guide", "vacation"),
            ("letters", "Cover letter", "Apply for a job."),
            ("chef", "Chef", "Cook with what is there."),
        ] {
            app.create(json!({ "name": name, "title": title, "content": content })).await;
        }
        Self { app, encoder, _dir: dir }
    }

    async fn list(&self, query: &str) -> Value {
        let answer = self.app.get(&format!("/api/prompts?{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.json());
        answer.json()
    }

    async fn names(&self, query: &str) -> Vec<String> {
        names(&self.list(query).await["prompts"])
    }

    /// What `get_prompt` finds: the name of the winner, or nothing.
    async fn winner(&self, query: &str) -> Option<String> {
        let found = self.app.tool("get_prompt", json!({ "query": query })).await;
        TestApp::structured(&found)["name"].as_str().map(str::to_owned)
    }

    async fn complete(&self, typed: &str) -> Value {
        let reference = json!({ "type": "ref/resource", "uri": "promptdb://prompts/{name}" });
        let argument = json!({ "name": "name", "value": typed });
        let params = json!({ "ref": reference, "argument": argument });
        self.app.rpc("completion/complete", params).await["result"]["completion"]["values"].take()
    }
}

fn names(prompts: &Value) -> Vec<String> {
    let prompts = prompts.as_array().unwrap().iter();
    prompts.map(|prompt| prompt["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_prompt_is_found_by_what_it_is_for_over_rest_and_mcp() {
    let given = Given::new().await;
    for (query, name) in [("help me get fit", "coach"), ("Reise nach Rom planen", "planner")] {
        let found = given.names(&format!("query={}", query.replace(' ', "%20"))).await;
        assert_eq!(found[0], name, "{query}: {found:?}");
        let listed = given.app.tool("list_prompts", json!({ "query": query })).await;
        assert_eq!(names(&TestApp::structured(&listed)["prompts"]), found, "{query}");
        let found = given.app.tool("get_prompt", json!({ "query": query })).await;
        let found = TestApp::structured(&found);
        assert!(found["name"] == name || found["matches"][0]["name"] == name, "{found}");
    }
    assert_eq!(given.winner("fit workout").await.as_deref(), Some("coach"));
}

#[tokio::test]
async fn a_query_that_no_prompt_answers_has_no_winner() {
    let given = Given::new().await;
    for query in ["Strickmuster", "tattoo removal", "the", "how do i do this", "x"] {
        assert_eq!(given.winner(query).await, None, "{query}");
    }
}

#[tokio::test]
async fn unusual_queries_are_answered() {
    let given = Given::new().await;
    let long = "fit%20".repeat(166);
    for query in ["a", "the", "how%20do%20i", "%F0%9F%92%AA%20fit", long.as_str(), "%E6%97%85"] {
        given.list(&format!("query={query}")).await;
    }
    assert_eq!(given.names(&format!("query={long}")).await[0], "coach");
    assert_eq!(given.names("query=%F0%9F%92%AA%20fit").await[0], "coach");
    let refused = given.app.get("/api/prompts?query=!!").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_score_is_explained_by_its_parts_on_request() {
    let given = Given::new().await;
    let explained = given.list("query=personal%20gym&explain=true").await;
    let best = &explained["prompts"][0];
    assert_eq!(best["name"], "coach");
    let part = |name: &str| best["score"][name].as_f64().unwrap();
    let sum = part("cosine") + part("words") + part("title") + part("name");
    assert!((part("total") - sum).abs() < 1e-9, "{}", best["score"]);
    assert!(part("cosine") > 0.5 && part("words") > 0.0, "{}", best["score"]);
    assert!(given.list("query=gym").await["prompts"][0].get("score").is_none());
    let refused = given.app.get("/api/prompts?explain=true").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.json()["detail"].as_str().unwrap().contains("query"), "{}", refused.json());

    given.encoder.fail(true);
    let by_words = given.list("query=personal&explain=true").await;
    let score = &by_words["prompts"][0]["score"];
    assert!(score.get("cosine").is_none() && score["total"].as_f64().unwrap() > 0.0, "{score}");
}

#[tokio::test]
async fn the_scores_of_a_page_are_those_of_its_prompts() {
    let given = Given::new().await;
    let all = given.list("query=fit%20letter&explain=true&sort=name").await;
    let found = names(&all["prompts"]);
    assert!(found.len() > 1 && found.is_sorted(), "{found:?}");
    let mut cursor = String::new();
    for prompt in all["prompts"].as_array().unwrap() {
        let next = format!("query=fit%20letter&explain=true&sort=name&limit=1{cursor}");
        let page = given.list(&next).await;
        assert_eq!(page["prompts"][0]["score"], prompt["score"]);
        cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap_or_default());
    }
}

#[tokio::test]
async fn the_number_of_matches_is_stated_while_none_is_missing() {
    let given = Given::new().await;
    for number in 0..45 {
        given.app.create(json!({ "name": format!("p-{number}"), "content": "gym" })).await;
    }
    let found = given.list("query=fit&limit=100").await;
    assert_eq!(found["total"], found["prompts"].as_array().unwrap().len());
    given.app.create(json!({ "name": "one-more", "content": "gym" })).await;
    assert_eq!(given.list("query=fit&limit=100").await.get("total"), None);
}

#[tokio::test]
async fn a_name_is_completed_by_its_beginning_and_else_by_meaning() {
    let given = Given::new().await;
    assert_eq!(given.complete("c").await, json!(["chef", "coach"]));
    assert_eq!(given.complete("get fit").await[0], "coach");
    assert_eq!(given.complete("!!").await, json!([]));
}

#[tokio::test]
async fn a_prompt_of_a_near_meaning_is_related_and_keeps_nothing_from_being_saved() {
    let given = Given::new().await;
    let candidate = json!({ "title": "Gym", "content": "fit workout gym trainer", "why": "x" });
    let harvested = given.app.tool("harvest_session", json!({ "candidates": [candidate] })).await;
    let candidate = &TestApp::structured(&harvested)["candidates"][0];
    assert_eq!(candidate["verdict"], "related", "{candidate}");
    assert_eq!(candidate["similar"][0]["name"], "coach");
    assert_eq!(candidate["suggested"]["action"], "save");
    let text = harvested["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("related to coach"), "{text}");

    let id = &candidate["candidate_id"];
    let saved = given.app.tool("save_prompt", json!({ "candidate_id": id })).await;
    assert_eq!(TestApp::structured(&saved)["similar"][0]["verdict"], "related");
    let text = saved["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("It is related to coach"), "{text}");
    let similar = given.app.get("/api/prompts/gym?similar=true").await.json();
    assert_eq!(similar["similar"][0]["verdict"], "related");
}

/// A review queue is compared again each time it is read.
#[tokio::test]
async fn a_text_is_embedded_once_for_several_comparisons() {
    let given = Given::new().await;
    let candidate = json!({ "title": "Gym", "content": "fit", "why": "x" });
    given.app.tool("harvest_session", json!({ "candidates": [candidate] })).await;
    let embedded = given.encoder.prompts();
    for _ in 0..3 {
        given.app.get("/api/candidates").await;
    }
    let tag = json!({ "action": "tag", "tag": "new", "names": ["coach", "chef"] });
    given.app.post("/api/prompts/bulk", tag).await;
    assert_eq!(given.encoder.prompts(), embedded);
}
