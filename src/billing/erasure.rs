//! Erasure: what Stripe holds of a user is deleted there.

use super::{Billing, convert_store_error};
use crate::domain::subscription::{CustomerId, Status};
use crate::error::ApiError;

impl Billing {
    /// Deletes a customer of an erased user at Stripe, with open checkout pages and subscriptions, and
    /// then here. Idempotent. Where it fails, [`erase_customers`](Self::erase_customers) repeats it.
    pub async fn erase_customer(&self, customer: &CustomerId) -> Result<(), ApiError> {
        let stripe = &self.stripe;
        // A page that is paid after the deletion would create a subscription that nobody can end.
        for open in stripe.list_open_checkouts(customer).await? {
            stripe.expire_checkout(&open).await?;
        }
        let subscriptions = stripe.list_subscriptions(customer).await?;
        for subscription in subscriptions {
            if !matches!(subscription.status, Status::Canceled | Status::IncompleteExpired) {
                stripe.cancel_subscription(&subscription.id).await?;
            }
        }
        stripe.delete_customer(customer).await?;
        self.store.forget_customer(customer).await.map_err(convert_store_error)
    }
}
