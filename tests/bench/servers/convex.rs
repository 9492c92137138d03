//! A Convex deployment that knows the first prompts of the library, and the bare handler that asks
//! it as the real server does.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use promptdb::clients::http_client;
use promptdb::domain::identity::UserId;
use promptdb::domain::prompt::{Body, PromptId, Tag};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Call, Reply};
use crate::client::Case;
use crate::texts::{self, Text};

/// What its functions ask for.
pub(crate) const KEY: &str = "key-of-the-bench";
/// How many prompts it knows.
pub(crate) const PROMPTS: usize = 2100;
/// When they were saved.
const SAVED_AT: f64 = 1_767_225_600_000.0;
const QUERY: &str = "/api/query";
/// Longer than any call of the real server may take.
const TIMEOUT: Duration = Duration::from_secs(8);

struct Deployment {
    /// The answers of `prompts:get` by name: Convex reads a document faster than this would write
    /// it as JSON.
    answers: HashMap<String, Bytes>,
    delay: Duration,
}

/// A call of a function, as far as this deployment reads it.
#[derive(Deserialize)]
struct FunctionCall {
    path: String,
    args: Arguments,
    format: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Arguments {
    api_key: String,
    user_id: String,
    prompt: Option<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    name: String,
}

/// The routes of a deployment whose queries take at least `delay`.
pub(super) fn fake(delay: Duration) -> Result<Router, String> {
    let answer = |text: &Text| {
        let (name, body) = text.draft().into_new().map_err(|error| error.to_string())?;
        let answer = success(&document(name.as_str(), &body));
        Ok((name.as_str().to_owned(), answer))
    };
    let answers = texts::library(PROMPTS).iter().map(answer).collect::<Result<_, String>>()?;
    let deployment = Arc::new(Deployment { answers, delay });
    let router = Router::new().route(QUERY, post(query)).route("/api/mutation", post(mutation));
    Ok(router.with_state(deployment))
}

/// A prompt as `prompts:get` returns it; Convex writes every number as a float.
fn document(name: &str, body: &Body) -> Value {
    let tags: Vec<&str> = body.tags.iter().map(Tag::as_str).collect();
    let variables: Vec<Value> =
        body.variables.iter().map(|one| json!({ "name": one.name.as_str() })).collect();
    json!({
        "id": PromptId::random().as_str(),
        "name": name,
        "body": {
            "title": body.title.as_str(),
            "description": body.description.as_str(),
            "content": body.content.as_str(),
            "tags": tags,
            "variables": variables,
        },
        "version": 1.0,
        "source": "bench",
        "favorite": false,
        "createdAt": SAVED_AT,
        "updatedAt": SAVED_AT,
        "useCount": 0.0,
    })
}

fn success(value: &Value) -> Bytes {
    json!({ "status": "success", "value": value, "logLines": [] }).to_string().into()
}

/// A failure as production lets it through.
fn failure(data: Option<Value>) -> Bytes {
    let message = "[Request ID: 1f2e3d] Server Error";
    let mut error = json!({ "status": "error", "errorMessage": message, "logLines": [] });
    if let Some(data) = data {
        error["errorData"] = data;
    }
    error.to_string().into()
}

async fn query(State(deployment): State<Arc<Deployment>>, body: Bytes) -> Response {
    let answer = answer(&body, |call| match (call.path.as_str(), &call.args.prompt) {
        ("prompts:get", Some(prompt)) if call.args.user_id == UserId::local().as_str() => {
            let known = deployment.answers.get(&prompt.name).cloned();
            known.unwrap_or_else(|| success(&Value::Null))
        }
        ("health:ping", None) => success(&Value::Null),
        _ => failure(None),
    });
    if !deployment.delay.is_zero() {
        tokio::time::sleep(deployment.delay).await;
    }
    answer
}

/// The uses that the server records now and then are taken, and forgotten.
async fn mutation(body: Bytes) -> Response {
    answer(&body, |call| match call.path.as_str() {
        "prompts:recordUses" | "clients:record" => success(&Value::Null),
        _ => failure(None),
    })
}

fn answer(body: &[u8], run: impl FnOnce(&FunctionCall) -> Bytes) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    match serde_json::from_slice::<FunctionCall>(body) {
        Ok(call) if call.format == "json" => {
            let is_authorized = call.args.api_key == KEY;
            let unauthorized = || failure(Some(json!({ "code": "UNAUTHORIZED" })));
            (json, if is_authorized { run(&call) } else { unauthorized() }).into_response()
        }
        _ => {
            let refusal = json!({ "code": "BadJsonBody", "message": "This is no function call." });
            (StatusCode::BAD_REQUEST, json, refusal.to_string()).into_response()
        }
    }
}

/// What the real server sends for `get_prompt`.
fn get_prompt(name: &str) -> Value {
    let args = json!({
        "apiKey": KEY,
        "userId": UserId::local().as_str(),
        "orDeleted": false,
        "prompt": { "name": name },
    });
    json!({ "path": "prompts:get", "args": args, "format": "json" })
}

/// The calls of `get_prompt`, straight to the deployment.
pub(crate) fn direct_calls(texts: &[Text]) -> Arc<[Case]> {
    let case = |text: &Text| {
        let expected = vec!["\"status\":\"success\"".to_owned(), text.mark()];
        Case::post(QUERY, "", &get_prompt(&text.name).to_string(), expected)
    };
    texts.iter().map(case).collect()
}

struct Relay {
    http: reqwest::Client,
    url: String,
    text: Arc<str>,
}

/// What the relay reads of an answer: whether there is a prompt.
#[derive(Deserialize)]
struct Answer<'a> {
    status: &'a str,
    #[serde(borrow)]
    value: &'a RawValue,
}

/// The bare handler that asks the deployment at `url` for the prompt, and answers with `text`.
pub(super) fn relay(text: Arc<str>, url: &str) -> Result<Router, String> {
    let http = http_client(TIMEOUT).map_err(|error| error.to_string())?;
    let relay = Arc::new(Relay { http, url: format!("{url}{QUERY}"), text });
    Ok(Router::new().route("/mcp", post(answer_relay)).with_state(relay))
}

#[expect(clippy::disallowed_types, reason = "axum's own Json is what is compared with")]
async fn answer_relay(
    State(relay): State<Arc<Relay>>,
    axum::Json(call): axum::Json<Call>,
) -> Result<Response, StatusCode> {
    let name = call.params.get("arguments").and_then(|arguments| arguments["name"].as_str());
    let name = name.ok_or(StatusCode::BAD_REQUEST)?;
    let sent = relay.http.post(&relay.url).json(&get_prompt(name)).send().await;
    let response = sent.map_err(|_| StatusCode::BAD_GATEWAY)?;
    let body = response.bytes().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    match serde_json::from_slice::<Answer<'_>>(&body) {
        Ok(answer) if answer.status == "success" && answer.value.get() != "null" => {
            let reply = Reply { jsonrpc: "2.0", id: call.id, result: &relay.text };
            Ok(axum::Json(reply).into_response())
        }
        _ => Err(StatusCode::BAD_GATEWAY),
    }
}
