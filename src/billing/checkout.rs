//! Buying and managing a subscription, on Stripe's own pages.

use super::{Billing, convert_store_error, digest_of};
use crate::clients::stripe::StripeError;
use crate::domain::FieldError;
use crate::domain::identity::Principal;
use crate::domain::subscription::{CustomerId, Interval, Status, Subscription, pick_best};
use crate::error::ApiError;
use crate::store::StoreError;

/// Number of times that a customer is looked up or created anew because Stripe has deleted it: once,
/// and for each deletion of the 24 hours in which Stripe repeats the answers of before.
const ATTEMPTS: usize = 5;

impl Billing {
    /// Opens a page on which the caller subscribes, and returns its URL; that of
    /// [`open_portal`](Self::open_portal) for a caller who has a subscription already, so that nobody
    /// pays twice.
    ///
    /// At most one page of a user is open: this call closes those of earlier ones, and of parallel calls
    /// one leaves its page open.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] for an interval that is not sold, [`ApiError::BillingUnavailable`] if Stripe
    /// fails.
    pub async fn open_checkout(
        &self,
        caller: &Principal,
        interval: Interval,
    ) -> Result<String, ApiError> {
        let price = self.find_price(interval).ok_or_else(|| {
            FieldError::new("interval", "is not sold here; leave it out for a month")
        })?;
        let mut gone = None;
        for _ in 0..ATTEMPTS {
            let customer = self.ensure_customer(caller, gone.as_ref()).await?;
            // What Stripe says now counts, for a payment of a moment ago may not have been delivered yet.
            let subscription = self.sync_customer(&customer, None).await?;
            let opened = if subscription.as_ref().is_some_and(is_to_be_managed) {
                self.stripe.create_portal(&customer, &self.page_url).await
            } else {
                self.open_only_checkout(&customer, price).await
            };
            match opened {
                Err(StripeError::NoCustomer) => {
                    self.forget_customer(&customer).await?;
                    gone = Some(customer);
                }
                opened => return opened.map_err(ApiError::from),
            }
        }
        Err(StripeError::NoCustomer.into())
    }

    /// Opens a page on which the caller manages their subscription, and returns its URL.
    ///
    /// # Errors
    /// [`ApiError::NotFound`] for a caller who never subscribed, [`ApiError::BillingUnavailable`] if
    /// Stripe fails.
    pub async fn open_portal(&self, caller: &Principal) -> Result<String, ApiError> {
        let kept = self.store.get_billing(&caller.user_id).await.map_err(convert_store_error)?;
        let Some(kept) = kept else { return Err(nothing_to_manage()) };
        match self.stripe.create_portal(&kept.customer, &self.page_url).await {
            Err(StripeError::NoCustomer) => {
                self.forget_customer(&kept.customer).await?;
                self.authenticator.note_subscription_change(&caller.user_id);
                Err(nothing_to_manage())
            }
            opened => opened.map_err(ApiError::from),
        }
    }

    /// Opens a checkout page and closes every other one. In this order, and by what Stripe lists
    /// afterwards, so that of parallel calls the newest page stays.
    async fn open_only_checkout(
        &self,
        customer: &CustomerId,
        price: &str,
    ) -> Result<String, StripeError> {
        let success_url = format!("{}?checkout=done", self.page_url);
        let created = self.stripe.create_checkout(customer, price, &success_url, &self.page_url);
        let url = created.await?;
        let open = self.stripe.list_open_checkouts(customer).await?;
        for earlier in open.iter().skip(1) {
            self.stripe.expire_checkout(earlier).await?;
        }
        // An earlier page is closed by now, or was paid after the state was read.
        let subscriptions = self.stripe.list_subscriptions(customer).await?;
        let best = pick_best(subscriptions, &self.offer, self.clock.now());
        if !best.as_ref().is_some_and(is_to_be_managed) {
            return Ok(url);
        }
        for page in &open {
            self.stripe.expire_checkout(page).await?;
        }
        self.stripe.create_portal(customer, &self.page_url).await
    }

    /// Returns the one customer of a user, and creates it at the first call. `gone` is one that Stripe
    /// has deleted meanwhile.
    async fn ensure_customer(
        &self,
        caller: &Principal,
        gone: Option<&CustomerId>,
    ) -> Result<CustomerId, ApiError> {
        let user = &caller.user_id;
        if let Some(kept) = self.store.get_billing(user).await.map_err(convert_store_error)? {
            return Ok(kept.customer);
        }
        let email = self.authenticator.find_profile(caller).await.email;
        // Stripe answers a repeated key with the customer of its first use, so that parallel calls
        // create one. It refuses the key together with another address, and repeats a deleted
        // customer: both are part of the key.
        let gone = gone.map_or("", CustomerId::as_str);
        let key = digest_of(user, &["customer", email.as_deref().unwrap_or_default(), gone]);
        let created = self.stripe.create_customer(email.as_deref(), &key).await?;
        match self.store.bind_customer(user, &created).await {
            Ok(bound) => {
                if bound != created {
                    self.drop_customer(&created).await;
                }
                Ok(bound)
            }
            Err(error) => {
                if matches!(error, StoreError::AccountErased) {
                    self.drop_customer(&created).await;
                }
                Err(convert_store_error(error))
            }
        }
    }

    /// Deletes a customer at Stripe that belongs to nobody. It has an address and nothing else.
    async fn drop_customer(&self, customer: &CustomerId) {
        if let Err(error) = self.stripe.delete_customer(customer).await {
            tracing::error!(%error, "a customer at Stripe that belongs to no user was not deleted");
        }
    }

    async fn forget_customer(&self, customer: &CustomerId) -> Result<(), ApiError> {
        self.store.forget_customer(customer).await.map_err(convert_store_error)
    }
}

/// Whether a subscription exists that is changed instead of bought: another one would be paid beside it.
fn is_to_be_managed(subscription: &Subscription) -> bool {
    match subscription.status {
        Status::Active | Status::Trialing | Status::PastDue | Status::Unpaid | Status::Paused => {
            true
        }
        // The first payment of it never happened, or it is over.
        Status::Incomplete | Status::Canceled | Status::IncompleteExpired => false,
    }
}

fn nothing_to_manage() -> ApiError {
    ApiError::NotFound("there is no subscription to manage; subscribe first".to_owned())
}
