//! Erasure: what Stripe holds of a user is deleted there.

use super::{Billing, convert_store_error};
use crate::domain::identity::UserId;
use crate::domain::subscription::{CustomerId, Status};
use crate::error::ApiError;

impl Billing {
    /// Returns the customer of a user whose account is about to be erased. Afterwards no user has it.
    pub async fn find_customer(&self, user: &UserId) -> Result<Option<CustomerId>, ApiError> {
        match self.store.get_billing(user).await {
            Ok(kept) => Ok(kept.map(|kept| kept.customer)),
            // A repeated erasure. The first one left the customer to the job.
            Err(crate::store::StoreError::AccountErased) => Ok(None),
            Err(error) => Err(convert_store_error(error)),
        }
    }

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
