//! Accounts: first sight, the end of a session, erasure.

use super::{Library, Outcome};
use crate::domain::identity::{LibraryId, UserId};
use crate::store::Account;

impl Library {
    /// The account of a signed-in user, made at their first sight.
    pub async fn ensure_account(&self, user: &UserId) -> Outcome<Account> {
        Ok(self.store.ensure_account(user).await?)
    }

    /// Whether a session was ended, by a logout or by the identity provider.
    pub async fn is_session_ended(&self, user: &UserId, session_id: &str) -> Outcome<bool> {
        Ok(self.store.is_session_ended(user, session_id).await?)
    }

    /// Ends a session for every machine.
    pub async fn end_session(&self, user: &UserId, session_id: &str) -> Outcome<()> {
        Ok(self.store.end_session(user, session_id).await?)
    }

    /// Removes everything that is kept of a user. It cannot be taken back.
    pub async fn erase_account(&self, user: &UserId) -> Outcome<()> {
        self.store.erase_account(user).await?;
        self.announce_change_of(&LibraryId::of_user(user));
        Ok(())
    }
}
