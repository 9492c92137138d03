//! Bearer tokens: acceptance by route, refusals with their challenge, and the fetching of keys.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::workos::{Failure, NEXT_KEY, OAUTH_KEY, WEB_KEY, change_claims};
use super::{RESOURCE, World};

/// The challenge at a path, which names the metadata of the path's resource.
fn expected_challenge(path: &str, error: &str) -> String {
    let is_stream = ["/sse", "/messages"].iter().any(|start| path.starts_with(start));
    let resource = match path {
        "/mcp/" => "mcp/",
        _ if is_stream => "sse",
        _ => "mcp",
    };
    let metadata = "https://prompts.example/.well-known/oauth-protected-resource";
    format!("Bearer {error}resource_metadata=\"{metadata}/{resource}\"")
}

fn invalid_token_challenge(path: &str) -> String {
    expected_challenge(path, "error=\"invalid_token\", ")
}

fn sign_hs256(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let signed = format!("{}.{}", encode(&header.to_string()), encode(&claims.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// Tokens that must be refused, with what is wrong with each.
fn hostile_tokens(world: &World) -> Vec<(&'static str, String)> {
    let good = world.workos.oauth_claims("user_ann");
    let now = good["iat"].as_i64().unwrap();
    let with = |changes: Value| OAUTH_KEY.sign(&change_claims(good.clone(), &changes));
    let header = |changes: Value| {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "oauth" });
        change_claims(header, &changes).to_string()
    };
    let raw = |header: &str| OAUTH_KEY.sign_raw(header, &good.to_string());
    let signed = world.workos.oauth_token("user_ann");
    let (message, signature) = signed.rsplit_once('.').unwrap();
    let unsigned = |header: &str| {
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(good.to_string()))
    };
    let hs = json!({ "alg": "HS256", "typ": "JWT", "kid": "oauth" });
    let public = OAUTH_KEY.public();
    let foreign = OAUTH_KEY
        .sign_raw(&header(json!({ "jwk": NEXT_KEY.public(), "kid": "next" })), &good.to_string());
    vec![
        ("alg none", unsigned(&header(json!({ "alg": "none" })))),
        ("alg None", unsigned(&header(json!({ "alg": "None" })))),
        ("no signature", unsigned(&header(json!({})))),
        ("no alg", raw(&header(json!({ "alg": null })))),
        ("HS256 with the modulus", sign_hs256(&hs, &good, &OAUTH_KEY.modulus())),
        ("HS256 with the public key", sign_hs256(&hs, &good, public.to_string().as_bytes())),
        ("RS512 in the header", raw(&header(json!({ "alg": "RS512" })))),
        ("PS256 in the header", raw(&header(json!({ "alg": "PS256" })))),
        ("no key id", raw(&header(json!({ "kid": null })))),
        ("an unknown key id", raw(&header(json!({ "kid": "else" })))),
        ("a key of its own", foreign),
        ("a critical extension", raw(&header(json!({ "crit": ["b64"], "b64": false })))),
        ("the key of web tokens", WEB_KEY.sign(&good)),
        ("another key under the same id", NEXT_KEY.sign_raw(&header(json!({})), &good.to_string())),
        ("another issuer", with(json!({ "iss": "https://evil.example" }))),
        (
            "an issuer that begins alike",
            with(json!({ "iss": format!("{}/", world.workos.authkit_url()) })),
        ),
        ("no issuer", with(json!({ "iss": null }))),
        ("another audience", with(json!({ "aud": "https://other.example/mcp" }))),
        ("the origin as audience", with(json!({ "aud": "https://prompts.example" }))),
        ("a longer audience", with(json!({ "aud": "https://prompts.example/mcp/x" }))),
        ("an audience with two slashes", with(json!({ "aud": "https://prompts.example/mcp//" }))),
        ("other audiences", with(json!({ "aud": ["client_test", "https://other.example"] }))),
        ("an empty audience", with(json!({ "aud": [] }))),
        ("no audience", with(json!({ "aud": null }))),
        ("a number as audience", with(json!({ "aud": 1 }))),
        ("expired", with(json!({ "exp": now - 31 }))),
        ("expired long ago", with(json!({ "exp": -1e300 }))),
        ("no expiry", with(json!({ "exp": null }))),
        ("an expiry in words", with(json!({ "exp": "tomorrow" }))),
        ("not yet valid", with(json!({ "nbf": now + 31 }))),
        ("no subject", with(json!({ "sub": null }))),
        ("an empty subject", with(json!({ "sub": "" }))),
        ("a number as subject", with(json!({ "sub": 7 }))),
        ("the local user", with(json!({ "sub": "local" }))),
        ("a subject of two lines", with(json!({ "sub": "user_ann\nuser_bob" }))),
        ("a subject that is too long", with(json!({ "sub": "u".repeat(129) }))),
        ("a header named twice", raw(r#"{"alg":"none","alg":"RS256","typ":"JWT","kid":"oauth"}"#)),
        ("a cut signature", signed[..signed.len() - 8].to_owned()),
        (
            "a tampered signature",
            format!("{message}.{}", signature.chars().rev().collect::<String>()),
        ),
        ("two parts", message.to_owned()),
        ("four parts", format!("{signed}.{signature}")),
        ("five parts", format!("{signed}.{signature}.{signature}")),
        ("garbage", "garbage".to_owned()),
        ("dots", "..".to_owned()),
        ("100 KB", "x".repeat(100 * 1024)),
        ("100 KB of claims", with(json!({ "padding": "x".repeat(100 * 1024) }))),
    ]
}

#[tokio::test]
async fn hostile_tokens_are_refused_on_every_route() {
    let world = World::new().await;
    for (what, token) in hostile_tokens(&world) {
        for (method, path) in [
            (Method::POST, "/mcp"),
            (Method::POST, "/mcp/"),
            (Method::GET, "/mcp"),
            (Method::GET, "/sse"),
            (Method::POST, "/messages?sessionId=x"),
            (Method::GET, "/api/prompts"),
            (Method::DELETE, "/api/account"),
        ] {
            let answer = world.call_with_token(method, path, &token).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what} at {path}");
            assert_eq!(
                answer.header("www-authenticate"),
                invalid_token_challenge(path),
                "{what} at {path}"
            );
            let problem = answer.json();
            assert_eq!(problem["type"], "urn:promptdb:problem:unauthorized");
            assert!(!problem.to_string().contains(&token), "{what}");
        }
    }
}

/// Web tokens that were made for something else, or whose session nothing could end.
#[tokio::test]
async fn a_web_token_needs_a_session_and_no_audience_but_the_client_id() {
    let world = World::new().await;
    let web = |changes: Value| {
        WEB_KEY.sign(&change_claims(world.workos.web_claims("user_ann", "session_1"), &changes))
    };
    for (what, changes) in [
        ("no session", json!({ "sid": null })),
        ("an empty session", json!({ "sid": "" })),
        ("a number as session", json!({ "sid": 7 })),
        ("no session, for the client id", json!({ "sid": null, "aud": "client_test" })),
        ("our MCP server", json!({ "aud": RESOURCE })),
        ("another server", json!({ "aud": "https://other.example/mcp" })),
        ("another client", json!({ "aud": "client_other" })),
        ("a longer client id", json!({ "aud": "client_test2" })),
        ("the client id in capitals", json!({ "aud": "CLIENT_TEST" })),
        ("another server, too", json!({ "aud": ["client_test", "https://other.example/mcp"] })),
        ("an empty audience", json!({ "aud": "" })),
        ("an empty array", json!({ "aud": [] })),
        ("a nested array", json!({ "aud": [["client_test"]] })),
        ("an object", json!({ "aud": { "client_test": true } })),
        ("a number", json!({ "aud": 1 })),
    ] {
        let token = web(changes);
        for path in ["/api/me", "/mcp", "/sse"] {
            let answer = world.call_with_token(Method::GET, path, &token).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what} at {path}");
        }
    }
}

