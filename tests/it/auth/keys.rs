//! Keys that an issuer withdraws: their tokens are refused, cached or not.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::World;
use super::workos::{Failure, NEXT_KEY, OAUTH_KEY, WEB_KEY, change_claims};

/// The interval at which keys are refreshed.
const REFRESH_SECONDS: i64 = 15 * 60;

/// A token of the same claims each time, or with another `jti` a new one.
fn long_token(world: &World, number: i64) -> String {
    let exp = world.workos.seconds() + 24 * 3600;
    let claims = world.workos.oauth_claims("user_ann");
    OAUTH_KEY.sign(&change_claims(claims, &json!({ "jti": number, "exp": exp })))
}

async fn status(world: &World, token: &str) -> u16 {
    world.call_with_token(Method::GET, "/api/me", token).await.status.as_u16()
}

/// Lets the interval pass, and refreshes the keys as the job does.
async fn refresh_keys(world: &World) {
    world.clock.advance_seconds(REFRESH_SECONDS);
    world.app.state.authenticator().unwrap().refresh_keys().await;
}

#[tokio::test]
async fn the_refresh_of_keys_drops_a_withdrawn_key_and_its_cached_tokens() {
    let world = World::new().await;
    let (cached, new) = (long_token(&world, 1), long_token(&world, 2));
    assert_eq!(status(&world, &cached).await, 200);
    world.workos.set(|directory| directory.oauth_keys = vec![NEXT_KEY.public()]);

    world.clock.advance_seconds(REFRESH_SECONDS - 60);
    world.app.state.authenticator().unwrap().refresh_keys().await;
    assert_eq!(world.workos.key_fetches(), 1, "the keys are fresh");
    assert_eq!((status(&world, &cached).await, status(&world, &new).await), (200, 200));

    world.clock.advance_seconds(60);
    world.app.state.authenticator().unwrap().refresh_keys().await;
    assert_eq!(world.workos.key_fetches(), 2);
    assert_eq!((status(&world, &cached).await, status(&world, &new).await), (401, 401));
    assert_eq!(status(&world, &cached).await, 401, "again");
}

#[tokio::test]
async fn a_key_that_takes_the_id_of_another_withdraws_it() {
    let world = World::new().await;
    let token = long_token(&world, 1);
    assert_eq!(status(&world, &token).await, 200);
    let mut impostor = NEXT_KEY.public();
    impostor["kid"] = OAUTH_KEY.public()["kid"].clone();
    world.workos.set(|directory| directory.oauth_keys = vec![impostor]);
    refresh_keys(&world).await;
    assert_eq!(status(&world, &token).await, 401);
}

#[tokio::test]
async fn a_set_without_a_usable_key_withdraws_all() {
    let world = World::new().await;
    let token = long_token(&world, 1);
    for set in [vec![], vec![json!({ "kty": "EC", "kid": "ec", "crv": "P-256" })]] {
        world.workos.set(|directory| directory.oauth_keys = vec![OAUTH_KEY.public()]);
        world.clock.advance_seconds(5);
        assert_eq!(status(&world, &token).await, 200);
        world.workos.set(|directory| directory.oauth_keys = set);
        refresh_keys(&world).await;
        // The issuer may publish a key again, so the answer is no challenge to sign in again.
        assert_eq!(status(&world, &token).await, 503);
    }
}

#[tokio::test]
async fn a_refresh_that_keeps_or_adds_a_key_or_fails_ends_no_token() {
    let world = World::new().await;
    let token = long_token(&world, 1);
    assert_eq!(status(&world, &token).await, 200);
    refresh_keys(&world).await;
    assert_eq!(status(&world, &token).await, 200, "the same set");
    world.workos.set(|directory| {
        directory.oauth_keys = vec![NEXT_KEY.public(), OAUTH_KEY.public()];
    });
    refresh_keys(&world).await;
    assert_eq!(status(&world, &token).await, 200, "one more key");
    for failure in [Failure::Status(500), Failure::Status(404), Failure::Garbage, Failure::Abort] {
        world.workos.set(|directory| directory.keys_failure = Some(failure));
        refresh_keys(&world).await;
        assert_eq!(status(&world, &token).await, 200, "{failure:?}");
    }
}

