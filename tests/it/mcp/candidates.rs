//! The review of a harvest, as far as a chat does it: each candidate has its own faults, what waits is
//! listed and shown whole, and the answers keep their size.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{TestApp, on_both_stores};

/// Maximum size of the structured content of a result with several texts.
const STRUCTURE_MAX_BYTES: usize = 48 * 1024;

fn candidate(title: &str, content: &str) -> Value {
    json!({ "title": title, "content": content, "why": "It worked." })
}

fn release_notes() -> Value {
    candidate("Release notes", "Write release notes for users from these changes: {{changes}}")
}

async fn harvest(app: &TestApp, candidates: &[Value]) -> Value {
    app.clock.tick();
    app.tool("harvest_session", json!({ "candidates": candidates })).await
}

fn entries(result: &Value) -> &[Value] {
    TestApp::structured(result)["candidates"].as_array().unwrap()
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

/// Asserts that the structured content and the text keep their size.
#[track_caller]
fn check_size(result: &Value) {
    let structure = result["structuredContent"].to_string().len();
    assert!(structure <= STRUCTURE_MAX_BYTES, "{structure} bytes");
    let text = result["content"].to_string().len();
    assert!(text <= STRUCTURE_MAX_BYTES, "{text} bytes of text");
}

on_both_stores! {
    async fn one_bad_candidate_is_a_problem_of_its_own(app: &TestApp) {
        let good = release_notes();
        let bad = [
            (candidate("Short", "Too short"), "content: "),
            (json!({ "title": "No reason", "content": "Write one poem about {{topic}}." }), "why: "),
            (json!({ "content": "Write one poem about {{topic}}.", "why": "w" }), "title: "),
            (candidate("Long", &"four words and more ".repeat(4000)), "content: "),
            (candidate(&"x".repeat(121), "Write one poem about {{topic}}."), "title: "),
            (candidate("Transcript", "User: sort this list\nAssistant: use sort() on it"), "content: "),
            (candidate("Zero", "x y z w \u{0}"), "content: "),
            (json!({ "title": {}, "content": "Write one poem.", "why": "w" }), "title: must be string"),
            (json!({ "title": "Variables", "content": "Write it at once, please", "why": "w",
                "variables": [{ "name": "none" }] }), "variables[0].name: "),
            (json!("text"), "must be an object"),
            (json!(null), "must be an object"),
            (json!([]), "must be an object"),
        ];
        for (bad, problem) in bad {
            let result = harvest(app, &[bad.clone(), good.clone(), bad.clone()]).await;
            let [first, second, third] = entries(&result) else { panic!("{result}") };
            for refused in [first, third] {
                assert!(refused.get("candidate_id").is_none(), "{bad}: {refused}");
                assert!(refused.get("suggested").is_none() && refused.get("verdict").is_none());
                let found = refused["problems"][0].as_str().unwrap();
                assert!(found.starts_with(problem), "{bad}: {found}");
                assert!(text(&result).contains(found), "{result}");
            }
            assert!(text(&result).starts_with("1 of 3 candidates"), "{result}");
            let id = &second["candidate_id"];
            assert_eq!(second["title"], "Release notes");
            TestApp::structured(&app.tool("reject_candidate", json!({ "candidate_id": id })).await);
        }
    }

    async fn a_harvest_without_a_good_candidate_adds_nothing(app: &TestApp) {
        let result = harvest(app, &[candidate("A", "no"), json!({ "title": "B" })]).await;
        assert_eq!(entries(&result).len(), 2);
        assert!(text(&result).starts_with("No candidate was added"), "{result}");
        let listed = app.tool("list_candidates", json!({})).await;
        assert_eq!(TestApp::structured(&listed), &json!({ "candidates": [] }));
        assert_eq!(text(&listed), "Nothing waits for review.");
        let trail = app.get("/api/audit").await.json();
        assert_eq!(trail["entries"], json!([]));
    }

    async fn a_refused_candidate_shows_no_secret(app: &TestApp) {
        let mut bad = candidate("Mail ada.lovelace@analytical-engines.org", "no");
        bad["why"] = json!("Password: hunter2hunter2 works. ".repeat(10));
        let result = harvest(app, &[bad]).await;
        let shown = result.to_string();
        assert!(!shown.contains("ada.lovelace") && !shown.contains("hunter2hunter2"), "{shown}");
    }

    async fn the_text_shows_what_a_reviewer_needs(app: &TestApp) {
        let content = "Write release notes for users from these changes: {{changes}}";
        app.create(json!({ "name": "notes", "title": "Notes", "content": content })).await;
        let longer = format!("{content} Mail them to ada@analytical-engines.org, as shown above.");
        let result = harvest(app, &[candidate("Mailed notes", &longer), candidate("Copy", content)]).await;
        let [mailed, copy] = entries(&result) else { panic!("{result}") };
        let id = mailed["candidate_id"].as_str().unwrap();
        let redacted = longer.replace("ada@analytical-engines.org", "{{email}}");
        for part in [
            format!("## Mailed notes (variant, candidate_id {id})"),
            "Why: It worked.".to_owned(),
            "Resembles: variant of notes, version 1 (Notes)".to_owned(),
            "Replaced: 1 email".to_owned(),
            "Problem: \"as shown above\"".to_owned(),
            "Suggested: update notes, with expected_version 1".to_owned(),
            redacted.clone(),
        ] {
            assert!(text(&result).contains(&part), "{part}: {}", text(&result));
        }
        let suggested = &mailed["suggested"];
        assert_eq!((&suggested["action"], &suggested["name"]), (&json!("update"), &json!("notes")));
        assert_eq!((&suggested["expected_version"], &suggested["content"]), (&json!(1), &json!(redacted)));
        let similar = json!([{ "id": mailed["similar"][0]["id"], "name": "notes", "title": "Notes", "version": 1, "verdict": "variant" }]);
        assert_eq!(mailed["similar"], similar);
        assert_eq!(copy["suggested"]["action"], "skip");
        let skip = "\nSuggested: skip; this text is already saved or waiting\n";
        assert!(text(&result).contains(skip) && !text(&result).contains("skip, as"), "{}", text(&result));
        assert!(copy["suggested"].get("expected_version").is_none());
        assert!(mailed.get("content_cut").is_none());

        // What is suggested is accepted as it stands.
        let save = json!({ "candidate_id": id, "name": suggested["name"], "expected_version": suggested["expected_version"] });
        let saved = app.tool("save_prompt", save).await;
        assert_eq!(TestApp::structured(&saved)["version"], 2);
        let got = app.tool("get_prompt", json!({ "name": "notes", "raw": true })).await;
        assert_eq!(TestApp::structured(&got)["text"], json!(redacted));
    }

    async fn a_candidate_is_listed_with_its_findings_as_long_as_it_waits(app: &TestApp) {
        let content = "Mail the notes in this file to ada@analytical-engines.org and bob@analytical-engines.org";
        let harvested = harvest(app, &[candidate("Mail", content), release_notes()]).await;
        let listed = app.tool("list_candidates", json!({})).await;
        let mut expected: Vec<Value> = entries(&harvested).to_vec();
        expected.reverse();
        for entry in &mut expected {
            entry["expires_at"] = json!("2026-01-08T00:00:00.001Z");
        }
        assert_eq!(entries(&listed), expected);
        assert_eq!(entries(&listed)[1]["redactions"], json!([{ "kind": "email", "count": 2 }]));
        assert!(text(&listed).contains("Waits until 2026-01-08"), "{listed}");

        let id = entries(&listed)[1]["candidate_id"].as_str().unwrap().to_owned();
        let one = app.tool("list_candidates", json!({ "candidate_id": id })).await;
        assert_eq!(entries(&one), [expected[1].clone()]);
        let twin = app.get(&format!("/api/candidates/{id}")).await.json();
        let queue = app.get("/api/candidates").await.json();
        assert_eq!(queue["candidates"][1], twin);
        // REST shows the same entry, and when which client proposed it.
        let mut same = expected[1].clone();
        same["source"] = twin["source"].clone();
        same["created_at"] = json!("2026-01-01T00:00:00.001Z");
        assert_eq!(twin, same);
        assert!(twin["source"].is_string());

        // The verdict is that of the moment.
        let prompt = json!({ "name": "notes", "content": release_notes()["content"] });
        app.create(prompt).await;
        let listed = app.tool("list_candidates", json!({ "limit": 1 })).await;
        assert_eq!(entries(&listed)[0]["verdict"], "duplicate");
        assert_eq!(entries(&listed)[0]["similar"][0]["name"], "notes");

        TestApp::structured(&app.tool("reject_candidate", json!({ "candidate_id": id })).await);
        let again = app.tool("reject_candidate", json!({ "candidate_id": id })).await;
        assert!(TestApp::mistake(&again).contains("there is no candidate"), "{again}");
        let gone = app.tool("list_candidates", json!({ "candidate_id": id })).await;
        assert!(TestApp::mistake(&gone).contains("there is no candidate"), "{gone}");
        let missing = app.get(&format!("/api/candidates/{id}")).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND);
        app.clock.advance_days(7);
        let listed = app.tool("list_candidates", json!({})).await;
        assert_eq!(entries(&listed).len(), 0);
    }

    async fn a_copy_of_a_waiting_candidate_resembles_the_one_before_it(app: &TestApp) {
        let first = harvest(app, &[release_notes()]).await;
        let second = harvest(app, &[release_notes()]).await;
        let id = &entries(&first)[0]["candidate_id"];
        assert_eq!(&entries(&second)[0]["similar"][0]["candidate_id"], id);
        assert_eq!(entries(&second)[0]["suggested"]["action"], "skip");
        let listed = app.tool("list_candidates", json!({})).await;
        let verdicts: Vec<&Value> = entries(&listed).iter().map(|entry| &entry["verdict"]).collect();
        assert_eq!(verdicts, ["duplicate", "new"]);
        let page = app.tool("list_candidates", json!({ "limit": 1 })).await;
        let cursor = &TestApp::structured(&page)["next_cursor"];
        let next = app.tool("list_candidates", json!({ "limit": 1, "cursor": cursor })).await;
        assert_eq!((&entries(&page)[0]["verdict"], &entries(&next)[0]["verdict"]), (&json!("duplicate"), &json!("new")));
    }
}

