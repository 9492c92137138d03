//! Subscriptions over REST, webhooks and MCP, with a fake Stripe and a fake WorkOS behind.

mod deliveries;
mod erasure;
mod histories;
mod left_over;
mod pages;
mod plans;
mod readiness;
mod upkeep;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use futures_util::future::join_all;
use promptdb::billing::Billing;
use promptdb::clients::http_client;
use promptdb::clients::stripe::{StripeClient, StripeError};
use promptdb::config;
use promptdb::domain::identity::{Client, LibraryId, Principal, UserId, Via};
use promptdb::domain::plan::{PRO_PROMPTS, PRO_REQUESTS_PER_MINUTE};
use promptdb::domain::subscription::{CheckoutId, CustomerId, Interval};
use promptdb::store::{Store, StoreError};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::auth::browser::Browser;
use crate::auth::{URL, World};
use crate::stripe::fake::faults::{Fault, Kind};
use crate::stripe::fake::{Command, FakeStripe, MONTHLY, SECRET_KEY, WEBHOOK_SECRET, YEARLY};
use crate::support::{FixedClock, TestResponse, sqlite};

/// The webhook secret that is being introduced, beside that of the fake.
const NEXT_SECRET: &str = "whsec_next";
/// The longest wait for a condition.
const PATIENCE: Duration = Duration::from_mins(2);

/// A server that sells subscriptions, and the Stripe account behind it. Nothing is delivered before a
/// test delivers it.
pub(crate) struct Shop {
    pub(crate) world: World,
    stripe: FakeStripe,
    store: Arc<dyn Store>,
    /// The number of events that were delivered.
    delivered: AtomicUsize,
    dir: TempDir,
}

/// The settings of a server that sells a month and a year at an account.
fn sell(stripe: &FakeStripe) -> config::Billing {
    config::Billing {
        secret_key: SECRET_KEY.to_owned().into(),
        is_live: false,
        webhook_secrets: [NEXT_SECRET, WEBHOOK_SECRET]
            .map(|secret| secret.to_owned().into())
            .into(),
        monthly_price: MONTHLY.to_owned(),
        yearly_price: Some(YEARLY.to_owned()),
        api_url: stripe.url.clone(),
        prompt_limit: PRO_PROMPTS,
        rate_per_minute: PRO_REQUESTS_PER_MINUTE,
    }
}

impl Shop {
    pub(crate) async fn open() -> Self {
        Self::with_settings(|_| {}).await
    }

    /// Changes the settings of billing.
    async fn with_settings(change: impl FnOnce(&mut config::Billing)) -> Self {
        let (clock, dir) = (FixedClock::new(), TempDir::new().unwrap());
        let stripe = FakeStripe::start(clock.clone()).await.unwrap();
        let store: Arc<dyn Store> = Arc::new(sqlite(&dir, clock.clone()));
        let mut settings = sell(&stripe);
        change(&mut settings);
        let world =
            World::with_app(clock, |app| app.store(Arc::clone(&store)).billing(settings)).await;
        Self { world, stripe, store, delivered: AtomicUsize::new(0), dir }
    }

    /// Runs a command at Stripe, which must succeed.
    async fn run(&self, command: Command) -> Value {
        self.stripe.run(command).await.unwrap()
    }

    /// Lets every request of a kind fail at Stripe.
    async fn fail(&self, method: &str, path: &str, kind: Kind) {
        let (method, path) = (Some(method.to_owned()), path.to_owned());
        self.run(Command::Fail { fault: Fault { method, path, kind, ..Fault::default() } }).await;
    }

    /// Lets the time pass, here and at Stripe.
    async fn pass_days(&self, days: i64) {
        self.world.clock.advance_days(days);
        self.run(Command::Advance { seconds: 0 }).await;
    }

    fn billing(&self) -> &Arc<Billing> {
        self.world.app.state.billing().unwrap()
    }

    /// A client of the account that nothing limits.
    fn client(&self) -> StripeClient {
        let http = http_client(Duration::from_mins(1)).unwrap();
        StripeClient::new(http, self.stripe.url.clone(), SECRET_KEY.to_owned().into())
    }

    /// The number of requests of a kind that Stripe has received; of every method if it is empty.
    async fn count(&self, method: &str, path: &str) -> usize {
        let requests = self.run(Command::Requests).await;
        let is_wanted = |request: &&Value| {
            (method.is_empty() || request["method"] == method)
                && request["path"].as_str().unwrap().starts_with(path)
        };
        requests.as_array().unwrap().iter().filter(is_wanted).count()
    }

    /// Waits until Stripe has received so many requests of a kind.
    async fn wait_for(&self, method: &str, path: &str, requests: usize) {
        wait_until(path, async || self.count(method, path).await >= requests).await;
    }

    /// A user in person, as a request of theirs has it.
    fn principal(&self, user: &UserId) -> Principal {
        Principal {
            user_id: user.clone(),
            library_id: LibraryId::of_user(user),
            session_id: None,
            client: Client::named("test"),
            plan: self.world.app.state.authenticator().unwrap().plans().free,
            via: Via::Cookie,
            signed_in_at: None,
            expires_at: None,
        }
    }

    async fn sign_in(&self, user: &str) -> Browser {
        self.world.sign_in_browser(user).await
    }

