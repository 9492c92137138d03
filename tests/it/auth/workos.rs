//! A fake WorkOS on loopback: it uses the real wire format, stores codes, refresh tokens and sessions
//! as the real one does, and fails on demand.

mod sessions;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use promptdb::domain::Clock;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::RESOURCE;
use crate::support::FixedClock;

/// A private key with its id.
pub(crate) struct SigningKey {
    pub(crate) id: &'static str,
    pair: KeyPair,
}

impl SigningKey {
    fn generate(id: &'static str) -> Self {
        Self { id, pair: KeyPair::generate(KeySize::Rsa2048).unwrap() }
    }

    pub(crate) fn modulus(&self) -> Vec<u8> {
        self.pair.public_key().modulus().big_endian_without_leading_zero().to_vec()
    }

    /// The public key as a JSON Web Key.
    pub(crate) fn public(&self) -> Value {
        let exponent = self.pair.public_key().exponent().big_endian_without_leading_zero();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id,
            "n": encode(&self.modulus()), "e": encode(exponent) })
    }

    /// Signs any header and claims with RS256, whatever algorithm the header names.
    pub(crate) fn sign_raw(&self, header: &str, claims: &str) -> String {
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        self.pair.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.id });
        self.sign_raw(&header.to_string(), &claims.to_string())
    }
}

/// All tests share these keys, as their generation is slow.
pub(crate) static WEB_KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate("web"));
pub(crate) static OAUTH_KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate("oauth"));
pub(crate) static NEXT_KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate("next"));

/// The failure of an endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Failure {
    Status(u16),
    Garbage,
    /// The connection breaks off without a response.
    Abort,
}

pub(crate) struct WorkOs {
    pub(crate) url: String,
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    clock: Arc<FixedClock>,
    url: String,
    pub(crate) key_fetches: AtomicUsize,
    pub(crate) refreshes: AtomicUsize,
    pub(crate) profile_fetches: AtomicUsize,
    pub(crate) state: Mutex<Directory>,
}

/// The state of the fake and its planned failures.
#[derive(Default)]
pub(crate) struct Directory {
    pub(crate) keys_failure: Option<Failure>,
    pub(crate) api_failure: Option<Failure>,
    pub(crate) web_keys: Vec<Value>,
    pub(crate) oauth_keys: Vec<Value>,
    pub(crate) revoked: HashSet<String>,
    /// The ids of sessions that it fails to revoke.
    pub(crate) lasting: HashSet<String>,
    /// The number of pages of sessions that were read.
    pub(crate) session_pages: usize,
    /// Holds a deletion of a user up until it has a permit.
    pub(crate) deletions: Option<Arc<Semaphore>>,
    /// The number of deletions that were held up.
    pub(crate) deletions_waiting: usize,
    pub(crate) deleted: HashSet<String>,
    /// What it knows of users, by id.
    pub(crate) profiles: HashMap<String, Value>,
    /// Changes to the claims of the access tokens that it grants; null removes a claim.
    pub(crate) web_claims: Value,
    /// Whether it signs them with [`NEXT_KEY`].
    pub(crate) signs_with_next_key: bool,
    /// The minimum length of a refresh token.
    pub(crate) refresh_token_bytes: usize,
    /// Every session of every user, the oldest first.
    sessions: Vec<Value>,
    codes: HashMap<String, (String, String)>,
    refresh_tokens: HashMap<String, (String, String)>,
    next: usize,
}

impl Directory {
    fn number(&mut self) -> usize {
        self.next += 1;
        self.next
    }
}