#[tokio::test]
async fn a_key_that_returns_verifies_its_tokens_again() {
    let world = World::new().await;
    let token = long_token(&world, 1);
    assert_eq!(status(&world, &token).await, 200);
    world.workos.set(|directory| directory.oauth_keys = vec![NEXT_KEY.public()]);
    refresh_keys(&world).await;
    assert_eq!(status(&world, &token).await, 401);
    world.workos.set(|directory| directory.oauth_keys = vec![OAUTH_KEY.public()]);
    world.clock.advance_seconds(5);
    assert_eq!(status(&world, &token).await, 200);
}

/// Fetches the keys of web sessions, as the first web token does.
async fn fetch_web_keys(world: &World) {
    let token = world.workos.web_token("user_zoe", "session_zoe");
    assert_eq!(status(world, &token).await, 200);
}

#[tokio::test]
async fn a_session_of_a_withdrawn_key_needs_the_word_of_workos() {
    let world = World::new().await;
    fetch_web_keys(&world).await;
    // So that the access token outlives the refresh of the keys.
    let exp = world.workos.seconds() + 24 * 3600;
    world.workos.set(|directory| directory.web_claims = json!({ "exp": exp }));
    world.clock.advance_seconds(1);
    let mut browser = world.sign_in_browser("user_ann").await;
    let stale = browser.clone();
    refresh_keys(&world).await;
    assert_eq!(browser.get(&world.app, "/api/me").await.status, StatusCode::OK);
    assert_eq!(world.workos.refreshes(), 0, "its key is still there");

    world.workos.set(|directory| {
        directory.web_keys = vec![NEXT_KEY.public()];
        directory.signs_with_next_key = true;
        directory.api_failure = Some(Failure::Status(503));
    });
    refresh_keys(&world).await;
    let answer = stale.clone().get(&world.app, "/api/me").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);

    world.workos.set(|directory| directory.api_failure = None);
    world.clock.advance_seconds(2);
    assert_eq!(browser.get(&world.app, "/api/me").await.status, StatusCode::OK);
    let refreshes = world.workos.refreshes();
    assert_eq!(browser.get(&world.app, "/api/me").await.status, StatusCode::OK);
    assert_eq!(world.workos.refreshes(), refreshes, "the new token is of the new key");

    let mut other = WEB_KEY.public();
    other["kid"] = NEXT_KEY.public()["kid"].clone();
    world.workos.set(|directory| directory.web_keys = vec![other]);
    refresh_keys(&world).await;
    world.workos.set(|directory| directory.revoked.extend(["session_2".to_owned()]));
    let answer = browser.get(&world.app, "/api/me").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "another key took the id");
}

#[tokio::test]
async fn a_session_of_a_key_that_is_newer_than_the_cached_ones_is_accepted() {
    let world = World::new().await;
    fetch_web_keys(&world).await;
    world.clock.advance_seconds(1);
    world.workos.set(|directory| directory.signs_with_next_key = true);
    let mut browser = world.sign_in_browser("user_ann").await;
    assert_eq!(browser.get(&world.app, "/api/me").await.status, StatusCode::OK);
    assert_eq!(world.workos.refreshes(), 0);
}

#[tokio::test]
async fn a_clock_that_is_set_back_keeps_no_key_for_longer() {
    let world = World::new().await;
    let token = long_token(&world, 1);
    assert_eq!(status(&world, &token).await, 200);
    world.clock.advance_seconds(-600);
    world.workos.set(|directory| directory.oauth_keys = vec![NEXT_KEY.public()]);
    world.app.state.authenticator().unwrap().refresh_keys().await;
    let claims: Value = world.workos.oauth_claims("user_bob");
    assert_eq!(status(&world, &token).await, 401);
    assert_eq!(status(&world, &NEXT_KEY.sign(&claims)).await, 200);
}