/// A candidate with long texts in every field, of about 25 KB in JSON.
fn longest(number: usize, unit: &str) -> Value {
    let size = serde_json::to_string(unit).unwrap().len() - 2;
    let fill =
        |bytes: usize, chars: usize| unit.repeat((bytes / size).min(chars / unit.chars().count()));
    let variables: Vec<Value> = (0..20)
        .map(|index| json!({ "name": format!("v{index}"), "description": fill(300, 500), "default": fill(300, 500) }))
        .collect();
    let names: Vec<String> = (0..20).map(|index| format!("{{{{v{index}}}}} ")).collect();
    let names = names.concat();
    let references = "Refactor this file, that table, those images, the attached PDF, as shown above. \
        See these links, this page, that diff, this repo, my last answer, the above code.";
    let content = format!("{number} {names}{references} {}", fill(8000, 8000));
    // A title has no control characters.
    let title = if unit.contains(char::is_control) { "T".repeat(110) } else { fill(600, 110) };
    json!({ "title": title, "description": fill(2000, 490), "content": content,
        "why": fill(2000, 490), "variables": variables,
        "tags": (0..10).map(|tag| format!("{tag:a>32}")).collect::<Vec<_>>() })
}

#[tokio::test]
async fn long_candidates_are_cut_to_equal_shares_and_shown_whole_by_their_id() {
    for unit in ["word ", "\"\n", "東京", "🤷🏽"] {
        let app = TestApp::new();
        let candidates: Vec<Value> = (0..8).map(|number| longest(number, unit)).collect();
        let result = harvest(&app, &candidates).await;
        check_size(&result);
        assert_eq!(entries(&result).len(), 8);
        let hint = TestApp::structured(&result)["hint"].as_str().unwrap();
        assert!(hint.contains("list_candidates with a candidate_id"), "{hint}");
        for (candidate, entry) in candidates.iter().zip(entries(&result)) {
            assert_eq!(entry["content_cut"], true, "{entry}");
            let shown = entry["suggested"]["content"].as_str().unwrap();
            assert!(!shown.is_empty() && candidate["content"].as_str().unwrap().starts_with(shown));
            let id = entry["candidate_id"].as_str().unwrap();
            assert!(text(&result).contains(&format!("list_candidates with candidate_id {id}")));
        }
        let (mut seen, mut cursor) = (0, json!(""));
        while cursor.is_string() {
            let mut arguments = json!({ "limit": 100 });
            if cursor != "" {
                arguments["cursor"] = cursor;
            }
            let page = app.tool("list_candidates", arguments).await;
            check_size(&page);
            seen += entries(&page).len();
            cursor = TestApp::structured(&page)["next_cursor"].clone();
        }
        assert_eq!(seen, 8);
        let id = &entries(&result)[3]["candidate_id"];
        let one = app.tool("list_candidates", json!({ "candidate_id": id })).await;
        let whole = &entries(&one)[0];
        assert!(whole.get("content_cut").is_none());
        assert_eq!(whole["suggested"]["content"], candidates[3]["content"]);
        assert_eq!(whole["suggested"]["variables"].as_array().unwrap().len(), 20);
        let default = &candidates[3]["variables"][0]["default"];
        assert_eq!(&whole["suggested"]["variables"][0]["default"], default);
    }
}

