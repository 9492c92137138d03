//! Two signed-in users who use everything concurrently on one deployment, with the same names and
//! keys. After every step each attempts to reach the other's data.

use std::sync::{Arc, Mutex};

use axum::http::{Method, StatusCode};
use promptdb::domain::candidate::CandidateId;
use promptdb::domain::prompt::PromptId;
use serde_json::{Value, json};

use super::functions;
use crate::auth::World;
use crate::support::{TestApp, TestResponse};

/// References to a user's data, which the other user must never reach.
#[derive(Debug, Clone, Default)]
struct Holdings {
    prompts: Vec<String>,
    candidates: Vec<String>,
    /// Paths of further pages, each with its cursor.
    pages: Vec<String>,
    /// Saves with an idempotency key: the path, the key and the body.
    keyed: Vec<(String, &'static str, Value)>,
}

/// A user, and the words that identify their data.
struct User<'a> {
    world: &'a World,
    id: &'static str,
    /// A word in all that they write, but in no name.
    mark: &'static str,
    /// The name of a prompt that only they have.
    own_name: &'static str,
    authorization: String,
    holdings: Mutex<Holdings>,
}

impl<'a> User<'a> {
    fn new(world: &'a World, id: &'static str, mark: &'static str, own_name: &'static str) -> Self {
        let authorization = format!("Bearer {}", world.workos.oauth_token(id));
        Self { world, id, mark, own_name, authorization, holdings: Mutex::default() }
    }

    fn holdings(&self) -> Holdings {
        self.holdings.lock().unwrap().clone()
    }

    fn hold(&self, change: impl FnOnce(&mut Holdings)) {
        change(&mut self.holdings.lock().unwrap());
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<Value>,
    ) -> TestResponse {
        let mut headers = vec![("authorization", self.authorization.as_str())];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        self.world.app.call(method, path, &headers, body).await
    }

    /// Sends a REST request that must succeed, and returns its answer.
    async fn rest(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let answer = self.send(method, path, None, body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.json());
        answer.json()
    }

    async fn read(&self, path: &str) -> Value {
        self.rest(Method::GET, path, None).await
    }

    /// Writes twice with one idempotency key, and expects the same answer.
    async fn write_once(&self, method: Method, path: &str, key: &str, body: Value) -> Value {
        let first = self.send(method.clone(), path, Some(key), Some(body.clone())).await;
        assert!(first.status.is_success(), "{path}: {}", first.json());
        let again = self.send(method, path, Some(key), Some(body)).await;
        assert_eq!(first.json(), again.json(), "{path}");
        first.json()
    }

    async fn rpc(&self, method: &str, params: Value) -> Value {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        self.send(Method::POST, "/mcp", None, Some(message)).await.json()
    }

    async fn tool(&self, name: &str, arguments: Value) -> Value {
        let params = json!({ "name": name, "arguments": arguments });
        self.rpc("tools/call", params).await["result"].take()
    }

    /// The structured content of a call that succeeds.
    async fn called(&self, name: &str, arguments: Value) -> Value {
        TestApp::structured(&self.tool(name, arguments).await).clone()
    }

    fn hold_prompt(&self, saved: &Value) -> String {
        let id = saved["id"].as_str().unwrap().to_owned();
        self.hold(|held| held.prompts.push(id.clone()));
        id
    }

    /// Reads a first page of one item, and keeps the path of the next page.
    async fn hold_page(&self, path: &str) {
        let separator = if path.contains('?') { '&' } else { '?' };
        let page = self.read(&format!("{path}{separator}limit=1")).await;
        let cursor = page["next_cursor"].as_str().unwrap();
        let next = format!("{path}{separator}cursor={cursor}");
        self.read(&next).await;
        self.hold(|held| held.pages.push(next));
    }