impl WorkOs {
    pub(crate) async fn start(clock: Arc<FixedClock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let directory = Directory {
            web_keys: vec![WEB_KEY.public()],
            oauth_keys: vec![OAUTH_KEY.public()],
            web_claims: json!({}),
            refresh_token_bytes: 24,
            ..Directory::default()
        };
        let inner = Arc::new(Inner {
            clock,
            url: url.clone(),
            key_fetches: AtomicUsize::new(0),
            refreshes: AtomicUsize::new(0),
            profile_fetches: AtomicUsize::new(0),
            state: Mutex::new(directory),
        });
        let router = Router::new()
            .route("/sso/jwks/client_test", get(web_keys))
            .route("/oauth2/jwks", get(oauth_keys))
            .route("/user_management/authenticate", post(authenticate))
            .route("/user_management/sessions/revoke", post(sessions::revoke))
            .route("/user_management/users/{id}/sessions", get(sessions::list))
            .route("/user_management/users/{id}", delete(delete_user).get(show_user))
            .with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, inner }
    }

    /// The authorization server of MCP clients: the same port under another name.
    pub(crate) fn authkit_url(&self) -> String {
        self.url.replace("127.0.0.1", "localhost")
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Directory)) {
        change(&mut self.inner.state.lock().unwrap());
    }

    pub(crate) fn key_fetches(&self) -> usize {
        self.inner.key_fetches.load(Ordering::SeqCst)
    }

    pub(crate) fn refreshes(&self) -> usize {
        self.inner.refreshes.load(Ordering::SeqCst)
    }

    pub(crate) fn profile_fetches(&self) -> usize {
        self.inner.profile_fetches.load(Ordering::SeqCst)
    }

    /// The time in seconds since the Unix epoch.
    pub(crate) fn seconds(&self) -> i64 {
        self.inner.clock.now().as_millis() / 1000
    }

    /// The claims of a valid OAuth token.
    pub(crate) fn oauth_claims(&self, user: &str) -> Value {
        let now = self.seconds();
        json!({ "iss": self.authkit_url(), "aud": RESOURCE, "sub": user, "sid": format!("mcp_{user}"),
            "jti": "1", "iat": now, "exp": now + 3600 })
    }

    /// A valid token for the MCP server.
    pub(crate) fn oauth_token(&self, user: &str) -> String {
        OAUTH_KEY.sign(&self.oauth_claims(user))
    }

    /// A token for the MCP server that is valid for so many seconds.
    pub(crate) fn oauth_token_for(&self, user: &str, seconds: i64) -> String {
        let mut claims = self.oauth_claims(user);
        claims["exp"] = json!(self.seconds() + seconds);
        OAUTH_KEY.sign(&claims)
    }

    /// The claims of the access token of a web session.
    pub(crate) fn web_claims(&self, user: &str, session: &str) -> Value {
        let now = self.seconds();
        json!({ "iss": self.url, "sub": user, "sid": session, "jti": "1", "iat": now, "exp": now + 300 })
    }

    pub(crate) fn web_token(&self, user: &str, session: &str) -> String {
        WEB_KEY.sign(&self.web_claims(user, session))
    }

    /// Approves an authorization request as a user, and returns the code and the state.
    pub(crate) fn approve(&self, location: &str, user: &str) -> (String, String) {
        let (address, query) = location.split_once('?').unwrap();
        assert_eq!(address, format!("{}/user_management/authorize", self.url));
        let query: HashMap<String, String> =
            form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let expected = [
            ("provider", "authkit"),
            ("client_id", "client_test"),
            ("redirect_uri", "https://prompts.example/auth/callback"),
            ("response_type", "code"),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in expected {
            assert_eq!(query[name], value);
        }
        let mut directory = self.inner.state.lock().unwrap();
        let code = format!("code_{}", directory.number());
        let challenge = query["code_challenge"].clone();
        directory.codes.insert(code.clone(), (user.to_owned(), challenge));
        (code, query["state"].clone())
    }
}