#[tokio::test]
async fn tokens_are_accepted_on_the_routes_of_their_audience() {
    let world = World::new().await;
    let now = world.workos.oauth_claims("x")["iat"].as_i64().unwrap();
    let oauth = |changes: Value| {
        OAUTH_KEY.sign(&change_claims(world.workos.oauth_claims("user_ann"), &changes))
    };
    let web = |changes: Value| {
        WEB_KEY.sign(&change_claims(world.workos.web_claims("user_ann", "session_1"), &changes))
    };
    for (what, token, is_for_mcp) in [
        ("an OAuth token", oauth(json!({})), true),
        ("several audiences", oauth(json!({ "aud": ["client_x", RESOURCE] })), true),
        ("no session", oauth(json!({ "sid": null })), true),
        (
            "a fraction of a second",
            oauth(serde_json::from_str(&format!("{{\"exp\":{}.5}}", now + 60)).unwrap()),
            true,
        ),
        ("a clock that is 29 s ahead", oauth(json!({ "nbf": now + 29, "exp": now + 60 })), true),
        ("a clock that is 29 s behind", oauth(json!({ "exp": now - 29 })), true),
        ("a web token", web(json!({})), false),
        (
            "another issuer of the list",
            web(json!({ "iss": format!("{}/", world.workos.url) })),
            false,
        ),
        ("a web token for the client id", web(json!({ "aud": "client_test" })), false),
        ("a web token for it in an array", web(json!({ "aud": ["client_test"] })), false),
    ] {
        let me = world.call_with_token(Method::GET, "/api/me", &token).await;
        assert_eq!(me.status, StatusCode::OK, "{what}");
        assert_eq!(me.json()["id"], "user_ann", "{what}");
        let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
        let bearer = format!("bearer  {token} ");
        let headers = [("authorization", bearer.as_str())];
        let answer = world.app.call(Method::POST, "/mcp", &headers, Some(ping)).await;
        let expected = if is_for_mcp { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        assert_eq!(answer.status, expected, "{what}");
        if !is_for_mcp {
            assert_eq!(
                answer.header("www-authenticate"),
                invalid_token_challenge("/mcp"),
                "{what}"
            );
            let sse = world.call_with_token(Method::GET, "/sse", &token).await;
            assert_eq!(sse.status, StatusCode::UNAUTHORIZED, "{what}");
        }
    }
}

#[tokio::test]
async fn a_token_for_the_legacy_transport_is_accepted_there_alone() {
    let world = World::new().await;
    let stream = "https://prompts.example/sse";
    for (audience, is_for_all) in [
        (json!(stream), false),
        (json!(["client_x", stream]), false),
        (json!([stream, RESOURCE]), true),
        (json!(format!("{RESOURCE}/")), true),
        (json!([stream, format!("{RESOURCE}/")]), true),
        (json!(RESOURCE), true),
    ] {
        let claims =
            change_claims(world.workos.oauth_claims("user_ann"), &json!({ "aud": audience }));
        let token = OAUTH_KEY.sign(&claims);
        let status =
            async |method, path| world.call_with_token(method, path, &token).await.status.as_u16();
        let bearer = format!("Bearer {token}");
        let open = Request::get("/sse").header("authorization", bearer).body(Body::empty());
        let stream = world.app.open(open.unwrap()).await;
        assert_eq!(stream.status().as_u16(), 200, "{audience}");
        let message = status(Method::POST, "/messages?sessionId=x").await;
        assert_eq!(message, 415, "{audience}: authenticated, but without a content type");
        let expected = if is_for_all { [405, 405, 200] } else { [401, 401, 401] };
        let found = [
            status(Method::GET, "/mcp").await,
            status(Method::GET, "/mcp/").await,
            status(Method::GET, "/api/me").await,
        ];
        assert_eq!(found, expected, "{audience}");
    }
}

#[tokio::test]
async fn without_a_token_the_challenge_names_the_metadata() {
    let world = World::new().await;
    for (method, path) in [
        (Method::POST, "/mcp"),
        (Method::POST, "/mcp/"),
        (Method::GET, "/sse"),
        (Method::POST, "/messages?sessionId=x"),
        (Method::GET, "/api/prompts"),
        (Method::GET, "/api/nothing-here"),
    ] {
        for authorization in [None, Some(("authorization", "Basic dXNlcjpwYXNz"))] {
            let headers: Vec<_> = authorization.into_iter().collect();
            let answer = world.app.call(method.clone(), path, &headers, None).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
            assert_eq!(answer.header("www-authenticate"), expected_challenge(path, ""), "{path}");
            assert_eq!(answer.header("content-type"), "application/problem+json");
        }
    }
    for path in ["/health", "/api/openapi.json"] {
        assert_eq!(world.app.get(path).await.status, StatusCode::OK, "{path}");
    }
}

/// What is wrong, the headers, and the path.
type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, String);

