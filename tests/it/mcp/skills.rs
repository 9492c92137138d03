//! Skills over MCP: what is served, that entries and files agree, and to whom.

use std::sync::Arc;

use axum::http::Method;
use promptdb::domain::draft::Draft;
use promptdb::domain::identity::{LibraryId, UserId};
use promptdb::store::PromptStore;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::sessions::Session;
use super::{HANDSHAKES, error_of, request, send_as, send_stateless};
use crate::auth::World;
use crate::connection::Connection;
use crate::store_contract::{by, new_prompt};
use crate::support::{FixedClock, TestApp, draft, on_both_stores, sqlite};

/// The extension as the server declares it, without reads of directories.
const EXTENSION: &str = "io.modelcontextprotocol/skills";
/// Maximum size of the files of a page, in bytes.
const PAGE_MAX_BYTES: usize = 1024 * 1024;

async fn list_skills(app: &TestApp) -> Vec<Value> {
    let listed = app.rpc("skills/list", json!({})).await;
    assert!(listed["result"].get("nextCursor").is_none(), "{listed}");
    listed["result"]["skills"].as_array().unwrap_or_else(|| panic!("{listed}")).clone()
}

async fn list_names(app: &TestApp) -> Vec<String> {
    let skills = list_skills(app).await;
    skills.iter().map(|skill| skill["frontmatter"]["name"].as_str().unwrap().to_owned()).collect()
}

/// The code and the message of the error that answers a URI.
async fn refuse(app: &TestApp, method: &str, uri: &str) -> (i64, String) {
    let answer = app.rpc(method, json!({ "uri": uri })).await;
    let error = &answer["error"];
    let message = error["message"].as_str().unwrap_or_else(|| panic!("{uri}: {answer}"));
    (error["code"].as_i64().unwrap(), message.to_owned())
}

