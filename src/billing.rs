//! Billing: users subscribe at Stripe, and what they pay for takes effect here.
//!
//! Stripe alone knows the state of a subscription. Whatever the occasion is, a delivery, a return from
//! one of Stripe's pages or the daily comparison, the subscriptions of the customer are read there, and
//! the one that counts is kept. Nothing that an event or a browser states is believed, and nothing that
//! Stripe's metadata says binds a customer to a user.

mod checkout;
mod customers;
mod deliveries;
mod erasure;
mod offers;
mod turns;
mod upkeep;

use std::sync::Arc;

use tokio::sync::Notify;

use self::offers::Offers;
use self::turns::Turns;
use crate::auth::Authenticator;
use crate::clients::stripe::{self, StripeClient, StripeError};
use crate::clients::{BuildError, http_client};
use crate::config::{self, Secret};
use crate::domain::identity::Principal;
use crate::domain::subscription::{
    CustomerId, EventId, Interval, Offer, Price, Subscription, pick_best,
};
use crate::domain::{Clock, Timestamp};
use crate::error::ApiError;
use crate::library::LibraryError;
use crate::store::{StoreError, SubscriptionStore};

pub use self::deliveries::Event;
pub use self::upkeep::RUN_MAX;

/// Subscriptions of users at Stripe.
pub struct Billing {
    stripe: Arc<StripeClient>,
    store: Arc<dyn SubscriptionStore>,
    authenticator: Arc<Authenticator>,
    clock: Arc<dyn Clock>,
    offer: Offer,
    offers: Arc<Offers>,
    turns: Turns,
    monthly_price: String,
    yearly_price: Option<String>,
    webhook_secrets: Vec<Secret>,
    /// Notified when a customer may wait for its deletion at Stripe.
    deletions: Arc<Notify>,
    /// The page to which Stripe's pages return.
    page_url: String,
}

/// What a user is told about their subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The name of the plan at this moment.
    pub plan: &'static str,
    /// The subscription that counts; `None` without one.
    pub subscription: Option<Subscription>,
    /// What can be bought, as far as Stripe has stated it lately.
    pub offers: Vec<Price>,
    /// Whether there is a customer at Stripe, whose subscriptions can be managed.
    pub can_manage: bool,
    /// Whether no subscription is to be managed instead of bought.
    pub can_buy: bool,
}

/// What a reading of a customer's subscriptions found.
enum Found {
    /// No user has the customer: it is unknown, or its user was erased.
    NoOwner,
    /// The subscription that counts; `None` without one.
    Subscription(Option<Subscription>),
}