    async fn save(&self) {
        let (mark, name) = (self.mark, self.own_name);
        let content = |of: &str| format!("{mark} writes {{{{what}}}} for the {of}");
        let shared = json!({ "name": "shared", "title": mark, "tags": [mark, "both"],
            "description": mark, "content": content("shared") });
        let own = json!({ "name": name, "content": content("own"), "tags": [mark] });
        for draft in [shared, own] {
            let saved = self.called("save_prompt", draft).await;
            assert_eq!(
                saved["similar"].as_array().map_or(0, Vec::len),
                usize::from(saved["name"] == name)
            );
            self.hold_prompt(&saved);
        }
        // To the last byte what the other sends, under the same key.
        let twin = json!({ "name": "twin", "content": "Of one kind" });
        self.hold_prompt(&self.write_once(Method::POST, "/api/prompts", "create", twin).await);
    }

    async fn get(&self) {
        let shared = self.holdings().prompts[0].clone();
        let text = format!("{} writes code for the shared", self.mark);
        for by in
            [json!({ "name": "shared" }), json!({ "id": shared }), json!({ "query": "shared" })]
        {
            let mut arguments = by.clone();
            arguments["arguments"] = json!({ "what": "code" });
            let got = self.called("get_prompt", arguments).await;
            assert_eq!((&got["id"], &got["text"]), (&json!(shared), &json!(text)), "{by}");
        }
        let listed = self.called("list_prompts", json!({})).await;
        assert_eq!(listed["prompts"].as_array().unwrap().len(), 3);
        for listing in ["sort=recent", "sort=name", "sort=used", "query=writes"] {
            self.hold_page(&format!("/api/prompts?{listing}")).await;
        }
        self.hold_page("/api/audit").await;
    }

    async fn change(&self) {
        let [shared, _, twin] = &self.holdings().prompts[..] else { panic!("all are saved") };
        let content = format!("{} writes again", self.mark);
        let change = json!({ "name": "shared", "content": content, "expected_version": 1 });
        assert_eq!(self.called("save_prompt", change).await["version"], 2);
        let change = json!({ "favorite": true, "content": "Alike", "expected_version": 2 });
        let path = format!("/api/prompts/{shared}");
        assert_eq!(self.write_once(Method::PUT, &path, "change", change).await["version"], 3);
        let change = json!({ "description": self.mark, "expected_version": 1 });
        let twin = format!("/api/prompts/{twin}");
        let changed = self.write_once(Method::PUT, &twin, self.id, change.clone()).await;
        assert_eq!(changed["version"], 2);
        self.hold(|held| held.keyed.push((twin, self.id, change)));
        self.hold_page(&format!("{path}/versions")).await;
        let body = json!({ "version": 1, "arguments": { "what": "tests" } });
        let rendered = self.rest(Method::POST, &format!("{path}/render"), Some(body)).await;
        assert_eq!(rendered["text"], format!("{} writes tests for the shared", self.mark));
    }

    async fn harvest(&self) {
        let candidate = |title: &str, content: &str| {
            let content = format!("As the {}, {content}", self.mark);
            json!({ "title": title, "content": content, "why": self.mark })
        };
        let candidates = [
            candidate("Commit message", "write a commit message in the imperative for {{diff}}"),
            candidate(
                "Release notes",
                "turn the following changes into release notes: {{changes}}",
            ),
            candidate("Explanation", "explain {{concept}} to a beginner with one plain example"),
        ];
        let harvested = self.called("harvest_session", json!({ "candidates": candidates })).await;
        for candidate in harvested["candidates"].as_array().unwrap() {
            assert_eq!(
                candidate["verdict"], "new",
                "compared with this user's prompts only: {candidate}"
            );
            let id = candidate["candidate_id"].as_str().unwrap().to_owned();
            self.hold(|held| held.candidates.push(id));
        }
        self.hold_page("/api/candidates").await;
    }

