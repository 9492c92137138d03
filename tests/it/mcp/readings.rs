//! JSON texts without one reading: halves of characters and repeated keys, on every transport.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::lenient::Lane;
use super::{request, stateless};
use crate::prompts::assert_problem;
use crate::support::{TestApp, TestResponse};

/// Stands in a message for a text that no [`Value`] can hold.
const PLACE: &str = "@place@";

async fn post(
    app: &TestApp,
    path: &str,
    headers: &[(&'static str, String)],
    body: Vec<u8>,
) -> TestResponse {
    let mut request = Request::post(path).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    app.send(request.body(Body::from(body)).unwrap()).await
}

/// Puts JSON text into a message at [`PLACE`].
fn fill(message: &Value, text: &str) -> Vec<u8> {
    message.to_string().replace(&format!("\"{PLACE}\""), text).into_bytes()
}

impl Lane<'_> {
    /// Sends a request with JSON text at [`PLACE`], and returns the response.
    async fn ask_text(&mut self, method: &str, params: Value, text: &str) -> Value {
        let message = fill(&request(method, params.clone()), text);
        let version = |revision: &str| ("mcp-protocol-version", revision.to_owned());
        match self {
            Self::Http(app) => post(app, "/mcp", &[version("2025-06-18")], message).await.json(),
            Self::Forwarded(app) => {
                let headers = [version("2025-06-18"), version("2025-06-18")];
                post(app, "/mcp", &headers, message).await.json()
            }
            Self::Stateless(app) => {
                let (headers, message) = stateless(method, params);
                post(app, "/mcp", &headers, fill(&message, text)).await.json()
            }
            Self::Sse(session) => {
                post(session.app(), &session.path, &[], message).await;
                session.message().await
            }
            Self::Stdio(connection) => {
                connection.line(fill(&stateless(method, params).1, text)).await;
                connection.receive().await.unwrap()
            }
        }
    }
}

fn good() -> String {
    json!({
        "title": "Notes", "why": "Used twice.",
        "content": "Write release notes in a calm voice from {{changes}}",
    })
    .to_string()
}

/// Candidates with a fault of their text, each with the start of its problem.
const BAD: [(&str, &str); 4] = [
    (
        r#"{"title":"Party","content":"Write an invitation to a party \ud83d","why":"w"}"#,
        "content: contains half of a character",
    ),
    (
        r#"{"title":"Party","content":"Write an invitation to a party","why":"w","tags":["a","\udc00"]}"#,
        "tags[1]: contains half of a character",
    ),
    (
        r#"{"title":"Party","title":"Party","content":"Write an invitation","why":"w"}"#,
        "title: is given more than once",
    ),
    (
        r#"{"title":"Party","content":"Invite {{who}} to a party","why":"w","variables":[{"name":"who","default":"a","\u0064efault":"b"}]}"#,
        "variables[0].default: is given more than once",
    ),
];

/// The arguments of a harvest with a good candidate and a bad one, in every encoding.
fn harvests(bad: &str) -> [String; 4] {
    let encode = |text: String| Value::from(text).to_string();
    let list = format!("[{},{bad}]", good());
    let arguments = format!(r#"{{"candidates":{list},"focus":"x"}}"#);
    [
        arguments.clone(),
        encode(arguments),
        format!(r#"{{"candidates":{}}}"#, encode(list)),
        format!(r#"{{"candidates":[{},{}]}}"#, encode(good()), encode(bad.to_owned())),
    ]
}

#[tokio::test]
async fn one_candidate_without_one_reading_fails_alone_on_every_transport() {
    let app = TestApp::new();
    let params = json!({ "name": "harvest_session", "arguments": PLACE });
    for mut lane in Lane::open_all(&app).await {
        for (bad, problem) in BAD {
            for arguments in harvests(bad) {
                let context = format!("{} {arguments}", lane.name());
                let answer = lane.ask_text("tools/call", params.clone(), &arguments).await;
                assert_eq!(answer["id"], 1, "{context}: {answer}");
                let entries = &answer["result"]["structuredContent"]["candidates"];
                assert!(entries[0]["candidate_id"].is_string(), "{context}: {answer}");
                assert!(entries[1].get("candidate_id").is_none(), "{context}: {answer}");
                let found = entries[1]["problems"][0].as_str().unwrap();
                assert!(found.starts_with(problem), "{context}: {answer}");
                assert_eq!(entries[1]["title"], "Party", "{context}: {answer}");
                let id = entries[0]["candidate_id"].clone();
                let params = json!({ "name": "reject_candidate", "arguments": { "candidate_id": id } });
                lane.ask("tools/call", params).await;
            }
        }
    }
}

#[tokio::test]
async fn half_a_character_in_the_bytes_of_a_candidate_fails_alone() {
    let app = TestApp::new();
    let text = harvests(BAD[0].0)[0].clone();
    let bytes: Vec<u8> = {
        let message =
            fill(&request("tools/call", json!({ "name": "harvest_session", "arguments": PLACE })), &text);
        let at = message.windows(6).position(|part| part == br"\ud83d").unwrap();
        [&message[..at], b"\xED\xA0\xBD", &message[at + 6..]].concat()
    };
    let answer = post(&app, "/mcp", &[], bytes).await.json();
    let entries = &answer["result"]["structuredContent"]["candidates"];
    assert!(entries[0]["candidate_id"].is_string(), "{answer}");
    let problem = entries[1]["problems"][0].as_str().unwrap();
    assert!(problem.starts_with("content: contains half"), "{answer}");
}

#[tokio::test]
async fn a_fault_outside_the_candidates_refuses_the_whole_harvest() {
    let app = TestApp::new();
    let params = json!({ "name": "harvest_session", "arguments": PLACE });
    let (good, bad) = (good(), BAD[0].0);
    for mut lane in Lane::open_all(&app).await {
        for (arguments, words) in [
            (format!(r#"{{"candidates":[{good},{bad}],"focus":"\ud83d"}}"#), "focus: contains half"),
            (format!(r#"{{"candidates":[{good}],"focus":"a","focus":"b"}}"#), "focus: is given more"),
            (format!(r#"{{"candidates":[{good}],"candidates":[{good}]}}"#), "candidates: is given more"),
            (format!(r#"{{"candidates":[{good},{bad}],"candidates":[{good}]}}"#), "candidates: is given more"),
        ] {
            let context = format!("{} {arguments}", lane.name());
            let answer = lane.ask_text("tools/call", params.clone(), &arguments).await;
            let text = TestApp::mistake(&answer["result"]);
            assert!(text.contains(words), "{context}: {text}");
        }
    }
    assert_eq!(app.get("/api/candidates").await.json()["candidates"], json!([]));
}

#[tokio::test]
async fn a_repeated_key_is_refused_under_the_id_of_its_request_on_every_transport() {
    let app = TestApp::new();
    let call = |name: &str| json!({ "name": name, "arguments": PLACE });
    let save = call("save_prompt");
    let variables = Value::from(r#"[{"name":"a","name":"a"}]"#).to_string();
    let encoded = Value::from(r#"{"name":"poem","name":"poem"}"#).to_string();
    let more = "is given more than once";
    let results = [
        (call("get_prompt"), r#"{"name":"poem","name":"poem"}"#.to_owned(), "name"),
        (call("get_prompt"), r#"{"name":"poem","n\u0061me":"other"}"#.to_owned(), "name"),
        (call("get_prompt"), r#"{"name":"poem","arguments":{"thing":"a","count":"1","thing":"b"}}"#.to_owned(), "arguments.thing"),
        (save.clone(), r#"{"content":"x {{a}}","variables":[{"name":"a","default":"x","default":"y"}]}"#.to_owned(), "variables[0].default"),
        (save.clone(), format!(r#"{{"content":"x {{{{a}}}}","variables":{variables}}}"#), "variables[0].name"),
        (save, r#"{"content":"x","other":{"a":1,"a":1}}"#.to_owned(), "other.a"),
        (call("health_check"), r#"{"random_string":"x","random_string":"x"}"#.to_owned(), "random_string"),
    ];
    let errors = [
        ("tools/call", call("get_prompt"), encoded, "arguments.name"),
        ("prompts/get", call("poem"), r#"{"thing":"a","count":"1","thing":"a"}"#.to_owned(), "arguments.thing"),
        ("prompts/get", call("poem"), Value::from(r#"{"thing":"a","count":"1","thing":"a"}"#).to_string(), "arguments.thing"),
        ("completion/complete", json!({ "ref": { "type": "ref/prompt", "name": "poem" }, "argument": PLACE }), r#"{"name":"thing","value":"a","value":"b"}"#.to_owned(), "argument.value"),
    ];
    for mut lane in Lane::open_all(&app).await {
        for (params, text, field) in &results {
            let answer = lane.ask_text("tools/call", params.clone(), text).await;
            let context = format!("{} {text}: {answer}", lane.name());
            assert_eq!(answer["id"], 1, "{context}");
            let mistake = TestApp::mistake(&answer["result"]);
            assert!(mistake.starts_with(&format!("{field}: {more}")), "{context}");
        }
        for (method, params, text, field) in &errors {
            let answer = lane.ask_text(method, params.clone(), text).await;
            let context = format!("{} {method} {text}: {answer}", lane.name());
            assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(1), &json!(-32602)), "{context}");
            let message = answer["error"]["message"].as_str().unwrap();
            assert!(message.contains(&format!("{field}: {more}")), "{context}");
        }
    }
    let listed = app.get("/api/prompts").await.json();
    assert_eq!(listed["prompts"].as_array().unwrap().len(), 1, "nothing was saved: {listed}");
}

#[tokio::test]
async fn a_repeated_member_of_a_message_is_refused_with_the_id_if_there_is_one() {
    let app = TestApp::new();
    for (text, id, member) in [
        (r#"{"jsonrpc":"2.0","id":7,"method":"ping","method":"tools/list"}"#, json!(7), "method"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"ping","jsonrpc":"2.0"}"#, json!(7), "jsonrpc"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"ping","params":{},"params":{}}"#, json!(7), "params"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"ping","x":1,"x":1}"#, json!(7), "x"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"ping","id":8}"#, Value::Null, "id"),
    ] {
        let answer = post(&app, "/mcp", &[], text.as_bytes().to_vec()).await;
        assert_eq!(answer.status.as_u16(), 400, "{text}");
        let answer = answer.json();
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32600), &id), "{text}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert_eq!(message, format!("Invalid Request: {member}: is given more than once in the same object; send it once"));
    }
}

#[tokio::test]
async fn rest_refuses_a_repeated_key_and_lets_one_candidate_fail_alone() {
    let app = TestApp::new();
    app.create(json!({ "name": "poem", "content": "A {{thing}}" })).await;
    let send = |path: &'static str, body: String| post(&app, path, &[], body.into_bytes());
    for (path, body, field) in [
        ("/api/prompts", r#"{"content":"a","content":"a"}"#, "content"),
        ("/api/prompts", r#"{"content":"a","tags":["x"],"tags":["y"]}"#, "tags"),
        ("/api/prompts", r#"{"content":"{{a}}","variables":[{"name":"a","name":"b"}]}"#, "variables[0].name"),
        ("/api/prompts/poem/render", r#"{"arguments":{"thing":"a","thing":"b"}}"#, "arguments.thing"),
        ("/api/prompts/poem/restore", r#"{"version":1,"version":1}"#, "version"),
        ("/api/prompts/bulk", r#"{"action":"delete","names":["poem"],"action":"favorite"}"#, "action"),
        ("/api/candidates", r#"{"candidates":[],"focus":"a","focus":"b"}"#, "focus"),
    ] {
        let problem = assert_problem(&send(path, body.to_owned()).await, 422, "invalid-field");
        assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem}");
        let message = problem["errors"][0]["message"].as_str().unwrap();
        assert!(message.starts_with("is given more than once"), "{body}: {problem}");
    }
    for (bad, problem) in BAD {
        let answer = send("/api/candidates", harvests(bad)[0].clone()).await;
        assert_eq!(answer.status.as_u16(), 201, "{}", answer.json());
        let entries = answer.json()["candidates"].take();
        assert!(entries[0]["candidate_id"].is_string(), "{entries}");
        assert!(entries[1]["problems"][0].as_str().unwrap().starts_with(problem), "{entries}");
        // Types stay strict: JSON text is no list and no candidate.
        for encoded in &harvests(bad)[1..3] {
            assert_problem(&send("/api/candidates", encoded.clone()).await, 422, "invalid-field");
        }
    }
}

#[tokio::test]
async fn a_refused_request_leaves_its_idempotency_key_unused() {
    let app = TestApp::new();
    let key = [("idempotency-key", "once".to_owned())];
    for _ in 0..2 {
        let body = br#"{"name":"poem","content":"a","content":"b"}"#.to_vec();
        assert_problem(&post(&app, "/api/prompts", &key, body).await, 422, "invalid-field");
    }
    let body = br#"{"name":"poem","content":"a"}"#.to_vec();
    for _ in 0..2 {
        let answer = post(&app, "/api/prompts", &key, body.clone()).await;
        assert_eq!(answer.status.as_u16(), 201, "{}", answer.json());
    }
}

#[tokio::test]
async fn a_body_that_only_begins_like_json_is_malformed() {
    let app = TestApp::new();
    for body in ["nullx", "{} x", r#"{"content":7}}"#, "1 2", "truefalse", r#""a"b"#, "[1]x"] {
        let answer = post(&app, "/api/prompts", &[], body.as_bytes().to_vec()).await;
        assert_problem(&answer, 400, "malformed");
    }
    for body in ["null", "7", "\"a\"", "[]", "{\"content\":7}"] {
        let answer = post(&app, "/api/prompts", &[], body.as_bytes().to_vec()).await;
        assert_problem(&answer, 422, "invalid-field");
    }
}

#[tokio::test]
async fn two_byte_order_marks_before_a_message_are_passed_over() {
    let app = TestApp::new();
    let body = |text: String| [b"\xEF\xBB\xBF\xEF\xBB\xBF", text.as_bytes()].concat();
    let answer = post(&app, "/mcp", &[], body(request("ping", json!({})).to_string())).await;
    assert_eq!(answer.json()["result"], json!({}));
    // REST passes one over.
    let candidates = format!(r#"{{"candidates":[{}]}}"#, good());
    let refused = post(&app, "/api/candidates", &[], body(candidates.clone())).await;
    assert_problem(&refused, 400, "malformed");
    let one = [b"\xEF\xBB\xBF", candidates.as_bytes()].concat();
    assert_eq!(post(&app, "/api/candidates", &[], one).await.status.as_u16(), 201);
}
