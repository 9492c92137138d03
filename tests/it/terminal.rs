//! The commands on prompts, as the built binary, while an app has the same library open.

mod exporting;
mod moving_in;
mod reading;
mod restoring;
mod screens;
mod special_files;
mod writing;

use serde_json::{Value, json};

use crate::support::home::{Home, done, failed};

#[track_caller]
fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_json_of_a_command_is_that_of_its_rest_twin() {
    let home = Home::new();
    let app = home.app();
    let saved = home.pipe(
        b"Review {{code}} in {{tone}}.",
        &["save", "Code Review", "--title", "Review", "--tag", "#Rust", "--favorite", "--json"],
    );
    let saved = parse(&done(&saved));
    assert_eq!((&saved["notes"], &saved["similar"]), (&json!([]), &json!([])));
    home.save("code-review", "Review {{code}}.", &["--description", "d"]);

    let rest = app.get("/api/prompts/code-review").await.json();
    assert_eq!(parse(&done(&home.run(&["get", "code-review", "--raw", "--json"]))), rest);
    assert_eq!(rest["id"], saved["id"], "a second save is a version");
    let mut rest = app.get("/api/prompts?limit=100").await.json();
    assert_eq!(parse(&done(&home.run(&["list", "--json"]))), rest);
    rest["total"] = json!(1);
    for command in ["list", "search"] {
        assert_eq!(parse(&done(&home.run(&[command, "review", "--json"]))), rest);
    }
    let rest = app.get("/api/prompts/code-review/versions").await.json();
    assert_eq!(rest["versions"].as_array().unwrap().len(), 2);
    assert_eq!(parse(&done(&home.run(&["history", "Code review", "--json"]))), rest);
    let rest = app.get("/api/tags").await.json();
    assert_eq!(parse(&done(&home.run(&["tags", "--json"]))), rest);
    let rest = app.post("/api/prompts/code-review/render", json!({})).await.json();
    let output = home.run(&["get", "code-review", "--json"]);
    assert_eq!(parse(&String::from_utf8(output.stdout.clone()).unwrap()), rest);
    failed(&output, 1);

    let deleted = parse(&done(&home.run(&["delete", "code-review", "--json"])));
    assert_eq!(deleted, app.get("/api/prompts?deleted=true").await.json()["prompts"][0]);
    let restored = home.run(&["restore", "code-review", "--version", "1", "--json"]);
    let restored = parse(&done(&restored));
    let mut rest = app.get("/api/prompts/code-review").await.json();
    rest["notes"] = json!([]);
    assert_eq!((restored["version"].as_u64(), &restored), (Some(3), &rest));
    for kind in ["saved", "deleted", "restored"] {
        let trail = app.get("/api/audit").await.json().to_string();
        assert!(trail.contains(kind) && trail.contains("\"cli\""), "{trail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rendering_is_a_use_that_is_recorded_before_the_command_ends() {
    let home = Home::new();
    let app = home.app();
    home.save("poem", "Write.", &[]);
    for _ in 0..2 {
        assert_eq!(done(&home.run(&["get", "poem"])), "Write.");
    }
    assert_eq!(done(&home.run(&["get", "poem", "--raw"])), "Write.");
    assert_eq!(app.get("/api/prompts/poem").await.json()["use_count"], 2);
}
