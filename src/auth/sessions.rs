//! Web sessions: the content of their cookie, and their refresh before the access token expires.

use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::keys::KeySet;
use super::revocation::Subject;
use super::tokens::{Claims, parse_numeric_date};
use crate::clients::workos::{Tokens, WorkOsClient, WorkOsError};
use crate::config::Secret;
use crate::domain::identity::UserId;
use crate::domain::{Clock, Timestamp};
use crate::telemetry::Record;

/// How long before its expiry a session is refreshed; less than the shortest lifetime of a token.
const REFRESH_BEFORE_EXPIRY: Duration = Duration::from_secs(30);
/// How long a final result is shared with requests that still carry the old cookie.
const RESULT_SHARED_FOR: Duration = Duration::from_mins(5);
/// Minimum time between two attempts to refresh a session while WorkOS is unavailable.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// Maximum number of cached refreshes.
const CACHE_MAX: usize = 10_000;

/// The content of a session's cookie: ids and the refresh token. The access token is left out, as
/// its claims are here and the seal authenticates them. Short field names keep the cookie small. Times
/// are in milliseconds since the Unix epoch.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Session {
    #[serde(rename = "u")]
    user_id: String,
    /// The claim `sid`. A session without one could not be ended, so there is none.
    #[serde(rename = "s")]
    id: String,
    #[serde(rename = "r", serialize_with = "serialize_secret")]
    refresh_token: Secret,
    /// When the access token expires.
    #[serde(rename = "e")]
    expires_at: i64,
    /// When WorkOS granted the access token.
    #[serde(rename = "g", default)]
    granted_at: i64,
    /// The id of the key that signed the access token.
    #[serde(rename = "k", default)]
    key_id: Option<String>,
    /// When the user last signed in; absent if that is unknown.
    #[serde(rename = "a", default)]
    signed_in_at: Option<i64>,
}

fn serialize_secret<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

impl Session {
    /// Reads the session from tokens that WorkOS granted at `now`.
    pub(super) fn from_tokens(tokens: Tokens, now: Timestamp) -> Result<Self, WorkOsError> {
        // The token came from the token endpoint over TLS, which authenticates its issuer. As OpenID
        // Connect Core, section 3.1.3.7, point 6 allows for ID tokens, its signature is not checked,
        // so a sign-in works without the issuer's keys.
        let access_token = tokens.access_token.expose();
        let claims = jsonwebtoken::dangerous::insecure_decode_claims::<Claims>(access_token)
            .map_err(|_| WorkOsError::BadToken("unreadable"))?;
        let header = jsonwebtoken::decode_header(access_token)
            .map_err(|_| WorkOsError::BadToken("unreadable header"))?;
        let subject = claims.parse_subject().ok_or(WorkOsError::BadToken("invalid subject"))?;
        Ok(Self {
            user_id: subject.user_id.to_string(),
            id: subject.session_id.ok_or(WorkOsError::BadToken("missing session"))?,
            refresh_token: tokens.refresh_token,
            expires_at: parse_numeric_date(claims.exp).as_millis(),
            granted_at: now.as_millis(),
            key_id: header.kid,
            signed_in_at: claims.signed_in_at().map(Timestamp::as_millis),
        })
    }

    /// Replaces the time of the sign-in.
    pub(super) fn with_signed_in_at(self, at: Option<Timestamp>) -> Self {
        Self { signed_in_at: at.map(Timestamp::as_millis), ..self }
    }

    /// The subject of the session. Returns `None` if the cookie holds an invalid user id.
    pub(super) fn parse_subject(&self) -> Option<Subject> {
        let user_id = UserId::parse(&self.user_id)?;
        Some(Subject::new(user_id, Some(self.id.clone())))
    }

    /// The user id as WorkOS states it.
    pub(super) fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The id of the session at WorkOS.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// When the user last signed in; `None` if that is unknown.
    pub(super) fn signed_in_at(&self) -> Option<Timestamp> {
        self.signed_in_at.map(Timestamp::from_millis)
    }

