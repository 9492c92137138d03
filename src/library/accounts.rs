//! Accounts: first sight, the end of a session, erasure.

use super::{Library, Outcome};
use crate::domain::identity::UserId;
use crate::store::Account;

impl Library {
    /// The account of a signed-in user, made at their first sight.
    pub async fn ensure_account(&self, owner: &UserId) -> Outcome<Account> {
        Ok(self.store.ensure_account(owner).await?)
    }

    /// Whether a session was ended, by a logout or by the identity provider.
    pub async fn is_session_ended(&self, owner: &UserId, session_id: &str) -> Outcome<bool> {
        Ok(self.store.is_session_ended(owner, session_id).await?)
    }

    /// Ends a session for every machine.
    pub async fn end_session(&self, owner: &UserId, session_id: &str) -> Outcome<()> {
        Ok(self.store.end_session(owner, session_id).await?)
    }

    /// Removes everything that is kept of a user. It cannot be taken back.
    pub async fn erase_account(&self, owner: &UserId) -> Outcome<()> {
        self.store.erase_account(owner).await?;
        self.announce_change_of(owner);
        Ok(())
    }
}
