//! The programs that called for a library: each door, and whose they are.

use axum::http::Method;
use serde_json::{Value, json};

use crate::auth::World;
use crate::support::{TestApp, on_both_stores};

/// The clients of an answer as name and channel.
fn shown(answer: &Value) -> Vec<String> {
    let clients = answer["clients"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    clients
        .iter()
        .map(|client| format!("{} {}", text(&client["name"]), text(&client["via"])))
        .collect()
}

async fn call_as(app: &TestApp, client: &str, path: &str) -> Value {
    app.call(Method::GET, path, &[("user-agent", client)], None).await.json()
}

fn tool_call() -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "list_prompts", "arguments": {} } })
}

on_both_stores! {
    async fn a_program_is_listed_by_its_name_and_door_with_its_times(app: &TestApp) {
        let first = call_as(app, "curl/8.1", "/api/clients").await;
        assert_eq!(shown(&first), ["curl api"]);
        assert_eq!(first["clients"][0]["first_seen_at"], first["clients"][0]["last_seen_at"]);
        app.clock.advance_seconds(30);
        app.call(Method::POST, "/mcp", &[("user-agent", "cursor/2.0")], Some(tool_call())).await;
        app.clock.advance_seconds(31);
        let later = call_as(app, "curl/8.2", "/api/clients").await;
        assert_eq!(shown(&later), ["curl api", "Cursor mcp"]);
        let curl = &later["clients"][0];
        assert_ne!(curl["first_seen_at"], curl["last_seen_at"]);
        assert!(curl["last_seen_at"].as_str().unwrap().starts_with("2026-01-01T00:01:01"), "{curl}");

        // Written at most once a minute.
        app.clock.advance_seconds(20);
        let soon = call_as(app, "curl/8.2", "/api/clients").await;
        assert_eq!(soon["clients"][0]["last_seen_at"], curl["last_seen_at"]);
        let erased = app.call(Method::DELETE, "/api/account", &[("user-agent", "curl/8")], Some(json!({ "confirm": "erase" }))).await;
        assert_eq!(erased.status.as_u16(), 204);
        app.state.library().flush_clients().await.unwrap();
        assert_eq!(shown(&call_as(app, "wget/1", "/api/clients").await), ["Wget api"]);
    }
}

#[tokio::test]
async fn a_probe_or_a_refused_request_is_no_client() {
    let app = TestApp::new();
    for path in ["/health", "/nothing", "/api/openapi.json"] {
        call_as(&app, "probe/1", path).await;
    }
    assert_eq!(shown(&call_as(&app, "curl/8", "/api/clients").await), ["curl api"]);
}

#[tokio::test]
async fn each_user_sees_their_own_clients_by_every_door() {
    let world = World::new().await;
    let mut ann = world.sign_in_browser("user_ann").await;
    ann.get(&world.app, "/api/me").await;
    let token = world.workos.oauth_token("user_bob");
    world.tool(&token, "list_prompts", json!({})).await;
    let anns = ann.get(&world.app, "/api/clients").await.json();
    assert_eq!(shown(&anns), ["unknown browser"]);
    let bobs = world.call_with_token(Method::GET, "/api/clients", &token).await.json();
    let mut bobs = shown(&bobs);
    bobs.sort_unstable();
    assert_eq!(bobs, ["unknown api", "unknown mcp"]);
}

#[tokio::test]
async fn many_names_of_one_program_are_bounded() {
    let app = TestApp::new();
    for number in 0..120 {
        call_as(&app, &format!("agent-{number}/1"), "/api/me").await;
        app.clock.tick();
    }
    let clients = shown(&call_as(&app, "last/1", "/api/clients").await);
    assert_eq!((clients.len(), clients[0].as_str()), (50, "last api"));
}
