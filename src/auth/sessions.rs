//! Web sessions: what their cookie holds, and how they go on before their access token ends.

use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::standing::Holder;
use super::tokens::{Claims, moment};
use crate::clients::workos::{Tokens, WorkOsClient, WorkOsError};
use crate::config::Secret;
use crate::domain::identity::UserId;
use crate::domain::{Clock, Timestamp};
use crate::telemetry::Record;

/// How long before its end a session goes on; less than the shortest token lives.
const EARLY: Duration = Duration::from_secs(30);
/// For how long requests that still carry the old cookie share a refresh that worked.
const SHARED_FOR: Duration = Duration::from_mins(5);
/// For how long nobody tries again after a refresh that failed.
const PAUSE: Duration = Duration::from_secs(2);
/// How many refreshes are remembered.
const REFRESHES_MAX: usize = 10_000;

/// What the cookie of a session holds: ids and the refresh token, but no access token, for what
/// that says is here and the seal vouches for it. The short names keep the cookie small.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Session {
    #[serde(rename = "u")]
    user_id: String,
    #[serde(rename = "s")]
    id: Option<String>,
    #[serde(rename = "r", serialize_with = "exposed")]
    refresh_token: Secret,
    /// When the access token ends, in milliseconds since the Unix epoch.
    #[serde(rename = "e")]
    expires_at: i64,
}

fn exposed<S: serde::Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

impl Session {
    /// The session that WorkOS grants. The token came from WorkOS itself over TLS, so that its
    /// signature adds nothing (`OpenID` Connect Core, section 3.1.3.7) and needs no keys.
    pub(super) fn of(tokens: Tokens) -> Result<(Self, Holder), WorkOsError> {
        let claims =
            jsonwebtoken::dangerous::insecure_decode_claims::<Claims>(tokens.access_token.expose());
        let unreadable = || WorkOsError::Refused("its access token cannot be read".to_owned());
        let claims = claims.map_err(|_| unreadable())?;
        let holder = claims.holder().ok_or_else(unreadable)?;
        let session = Self {
            user_id: holder.user_id.to_string(),
            id: holder.session_id.clone(),
            refresh_token: tokens.refresh_token,
            expires_at: moment(claims.exp).as_millis(),
        };
        Ok((session, holder))
    }

    pub(super) fn holder(&self) -> Option<Holder> {
        let user_id = UserId::parse(&self.user_id)?;
        Some(Holder::new(user_id, self.id.clone()))
    }

    pub(super) fn has_ended(&self, now: Timestamp) -> bool {
        Timestamp::from_millis(self.expires_at) <= now
    }

    pub(super) fn ends_soon(&self, now: Timestamp) -> bool {
        Timestamp::from_millis(self.expires_at) <= now.plus(EARLY)
    }
}

/// Refreshes sessions, each once, however many requests carry its cookie.
#[derive(Clone)]
pub(super) struct Refresher(Arc<Inner>);

struct Inner {
    workos: Arc<WorkOsClient>,
    clock: Arc<dyn Clock>,
    /// By the hash of the refresh token that is used up.
    refreshes: Cache<[u8; 32], Arc<Mutex<Option<Refreshed>>>>,
}

struct Refreshed {
    at: Timestamp,
    outcome: Result<Session, RefreshFault>,
}

/// Why a session does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefreshFault {
    /// It has ended; it will never go on.
    Ended,
    /// WorkOS does not say; it may go on later.
    Unavailable,
}

impl Refresher {
    pub(super) fn new(workos: Arc<WorkOsClient>, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { workos, clock, refreshes: Cache::new(REFRESHES_MAX) }))
    }

    /// The session as it goes on.
    pub(super) async fn refresh(&self, session: Session) -> Result<Session, RefreshFault> {
        let inner = Arc::clone(&self.0);
        // A task of its own: WorkOS takes a refresh token once, so an answer must not get lost
        // with the request that asked.
        let refreshing = tokio::spawn(Record::carry(async move { inner.refresh(session).await }));
        refreshing.await.unwrap_or(Err(RefreshFault::Unavailable))
    }
}

impl Inner {
    async fn refresh(&self, session: Session) -> Result<Session, RefreshFault> {
        let hash: [u8; 32] = Sha256::digest(session.refresh_token.expose()).into();
        let slot = self.refreshes.get_or_insert_with(&hash, || Ok::<_, ()>(Arc::default()));
        let slot = slot.unwrap_or_default();
        let mut last = slot.lock().await;
        let now = self.clock.now();
        if let Some(Refreshed { at, outcome }) = &*last {
            let is_final = !matches!(outcome, Err(RefreshFault::Unavailable));
            let holds = if is_final { SHARED_FOR } else { PAUSE };
            if *at <= now && now < at.plus(holds) {
                return outcome.clone();
            }
        }
        let outcome = self.ask(&session).await;
        *last = Some(Refreshed { at: self.clock.now(), outcome: outcome.clone() });
        outcome
    }

    async fn ask(&self, session: &Session) -> Result<Session, RefreshFault> {
        let answer = self.workos.refresh(&session.refresh_token).await.and_then(Session::of);
        match answer {
            Ok((next, _)) if next.user_id == session.user_id => Ok(next),
            Ok(_) => {
                tracing::error!("WorkOS refreshed a session into that of another user");
                Err(RefreshFault::Ended)
            }
            Err(WorkOsError::InvalidGrant) => Err(RefreshFault::Ended),
            Err(error) => {
                tracing::warn!(%error, "a session was not refreshed");
                Err(RefreshFault::Unavailable)
            }
        }
    }
}
