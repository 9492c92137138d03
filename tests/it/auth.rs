//! Sign-in, against a fake WorkOS on loopback: hostile tokens, the web login and its failures,
//! webhooks, and the isolation of users.

mod accounts;
pub(crate) mod browser;
mod erasure;
mod keys;
mod login;
mod plans;
mod session_list;
mod sessions;
mod tokens;
pub(crate) mod webhooks;
pub(crate) mod workos;

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use promptdb::config::{Limits, SignIn};
use promptdb::store::Store;
use serde_json::{Value, json};
use tempfile::TempDir;

use self::browser::Browser;
use self::workos::WorkOs;
use crate::support::{FixedClock, TestApp, TestAppBuilder, TestResponse, sqlite};

/// The public URL of the app in these tests.
pub(crate) const URL: &str = "https://prompts.example";
/// The audience of tokens for the app.
pub(crate) const RESOURCE: &str = "https://prompts.example/mcp";

/// An app and its fake WorkOS.
pub(crate) struct World {
    pub(crate) app: TestApp,
    pub(crate) workos: WorkOs,
    pub(crate) clock: Arc<FixedClock>,
    /// The folder of a store that two machines share.
    _dir: Option<TempDir>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_settings(|_| {}).await
    }

    /// Changes the settings of the sign-in.
    pub(crate) async fn with_settings(change: impl FnOnce(&mut SignIn)) -> Self {
        Self::at_url(URL, change).await
    }

    /// Changes the public URL and the settings of the sign-in.
    pub(crate) async fn at_url(url: &'static str, change: impl FnOnce(&mut SignIn)) -> Self {
        Self::build(url, change, |_| {}).await
    }

    /// Changes the settings of the sign-in and the limits.
    pub(crate) async fn with_settings_and_limits(
        change: impl FnOnce(&mut SignIn),
        limit: impl FnOnce(&mut Limits),
    ) -> Self {
        Self::build(URL, change, limit).await
    }

    /// Changes the limits.
    pub(crate) async fn with_limits(change: impl FnOnce(&mut Limits)) -> Self {
        Self::build(URL, |_| {}, change).await
    }

    async fn build(
        url: &'static str,
        change: impl FnOnce(&mut SignIn),
        limit: impl FnOnce(&mut Limits),
    ) -> Self {
        let clock = FixedClock::new();
        let workos = WorkOs::start(clock.clone()).await;
        let mut settings = settings(&workos);
        change(&mut settings);
        let app = TestApp::builder().clock(clock.clone()).sign_in(url, settings);
        let app = app.limits(limit).build();
        Self { app, workos, clock, _dir: None }
    }

    /// Turns on the tools for OpenAI's company knowledge.
    pub(crate) async fn with_openai_search() -> Self {
        let clock = FixedClock::new();
        let workos = WorkOs::start(clock.clone()).await;
        let builder = TestApp::builder().clock(clock.clone()).openai_search();
        let app = builder.sign_in(URL, settings(&workos)).build();
        Self { app, workos, clock, _dir: None }
    }

    /// Replaces the store by another that uses `clock`.
    pub(crate) async fn with_store(store: Arc<dyn Store>, clock: Arc<FixedClock>) -> Self {
        let workos = WorkOs::start(clock.clone()).await;
        let builder = TestApp::builder().clock(clock.clone()).store(store);
        let app = builder.sign_in(URL, settings(&workos)).build();
        Self { app, workos, clock, _dir: None }
    }

    /// Builds the app in another way, on a given clock.
    pub(crate) async fn with_app(
        clock: Arc<FixedClock>,
        change: impl FnOnce(TestAppBuilder) -> TestAppBuilder,
    ) -> Self {
        let workos = WorkOs::start(clock.clone()).await;
        let builder = TestApp::builder().clock(clock.clone()).sign_in(URL, settings(&workos));
        Self { app: change(builder).build(), workos, clock, _dir: None }
    }

    /// Two machines with one store.
    pub(crate) async fn two_machines() -> (Self, TestApp) {
        let clock = FixedClock::new();
        let dir = TempDir::new().unwrap();
        let store: Arc<dyn Store> = Arc::new(sqlite(&dir, clock.clone()));
        let workos = WorkOs::start(clock.clone()).await;
        let machine = || {
            let builder = TestApp::builder().clock(clock.clone()).store(store.clone());
            builder.sign_in(URL, settings(&workos)).build()
        };
        let (app, other) = (machine(), machine());
        (Self { app, workos, clock, _dir: Some(dir) }, other)
    }

    /// Signs a user in, and returns the browser with the session.
    pub(crate) async fn sign_in_browser(&self, user: &str) -> Browser {
        let mut browser = Browser::default();
        let answer = browser.sign_in(self, user, "/").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        browser
    }

    /// Sends a request with an access token.
    pub(crate) async fn call_with_token(
        &self,
        method: Method,
        path: &str,
        token: &str,
    ) -> TestResponse {
        let authorization = format!("Bearer {token}");
        self.app.call(method, path, &[("authorization", &authorization)], None).await
    }

    /// Calls a tool with an access token, and returns its result.
    pub(crate) async fn tool(&self, token: &str, name: &str, arguments: Value) -> Value {
        let authorization = format!("Bearer {token}");
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": name, "arguments": arguments } });
        let headers = [("authorization", authorization.as_str())];
        let answer = self.app.call(Method::POST, "/mcp", &headers, Some(message)).await;
        answer.json()["result"].take()
    }
}

pub(crate) fn settings(workos: &WorkOs) -> SignIn {
    SignIn {
        client_id: "client_test".to_owned(),
        api_key: "sk_test_key".to_owned().into(),
        redirect_uri: None,
        api_url: workos.url.clone(),
        issuers: vec![workos.url.clone(), format!("{}/", workos.url)],
        webhook_secret: Some("whsec_test".to_owned().into()),
        authkit_domain: workos.authkit_url(),
        cookie_secrets: vec!["0123456789abcdef0123456789abcdef".to_owned().into()],
        allowed_origins: vec![],
        free_prompt_limit: 25,
    }
}
