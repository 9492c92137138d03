//! Helpers that the tests share: a clock that can be set, drafts, and a running app.

pub(crate) mod home;
pub(crate) mod meaning;
#[cfg(unix)]
pub(crate) mod screen;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use promptdb::auth::{Authenticator, Gate, TokenGate};
use promptdb::billing::Billing;
use promptdb::config::{self, AccessToken, Identity, Limits, SignIn};
use promptdb::domain::draft::{Draft, VariableDraft};
use promptdb::domain::plan::{Plan, Plans};
use promptdb::domain::prompt::{Body as PromptBody, Name};
use promptdb::domain::subscription::Offer;
use promptdb::domain::{Clock, Timestamp};
use promptdb::library::{Library, TextEncoder};
use promptdb::router::router;
use promptdb::state::{AppState, Site};
use promptdb::store::Store;
use promptdb::store::sqlite::SqliteStore;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::convex::functions;

/// A clock that stands still until a test moves it.
pub(crate) struct FixedClock {
    now: AtomicI64,
    follower: Box<dyn Fn(i64) + Send + Sync>,
}

impl FixedClock {
    /// A clock at 2026-01-01T00:00:00Z.
    pub(crate) fn new() -> Arc<Self> {
        Self::followed_by(|_| {})
    }

    /// A clock at the same time that passes each new time, in milliseconds since the Unix epoch, to
    /// `follower`: another process that shares it.
    pub(crate) fn followed_by(follower: impl Fn(i64) + Send + Sync + 'static) -> Arc<Self> {
        let clock = Self { now: AtomicI64::new(1_767_225_600_000), follower: Box::new(follower) };
        clock.advance(0);
        Arc::new(clock)
    }

    /// Moves the time forward.
    pub(crate) fn advance_by(&self, duration: Duration) {
        self.advance(i64::try_from(duration.as_millis()).unwrap());
    }

    /// Moves the time forward.
    pub(crate) fn advance_days(&self, days: i64) {
        self.advance(days * 24 * 60 * 60 * 1000);
    }

    /// Moves the time forward, or back if negative.
    pub(crate) fn advance_seconds(&self, seconds: i64) {
        self.advance(seconds * 1000);
    }

    /// Moves the time forward by a millisecond, so that times differ.
    pub(crate) fn tick(&self) {
        self.advance(1);
    }

    fn advance(&self, millis: i64) {
        let before = self.now.fetch_add(millis, Ordering::SeqCst);
        (self.follower)(before + millis);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.now.load(Ordering::SeqCst).unsigned_abs())
    }
}

/// A draft of a prompt with a name and a content.
pub(crate) fn draft(name: &str, content: &str) -> Draft {
    Draft { name: Some(name.to_owned()), content: Some(content.to_owned()), ..Draft::default() }
}

/// The checked name and body of a draft.
pub(crate) fn checked(draft: Draft) -> (Name, PromptBody) {
    draft.into_new().unwrap()
}

/// A draft that uses every field.
pub(crate) fn full_draft(name: &str) -> Draft {
    Draft {
        title: Some("Überschrift 標題".to_owned()),
        description: Some("What it is for, \"quoted\"\nand on two lines".to_owned()),
        tags: Some(vec!["b-tag".to_owned(), "a-tag".to_owned()]),
        variables: Some(vec![VariableDraft {
            name: "tone".to_owned(),
            description: Some("How it sounds".to_owned()),
            default: Some("kind\r\n{{code}}".to_owned()),
        }]),
        ..draft(name, "Line one\r\n\t{{code}} in {{tone}} \\{{x}} 🎉\u{1}\n")
    }
}

/// A SQLite store in its own folder.
pub(crate) fn sqlite(dir: &TempDir, clock: Arc<dyn Clock>) -> SqliteStore {
    let path = dir.path().join("library").join("promptdb.db");
    SqliteStore::open(&path, Duration::from_secs(10), clock).unwrap()
}

/// A test subject that can be built empty on either store.
pub(crate) trait OnEitherStore {
    fn in_sqlite() -> Self;
    fn in_convex() -> Self;
}

