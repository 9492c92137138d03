//! Accounts: creation, the end of a session, erasure.

use super::{Library, LibraryError};
use crate::domain::identity::{LibraryId, UserId};
use crate::domain::subscription::CustomerId;
use crate::store::Account;

impl Library {
    /// Returns the account of a signed-in user, and creates it at the first request.
    pub async fn ensure_account(&self, user: &UserId) -> Result<Account, LibraryError> {
        Ok(self.store.ensure_account(user).await?)
    }

    /// Whether a session has ended, by a logout or at the identity provider.
    pub async fn is_session_ended(
        &self,
        user: &UserId,
        session_id: &str,
    ) -> Result<bool, LibraryError> {
        Ok(self.store.is_session_ended(user, session_id).await?)
    }

    /// Ends a session on every machine.
    pub async fn end_session(&self, user: &UserId, session_id: &str) -> Result<(), LibraryError> {
        Ok(self.store.end_session(user, session_id).await?)
    }

    /// Returns the customer of a user at the payment provider, whether or not anything is sold now.
    ///
    /// # Errors
    /// [`StoreError::AccountErased`](crate::store::StoreError::AccountErased) after an erasure.
    pub async fn find_customer(&self, user: &UserId) -> Result<Option<CustomerId>, LibraryError> {
        Ok(self.store.get_billing(user).await?.map(|kept| kept.customer))
    }

    /// Returns whether customers of erased users are still to be deleted at the payment provider.
    pub async fn has_customers_to_erase(&self) -> Result<bool, LibraryError> {
        Ok(self.store.has_customers_to_erase().await?)
    }

    /// Erases a user's account and library. It cannot be undone. Nothing can be read afterwards; the
    /// texts leave the store within 60 s.
    pub async fn erase_account(&self, user: &UserId) -> Result<(), LibraryError> {
        self.store.erase_account(user).await?;
        let library = LibraryId::of_user(user);
        self.clients.forget(&library);
        self.announce_change(&library);
        self.removals.notify_one();
        Ok(())
    }
}