/// Changes some claims, and removes those that are null.
pub(crate) fn change_claims(mut claims: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().into_iter().flatten() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

fn fail(failure: Failure) -> Response {
    match failure {
        Failure::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Failure::Garbage => "<html>a proxy's page</html>".into_response(),
        Failure::Abort => {
            let broken = tokio_stream::once(Err::<Bytes, _>(std::io::Error::other("broken off")));
            axum::body::Body::from_stream(broken).into_response()
        }
    }
}

async fn web_keys(State(inner): State<Arc<Inner>>) -> Response {
    keys(&inner, |directory| directory.web_keys.clone())
}

async fn oauth_keys(State(inner): State<Arc<Inner>>) -> Response {
    keys(&inner, |directory| directory.oauth_keys.clone())
}

fn keys(inner: &Inner, pick: impl Fn(&Directory) -> Vec<Value>) -> Response {
    inner.key_fetches.fetch_add(1, Ordering::SeqCst);
    let directory = inner.state.lock().unwrap();
    match directory.keys_failure {
        Some(failure) => fail(failure),
        None => json_answer(StatusCode::OK, &json!({ "keys": pick(&directory) })),
    }
}

async fn authenticate(State(inner): State<Arc<Inner>>, body: Bytes) -> Response {
    let grant: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(grant["client_id"], "client_test");
    assert_eq!(grant["client_secret"], "sk_test_key");
    let text = |name: &str| grant[name].as_str().unwrap_or_default().to_owned();
    let mut directory = inner.state.lock().unwrap();
    if text("grant_type") == "refresh_token" {
        inner.refreshes.fetch_add(1, Ordering::SeqCst);
    }
    if let Some(failure) = directory.api_failure {
        return fail(failure);
    }
    let found = match text("grant_type").as_str() {
        "authorization_code" => {
            let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(text("code_verifier")));
            let code = directory.codes.remove(&text("code"));
            let user = code.filter(|(_, expected)| *expected == challenge).map(|(user, _)| user);
            user.map(|user| {
                let session = format!("session_{}", directory.number());
                directory.add_session(&user, &session, inner.clock.now(), &json!({}));
                (user, session)
            })
        }
        "refresh_token" => directory.refresh_tokens.remove(&text("refresh_token")),
        other => panic!("an unknown grant: {other}"),
    };
    let found = found.filter(|(user, session)| {
        !directory.revoked.contains(session) && !directory.deleted.contains(user)
    });
    let Some((user, session)) = found else {
        let refusal =
            json!({ "error": "invalid_grant", "error_description": "The grant is invalid." });
        return json_answer(StatusCode::BAD_REQUEST, &refusal);
    };
    let mut refresh_token = format!("refresh_{}_", directory.number());
    while refresh_token.len() < directory.refresh_token_bytes {
        refresh_token.push('x');
    }
    directory.refresh_tokens.insert(refresh_token.clone(), (user.clone(), session.clone()));
    let now = inner.clock.now().as_millis() / 1000;
    let claims = json!({ "iss": inner.url, "sub": user, "sid": session, "jti": refresh_token,
        "iat": now, "exp": now + 300 });
    let claims = change_claims(claims, &directory.web_claims);
    let key = if directory.signs_with_next_key { &NEXT_KEY } else { &WEB_KEY };
    let tokens = json!({
        "user": { "object": "user", "id": user, "email": format!("{user}@example.com") },
        "organization_id": null,
        "access_token": key.sign(&claims),
        "refresh_token": refresh_token,
        "authentication_method": "Password",
    });
    json_answer(StatusCode::OK, &tokens)
}

fn is_authorized(headers: &HeaderMap) -> bool {
    headers.get(header::AUTHORIZATION).is_some_and(|value| value == "Bearer sk_test_key")
}

async fn delete_user(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    assert!(is_authorized(request.headers()));
    let user = request.uri().path().rsplit('/').next().unwrap().to_owned();
    let deletions = inner.state.lock().unwrap().deletions.clone();
    if let Some(deletions) = deletions {
        inner.state.lock().unwrap().deletions_waiting += 1;
        deletions.acquire().await.unwrap().forget();
    }
    let mut directory = inner.state.lock().unwrap();
    if let Some(failure) = directory.api_failure {
        return fail(failure);
    }
    let is_new = directory.deleted.insert(user);
    let status = if is_new { StatusCode::ACCEPTED } else { StatusCode::NOT_FOUND };
    status.into_response()
}

async fn show_user(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    assert!(is_authorized(request.headers()));
    inner.profile_fetches.fetch_add(1, Ordering::SeqCst);
    let user = request.uri().path().rsplit('/').next().unwrap().to_owned();
    let directory = inner.state.lock().unwrap();
    match (directory.api_failure, directory.profiles.get(&user)) {
        (Some(failure), _) => fail(failure),
        (None, Some(profile)) => json_answer(StatusCode::OK, profile),
        (None, None) => StatusCode::NOT_FOUND.into_response(),
    }
}

fn json_answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