#[tokio::test]
async fn a_malformed_credential_is_a_bad_request() {
    let world = World::new().await;
    let token = world.workos.oauth_token("user_ann");
    let bearer = format!("Bearer {token}");
    let two = format!("{bearer}, {bearer}");
    let cases: Vec<Case<'_>> = vec![
        ("no token", vec![("authorization", "Bearer")], "/api/me".into()),
        ("blanks", vec![("authorization", "Bearer   ")], "/api/me".into()),
        ("two in one", vec![("authorization", &two)], "/api/me".into()),
        (
            "two headers",
            vec![("authorization", &bearer), ("authorization", &bearer)],
            "/api/me".into(),
        ),
        ("other characters", vec![("authorization", "Bearer \u{e9}")], "/api/me".into()),
        ("in the query", vec![], format!("/api/me?access_token={token}")),
        ("in the query of MCP", vec![], format!("/mcp?access_token={token}")),
        ("in the query of SSE", vec![], format!("/sse?x=1&access_token={token}")),
        ("escaped in the query", vec![], format!("/api/me?access%5Ftoken={token}")),
        (
            "in both places",
            vec![("authorization", &bearer)],
            format!("/api/me?access_token={token}"),
        ),
    ];
    for (what, headers, path) in cases {
        let answer = world.app.call(Method::GET, &path, &headers, None).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{what}");
        let expected = expected_challenge(&path, "error=\"invalid_request\", ");
        assert_eq!(answer.header("www-authenticate"), expected, "{what}");
        assert!(!String::from_utf8_lossy(&answer.body).contains(&token), "{what}");
    }
}