impl Billing {
    /// Builds the service. It calls nothing yet.
    ///
    /// `public_url` is an origin without a trailing slash.
    pub fn new(
        settings: &config::Billing,
        public_url: &str,
        store: Arc<dyn SubscriptionStore>,
        authenticator: Arc<Authenticator>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BuildError> {
        let http = http_client(stripe::TIMEOUT)?;
        let (url, key) = (settings.api_url.clone(), settings.secret_key.clone());
        let stripe = Arc::new(StripeClient::new(http, url, key));
        let offer = settings.offer();
        let month = (settings.monthly_price.clone(), Interval::Month);
        let year = settings.yearly_price.clone().map(|price| (price, Interval::Year));
        let prices = [month].into_iter().chain(year).collect();
        Ok(Self {
            offers: Arc::new(Offers::new(Arc::clone(&stripe), prices, Arc::clone(&clock))),
            turns: Turns::default(),
            stripe,
            store,
            authenticator,
            clock,
            offer,
            monthly_price: settings.monthly_price.clone(),
            yearly_price: settings.yearly_price.clone(),
            webhook_secrets: settings.webhook_secrets.clone(),
            deletions: Arc::default(),
            page_url: format!("{public_url}/app/billing"),
        })
    }

    /// The secrets that sign deliveries; one of them at least.
    pub fn webhook_secrets(&self) -> &[Secret] {
        &self.webhook_secrets
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns the subscription of the caller as it was last read, and what can be bought. A change that
    /// another process learned of takes effect here with this call.
    pub async fn standing(&self, caller: &Principal) -> Result<Standing, ApiError> {
        let kept = self.store.get_billing(&caller.user_id).await.map_err(convert_store_error)?;
        let can_manage = kept.is_some();
        let subscription = kept.and_then(|kept| kept.subscription);
        let (plans, now) = (self.authenticator.plans(), self.clock.now());
        let plan = plans.select(subscription.as_ref(), Some(&self.offer), now);
        if plan.name != caller.plan.name {
            self.authenticator.note_subscription_change(&caller.user_id);
        }
        let offers = self.offers.list().await;
        let can_buy = !subscription.as_ref().is_some_and(Subscription::is_to_be_managed);
        Ok(Standing { plan: plan.name, subscription, offers, can_manage, can_buy })
    }

    /// Reads the caller's subscriptions at Stripe, and returns the standing that follows.
    pub async fn sync(&self, caller: &Principal) -> Result<Standing, ApiError> {
        let kept = self.store.get_billing(&caller.user_id).await.map_err(convert_store_error)?;
        if let Some(kept) = kept {
            self.sync_customer(&kept.customer, None).await?;
        }
        self.standing(caller).await
    }

    /// Returns whether Stripe accepts the configuration: the key, and every price in the mode of the
    /// key, each of one amount for the interval of its setting. A Stripe that cannot be reached disproves
    /// nothing. The result is that of the last reading, which the next call after an hour, or a minute
    /// after a failure, begins anew.
    pub async fn is_configured(&self) -> bool {
        self.offers.are_sound().await
    }

    /// Reads the subscriptions of a customer at Stripe and keeps the one that counts, in one transaction
    /// with the event that was the reason. Keeps nothing for a customer without an owner.
    ///
    /// Any number of calls may overlap: the number is taken before Stripe is asked, and a state that was
    /// read before another one never replaces it.
    async fn sync_customer(
        &self,
        customer: &CustomerId,
        event: Option<&EventId>,
    ) -> Result<Found, ApiError> {
        let begun = self.store.begin_sync(customer).await.map_err(convert_store_error)?;
        let Some(sequence) = begun else { return Ok(Found::NoOwner) };
        self.keep_state(customer, sequence, event).await
    }

    /// The rest of [`sync_customer`](Self::sync_customer), after its number was taken.
    async fn keep_state(
        &self,
        customer: &CustomerId,
        sequence: u64,
        event: Option<&EventId>,
    ) -> Result<Found, ApiError> {
        let list = self.list_subscriptions(customer).await.map_err(convert_stripe_error)?;
        let now = self.clock.now();
        let best = pick_best(list.subscriptions, &self.offer, now);
        // One that is paid counts, whatever the others are. Otherwise one of them might.
        if !list.is_complete && !best.as_ref().is_some_and(|best| best.is_paid(&self.offer, now)) {
            return Err(convert_stripe_error(StripeError::Unreadable));
        }
        let kept = self.store.finish_sync(customer, sequence, best.as_ref(), event).await;
        let kept = kept.map_err(convert_store_error)?;
        let Some(owner) = kept.owner else { return Ok(Found::NoOwner) };
        // Most deliveries change nothing, and need not make the next request read the account.
        if kept.is_changed {
            self.authenticator.note_subscription_change(&owner);
        }
        Ok(Found::Subscription(best))
    }

    /// The price of an interval, if it is sold.
    fn find_price(&self, interval: Interval) -> Option<&str> {
        match interval {
            Interval::Month => Some(&self.monthly_price),
            Interval::Year => self.yearly_price.as_deref(),
        }
    }
}

fn convert_store_error(error: StoreError) -> ApiError {
    LibraryError::from(error).into()
}

/// Keeps why Stripe failed for the log. The caller learns that it did, and no more.
fn convert_stripe_error(error: StripeError) -> ApiError {
    ApiError::BillingUnavailable(error.into())
}
