//! The one customer of a user at Stripe, from its creation until Stripe has deleted it.

use std::time::Duration;

use super::{Billing, convert_store_error, convert_stripe_error};
use crate::clients::stripe::{StripeError, SubscriptionList};
use crate::domain::identity::{Principal, UserId};
use crate::domain::subscription::CustomerId;
use crate::domain::{Timestamp, to_hex};
use crate::error::ApiError;
use crate::store::StoreError;

/// Number of customers that are tried for one user: one, and another for each that Stripe failed to
/// create or has deleted since.
pub(super) const ATTEMPTS: usize = 5;
/// How long the keys of these attempts stay the same. Stripe repeats its first answer to a key for 24
/// hours, also a failure: an outage that uses the keys up stops nobody for longer than this.
const KEYS_VALID_FOR: Duration = Duration::from_mins(10);
/// Number of times that a request is sent while another one with its key runs.
const CONFLICT_REPEATS: u32 = 20;
/// The time between them. All of them take as long as the longest call.
const CONFLICT_WAIT: Duration = Duration::from_millis(250);

impl Billing {
    /// Returns the customer of a user, and creates it at the first call. `gone` are those that Stripe
    /// has deleted.
    ///
    /// # Errors
    /// [`ApiError::AccountErased`] after an erasure, [`ApiError::BillingUnavailable`] if Stripe fails.
    pub(super) async fn ensure_customer(
        &self,
        caller: &Principal,
        gone: &[CustomerId],
    ) -> Result<CustomerId, ApiError> {
        let user = &caller.user_id;
        if let Some(kept) = self.store.get_billing(user).await.map_err(convert_store_error)? {
            return Ok(kept.customer);
        }
        let created = self.create_customer(user, gone).await.map_err(convert_stripe_error)?;
        let bound = self.store.bind_customer(user, &created).await;
        match &bound {
            Ok(bound) if *bound == created => self.set_email(caller, bound).await,
            Ok(_) | Err(StoreError::AccountErased) => self.drop_customer(&created).await,
            Err(_) => {}
        }
        bound.map_err(convert_store_error)
    }

    /// Creates a customer that is none of `gone`.
    ///
    /// Every call tries the same keys in the same order, and Stripe answers a repeated key with the
    /// result of its first use. So parallel calls, those of other processes too, create one customer.
    async fn create_customer(
        &self,
        user: &UserId,
        gone: &[CustomerId],
    ) -> Result<CustomerId, StripeError> {
        let mut failure = StripeError::NoCustomer;
        for attempt in 0..ATTEMPTS {
            let key = make_key(user, self.clock.now(), attempt);
            match self.create_once(&key).await {
                Ok(created) if gone.contains(&created) => {}
                // Stripe would repeat it. After a timeout it may still succeed under this key.
                Err(error) if error.is_server_error() => failure = error,
                outcome => return outcome,
            }
        }
        Err(failure)
    }

    /// Creates a customer under a key, and waits while another call with the key runs.
    async fn create_once(&self, key: &str) -> Result<CustomerId, StripeError> {
        for _ in 0..CONFLICT_REPEATS {
            match self.stripe.create_customer(key).await {
                Err(error) if error.is_conflict() => tokio::time::sleep(CONFLICT_WAIT).await,
                outcome => return outcome,
            }
        }
        self.stripe.create_customer(key).await
    }

    /// Gives a customer the address of its user. It has none before it is bound, so that one without a
    /// user holds nothing personal. Where it fails, the checkout page asks for the address.
    async fn set_email(&self, caller: &Principal, customer: &CustomerId) {
        let Some(email) = self.authenticator.find_profile(caller).await.email else { return };
        if let Err(error) = self.stripe.set_customer_email(customer, &email).await {
            tracing::debug!(%error, "a customer at Stripe has no address");
        }
    }

    /// Deletes a customer at Stripe that belongs to nobody, and of which nothing is known there.
    async fn drop_customer(&self, customer: &CustomerId) {
        if let Err(error) = self.stripe.delete_customer(customer).await {
            tracing::error!(%error, "a customer at Stripe that belongs to no user was not deleted");
        }
    }

    pub(super) async fn forget_customer(&self, customer: &CustomerId) -> Result<(), ApiError> {
        self.store.forget_customer(customer).await.map_err(convert_store_error)
    }

    /// Lists the subscriptions of a customer; none of one that is [gone](Self::check_gone).
    pub(super) async fn list_subscriptions(
        &self,
        customer: &CustomerId,
    ) -> Result<SubscriptionList, StripeError> {
        match self.stripe.list_subscriptions(customer).await {
            Err(StripeError::NoCustomer) => {
                self.check_gone(customer).await?;
                Ok(SubscriptionList { subscriptions: Vec::new(), is_complete: true })
            }
            listed => listed,
        }
    }

    /// Returns the result of a call about a customer; `None` if the customer is
    /// [gone](Self::check_gone).
    pub(super) async fn unless_gone<T>(
        &self,
        customer: &CustomerId,
        result: Result<T, StripeError>,
    ) -> Result<Option<T>, ApiError> {
        match result {
            Err(StripeError::NoCustomer) => {
                self.check_gone(customer).await.map_err(convert_stripe_error)?;
                Ok(None)
            }
            result => result.map(Some).map_err(convert_stripe_error),
        }
    }

    /// Checks that Stripe has deleted a customer of which it states that there is none.
    ///
    /// # Errors
    /// [`StripeError::NoCustomer`] in the live mode, where Stripe keeps the ids of deleted customers, for
    /// one that it does not have. Data of the test mode can be wiped, so such a customer is gone there.
    async fn check_gone(&self, customer: &CustomerId) -> Result<(), StripeError> {
        match self.stripe.is_customer_deleted(customer).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(StripeError::NoCustomer),
            Err(StripeError::NoCustomer) if !self.offer.is_live => Ok(()),
            Err(error) => {
                if matches!(error, StripeError::NoCustomer) {
                    tracing::error!(
                        "Stripe does not have a customer of this server: its key may be that of \
                         another account"
                    );
                }
                Err(error)
            }
        }
    }
}

/// The idempotency key of an attempt to create a user's customer. It cannot be traced back to the user.
fn make_key(user: &UserId, now: Timestamp, attempt: usize) -> String {
    use sha2::{Digest, Sha256};

    let period_ms = i64::try_from(KEYS_VALID_FOR.as_millis()).unwrap_or(i64::MAX);
    let period = now.as_millis().div_euclid(period_ms).to_string();
    let mut hash = Sha256::new();
    for part in [user.as_str(), "customer", &period, &attempt.to_string()] {
        hash.update(part.as_bytes());
        // No part can end in another place without another digest.
        hash.update([0]);
    }
    to_hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_key_is_one_users_for_one_attempt_and_ten_minutes() {
        let [ann, bob] = ["user_ann", "user_bob"].map(|id| UserId::parse(id).unwrap());
        let period_ms = i64::try_from(KEYS_VALID_FOR.as_millis()).unwrap();
        let key = |user, millis, attempt| make_key(user, Timestamp::from_millis(millis), attempt);
        let first = key(&ann, 0, 0);
        assert_eq!(key(&ann, period_ms - 1, 0), first);
        let others = [key(&ann, period_ms, 0), key(&ann, 0, 1), key(&bob, 0, 0), key(&ann, -1, 0)];
        let all: BTreeSet<String> = others.into_iter().chain([first]).collect();
        assert_eq!(all.len(), 5);
        assert!(all.iter().all(|key| key.len() == 64 && !key.contains("ann")));
    }
}