    async fn accept(&self) {
        let candidates = self.holdings().candidates;
        let saved = self.called("save_prompt", json!({ "candidate_id": candidates[0] })).await;
        assert_eq!(saved["name"], "commit-message");
        self.hold_prompt(&saved);
        let path = format!("/api/candidates/{}/accept", candidates[1]);
        let saved = self.rest(Method::POST, &path, Some(json!({ "tags": [self.mark] }))).await;
        self.hold_prompt(&saved);
        let waiting = self.read("/api/candidates").await;
        assert_eq!(waiting["candidates"].as_array().unwrap().len(), 1);
    }

    async fn delete(&self) {
        self.called("delete_prompt", json!({ "name": "twin" })).await;
        let own = self.holdings().prompts[1].clone();
        self.rest(Method::DELETE, &format!("/api/prompts/{own}"), None).await;
        self.hold_page("/api/prompts?deleted=true").await;
    }

    async fn restore(&self) {
        let own = self.holdings().prompts[1].clone();
        self.rest(Method::POST, &format!("/api/prompts/{own}/restore"), Some(json!({}))).await;
        let path = "/api/prompts/shared/restore";
        let restored = self.write_once(Method::POST, path, "back", json!({ "version": 1 })).await;
        assert_eq!((&restored["title"], &restored["version"]), (&json!(self.mark), &json!(4)));
    }

    async fn reject(&self) {
        let path = format!("/api/candidates/{}", self.holdings().candidates[2]);
        let answer = self.send(Method::DELETE, &path, None, None).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
    }

    /// All answers that show this user's data.
    async fn everything(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for path in [
            "/api/prompts?sort=name&limit=100",
            "/api/prompts?deleted=true&limit=100",
            "/api/prompts/shared/versions?limit=100",
            "/api/candidates?limit=100",
            "/api/audit?limit=100",
            "/api/me",
            "/api/export",
        ] {
            all.push(self.read(path).await);
        }
        for method in ["prompts/list", "resources/list"] {
            all.push(self.rpc(method, json!({})).await);
        }
        all
    }

    /// Asserts that an answer to this user contains nothing of the other that the request did not.
    fn check_silent(&self, other: &Self, asked: &str, told: &str) {
        let held = other.holdings();
        let secrets = [other.mark, other.id, other.own_name].into_iter();
        let ids = held.prompts.iter().chain(&held.candidates).map(String::as_str);
        for secret in secrets.chain(ids).filter(|secret| !asked.contains(secret)) {
            assert!(!told.contains(secret), "{} asked {asked} and saw {secret}: {told}", self.id);
        }
    }

    /// Attempts to reach the other's data by id, name, cursor, word and idempotency key.
    async fn try_all_of(&self, other: &Self) {
        let held = other.holdings();
        for id in &held.prompts {
            self.try_prompt(other, id, PromptId::random().as_str()).await;
        }
        self.try_prompt(other, other.own_name, "never-saved").await;
        for id in &held.candidates {
            self.try_candidate(other, id, CandidateId::random().as_str()).await;
        }
        for (path, key, body) in &held.keyed {
            let answer = self.send(Method::PUT, path, Some(key), Some(body.clone())).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {}", answer.json());
            self.check_silent(other, path, &answer.json().to_string());
        }
        for page in &held.pages {
            let answer = self.send(Method::GET, page, None, None).await;
            let is_expected = matches!(answer.status.as_u16(), 200 | 404 | 422);
            assert!(is_expected, "{page}: {}", answer.json());
            self.check_silent(other, page, &answer.json().to_string());
        }
        self.try_words(other).await;
    }

