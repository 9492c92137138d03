//! [`TokenGate`]: the access token of the one person who hosts a server for themselves.
//!
//! The token is their credential in programs. In a browser they enter it once, and a sealed cookie
//! stands for it: the browser keeps no token.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::browser::{SESSION_MAX_AGE, random_text};
use super::cookies::{CookieSeal, Purpose};
use super::origin::is_same_origin_request;
use super::revocation::{Revocations, Subject};
use super::{Access, AccessError, AuthenticatedCaller, parse_bearer_token, refuse_token_in_url};
use crate::config::AccessToken;
use crate::domain::identity::{Client, Principal, UserId, Via};
use crate::domain::{Clock, Timestamp};
use crate::error::ApiError;
use crate::library::Library;

/// Verifies the access token of the local user, and keeps their web sessions.
pub struct TokenGate {
    token_hash: [u8; 32],
    /// What binds a session to the token, also where another secret seals the cookies.
    token_id: String,
    seal: CookieSeal,
    revocations: Revocations,
    clock: Arc<dyn Clock>,
    public_url: String,
    allowed_origins: Vec<String>,
}

/// A web session: the content of its cookie. Short field names, as in the sessions of WorkOS.
#[derive(Serialize, Deserialize)]
struct OwnSession {
    #[serde(rename = "s")]
    id: String,
    /// In milliseconds since the Unix epoch.
    #[serde(rename = "a")]
    signed_in_at: i64,
    /// The [`TokenGate::token_id`] at the sign-in: with a new token every session ends.
    #[serde(rename = "t")]
    token_id: String,
}

impl TokenGate {
    /// `public_url` is an origin without a trailing slash.
    pub fn new(
        settings: &AccessToken,
        public_url: &str,
        library: &Arc<Library>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let token = settings.token.expose();
        // Another text than the token itself, so that the one hash says nothing about the other.
        let named = Sha256::digest(format!("the sessions of {token}"));
        Self {
            token_hash: Sha256::digest(token).into(),
            token_id: URL_SAFE_NO_PAD.encode(&named[..16]),
            seal: CookieSeal::new(&settings.cookie_secrets, public_url.starts_with("https://")),
            revocations: Revocations::new(Arc::clone(library), Arc::clone(&clock)),
            clock,
            public_url: public_url.to_owned(),
            allowed_origins: settings.allowed_origins.clone(),
        }
    }

    /// Whether a text is the token. It takes as long for every text of the same length.
    fn is_token(&self, text: &str) -> bool {
        let hash: [u8; 32] = Sha256::digest(text).into();
        hash.ct_eq(&self.token_hash).into()
    }

    /// Authenticates a request by the token, or by the cookie of a session.
    pub(crate) async fn authenticate(
        &self,
        access: Access,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        client: Client,
    ) -> Result<AuthenticatedCaller, AccessError> {
        refuse_token_in_url(uri)?;
        if let Some(token) = parse_bearer_token(headers)? {
            if !self.is_token(token) {
                let detail = "the access token is not that of this server";
                return Err(ApiError::Unauthorized(detail).into());
            }
            let principal = Principal { via: Via::OwnToken, ..Principal::local(client) };
            return Ok(AuthenticatedCaller { principal, set_cookie: None });
        }
        // MCP, authorization: every request has its token in the header.
        if access.is_mcp() {
            return Err(AccessError::missing_credential());
        }
        let Some(session) = self.find_session(headers) else {
            return Err(AccessError::missing_credential());
        };
        self.check_session(&session).await?;
        if !method.is_safe() && !self.is_same_origin_request(headers) {
            return Err(AccessError::foreign_write());
        }
        let principal = Principal {
            via: Via::Cookie,
            signed_in_at: Some(Timestamp::from_millis(session.signed_in_at)),
            session_id: Some(session.id),
            ..Principal::local(client)
        };
        Ok(AuthenticatedCaller { principal, set_cookie: None })
    }

    /// The session of a request's cookie, if it is one of the token, whether or not it has ended.
    fn find_session(&self, headers: &HeaderMap) -> Option<OwnSession> {
        let session: Option<OwnSession> = self.seal.open(Purpose::Session, headers);
        session.filter(|session| session.token_id == self.token_id)
    }

    async fn check_session(&self, session: &OwnSession) -> Result<(), AccessError> {
        // `Max-Age` does not limit a cookie that was copied.
        let age = self.clock.now().as_millis().saturating_sub(session.signed_in_at);
        let outcome = if i128::from(age) < SESSION_MAX_AGE.whole_milliseconds() {
            let subject = Subject::new(UserId::local(), Some(session.id.clone()));
            self.revocations.check_session_of_local_user(&subject).await
        } else {
            Err(ApiError::Unauthorized("the session has ended; sign in again"))
        };
        outcome.map_err(|error| {
            let is_ended = matches!(error, ApiError::Unauthorized(_));
            let set_cookie = is_ended.then(|| self.build_session_removal()).flatten();
            AccessError { set_cookie, code: None, ..AccessError::new(error) }
        })
    }

    /// Signs a browser in: returns the `Set-Cookie` header of a new session; `None` if `text` is not
    /// the token.
    pub(crate) fn sign_in(&self, text: &str) -> Result<Option<HeaderValue>, ApiError> {
        if !self.is_token(text) {
            return Ok(None);
        }
        let session = OwnSession {
            id: random_text(),
            signed_in_at: self.clock.now().as_millis(),
            token_id: self.token_id.clone(),
        };
        let cookie = self.seal.seal(Purpose::Session, &session, SESSION_MAX_AGE);
        cookie.map(Some).ok_or_else(|| ApiError::Internal("a session fits no cookie".into()))
    }

    /// Ends a session, here at once and on other machines within a minute. Idempotent.
    pub(crate) async fn end_session(&self, session_id: &str) -> Result<(), ApiError> {
        self.revocations.end_session(&UserId::local(), session_id).await
    }

    /// Whether the browser states that a page of this server sent the request.
    pub(crate) fn is_same_origin_request(&self, headers: &HeaderMap) -> bool {
        is_same_origin_request(headers, &self.public_url)
    }

    /// Whether pages of another origin may call `/mcp`: the exact text of an `Origin` header.
    pub(super) fn allows_origin(&self, origin: &str) -> bool {
        self.allowed_origins.iter().any(|allowed| allowed == origin)
    }

    /// The name of the cookie of a web session.
    pub(crate) fn session_cookie_name(&self) -> &'static str {
        self.seal.name(Purpose::Session)
    }

    /// Builds the `Set-Cookie` header that removes the session's cookie.
    pub(crate) fn build_session_removal(&self) -> Option<HeaderValue> {
        self.seal.build_removal(Purpose::Session)
    }
}