#[tokio::test]
async fn the_metadata_documents_are_those_of_rfc_9728() {
    let world = World::new().await;
    for (path, resource) in [("", "mcp"), ("/mcp", "mcp"), ("/mcp/", "mcp/"), ("/sse", "sse")] {
        let path = format!("/.well-known/oauth-protected-resource{path}");
        let answer = world.app.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("content-type"), "application/json");
        let expected = json!({
            "resource": format!("https://prompts.example/{resource}"),
            "authorization_servers": [world.workos.authkit_url()],
            "bearer_methods_supported": ["header"],
        });
        assert_eq!(answer.json(), expected);
    }
}

#[tokio::test]
async fn a_cached_token_is_good_until_it_expires() {
    let world = World::new().await;
    let token = world.workos.oauth_token("user_ann");
    for _ in 0..3 {
        assert_eq!(
            world.call_with_token(Method::GET, "/api/me", &token).await.status,
            StatusCode::OK
        );
    }
    world.clock.advance_seconds(3600 + 29);
    assert_eq!(world.call_with_token(Method::GET, "/api/me", &token).await.status, StatusCode::OK);
    world.clock.advance_seconds(1);
    let answer = world.call_with_token(Method::GET, "/api/me", &token).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.header("www-authenticate"), invalid_token_challenge("/api/me"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_new_tokens_fetches_the_keys_once() {
    let world = std::sync::Arc::new(World::new().await);
    let token = |number: usize| {
        let claims = world.workos.oauth_claims(&format!("user_{}", number % 50));
        OAUTH_KEY.sign(&change_claims(claims, &json!({ "jti": number })))
    };
    let tokens: Vec<String> = (0..500).map(token).collect();
    let spawn_call = |token: String| {
        let world = world.clone();
        tokio::spawn(async move { world.call_with_token(Method::GET, "/api/me", &token).await })
    };
    for answer in tokens.into_iter().map(spawn_call).collect::<Vec<_>>() {
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
    }
    assert_eq!(world.workos.key_fetches(), 1);
}

#[tokio::test]
async fn a_new_key_is_fetched_and_an_unknown_one_causes_no_storm_of_fetches() {
    let world = World::new().await;
    let token = world.workos.oauth_token("user_ann");
    assert_eq!(world.call_with_token(Method::GET, "/api/me", &token).await.status, StatusCode::OK);
    let next = NEXT_KEY.sign(&world.workos.oauth_claims("user_bob"));
    for _ in 0..20 {
        let answer = world.call_with_token(Method::GET, "/api/me", &next).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(world.workos.key_fetches(), 1, "the keys were just fetched");

    world
        .workos
        .set(|directory| directory.oauth_keys = vec![OAUTH_KEY.public(), NEXT_KEY.public()]);
    world.clock.advance_seconds(5);
    assert_eq!(world.call_with_token(Method::GET, "/api/me", &next).await.status, StatusCode::OK);
    assert_eq!(world.workos.key_fetches(), 2);
}

#[tokio::test]
async fn cached_keys_stay_in_use_while_the_issuer_is_down() {
    let world = World::new().await;
    let token = world.workos.oauth_token("user_ann");
    assert_eq!(world.call_with_token(Method::GET, "/api/me", &token).await.status, StatusCode::OK);
    for failure in [Failure::Status(503), Failure::Status(404), Failure::Garbage, Failure::Abort] {
        world.workos.set(|directory| directory.keys_failure = Some(failure));
        world.clock.advance_seconds(1000);
        let fresh = world.workos.oauth_token("user_ann");
        assert_eq!(
            world.call_with_token(Method::GET, "/api/me", &fresh).await.status,
            StatusCode::OK
        );
        // The new key may be the issuer's, so the response is not a challenge to sign in again.
        world.clock.advance_seconds(5);
        let next = NEXT_KEY.sign(&world.workos.oauth_claims("user_bob"));
        let answer = world.call_with_token(Method::GET, "/api/me", &next).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{failure:?}");
        assert_eq!(answer.json()["type"], "urn:promptdb:problem:sign-in-unavailable");
        assert!(answer.headers.contains_key("retry-after"));
    }
}

#[tokio::test]
async fn unusable_keys_of_a_set_are_skipped() {
    let world = World::new().await;
    let public = OAUTH_KEY.public();
    let modulus = public["n"].as_str().unwrap();
    let unusable = [
        json!({ "kty": "EC", "kid": "ec", "crv": "P-256", "x": "AA", "y": "AA" }),
        json!({ "kty": "RSA", "kid": "short", "n": &modulus[..100], "e": "AQAB" }),
        json!({ "kty": "RSA", "kid": "encryption", "use": "enc", "n": modulus, "e": "AQAB" }),
        json!({ "kty": "RSA", "kid": "other", "alg": "RS512", "n": modulus, "e": "AQAB" }),
        json!({ "kty": "RSA", "kid": "no-base64", "n": "!!", "e": "AQAB" }),
        json!({ "kty": "RSA", "n": modulus, "e": "AQAB" }),
        json!({ "kty": "oct", "kid": "secret", "k": "AAAA" }),
        json!("no object"),
    ];
    let keys = unusable.iter().cloned().chain([public.clone()]).collect();
    world.workos.set(|directory| directory.oauth_keys = keys);
    let claims = world.workos.oauth_claims("user_ann").to_string();
    for id in ["short", "encryption", "other"] {
        let header = json!({ "alg": "RS256", "kid": id }).to_string();
        let answer = world
            .call_with_token(Method::GET, "/api/me", &OAUTH_KEY.sign_raw(&header, &claims))
            .await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{id}");
    }
    let token = world.workos.oauth_token("user_ann");
    assert_eq!(world.call_with_token(Method::GET, "/api/me", &token).await.status, StatusCode::OK);

    world.workos.set(|directory| directory.web_keys = unusable.to_vec());
    let token = world.workos.web_token("user_ann", "session_1");
    let answer = world.call_with_token(Method::GET, "/api/me", &token).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "a set without a usable key");
}

#[tokio::test]
async fn readiness_depends_on_the_keys() {
    let world = World::new().await;
    world.workos.set(|directory| directory.keys_failure = Some(Failure::Status(500)));
    let answer = world.app.get("/health/ready").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let layers = answer.json()["layers"].take();
    assert_eq!((&layers[0]["name"], &layers[0]["status"]), (&json!("store"), &json!("ok")));
    assert_eq!((&layers[1]["name"], &layers[1]["status"]), (&json!("keys"), &json!("failed")));

    world.workos.set(|directory| directory.keys_failure = None);
    world.clock.advance_seconds(5);
    assert_eq!(world.app.get("/health/ready").await.status, StatusCode::OK);
}

#[tokio::test]
async fn host_and_origin_must_match_the_public_url() {
    let world = World::new().await;
    let token = format!("Bearer {}", world.workos.oauth_token("user_ann"));
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    for (name, value, status) in [
        ("host", "prompts.example", StatusCode::OK),
        ("host", "PROMPTS.example:443", StatusCode::OK),
        ("host", "localhost:3000", StatusCode::FORBIDDEN),
        ("host", "evil.example", StatusCode::FORBIDDEN),
        ("origin", "https://prompts.example", StatusCode::OK),
        ("origin", "http://prompts.example", StatusCode::FORBIDDEN),
        ("origin", "https://evil.example", StatusCode::FORBIDDEN),
        ("origin", "null", StatusCode::FORBIDDEN),
    ] {
        let headers = [("authorization", token.as_str()), (name, value)];
        let answer = world.app.call(Method::POST, "/mcp", &headers, Some(ping.clone())).await;
        assert_eq!(answer.status, status, "{name}: {value}");
    }
    // An orchestrator's probe addresses the machine by its IP address.
    let probe = world.app.call(Method::GET, "/health", &[("host", "10.0.0.7:3000")], None).await;
    assert_eq!(probe.status, StatusCode::OK);
}