    /// Compares the answers to the other's id or name with those to an unknown one. They may differ in
    /// the id or name only.
    async fn try_prompt(&self, other: &Self, theirs: &str, unknown: &str) {
        let save = json!({ "content": "stolen", "expected_version": 1 });
        for (method, rest, body) in [
            (Method::GET, "", None),
            (Method::GET, "?version=1", None),
            (Method::GET, "/versions", None),
            (Method::PUT, "", Some(save)),
            (Method::PUT, "", Some(json!({ "favorite": true }))),
            (Method::POST, "/render", Some(json!({}))),
            (Method::POST, "/restore", Some(json!({}))),
            (Method::POST, "/restore", Some(json!({ "version": 1 }))),
            (Method::DELETE, "", None),
        ] {
            let path = |prompt: &str| format!("/api/prompts/{prompt}{rest}");
            self.check_unknown(other, method, path, body, theirs, unknown).await;
        }
        let by = if theirs == other.own_name { "name" } else { "id" };
        for (tool, more) in [
            ("get_prompt", json!({})),
            ("get_prompt", json!({ "version": 1 })),
            ("get_prompt", json!({ "raw": true })),
            ("delete_prompt", json!({})),
            ("list_versions", json!({})),
            ("restore_prompt", json!({})),
            ("restore_prompt", json!({ "version": 1 })),
        ] {
            let arguments = |prompt: &str| {
                let mut arguments = more.clone();
                arguments[by] = json!(prompt);
                arguments
            };
            self.check_unknown_tool(other, tool, arguments, theirs, unknown).await;
        }
        if by == "name" {
            let stolen =
                |name: &str| json!({ "name": name, "content": "x", "expected_version": 1 });
            self.check_unknown_tool(other, "save_prompt", stolen, theirs, unknown).await;
            let marked = |name: &str| json!({ "name": name, "favorite": true });
            self.check_unknown_tool(other, "save_prompt", marked, theirs, unknown).await;
            let opened = |name: &str| json!({ "name": name });
            self.check_unknown_tool(other, "open_library", opened, theirs, unknown).await;
            let get = |name: &str| ("prompts/get", json!({ "name": name }));
            let uri = |name: &str| {
                ("resources/read", json!({ "uri": format!("promptdb://prompts/{name}") }))
            };
            for ((method, theirs_params), (_, params)) in
                [(get(theirs), get(unknown)), (uri(theirs), uri(unknown))]
            {
                let told = self.rpc(method, theirs_params).await.to_string();
                let expected = self.rpc(method, params).await.to_string();
                assert!(told.contains("\"error\""), "{told}");
                assert_eq!(told.replace(theirs, "[it]"), expected.replace(unknown, "[it]"));
            }
        }
    }

    async fn try_candidate(&self, other: &Self, theirs: &str, unknown: &str) {
        for (method, rest) in [(Method::POST, "/accept"), (Method::GET, ""), (Method::DELETE, "")] {
            let body = (method == Method::POST).then(|| json!({ "name": "stolen" }));
            let path = |candidate: &str| format!("/api/candidates/{candidate}{rest}");
            self.check_unknown(other, method, path, body, theirs, unknown).await;
        }
        for arguments in [json!({}), json!({ "name": "stolen", "content": "x" })] {
            let with = |candidate: &str| {
                let mut arguments = arguments.clone();
                arguments["candidate_id"] = json!(candidate);
                arguments
            };
            self.check_unknown_tool(other, "save_prompt", with, theirs, unknown).await;
        }
        for tool in ["list_candidates", "reject_candidate"] {
            let of = |candidate: &str| json!({ "candidate_id": candidate });
            self.check_unknown_tool(other, tool, of, theirs, unknown).await;
        }
    }