    /// The customer that is kept of a user.
    async fn customer(&self, user: &str) -> Option<CustomerId> {
        let user = UserId::parse(user).unwrap();
        match self.store.get_billing(&user).await {
            Err(StoreError::AccountErased) => None,
            kept => kept.unwrap().map(|kept| kept.customer),
        }
    }

    async fn post(&self, browser: &mut Browser, path: &str, body: Option<Value>) -> TestResponse {
        let path = format!("/api/billing{path}");
        browser.write(&self.world.app, Method::POST, &path, body).await
    }

    /// The URL of the page that a request opens.
    async fn open_page(&self, browser: &mut Browser, path: &str) -> String {
        let answer = self.post(browser, path, None).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
        answer.json()["url"].as_str().unwrap().to_owned()
    }

    async fn show(&self, browser: &mut Browser) -> Value {
        let answer = browser.get(&self.world.app, "/api/billing").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
        answer.json()
    }

    async fn plan(&self, browser: &mut Browser) -> String {
        let me = browser.get(&self.world.app, "/api/me").await;
        me.json()["plan"].as_str().unwrap().to_owned()
    }

    /// The open checkout pages of a customer; none of one that is deleted.
    async fn open_pages(&self, customer: &CustomerId) -> Vec<CheckoutId> {
        match self.client().list_open_checkouts(customer).await {
            Err(StripeError::NoCustomer) => Vec::new(),
            listed => listed.unwrap().into_iter().map(|page| page.id).collect(),
        }
    }

    /// Opens a checkout of one user on so many machines at the same time, and returns the URLs.
    async fn open_on_machines(&self, user: &str, machines: usize) -> Vec<String> {
        let (user, app) = (UserId::parse(user).unwrap(), &self.world.app);
        let (caller, settings) = (self.principal(&user), sell(&self.stripe));
        let authenticator = app.state.authenticator().unwrap();
        let machines: Vec<Billing> = (0..machines)
            .map(|_| {
                let (authenticator, clock) = (Arc::clone(authenticator), self.world.clock.clone());
                Billing::new(&settings, URL, self.store.clone(), authenticator, clock).unwrap()
            })
            .collect();
        let opened = machines.iter().map(|one| one.open_checkout(&caller, Interval::Month));
        join_all(opened).await.into_iter().map(Result::unwrap).collect()
    }

    /// Changes a price at Stripe: the values of `changes` replace others.
    async fn change_price(&self, id: &str, changes: Value) {
        let mut price = self.run(Command::Show { id: id.to_owned() }).await;
        for (name, value) in changes.as_object().unwrap() {
            price[name] = value.clone();
        }
        self.run(Command::Replace { id: id.to_owned(), object: price }).await;
    }

    /// Subscribes to a month by a page, and returns the id. Nothing is delivered.
    async fn pay(&self, browser: &mut Browser) -> String {
        let checkout = id_of(&self.open_page(browser, "/checkout").await);
        self.run(Command::Pay { checkout }).await.as_str().unwrap().to_owned()
    }

    /// Subscribes to a month, of which the server learns.
    async fn subscribe(&self, browser: &mut Browser) -> String {
        let subscription = self.pay(browser).await;
        self.deliver_new().await;
        subscription
    }

    /// The events since the last call, the oldest first.
    async fn take_events(&self) -> Vec<Value> {
        let events = self.run(Command::Events).await;
        let events = events.as_array().unwrap();
        let from = self.delivered.swap(events.len(), Ordering::SeqCst);
        events[from..].to_vec()
    }

    /// Delivers an event as Stripe does.
    async fn deliver(&self, event: &Value) -> TestResponse {
        let event = event["id"].as_str().unwrap().to_owned();
        let signed = self.run(Command::Sign { event }).await;
        let [signature, body] = ["signature", "body"].map(|name| signed[name].as_str().unwrap());
        self.deliver_text(&[signature], body).await
    }

    /// Delivers any body with signatures.
    async fn deliver_text(&self, signatures: &[&str], body: &str) -> TestResponse {
        let mut request =
            Request::post("/webhooks/stripe").header("content-type", "application/json");
        for signature in signatures {
            request = request.header("stripe-signature", *signature);
        }
        self.world.app.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// Delivers every event that was not delivered yet.
    async fn deliver_new(&self) {
        for event in self.take_events().await {
            let answer = self.deliver(&event).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", event["type"]);
        }
    }
}

/// Waits until a condition holds; fails after a time that no machine needs.
async fn wait_until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let ended = tokio::time::timeout(PATIENCE, waiting).await;
    ended.unwrap_or_else(|_| panic!("it does not happen: {what}"));
}

/// The id at the end of the URL of a page.
fn id_of(url: &str) -> String {
    url.rsplit('/').next().unwrap().to_owned()
}

/// Presses a button of a page of the portal.
async fn press(portal: &str, action: &str, subscription: &str) {
    let form = format!("action={action}&subscription={subscription}");
    let http = http_client(Duration::from_mins(1)).unwrap();
    let answer = http.post(portal).body(form).send().await.unwrap();
    assert!(!answer.status().is_client_error(), "{}", answer.status());
}

fn yearly() -> Value {
    json!({ "interval": "year" })
}
