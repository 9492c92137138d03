//! Webhooks of WorkOS: their signatures and effects.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::BodyExt;
use promptdb::domain::Clock;
use serde_json::{Value, json};
use sha2::Sha256;

use super::World;
use crate::support::TestResponse;

pub(crate) fn sign(secret: &str, time: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.{body}").as_bytes());
    let code = mac.finalize().into_bytes();
    code.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

async fn deliver_signed(world: &World, header: &str, body: &str) -> TestResponse {
    let request = Request::post("/webhooks/workos")
        .header("content-type", "application/json")
        .header("workos-signature", header)
        .body(Body::from(body.to_owned()))
        .unwrap();
    world.app.send(request).await
}

pub(crate) async fn deliver(world: &World, event: &str, data: Value) -> TestResponse {
    let body = json!({ "id": "event_1", "event": event, "data": data }).to_string();
    let time = world.clock.now().as_millis().to_string();
    let header = format!("t={time}, v1={}", sign("whsec_test", &time, &body));
    deliver_signed(world, &header, &body).await
}

#[tokio::test]
async fn only_a_recent_valid_signature_is_accepted() {
    let world = World::new().await;
    let body = json!({ "id": "event_1", "event": "user.created", "data": {} }).to_string();
    let now = world.clock.now().as_millis();
    let signed = |secret: &str, time: i64| {
        let time = time.to_string();
        format!("t={time}, v1={}", sign(secret, &time, &body))
    };
    let good = signed("whsec_test", now);
    for (what, header) in [
        ("milliseconds", good.clone()),
        ("seconds", signed("whsec_test", now / 1000)),
        ("without a blank", good.replace(' ', "")),
        ("capital digits", good.to_uppercase().replace("T=", "t=").replace("V1=", "v1=")),
        ("five minutes late", signed("whsec_test", now - 300_000)),
        ("five minutes early", signed("whsec_test", now + 300_000)),
    ] {
        let answer = deliver_signed(&world, &header, &body).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{what}");
    }
    let other = good.replace(&now.to_string(), &(now - 1).to_string());
    for (what, header) in [
        ("another secret", signed("whsec_other", now)),
        ("an empty secret", signed("", now)),
        ("too old", signed("whsec_test", now - 301_000)),
        ("too new", signed("whsec_test", now + 301_000)),
        ("seconds that are too old", signed("whsec_test", now / 1000 - 302)),
        ("another time", other),
        ("no signature", format!("t={now}")),
        ("no time", good.split_once(", ").unwrap().1.to_owned()),
        ("an empty signature", format!("t={now}, v1=")),
        ("a cut signature", good[..good.len() - 2].to_owned()),
        ("an odd signature", good[..good.len() - 1].to_owned()),
        ("no digits", format!("t={now}, v1={}", "zz".repeat(32))),
        ("a time without end", good.replace(&now.to_string(), &"9".repeat(40))),
        ("nothing", String::new()),
    ] {
        let answer = deliver_signed(&world, &header, &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{what}");
    }
    let answer = deliver_signed(&world, &good, &body.replace("user.created", "user.deleted")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "another body");
    assert_eq!(world.app.post("/webhooks/workos", json!({})).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_revoked_session_is_refused_from_then_on() {
    let world = World::new().await;
    let (web, mcp) =
        (world.workos.web_token("user_ann", "session_1"), world.workos.oauth_token("user_ann"));
    for token in [&web, &mcp] {
        assert_eq!(
            world.call_with_token(Method::GET, "/api/me", token).await.status,
            StatusCode::OK
        );
    }
    let session = json!({ "object": "session", "id": "session_1", "user_id": "user_ann", "status": "revoked" });
    for _ in 0..2 {
        let answer = deliver(&world, "session.revoked", session.clone()).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(
        world.call_with_token(Method::GET, "/api/me", &web).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        world.call_with_token(Method::GET, "/api/me", &mcp).await.status,
        StatusCode::OK,
        "another session"
    );
    deliver(&world, "session.revoked", json!({ "id": "mcp_user_ann", "user_id": "user_ann" }))
        .await;
    assert_eq!(
        world.call_with_token(Method::POST, "/mcp", &mcp).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_stream_ends_with_the_session_that_opened_it() {
    let world = World::new().await;
    let open = async |path: &str, body: Option<Value>| {
        let token = world.workos.oauth_token("user_ann");
        let mut request =
            Request::builder().uri(path).header("authorization", format!("Bearer {token}"));
        let body = match body {
            None => Body::empty(),
            Some(message) => {
                request = request.method(Method::POST).header("content-type", "application/json");
                for (name, value) in
                    [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "subscriptions/listen")]
                {
                    request = request.header(name, value);
                }
                Body::from(message.to_string())
            }
        };
        let response = world.app.open(request.body(body).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream", "{path}");
        let mut stream = response.into_body();
        assert!(stream.frame().await.unwrap().unwrap().is_data(), "{path}");
        stream
    };
    let listen = json!({ "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": {
        "notifications": { "promptsListChanged": true },
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    } });
    let streams = [open("/sse", None).await, open("/mcp", Some(listen)).await];
    deliver(&world, "session.revoked", json!({ "id": "another", "user_id": "user_ann" })).await;
    let reading = streams.map(|stream| tokio::spawn(stream.collect()));
    assert!(reading.iter().all(|reading| !reading.is_finished()));
    deliver(&world, "session.revoked", json!({ "id": "mcp_user_ann", "user_id": "user_ann" }))
        .await;
    for reading in reading {
        let ended = tokio::time::timeout(Duration::from_secs(20), reading).await;
        ended.expect("the stream ends").unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_deleted_user_is_erased() {
    let world = World::new().await;
    let ann = world.workos.oauth_token("user_ann");
    let bob = world.workos.oauth_token("user_bob");
    for token in [&ann, &bob] {
        let saved = world.tool(token, "save_prompt", json!({ "content": "x", "name": "p" })).await;
        assert_eq!(saved["isError"], false);
    }
    // Events about a session may arrive before or after the deletion of its user.
    for (event, data) in [
        ("user.deleted", json!({ "object": "user", "id": "user_ann" })),
        ("session.revoked", json!({ "id": "mcp_user_ann", "user_id": "user_ann" })),
        ("user.deleted", json!({ "object": "user", "id": "user_ann" })),
        ("user.deleted", json!({ "object": "user", "id": "user_never_seen" })),
    ] {
        assert_eq!(deliver(&world, event, data).await.status, StatusCode::NO_CONTENT, "{event}");
    }
    assert_eq!(
        world.call_with_token(Method::GET, "/api/me", &ann).await.status,
        StatusCode::UNAUTHORIZED
    );
    let fresh = world.workos.web_token("user_ann", "session_9");
    assert_eq!(
        world.call_with_token(Method::GET, "/api/me", &fresh).await.status,
        StatusCode::UNAUTHORIZED
    );
    let counts = world.call_with_token(Method::GET, "/api/me", &bob).await.json()["use"].take();
    assert_eq!(counts["prompts"], 1);
}

#[tokio::test]
async fn an_event_with_an_unexpected_format_is_refused() {
    let world = World::new().await;
    for (event, data) in [
        ("user.deleted", json!({})),
        ("user.deleted", json!({ "id": "local" })),
        ("user.deleted", json!({ "id": "two words" })),
        ("session.revoked", json!({ "id": "session_1" })),
        ("session.revoked", json!(null)),
    ] {
        let answer = deliver(&world, event, data.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{event} {data}");
    }
    let answer = deliver(&world, "connection.activated", json!({ "id": 7 })).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "other events are accepted and ignored");
}

#[tokio::test]
async fn without_a_secret_the_webhook_route_does_not_exist() {
    let world = World::with_settings(|settings| settings.webhook_secret = None).await;
    let answer = deliver(&world, "user.deleted", json!({ "id": "user_ann" })).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}