    /// Asserts that searches, tags and completions do not match the other's words.
    async fn try_words(&self, other: &Self) {
        for (field, word) in [("query", other.mark), ("tag", other.mark), ("query", other.own_name)]
        {
            let listed = self.read(&format!("/api/prompts?{field}={word}")).await;
            assert_eq!(listed["prompts"], json!([]), "{field} {word}");
            let listed = self.called("list_prompts", json!({ field: word })).await;
            assert_eq!(listed["prompts"], json!([]), "{field} {word}");
            let got = self.called("get_prompt", json!({ "query": word })).await;
            assert!(field == "tag" || got["matches"] == json!([]), "{got}");
        }
        for (reference, argument, word) in [
            (json!({ "type": "ref/prompt", "name": "harvest" }), "tag", other.mark),
            (
                json!({ "type": "ref/resource", "uri": "promptdb://prompts/{name}" }),
                "name",
                other.own_name,
            ),
        ] {
            let params =
                json!({ "ref": reference, "argument": { "name": argument, "value": word } });
            let completed = self.rpc("completion/complete", params).await;
            assert_eq!(completed["result"]["completion"]["values"], json!([]), "{completed}");
        }
    }

    async fn check_unknown(
        &self,
        other: &Self,
        method: Method,
        path: impl Fn(&str) -> String,
        body: Option<Value>,
        theirs: &str,
        unknown: &str,
    ) {
        let answer_to = async |of: &str| {
            let answer = self.send(method.clone(), &path(of), None, body.clone()).await;
            let mut problem = answer.json();
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {}: {problem}", path(of));
            problem.as_object_mut().unwrap().remove("request_id");
            problem.to_string()
        };
        let told = answer_to(theirs).await;
        self.check_silent(other, &path(theirs), &told);
        assert_eq!(told.replace(theirs, "[it]"), answer_to(unknown).await.replace(unknown, "[it]"));
    }

    async fn check_unknown_tool(
        &self,
        other: &Self,
        name: &str,
        arguments: impl Fn(&str) -> Value,
        theirs: &str,
        unknown: &str,
    ) {
        let answer_to = async |of: &str| {
            let result = self.tool(name, arguments(of)).await;
            assert_eq!(result["isError"], true, "{name} {}: {result}", arguments(of));
            result.to_string()
        };
        let told = answer_to(theirs).await;
        self.check_silent(other, &arguments(theirs).to_string(), &told);
        assert_eq!(told.replace(theirs, "[it]"), answer_to(unknown).await.replace(unknown, "[it]"));
    }
}

/// Both users take a step while each attempts to reach the other's data. Then each repeats the
/// attempts with the results of the step, which must change neither library.
async fn step<'a>(ann: &User<'a>, bob: &User<'a>, take: impl AsyncFn(&User<'a>)) {
    ann.world.clock.tick();
    tokio::join!(take(ann), take(bob), ann.try_all_of(bob), bob.try_all_of(ann));
    // Uses are counted in batches. A flush writes them before the libraries are compared.
    ann.world.app.state.library().flush_uses().await.unwrap();
    let before = tokio::join!(ann.everything(), bob.everything());
    tokio::join!(ann.try_all_of(bob), bob.try_all_of(ann));
    let after = tokio::join!(ann.everything(), bob.everything());
    for (user, other, before, all) in [(ann, bob, before.0, after.0), (bob, ann, before.1, after.1)]
    {
        for (before, after) in before.iter().zip(&all) {
            assert_eq!(before, after);
        }
        let all = json!(all).to_string();
        assert!(all.contains(user.mark), "the answers hold the data of the user");
        user.check_silent(other, "", &all);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_users_at_once_never_see_or_change_each_others_data() {
    let (store, clock) = functions::deployment();
    let world = World::with_store(Arc::new(store), clock).await;
    let ann = User::new(&world, "user_ann", "quokka", "zebrafish");
    let bob = User::new(&world, "user_bob", "narwhal", "woodlouse");
    step(&ann, &bob, async |user| user.save().await).await;
    step(&ann, &bob, async |user| {
        user.get().await;
        user.change().await;
    })
    .await;
    step(&ann, &bob, async |user| user.harvest().await).await;
    step(&ann, &bob, async |user| user.accept().await).await;
    step(&ann, &bob, async |user| user.delete().await).await;
    step(&ann, &bob, async |user| {
        user.restore().await;
        user.reject().await;
    })
    .await;
}
