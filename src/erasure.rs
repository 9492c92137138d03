//! The erasure of an account in every place that holds something of its user: here, at the identity
//! provider and at the payment provider.

use std::sync::Arc;
use std::time::Duration;

use crate::auth::Authenticator;
use crate::billing::Billing;
use crate::domain::identity::UserId;
use crate::domain::subscription::CustomerId;
use crate::error::{ApiError, ErasedPlace, chain};
use crate::library::{Library, LibraryError};
use crate::store::StoreError;
use crate::telemetry::Record;

/// How long an erasure waits for Stripe, so that it has its answer within the deadline of a request.
const STRIPE_WAIT: Duration = Duration::from_secs(4);

/// Erases accounts.
pub struct Erasure {
    library: Arc<Library>,
    authenticator: Option<Arc<Authenticator>>,
    billing: Option<Arc<Billing>>,
}

/// What Stripe holds of a user whose account is about to be erased.
enum Held {
    /// No customer.
    Nothing,
    /// This customer. Once the account is erased, nothing here names its user.
    Customer(CustomerId),
    /// The account was erased before, maybe with a customer that is still there.
    Unknown,
}

impl Erasure {
    /// Without an `authenticator` there is only the local user; without `billing` nothing is sold.
    pub fn new(
        library: Arc<Library>,
        authenticator: Option<Arc<Authenticator>>,
        billing: Option<Arc<Billing>>,
    ) -> Self {
        Self { library, authenticator, billing }
    }

    /// Erases everything of a user here, then at WorkOS and at Stripe. Idempotent. It goes on if the
    /// caller drops the future.
    ///
    /// In this order, because a user who is deleted at WorkOS could not sign in again to repeat a failed
    /// erasure.
    ///
    /// # Errors
    /// [`ApiError::ErasureIncomplete`] names the places that may still hold something. After any other
    /// error the erasure here may be partial, and can be repeated. Routes with
    /// [`Access::Erased`](crate::auth::Access::Erased) still take the credential then.
    pub async fn erase_everywhere(self: &Arc<Self>, user_id: &UserId) -> Result<(), ApiError> {
        let Some(authenticator) = self.authenticator.clone() else {
            return Ok(self.library.erase_account(user_id).await?);
        };
        let held = self.find_held(user_id).await?;
        let (erasure, user_id) = (Arc::clone(self), user_id.clone());
        // A task of its own: a browser that closes the page must not leave an erasure half done.
        let erasing = tokio::spawn(Record::carry(async move {
            authenticator.erase(&user_id).await?;
            let at_workos = authenticator.delete_at_workos(&user_id);
            match tokio::join!(at_workos, erasure.delete_at_stripe(held)) {
                (true, true) => Ok(()),
                (false, true) => incomplete(&[ErasedPlace::Workos]),
                (true, false) => incomplete(&[ErasedPlace::Stripe]),
                (false, false) => incomplete(&[ErasedPlace::Workos, ErasedPlace::Stripe]),
            }
        }));
        erasing.await.unwrap_or_else(|error| Err(ApiError::Internal(error.into())))
    }

    /// Erases here what is left of a user who was deleted at WorkOS, and leaves Stripe to the job.
    /// Idempotent.
    pub async fn erase_deleted_user(&self, user_id: &UserId) -> Result<(), ApiError> {
        match &self.authenticator {
            Some(authenticator) => authenticator.erase(user_id).await?,
            None => self.library.erase_account(user_id).await?,
        }
        self.wake_job();
        Ok(())
    }

    async fn find_held(&self, user_id: &UserId) -> Result<Held, ApiError> {
        match self.library.find_customer(user_id).await {
            Ok(customer) => Ok(customer.map_or(Held::Nothing, Held::Customer)),
            Err(LibraryError::Store(StoreError::AccountErased)) => Ok(Held::Unknown),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes what Stripe holds of a user who is erased here. Returns whether it holds nothing
    /// afterwards, as far as that can be found out.
    async fn delete_at_stripe(&self, held: Held) -> bool {
        let holds_nothing = match held {
            Held::Nothing => true,
            Held::Customer(customer) => self.delete_customer(&customer).await,
            Held::Unknown => match self.library.has_customers_to_erase().await {
                Ok(has_some) => !has_some,
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "cannot find out what is left at Stripe");
                    false
                }
            },
        };
        // Also without a customer: a checkout may have bound one before the account was erased.
        self.wake_job();
        holds_nothing
    }

    async fn delete_customer(&self, customer: &CustomerId) -> bool {
        let Some(billing) = &self.billing else {
            tracing::error!(
                "the customer of an erased account stays at Stripe, for billing is off; set \
                 STRIPE_SECRET_KEY and the settings beside it, and a job deletes the customer"
            );
            return false;
        };
        let deleted = tokio::time::timeout(STRIPE_WAIT, billing.erase_customer(customer)).await;
        match deleted {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => {
                tracing::warn!(error = %chain(&error), "cannot delete a customer at Stripe; a job repeats it");
            }
            Err(_) => {
                tracing::warn!("Stripe is slow; a job deletes the customer of an erased account");
            }
        }
        false
    }

    fn wake_job(&self) {
        if let Some(billing) = &self.billing {
            billing.wake_deletions();
        }
    }
}

fn incomplete(remaining: &'static [ErasedPlace]) -> Result<(), ApiError> {
    Err(ApiError::ErasureIncomplete { remaining })
}