#[tokio::test]
async fn many_short_candidates_fit_on_pages_that_skip_and_repeat_none() {
    let app = TestApp::new();
    for round in 0..15 {
        let candidates: Vec<Value> = (0..8)
            .map(|number| {
                let word = format!("w{round}x{number}");
                candidate(&word, &format!("Write {word} {word}a {word}b about {{{{topic}}}}."))
            })
            .collect();
        harvest(&app, &candidates).await;
    }
    let (mut seen, mut arguments) = (Vec::new(), json!({ "limit": 100 }));
    loop {
        let page = app.tool("list_candidates", arguments.clone()).await;
        check_size(&page);
        seen.extend(entries(&page).iter().map(|entry| entry["title"].to_string()));
        assert!(entries(&page).iter().all(|entry| entry.get("content_cut").is_none()));
        let Some(cursor) = TestApp::structured(&page)["next_cursor"].as_str() else { break };
        arguments["cursor"] = json!(cursor);
    }
    assert_eq!(seen.len(), 120);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 120);
    let default = app.tool("list_candidates", json!({})).await;
    assert_eq!(entries(&default).len(), 20);
}

#[tokio::test]
async fn rest_refuses_a_harvest_only_if_all_its_candidates_have_faults() {
    let app = TestApp::new();
    let body = json!({ "candidates": [candidate("Short", "no"), release_notes()] });
    let answer = app.post("/api/candidates", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json());
    let entries = answer.json()["candidates"].take();
    assert!(entries[0].get("candidate_id").is_none());
    assert_eq!(entries[1]["suggested"]["action"], "save");
    let body = json!({ "candidates": [candidate("Short", "no"), { "title": "x" }, "text"] });
    let answer = app.post("/api/candidates", body).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let errors = answer.json()["errors"].take();
    let fields: Vec<&Value> = errors.as_array().unwrap().iter().map(|one| &one["field"]).collect();
    let expected =
        ["candidates[0].content", "candidates[1].content", "candidates[1].why", "candidates[2]"];
    assert_eq!(fields, expected);
    let queue = app.call(Method::GET, "/api/candidates", &[], None).await.json();
    assert_eq!(queue["candidates"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_candidate_is_refused_with_all_its_faults_and_without_a_title_by_its_place() {
    let app = TestApp::new();
    let faulty = json!({ "content": 7, "tags": ["a", {}], "variables": [{ "default": [] }] });
    let result = harvest(&app, &[release_notes(), faulty]).await;
    // The content is mended: a number is text.
    let expected = [
        "title: is required",
        "variables[0].name: is required",
        "variables[0].default: must be string",
        "tags[1]: must be string",
        "why: is required",
    ];
    assert_eq!(entries(&result)[1]["problems"], json!(expected));
    let text = text(&result);
    assert!(text.contains("\n## Candidate 2 (not added)\nProblem: title: is required\n"), "{text}");
    assert!(text.contains("## Release notes (new, candidate_id "), "{text}");
}

#[tokio::test]
async fn a_suggestion_to_save_under_a_taken_name_has_a_free_one() {
    let app = TestApp::new();
    let content = "Translate a letter into {{language}} for my aunt";
    for name in ["release-notes", "release-notes-2"] {
        app.create(json!({ "name": name, "content": content })).await;
    }
    let result = harvest(&app, &[release_notes()]).await;
    let entry = &entries(&result)[0];
    let suggested = &entry["suggested"];
    assert_eq!((&suggested["action"], &suggested["name"]), (&json!("save"), &json!("release-notes-3")));
    let problem = entry["problems"][0].as_str().unwrap();
    assert!(problem.contains("release-notes exists; choose another name, such as release-notes-3"));
    let save = json!({ "candidate_id": entry["candidate_id"], "name": suggested["name"] });
    let saved = app.tool("save_prompt", save).await;
    assert_eq!(TestApp::structured(&saved)["name"], "release-notes-3");
}
