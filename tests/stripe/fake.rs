//! A fake of Stripe on loopback. It keeps customers, pages, subscriptions, invoices and events as
//! the real one does, speaks its wire format, checks what it receives, and fails on demand.
//!
//! Tests act on it by [`Command`]s, as a person at Stripe's pages and the time do: in Rust by
//! [`FakeStripe::run`], from elsewhere by `POST /control` with the same commands in JSON.

mod account;
mod api;
mod commands;
mod deliveries;
pub(crate) mod faults;
mod keys;
mod life;
mod objects;
mod pages;
mod params;
mod requests;
mod time;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use promptdb::domain::Clock;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use self::account::Account;
pub(crate) use self::commands::Command;
use self::requests::{Received, Refusal};

/// The key of the account.
pub(crate) const SECRET_KEY: &str = "sk_test_fake";
/// The secret that signs webhooks, unless a command says otherwise.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_fake";
/// The price of a month, which every account has.
pub(crate) const MONTHLY: &str = "price_month";
/// The price of a year, which every account has.
pub(crate) const YEARLY: &str = "price_year";

/// Maximum size in bytes of a request to the fake.
const REQUEST_MAX_BYTES: usize = 1024 * 1024;

/// A running fake, until the runtime ends.
#[derive(Clone)]
pub(crate) struct FakeStripe {
    pub(crate) url: String,
    inner: Arc<Inner>,
}

struct Inner {
    account: Mutex<Account>,
    /// The answers that are held have a permit each when they may go.
    gate: Semaphore,
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Account> {
        self.account.lock().expect("a command that panics fails its test")
    }
}

impl FakeStripe {
    /// Serves an account without customers. `clock` is that of the receiver of webhooks.
    pub(crate) async fn start(clock: Arc<dyn Clock>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let account = Mutex::new(Account::new(url.clone(), clock));
        let inner = Arc::new(Inner { account, gate: Semaphore::new(0) });
        let stripe = Self { url, inner };
        let router = Router::new().fallback(answer).with_state(stripe.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(stripe)
    }

    /// Runs a command, and returns its result or what is wrong with it.
    pub(crate) async fn run(&self, command: Command) -> Result<Value, String> {
        commands::run(&self.inner, command).await
    }
}

async fn answer(State(stripe): State<FakeStripe>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let inner = &stripe.inner;
    match path.split('/').nth(1) {
        Some("v1") => answer_api(Arc::clone(inner), request).await,
        Some("control") => answer_control(&stripe, request).await,
        Some("deliveries") => deliveries::receive(inner, request).await,
        Some("pay" | "portal") => pages::answer(inner, request).await,
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn answer_control(stripe: &FakeStripe, request: Request) -> Response {
    let body = read(request.into_body()).await;
    let result = match serde_json::from_str(&body) {
        Ok(command) => stripe.run(command).await,
        Err(error) => Err(error.to_string()),
    };
    match result {
        Ok(value) => json_answer(StatusCode::OK, &value),
        Err(fault) => json_answer(StatusCode::BAD_REQUEST, &json!({ "error": fault })),
    }
}

async fn answer_api(inner: Arc<Inner>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let received = Received::new(&parts, &read(body).await);
    inner.lock().note(&received);
    // Until the answer is sent, no other request with the key is carried out.
    let Some(_running) = keys::begin(&inner, &received) else {
        let (status, body) = Refusal::key_in_use().answer();
        return json_answer(status, &body);
    };
    let fault = inner.lock().faults.take(&received.method, &received.path);
    if let Some(fault) = &fault
        && !fault.has_effect
        && let Some(response) = faults::fail(fault, &inner.gate).await
    {
        keys::save_failure(&mut inner.lock(), &received, fault);
        return response;
    }
    let (status, body, is_replayed) = api::answer(&mut inner.lock(), &received);
    let deliverer = Arc::clone(&inner);
    // As at Stripe, nothing waits for the deliveries of what a request changed.
    tokio::spawn(async move { deliveries::deliver_new(&deliverer).await });
    if let Some(fault) = &fault
        && fault.has_effect
        && let Some(response) = faults::fail(fault, &inner.gate).await
    {
        keys::save_failure(&mut inner.lock(), &received, fault);
        return response;
    }
    let mut response = json_answer(status, &body);
    if is_replayed {
        response
            .headers_mut()
            .insert("idempotent-replayed", header::HeaderValue::from_static("true"));
    }
    response
}

async fn read(body: Body) -> String {
    let bytes = to_bytes(body, REQUEST_MAX_BYTES).await.unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn json_answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// The text of a field; empty if there is none.
fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// Whether a request only reads.
fn is_read(method: &Method) -> bool {
    method == Method::GET
}
