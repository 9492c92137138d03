//! Accounts and sessions in Convex: the functions of `convex/accounts.ts` and `sessions.ts`.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::ConvexStore;
use super::subscriptions::WireSubscription;
use super::wire::Whole;
use crate::clients::convex::Kind;
use crate::domain::identity::UserId;
use crate::store::{Account, AccountStore, StoreResult};

#[async_trait]
impl AccountStore for ConvexStore {
    async fn ensure_account(&self, user: &UserId) -> StoreResult<Account> {
        let path = "accounts:ensure";
        let account: WireAccount =
            self.call(Kind::Mutation, user.as_str(), path, json!({})).await?;
        let subscription = account.subscription.and_then(WireSubscription::into_subscription);
        Ok(Account { created_at: account.created_at.at(), subscription })
    }

    async fn erase_account(&self, user: &UserId) -> StoreResult<()> {
        // A transaction of Convex removes a bounded batch; the first one marks the account as erased.
        loop {
            let path = "accounts:erase";
            let erased: WireErased =
                self.call(Kind::Mutation, user.as_str(), path, json!({})).await?;
            if !erased.more {
                return Ok(());
            }
        }
    }

    async fn end_session(&self, user: &UserId, session_id: &str) -> StoreResult<()> {
        let args = json!({ "sessionId": session_id });
        self.call(Kind::Mutation, user.as_str(), "sessions:end", args).await
    }

    async fn is_session_ended(&self, user: &UserId, session_id: &str) -> StoreResult<bool> {
        self.query(user.as_str(), "sessions:isEnded", json!({ "sessionId": session_id })).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAccount {
    created_at: Whole,
    /// Absent in the answers of functions from before there were subscriptions.
    subscription: Option<WireSubscription>,
}

/// The result of one batch of an erasure.
#[derive(Deserialize)]
struct WireErased {
    more: bool,
}