/// Defines two tests for each function: one on a SQLite file, one on the real functions of `convex/`.
macro_rules! on_both_stores {
    ($($(#[$doc:meta])* async fn $name:ident($given:ident: &$kind:ty) $body:block)*) => {
        $(
            $(#[$doc])*
            async fn $name($given: &$kind) $body
        )*

        mod in_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    super::$name(&$crate::support::OnEitherStore::in_sqlite()).await;
                }
            )*
        }

        mod in_convex {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    super::$name(&$crate::support::OnEitherStore::in_convex()).await;
                }
            )*
        }
    };
}
pub(crate) use on_both_stores;

/// A real app on a store; requests go in-process.
pub(crate) struct TestApp {
    router: Router,
    pub(crate) state: AppState,
    host: HeaderValue,
    pub(crate) clock: Arc<FixedClock>,
    _dir: TempDir,
}

/// Builds a [`TestApp`] that differs from the default.
pub(crate) struct TestAppBuilder {
    clock: Arc<FixedClock>,
    store: Option<Arc<dyn Store>>,
    identity: Identity,
    public_url: &'static str,
    openai_apps_challenge: Option<&'static str>,
    has_openai_search: bool,
    limits: Limits,
    offer: Option<Offer>,
    billing: Option<config::Billing>,
    encoder: Option<Arc<dyn TextEncoder>>,
}

/// A response with its whole body.
#[derive(Debug)]
pub(crate) struct TestResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl TestResponse {
    /// The body, which must be JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl TestAppBuilder {
    /// Replaces the SQLite file by another store.
    pub(crate) fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Sets the deadline of a request.
    pub(crate) fn request_timeout(mut self, timeout: Duration) -> Self {
        self.limits.request_timeout = timeout;
        self
    }

    /// Changes the limits.
    pub(crate) fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Turns on sign-in, under a public URL.
    pub(crate) fn sign_in(mut self, public_url: &'static str, sign_in: SignIn) -> Self {
        (self.public_url, self.identity) = (public_url, Identity::WorkOs(sign_in));
        self
    }

    /// Sets an access token, under a public URL.
    pub(crate) fn access_token(mut self, public_url: &'static str, access: AccessToken) -> Self {
        (self.public_url, self.identity) = (public_url, Identity::AccessToken(access));
        self
    }

    /// Sets what is sold.
    pub(crate) fn offer(mut self, offer: Offer) -> Self {
        self.offer = Some(offer);
        self
    }

    /// Sells subscriptions at Stripe.
    pub(crate) fn billing(mut self, billing: config::Billing) -> Self {
        self.offer = Some(billing.offer());
        self.billing = Some(billing);
        self
    }

    /// Sets the token by which OpenAI verifies the domain.
    pub(crate) fn openai_apps_challenge(mut self, token: &'static str) -> Self {
        self.openai_apps_challenge = Some(token);
        self
    }

    /// Sets the model, by which prompts are found by meaning.
    pub(crate) fn encoder(mut self, encoder: Arc<dyn TextEncoder>) -> Self {
        self.encoder = Some(encoder);
        self
    }

    /// Turns on the tools for OpenAI's company knowledge.
    pub(crate) fn openai_search(mut self) -> Self {
        self.has_openai_search = true;
        self
    }

    /// Replaces the clock by one that the test shares.
    pub(crate) fn clock(mut self, clock: Arc<FixedClock>) -> Self {
        self.clock = clock;
        self
    }