fn digest_of(text: &str) -> String {
    let digest = Sha256::digest(text);
    let [high, low] =
        [&digest[..16], &digest[16..]].map(|half| u128::from_be_bytes(half.try_into().unwrap()));
    format!("sha256:{high:032x}{low:032x}")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontMatter {
    name: String,
    description: String,
}

/// Verifies an entry as a host does: against the bytes of its file and the front matter in them.
async fn verify(app: &TestApp, skill: &Value) -> String {
    let uri = skill["uri"].as_str().unwrap();
    let read = app.rpc("resources/read", json!({ "uri": uri })).await;
    let [contents] = read["result"]["contents"].as_array().unwrap().as_slice() else {
        panic!("one file: {read}")
    };
    assert_eq!((&contents["uri"], &contents["mimeType"]), (&skill["uri"], &json!("text/markdown")));
    let text = contents["text"].as_str().unwrap();
    let file = json!({ "uri": uri, "digest": digest_of(text), "size": text.len() });
    assert_eq!(skill["resources"], json!([file]));

    let (front, rest) = text.strip_prefix("---\n").unwrap().split_once("\n---\n\n").unwrap();
    let FrontMatter { name, description } = serde_saphyr::from_str(front).unwrap();
    assert_eq!(skill["frontmatter"], json!({ "name": name, "description": description }));
    assert!(uri.ends_with(&format!("/{name}/SKILL.md")), "{uri}");
    assert!((1..=1024).contains(&description.chars().count()), "{description}");

    let got = app.rpc("skills/get", json!({ "uri": uri })).await;
    assert_eq!(got["result"]["skill"], *skill, "{got}");
    rest.to_owned()
}

on_both_stores! {
    async fn the_owners_skills_are_listed_with_the_digests_of_what_is_read(app: &TestApp) {
        app.create(json!({ "name": "plain", "content": "Not a skill", "tags": ["skills"] })).await;
        let title = "--- #1: [\"a\"], 'b' & *c | {d}\\ @ % ! > ` no: yes";
        app.create(json!({ "name": "odd", "title": title, "content": "---\nname: x\n---\n\n",
            "tags": ["skill"] })).await;
        let described = json!({ "name": "42", "description": "Line: one\n--- \"two\"", "tags": ["a", "skill"],
            "content": "Write {{what}} in a {{tone}} tone",
            "variables": [{ "name": "tone", "description": "How", "default": "kind\n" }] });
        app.create(described).await;

        let skills = list_skills(app).await;
        assert_eq!(list_names(app).await, ["harvest", "42", "odd"]);
        let mut texts = Vec::new();
        for skill in &skills {
            texts.push(verify(app, skill).await);
        }
        assert_eq!(skills[1]["uri"], "skill://42/SKILL.md");
        assert_eq!(skills[1]["frontmatter"]["description"], "Line: one\n--- \"two\"");
        assert!(texts[1].starts_with("Write {{what}} in a {{tone}} tone\n\n## Variables\n"));
        assert!(texts[1].ends_with("\n- `what`\n- `tone`: How (default: \"kind\\n\")\n"));
        let description = skills[2]["frontmatter"]["description"].as_str().unwrap();
        assert!(description.contains(title), "{description}");
        assert_eq!(texts[2], "---\nname: x\n---\n\n\n");
    }

    async fn a_skill_is_served_as_long_as_its_owner_wants_it(app: &TestApp) {
        const URI: &str = "skill://poem/SKILL.md";
        app.create(json!({ "name": "poem", "content": "one", "tags": ["skill"] })).await;
        let before = list_skills(app).await;
        assert_eq!(before[1]["uri"], URI);
        let change = json!({ "content": "two", "expected_version": 1 });
        assert_eq!(app.put("/api/prompts/poem", change).await.status.as_u16(), 200);
        let after = list_skills(app).await;
        assert_ne!(before[1]["resources"], after[1]["resources"], "the digest is that of now");
        verify(app, &after[1]).await;

        let unknown = refuse(app, "skills/get", "skill://nothing/SKILL.md").await;
        let is_gone = async || {
            assert_eq!(list_names(app).await, ["harvest"]);
            for method in ["skills/get", "resources/read"] {
                let (_, message) = refuse(app, method, URI).await;
                assert_eq!(message, unknown.1.replace("nothing", "poem"));
            }
        };
        app.delete("/api/prompts/poem").await;
        is_gone().await;
        app.post("/api/prompts/poem/restore", json!({})).await;
        assert_eq!(list_names(app).await, ["harvest", "poem"]);
        let untag = json!({ "tags": [], "expected_version": 2 });
        assert_eq!(app.put("/api/prompts/poem", untag).await.status.as_u16(), 200);
        is_gone().await;
        let rename = json!({ "tags": ["skill"], "name": "ode", "expected_version": 3 });
        assert_eq!(app.put("/api/prompts/poem", rename).await.status.as_u16(), 200);
        assert_eq!(list_names(app).await, ["harvest", "ode"]);
    }
}

#[tokio::test]
async fn the_built_in_skill_is_the_built_in_prompt() {
    let app = TestApp::new();
    let skills = list_skills(&app).await;
    assert_eq!(skills[0]["uri"], "skill://harvest/SKILL.md");
    let text = verify(&app, &skills[0]).await;
    let prompt = app.rpc("prompts/get", json!({ "name": "harvest" })).await;
    let prompt = prompt["result"]["messages"][0]["content"]["text"].as_str().unwrap();
    assert_eq!(text, format!("{prompt}\n"));
}

#[tokio::test]
async fn nothing_that_a_model_or_a_file_tags_is_served() {
    let app = TestApp::new();
    let save = json!({ "name": "saved", "content": "one", "tags": ["#Skill"] });
    TestApp::structured(&app.tool("save_prompt", save).await);
    let candidate = json!({ "title": "Harvested", "why": "Used twice.", "tags": ["skill"],
        "content": "Write release notes in a calm voice from {{changes}}" });
    let harvested = app.tool("harvest_session", json!({ "candidates": [candidate] })).await;
    let id = &TestApp::structured(&harvested)["candidates"][0]["candidate_id"];
    let save = json!({ "candidate_id": id, "tags": ["skill"] });
    TestApp::structured(&app.tool("save_prompt", save).await);
    let file = json!([{ "title": "Imported", "content": "three", "tags": ["skill"] }]);
    let report = app.post("/api/import", file).await.json();
    assert_eq!(report["counts"]["created"], 1, "{report}");

    // A version from the time when the owner had it as a skill.
    app.create(json!({ "name": "restored", "content": "four", "tags": ["skill"] })).await;
    assert_eq!(list_names(&app).await, ["harvest", "restored"]);
    app.put("/api/prompts/restored", json!({ "tags": [], "expected_version": 1 })).await;
    let restored = app.tool("restore_prompt", json!({ "name": "restored", "version": 1 })).await;
    TestApp::structured(&restored);
    assert_eq!(list_names(&app).await, ["harvest"]);
}

#[tokio::test]
async fn a_name_that_agent_skills_do_not_allow_is_served_under_one_that_they_do() {
    let app = TestApp::new();
    for name in ["code-review", "code--review", "code-review-", "harvest-"] {
        app.create(json!({ "name": name, "content": name, "tags": ["skill"] })).await;
    }
    let skills = list_skills(&app).await;
    let mut names = list_names(&app).await;
    for skill in &skills {
        verify(&app, skill).await;
        let name = skill["frontmatter"]["name"].as_str().unwrap();
        assert!(name.split('-').all(|word| !word.is_empty()), "{name}");
    }
    for (name, begins) in [
        ("code--review", "skill://code--review/code-review-"),
        ("code-review-", "skill://code-review-/code-review-"),
        ("harvest-", "skill://harvest-/harvest-"),
    ] {
        let uri = |skill: &&Value| skill["uri"].as_str().unwrap().starts_with(begins);
        let skill = skills.iter().find(uri).unwrap_or_else(|| panic!("{skills:?}"));
        assert_eq!(verify(&app, skill).await, format!("{name}\n"));
        refuse(&app, "skills/get", &format!("skill://{name}/SKILL.md")).await;
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 5, "each has a name of its own: {names:?}");
}

#[tokio::test]
async fn no_other_spelling_of_an_address_is_a_skill() {
    let app = TestApp::new();
    let poem = app.create(json!({ "name": "poem", "content": "x", "tags": ["skill"] })).await;
    app.create(json!({ "name": "plain", "content": "x" })).await;
    let by_id = format!("skill://{}/SKILL.md", poem["id"].as_str().unwrap());
    let long = format!("skill://{}/SKILL.md", "a".repeat(100_000));
    for uri in [
        by_id.as_str(),
        &long,
        "",
        "skill://",
        "skill:///SKILL.md",
        "skill://poem",
        "skill://poem/",
        "skill://poem/skill.md",
        "skill://poem/SKILL.md/",
        "skill://poem/SKILL.md?x",
        "skill://poem/SKILL.md#x",
        "skill://poem//SKILL.md",
        "skill://poem/./SKILL.md",
        "skill://poem/../poem/SKILL.md",
        "skill://../poem/SKILL.md",
        "skill://%70oem/SKILL.md",
        "skill://Poem/SKILL.md",
        "skill://po em/SKILL.md",
        "skill://poem\u{0}/SKILL.md",
        "skill://poem/poem/SKILL.md",
        "skill://user@poem/SKILL.md",
        "skill://poem:80/SKILL.md",
        "SKILL://poem/SKILL.md",
        "promptdb://poem/SKILL.md",
        "poem/SKILL.md",
        "skill://plain/SKILL.md",
        "skill://harvest/harvest/SKILL.md",
        "skill://index.json",
        "file:///etc/passwd",
    ] {
        for (method, expected) in [("skills/get", -32602), ("resources/read", -32002)] {
            let (code, message) = refuse(&app, method, uri).await;
            assert_eq!(code, expected, "{method} {uri}");
            assert!(message.len() < 1200, "{} bytes", message.len());
        }
        if !uri.contains(['\0', ' ']) && uri.len() < 1000 {
            for method in ["skills/get", "resources/read"] {
                error_of(&send_stateless(&app, method, json!({ "uri": uri })).await, 200, -32602);
            }
        }
    }
}

#[tokio::test]
async fn parameters_of_other_types_are_named() {
    let app = TestApp::new();
    for (method, params, expected) in [
        ("skills/get", json!({}), "uri: is required"),
        ("skills/get", json!({ "uri": ["x"] }), "uri: must be string"),
        ("skills/list", json!({ "cursor": "x" }), "cursor"),
    ] {
        let answer = send_as(&app, "2025-11-25", request(method, params.clone())).await;
        let message = error_of(&answer, 200, -32602);
        assert!(message.contains(expected), "{method} {params}: {message}");
    }
    let directory = json!({ "uri": "skill://harvest" });
    let answer = app.rpc("resources/directory/read", directory).await;
    assert_eq!(answer["error"]["code"], -32601, "not declared: {answer}");
}

#[tokio::test]
async fn a_user_reaches_their_own_skills_alone() {
    let world = World::new().await;
    let in_person = |user: &str| world.workos.web_token(user, &format!("session_{user}"));
    for (user, name) in [("user_ann", "poem"), ("user_bob", "ode")] {
        let authorization = format!("Bearer {}", in_person(user));
        let headers = [("authorization", authorization.as_str())];
        for name in [name, "shared"] {
            let body = json!({ "name": name, "content": format!("of {user}"), "tags": ["skill"] });
            let answer = world.app.call(Method::POST, "/api/prompts", &headers, Some(body)).await;
            assert_eq!(answer.status.as_u16(), 201, "{}", answer.json());
        }
    }
    let call = async |user: &str, method: &str, params: Value| {
        let authorization = format!("Bearer {}", world.workos.oauth_token(user));
        let headers = [("authorization", authorization.as_str())];
        world.app.call(Method::POST, "/mcp", &headers, Some(request(method, params))).await.json()
    };
    for (user, own, other) in [("user_ann", "poem", "ode"), ("user_bob", "ode", "poem")] {
        let listed = call(user, "skills/list", json!({})).await;
        let names: Vec<&str> = listed["result"]["skills"]
            .as_array()
            .unwrap()
            .iter()
            .map(|skill| skill["frontmatter"]["name"].as_str().unwrap())
            .collect();
        let mut expected = ["harvest", own, "shared"];
        expected[1..].sort_unstable();
        assert_eq!(names, expected);
        let shared = json!({ "uri": "skill://shared/SKILL.md" });
        let read = call(user, "resources/read", shared).await;
        assert!(read.to_string().contains(&format!("of {user}")), "{read}");
        for method in ["skills/get", "resources/read"] {
            let uri = |name: &str| json!({ "uri": format!("skill://{name}/SKILL.md") });
            let theirs = call(user, method, uri(other)).await;
            let nothing = call(user, method, uri("nothing")).await;
            assert!(theirs["error"].is_object(), "{theirs}");
            assert_eq!(theirs.to_string(), nothing.to_string().replace("nothing", other));
        }
    }
}

#[tokio::test]
async fn many_long_skills_fit_on_pages_that_skip_and_repeat_none() {
    let (dir, clock) = (TempDir::new().unwrap(), FixedClock::new());
    let store = Arc::new(sqlite(&dir, clock.clone()));
    let mut expected = vec!["harvest".to_owned()];
    for number in 0..60 {
        let name = format!("long-{number:02}");
        let content = format!("{number} {}", "x".repeat(65_536 - 3));
        let tags = Some(vec!["skill".to_owned()]);
        let new = new_prompt(Draft { tags, ..draft(&name, &content) });
        store.create_prompt(&LibraryId::of_user(&UserId::local()), new, &by("test")).await.unwrap();
        expected.push(name);
    }
    let app = TestApp::builder().store(store).clock(clock).build();
    let (mut names, mut pages, mut params) = (Vec::new(), 0, json!({ "cursor": "" }));
    loop {
        let page = app.rpc("skills/list", params).await["result"].take();
        let skills = page["skills"].as_array().unwrap();
        let sizes = skills.iter().map(|skill| skill["resources"][0]["size"].as_u64().unwrap());
        assert!(sizes.sum::<u64>() <= PAGE_MAX_BYTES as u64, "{page}");
        names.extend(
            skills.iter().map(|skill| skill["frontmatter"]["name"].as_str().unwrap().to_owned()),
        );
        pages += 1;
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        params = json!({ "cursor": cursor });
    }
    assert_eq!(names, expected);
    assert!((4..=10).contains(&pages), "{pages} pages; OpenAI reads ten");
    let last = app.rpc("skills/get", json!({ "uri": "skill://long-59/SKILL.md" })).await;
    verify(&app, &last["result"]["skill"]).await;
}

#[tokio::test]
async fn the_extension_is_declared_and_served_on_every_transport() {
    let app = TestApp::new();
    app.create(json!({ "name": "poem", "content": "x", "tags": ["skill"] })).await;
    let initialize = |revision: &str| {
        let client = json!({ "name": "some-client", "version": "1" });
        request(
            "initialize",
            json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": client }),
        )
    };
    let declared = |result: &Value| {
        let capabilities = &result["capabilities"];
        assert_eq!(capabilities["extensions"][EXTENSION], json!({}), "{result}");
        assert!(capabilities["resources"].is_object(), "{result}");
    };
    let uri = json!({ "uri": "skill://poem/SKILL.md" });
    for revision in HANDSHAKES {
        declared(&app.post("/mcp", initialize(revision)).await.json()["result"]);
        let listed = send_as(&app, revision, request("skills/list", json!({}))).await.json();
        assert_eq!(listed["result"]["skills"].as_array().unwrap().len(), 2, "{revision}: {listed}");
        for field in ["resultType", "ttlMs", "_meta"] {
            assert!(listed["result"].get(field).is_none(), "{revision}: {listed}");
        }
        let got = send_as(&app, revision, request("skills/get", uri.clone())).await.json();
        assert_eq!(got["result"]["skill"], listed["result"]["skills"][1], "{revision}");
    }

    let discovered = send_stateless(&app, "server/discover", json!({})).await.json();
    declared(&discovered["result"]);
    for (method, params) in
        [("skills/list", json!({})), ("skills/get", uri.clone()), ("resources/read", uri.clone())]
    {
        let answer = send_stateless(&app, method, params).await;
        let result = &answer.json()["result"];
        assert_eq!(
            (&result["resultType"], &result["cacheScope"]),
            (&json!("complete"), &json!("private"))
        );
        assert!(result["ttlMs"].is_u64(), "{result}");
        assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "promptdb");
    }

    let mut session = Session::open(&app).await;
    session.send(initialize("2025-11-25")).await;
    declared(&session.message().await["result"]);
    session.send(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    session.send(request("skills/get", uri)).await;
    assert_eq!(session.message().await["result"]["skill"]["frontmatter"]["name"], "poem");

    let mut stdio = Connection::open();
    stdio.request(1, "server/discover", json!({})).await;
    declared(&stdio.receive().await.unwrap()["result"]);
    let uri = json!({ "uri": "skill://harvest/SKILL.md" });
    for (id, method, params) in
        [(2, "skills/list", json!({})), (3, "skills/get", uri.clone()), (4, "resources/read", uri)]
    {
        stdio.request(id, method, params).await;
        let answer = stdio.receive().await.unwrap();
        assert!(answer["result"].to_string().contains("skill://harvest/SKILL.md"), "{answer}");
    }
}
