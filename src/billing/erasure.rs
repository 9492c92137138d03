//! Erasure: what Stripe holds of a user is deleted there.

use super::{Billing, convert_store_error, convert_stripe_error};
use crate::clients::stripe::StripeError;
use crate::domain::subscription::{CustomerId, Status};
use crate::error::ApiError;

impl Billing {
    /// Deletes a customer of an erased user at Stripe, with open checkout pages and subscriptions, and
    /// then here. Idempotent. Where it fails, [`erase_customers`](Self::erase_customers) repeats it.
    pub async fn erase_customer(&self, customer: &CustomerId) -> Result<(), ApiError> {
        self.erase_at_stripe(customer).await.map_err(convert_stripe_error)?;
        self.store.forget_customer(customer).await.map_err(convert_store_error)
    }

    async fn erase_at_stripe(&self, customer: &CustomerId) -> Result<(), StripeError> {
        let stripe = &self.stripe;
        // A page that is paid after the deletion would create a subscription that nobody can end.
        for open in skip_unreadable(stripe.list_open_checkouts(customer).await)? {
            stripe.expire_checkout(&open.id).await?;
        }
        let list = stripe.list_subscriptions(customer).await;
        for subscription in skip_unreadable(list.map(|list| list.subscriptions))? {
            if !matches!(subscription.status, Status::Canceled | Status::IncompleteExpired) {
                stripe.cancel_subscription(&subscription.id).await?;
            }
        }
        // It ends every subscription, also those that could not be read.
        stripe.delete_customer(customer).await
    }
}

/// Returns what Stripe lists; nothing where it has no such customer, and where the list cannot be read:
/// nothing that a later release of Stripe states may stop a deletion.
fn skip_unreadable<T>(listed: Result<Vec<T>, StripeError>) -> Result<Vec<T>, StripeError> {
    match listed {
        Err(StripeError::NoCustomer) => Ok(Vec::new()),
        Err(error) if !error.is_outage() => {
            tracing::error!(%error, "what a customer has at Stripe cannot be read; it is deleted");
            Ok(Vec::new())
        }
        listed => listed,
    }
}