    /// Whether the issuer has withdrawn the key of the access token since it was granted.
    pub(super) fn has_withdrawn_key(&self, keys: &KeySet) -> bool {
        let granted_at = Timestamp::from_millis(self.granted_at);
        self.key_id.as_deref().is_some_and(|id| keys.is_withdrawn(id, granted_at))
    }

    pub(super) fn is_expired(&self, now: Timestamp) -> bool {
        Timestamp::from_millis(self.expires_at) <= now
    }

    pub(super) fn needs_refresh(&self, now: Timestamp) -> bool {
        Timestamp::from_millis(self.expires_at) <= now.plus(REFRESH_BEFORE_EXPIRY)
    }
}

/// Refreshes each session once, however many requests carry its cookie. Cloning it is cheap.
#[derive(Clone)]
pub(super) struct Refresher(Arc<Inner>);

struct Inner {
    workos: Arc<WorkOsClient>,
    clock: Arc<dyn Clock>,
    /// The last refresh by the hash of the refresh token that it used. The lock is held during a
    /// refresh, so that there is one at a time.
    refreshes: Cache<[u8; 32], Arc<Mutex<Option<Refresh>>>>,
}

struct Refresh {
    ended_at: Timestamp,
    result: Result<Session, RefreshError>,
}

/// A session that was not refreshed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefreshError {
    /// The session has ended for good.
    Ended,
    /// WorkOS is unavailable; a later attempt may succeed.
    Unavailable,
}

impl Refresher {
    pub(super) fn new(workos: Arc<WorkOsClient>, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { workos, clock, refreshes: Cache::new(CACHE_MAX) }))
    }

    /// Refreshes a session. Requests with the same cookie share one call of WorkOS and its result.
    pub(super) async fn refresh(&self, session: Session) -> Result<Session, RefreshError> {
        let inner = Arc::clone(&self.0);
        // A task of its own: WorkOS accepts a refresh token once, so that a response that is lost
        // with a cancelled request would end the session.
        let refreshing = tokio::spawn(Record::carry(async move { inner.refresh(session).await }));
        refreshing.await.unwrap_or(Err(RefreshError::Unavailable))
    }
}

impl Inner {
    async fn refresh(&self, session: Session) -> Result<Session, RefreshError> {
        let hash: [u8; 32] = Sha256::digest(session.refresh_token.expose()).into();
        let slot = self.refreshes.get_or_insert_with(&hash, || Ok::<_, ()>(Arc::default()));
        let slot = slot.unwrap_or_default();
        let mut last = slot.lock().await;
        let now = self.clock.now();
        if let Some(Refresh { ended_at, result }) = &*last {
            let is_final = !matches!(result, Err(RefreshError::Unavailable));
            let valid_for = if is_final { RESULT_SHARED_FOR } else { RETRY_AFTER };
            // The first comparison is for a clock that was set back.
            if *ended_at <= now && now < ended_at.plus(valid_for) {
                return result.clone();
            }
        }
        let result = self.request_refresh(&session).await;
        *last = Some(Refresh { ended_at: self.clock.now(), result: result.clone() });
        result
    }

    async fn request_refresh(&self, session: &Session) -> Result<Session, RefreshError> {
        let tokens = self.workos.refresh(&session.refresh_token).await;
        let granted = tokens.and_then(|tokens| Session::from_tokens(tokens, self.clock.now()));
        match granted {
            Ok(next) if next.user_id == session.user_id => {
                // A refresh does not count as a sign-in: if the issuer states no time, the known one stays.
                let signed_in_at = next.signed_in_at().or(session.signed_in_at());
                Ok(next.with_signed_in_at(signed_in_at))
            }
            Ok(_) => {
                tracing::error!("WorkOS refreshed a session into that of another user");
                Err(RefreshError::Ended)
            }
            Err(WorkOsError::InvalidGrant) => Err(RefreshError::Ended),
            // Any other refusal may be a mistake in our settings, which must not sign users out.
            Err(error) => {
                tracing::warn!(%error, "cannot refresh a session");
                Err(RefreshError::Unavailable)
            }
        }
    }
}
