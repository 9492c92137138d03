//! The client of Stripe against the fake, and what the fake promises to other tests.

mod failures;
#[path = "../stripe/fake.rs"]
pub(crate) mod fake;
mod fidelity;
mod requests;
mod state;

use std::sync::Arc;
use std::time::Duration;

use promptdb::clients::http_client;
use promptdb::clients::stripe::StripeClient;
use promptdb::config::Secret;
use promptdb::domain::subscription::{CheckoutId, CustomerId, Subscription, SubscriptionId};
use serde_json::Value;

use self::fake::{Command, FakeStripe, MONTHLY, SECRET_KEY};
use crate::support::FixedClock;

/// The URLs of the pages around a checkout.
const SUCCESS_URL: &str = "https://prompts.example/app/billing?checkout=done";
const CANCEL_URL: &str = "https://prompts.example/plans";

/// An account at the fake and a client of it.
struct Shop {
    stripe: FakeStripe,
    client: StripeClient,
    clock: Arc<FixedClock>,
}

impl Shop {
    async fn open() -> Self {
        Self::with_timeout(Duration::from_mins(1)).await
    }

    /// A shop whose client gives calls up after a time.
    async fn with_timeout(timeout: Duration) -> Self {
        let clock = FixedClock::new();
        let stripe = FakeStripe::start(clock.clone()).await.unwrap();
        let client = client(&stripe.url, SECRET_KEY, timeout);
        Self { stripe, client, clock }
    }

    /// Runs a command, which must succeed.
    async fn run(&self, command: Command) -> Value {
        self.stripe.run(command).await.unwrap()
    }

    async fn new_customer(&self) -> CustomerId {
        let key = format!("key_{}", uuid());
        self.client.create_customer(&key).await.unwrap()
    }

    /// The id of a new checkout page.
    async fn new_checkout(&self, customer: &CustomerId) -> CheckoutId {
        let page = self.client.create_checkout(customer, MONTHLY, SUCCESS_URL, CANCEL_URL);
        page.await.unwrap().id
    }

    /// Subscribes a customer by a checkout page.
    async fn subscribe(&self, customer: &CustomerId) -> SubscriptionId {
        let checkout = self.new_checkout(customer).await.as_str().to_owned();
        let subscription = self.run(Command::Pay { checkout }).await;
        SubscriptionId::parse(subscription.as_str().unwrap()).unwrap()
    }

    async fn list(&self, customer: &CustomerId) -> Vec<Subscription> {
        self.client.list_subscriptions(customer).await.unwrap().subscriptions
    }

    /// The only subscription of a customer.
    async fn only(&self, customer: &CustomerId) -> Subscription {
        let mut subscriptions = self.list(customer).await;
        assert_eq!(subscriptions.len(), 1, "{subscriptions:?}");
        subscriptions.remove(0)
    }

    /// Moves the time of the account by days of 24 hours.
    async fn advance_days(&self, days: i64) {
        self.run(Command::Advance { seconds: days * 24 * 60 * 60 }).await;
    }
}

fn client(url: &str, key: &str, timeout: Duration) -> StripeClient {
    let http = http_client(timeout).unwrap();
    StripeClient::new(http, url.to_owned(), Secret::from(key.to_owned()))
}

fn uuid() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