    /// Must be called inside a tokio runtime.
    pub(crate) fn build(self) -> TestApp {
        let dir = TempDir::new().unwrap();
        let clock = self.clock;
        let store = self.store.unwrap_or_else(|| Arc::new(sqlite(&dir, clock.clone())));
        let library = Library::new(Arc::clone(&store), clock.clone())
            .with_public_url(self.public_url.to_owned())
            .with_encoder(self.encoder)
            .with_cursor_secrets(self.identity.secrets());
        let library = Arc::new(library);
        let url = self.public_url;
        let gate = match &self.identity {
            Identity::Loopback => Gate::Loopback,
            Identity::AccessToken(access) => {
                Gate::AccessToken(Arc::new(TokenGate::new(access, url, &library, clock.clone())))
            }
            Identity::WorkOs(sign_in) => {
                let free = Plan::free(sign_in.free_prompt_limit, self.limits.rate_per_minute);
                let pro = self.billing.as_ref().map_or(Plans::default().pro, config::Billing::plan);
                let (plans, offer) = (Plans { free, pro }, self.offer.clone());
                let authenticator =
                    Authenticator::new(sign_in, plans, offer, url, &library, clock.clone());
                Gate::WorkOs(Arc::new(authenticator.unwrap()))
            }
        };
        let billing = self.billing.as_ref().map(|settings| {
            let Gate::WorkOs(authenticator) = &gate else { panic!("sign-in is set, too") };
            let authenticator = Arc::clone(authenticator);
            Arc::new(Billing::new(settings, url, store, authenticator, clock.clone()).unwrap())
        });
        let site = Site {
            public_url: self.public_url.to_owned(),
            openai_apps_challenge: self.openai_apps_challenge.map(str::to_owned),
            has_openai_search: self.has_openai_search,
        };
        let state = AppState::new(library, gate, billing, site, self.limits, clock.clone());
        let host = self.public_url.split_once("://").unwrap().1;
        let host = HeaderValue::from_static(host);
        TestApp { router: router(&state), state, host, clock, _dir: dir }
    }
}

impl OnEitherStore for TestApp {
    fn in_sqlite() -> Self {
        Self::new()
    }

    fn in_convex() -> Self {
        let (store, clock) = functions::deployment();
        Self::builder().store(Arc::new(store)).clock(clock).build()
    }
}

impl TestApp {
    /// An app with its own library.
    pub(crate) fn new() -> Self {
        Self::builder().build()
    }

    pub(crate) fn builder() -> TestAppBuilder {
        TestAppBuilder {
            clock: FixedClock::new(),
            store: None,
            identity: Identity::Loopback,
            public_url: "http://localhost:3000",
            openai_apps_challenge: None,
            has_openai_search: false,
            limits: Limits::default(),
            offer: None,
            billing: None,
            encoder: None,
        }
    }

    /// Sends any request, and returns the response before its body is read.
    pub(crate) async fn open(&self, mut request: Request<Body>) -> Response<Body> {
        request.headers_mut().entry(header::HOST).or_insert_with(|| self.host.clone());
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Sends any request and reads the whole response. Adds a `Host` if there is none.
    pub(crate) async fn send(&self, request: Request<Body>) -> TestResponse {
        let (parts, body) = self.open(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        TestResponse { status: parts.status, headers: parts.headers, body }
    }

    /// Sends a request with headers and an optional JSON body.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> TestResponse {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(json) => {
                request = request.header("content-type", "application/json");
                Body::from(json.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> TestResponse {
        self.call(Method::GET, path, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> TestResponse {
        self.call(Method::POST, path, &[], Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> TestResponse {
        self.call(Method::PUT, path, &[], Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> TestResponse {
        self.call(Method::DELETE, path, &[], None).await
    }

    /// Adds a prompt over REST and returns it.
    pub(crate) async fn create(&self, body: Value) -> Value {
        let answer = self.post("/api/prompts", body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json());
        answer.json()
    }

    /// Sends a JSON-RPC request of a revision before 2026-07-28.
    pub(crate) async fn rpc(&self, method: &str, params: Value) -> Value {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        self.post("/mcp", message).await.json()
    }

    /// Calls a tool and returns the result.
    pub(crate) async fn tool(&self, name: &str, arguments: Value) -> Value {
        let params = json!({ "name": name, "arguments": arguments });
        self.rpc("tools/call", params).await["result"].take()
    }

    /// Asserts that a tool call succeeded, and returns its structured content.
    #[track_caller]
    pub(crate) fn structured(result: &Value) -> &Value {
        assert_eq!(result["isError"], false, "{result}");
        &result["structuredContent"]
    }

    /// Asserts that a tool call failed, and returns its text for the model.
    #[track_caller]
    pub(crate) fn mistake(result: &Value) -> &str {
        assert_eq!(result["isError"], true, "{result}");
        result["content"][0]["text"].as_str().unwrap()
    }
}
