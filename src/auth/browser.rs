//! The sign-in of a browser (the authorization code flow of OAuth 2.0 with PKCE, RFC 7636), its
//! session, and its sign-out.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::cookies::Purpose;
use super::origin::is_same_origin_request;
use super::revocation::Subject;
use super::sessions::{RefreshError, Session};
use super::{Access, AccessError, AuthenticatedCaller, Authenticator, build_principal};
use crate::clients::workos::WorkOsError;
use crate::domain::Timestamp;
use crate::domain::identity::{Client, Principal, Via};
use crate::domain::plan::Plan;
use crate::error::ApiError;

/// Maximum duration of a sign-in.
const SIGN_IN_MAX_AGE: Duration = Duration::from_mins(10);
/// How long a browser keeps an unused session; WorkOS may end it earlier.
pub(super) const SESSION_MAX_AGE: cookie::time::Duration = cookie::time::Duration::days(30);

/// A sign-in in progress: the content of its cookie.
#[derive(Serialize, Deserialize)]
struct PendingSignIn {
    state: String,
    code_verifier: String,
    return_to: String,
    /// In milliseconds since the Unix epoch.
    begun_at: i64,
    /// Whether the user has to sign in actively.
    #[serde(default)]
    is_renewal: bool,
    /// The user whose sign-in is renewed; absent if the sign-in renews none.
    #[serde(default)]
    renewed_user_id: Option<String>,
}

/// Whether a sign-in may rely on an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reauthentication {
    /// A browser that is signed in at WorkOS need not sign in again.
    NotNeeded,
    /// The user must sign in actively.
    Required,
}

/// A redirect of a browser.
pub struct Redirect {
    /// The target URL or path.
    pub location: String,
    /// The values of the `Set-Cookie` headers.
    pub cookies: Vec<HeaderValue>,
}

impl Authenticator {
    /// Begins a sign-in: redirects a browser to WorkOS, and binds the answer to this browser by a
    /// cookie.
    ///
    /// `return_to` must be a path on this server: the browser is redirected there after the
    /// sign-in.
    pub fn begin_sign_in(
        &self,
        headers: &HeaderMap,
        return_to: String,
        reauthentication: Reauthentication,
    ) -> Redirect {
        // RFC 7636, section 4.1: the verifier has 43 to 128 characters. Two UUIDs have 64, with
        // 122 random bits each.
        let code_verifier = random_text() + &random_text();
        // RFC 7636, section 4.2, method S256.
        let code_challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&code_verifier));
        // RFC 6749, section 10.12: an unguessable state against cross-site request forgery.
        let state = random_text();
        let is_renewal = reauthentication == Reauthentication::Required;
        let location =
            self.workos.authorize_url(&self.redirect_uri, &state, &code_challenge, is_renewal);
        let begun_at = self.clock.now().as_millis();
        let session: Option<Session> = self.seal.open(Purpose::Session, headers);
        let renewed_user_id =
            session.filter(|_| is_renewal).map(|session| session.user_id().to_owned());
        let pending = PendingSignIn {
            state,
            code_verifier,
            return_to,
            begun_at,
            is_renewal,
            renewed_user_id,
        };
        let max_age = SIGN_IN_MAX_AGE.try_into().unwrap_or(cookie::time::Duration::MINUTE);
        let cookie = self.seal.seal(Purpose::SignIn, &pending, max_age);
        Redirect { location, cookies: cookie.into_iter().collect() }
    }

    /// Finishes a sign-in: exchanges the code for a session, and redirects the browser to the path
    /// where the sign-in began.
    ///
    /// Fails with [`ApiError::Malformed`] if the sign-in did not begin in this browser, has expired
    /// or was refused, with [`ApiError::AccountErased`] if the account was erased here and the user
    /// did not have to sign in actively, and with [`ApiError::SignInUnavailable`] if WorkOS is
    /// unavailable; the latter can be repeated.
    pub async fn finish_sign_in(
        &self,
        headers: &HeaderMap,
        state: &str,
        code: &str,
    ) -> Result<Redirect, ApiError> {
        let pending = self.open_pending_sign_in(headers, state)?;
        let tokens = self.workos.authenticate(code, &pending.code_verifier).await;
        let now = self.clock.now();
        let session = tokens
            .and_then(|tokens| Session::from_tokens(tokens, now))
            .map_err(|error| convert_sign_in_error(&error))?;
        let subject = session.parse_subject().ok_or_else(|| {
            ApiError::Internal("the session holds a user id that does not parse".into())
        })?;
        // The owner of an erased account comes back to finish the erasure at WorkOS. Any other sign-in
        // is refused: its session would open nothing.
        let access = if pending.is_renewal { Access::Erased } else { Access::Api };
        self.check_revocation(&subject, access).await?;
        let signed_in_at = match &pending.renewed_user_id {
            // The user who had to sign in again is not the one who did. A page that repeats its
            // request must not erase another account, so this sign-in counts as no recent one.
            Some(renewed) if renewed != session.user_id() => None,
            _ => session.signed_in_at().or(Some(now)),
        };
        let session = session.with_signed_in_at(signed_in_at);
        let cookie = self.seal.seal(Purpose::Session, &session, SESSION_MAX_AGE);
        let cookie = cookie.ok_or_else(|| {
            ApiError::Internal("the refresh token of WorkOS is too long for a cookie".into())
        })?;
        let removal = self.seal.build_removal(Purpose::SignIn);
        let cookies = std::iter::once(cookie).chain(removal).collect();
        Ok(Redirect { location: pending.return_to, cookies })
    }

    /// Opens the cookie of the sign-in that `state` belongs to.
    fn open_pending_sign_in(
        &self,
        headers: &HeaderMap,
        state: &str,
    ) -> Result<PendingSignIn, ApiError> {
        let pending: Option<PendingSignIn> = self.seal.open(Purpose::SignIn, headers);
        pending
            .filter(|pending| {
                let begun_at = Timestamp::from_millis(pending.begun_at);
                // `Max-Age` does not limit a cookie that was copied, so the age is checked here, too.
                pending.state == state && self.clock.now() < begun_at.plus(SIGN_IN_MAX_AGE)
            })
            .ok_or_else(|| {
                let detail =
                    "this sign-in did not begin in this browser, or has expired; start again";
                ApiError::Malformed(detail.to_owned())
            })
    }

    /// Signs out: ends the session of the request's cookie, here at once and on other machines
    /// within a minute. Idempotent; without a session it only redirects.
    ///
    /// A client that `goes_to_workos` is sent there, where its browser's own session ends. For any
    /// other client the session is revoked at WorkOS from here, as far as WorkOS is available.
    pub async fn sign_out(
        &self,
        headers: &HeaderMap,
        goes_to_workos: bool,
    ) -> Result<Redirect, ApiError> {
        let session: Option<Session> = self.seal.open(Purpose::Session, headers);
        let cookies = self.seal.build_removal(Purpose::Session).into_iter().collect();
        let mut redirect = Redirect { location: "/".to_owned(), cookies };
        let subject = session.as_ref().and_then(Session::parse_subject);
        let (Some(session), Some(subject)) = (session, subject) else { return Ok(redirect) };
        self.revocations.end_session(&subject.user_id, session.id()).await?;
        if goes_to_workos {
            let return_to = format!("{}/", self.public_url);
            redirect.location = self.workos.logout_url(session.id(), &return_to);
        } else if let Err(error) = self.workos.revoke_session(session.id()).await {
            tracing::warn!(%error, "a session ended here, but not at WorkOS");
        }
        Ok(redirect)
    }

    /// Authenticates a request by its session cookie, and refreshes the session if it expires soon.
    /// Returns `None` without a cookie that this server sealed.
    pub async fn authenticate_browser(
        &self,
        headers: &HeaderMap,
        client: Client,
        access: Access,
    ) -> Result<Option<AuthenticatedCaller>, AccessError> {
        let session: Option<Session> = self.seal.open(Purpose::Session, headers);
        let Some((session, subject)) =
            session.and_then(|session| session.parse_subject().map(|subject| (session, subject)))
        else {
            return Ok(None);
        };
        let plan = self.check_session(&subject, access).await?;
        let now = self.clock.now();
        // A token of a withdrawn key counts as expired: WorkOS must confirm the session.
        let is_void = session.has_withdrawn_key(&self.web_keys);
        if !is_void && !session.needs_refresh(now) {
            return Ok(Some(accept_cookie(&session, &subject, plan, client, None)));
        }
        let is_expired = is_void || session.is_expired(now);
        match self.refresher.refresh(session.clone()).await {
            Ok(next) => {
                let next_subject = next.parse_subject().unwrap_or(subject);
                // WorkOS may have put the user into another session, which may be revoked.
                let plan = self.check_session(&next_subject, access).await?;
                let set_cookie = self.seal.seal(Purpose::Session, &next, SESSION_MAX_AGE);
                Ok(Some(accept_cookie(&next, &next_subject, plan, client, set_cookie)))
            }
            Err(RefreshError::Unavailable) if !is_expired => {
                Ok(Some(accept_cookie(&session, &subject, plan, client, None)))
            }
            // The cookie stays: an outage must not sign the user out.
            Err(RefreshError::Unavailable) => Err(AccessError::new(ApiError::SignInUnavailable)),
            Err(RefreshError::Ended) => {
                let error = ApiError::Unauthorized("the session has ended; sign in again");
                Err(self.reject_session(error))
            }
        }
    }

    async fn check_session(&self, subject: &Subject, access: Access) -> Result<Plan, AccessError> {
        self.check_revocation(subject, access).await.map_err(|error| match error {
            ApiError::Unauthorized(_) => self.reject_session(error),
            // The cookie stays: it can still finish an erasure.
            ApiError::AccountErased => AccessError { code: None, ..AccessError::new(error) },
            other => other.into(),
        })
    }

    /// Builds an error that removes the session's cookie. Its challenge has no error code, as the
    /// request had no bearer token (RFC 6750, section 3.1).
    fn reject_session(&self, error: ApiError) -> AccessError {
        let set_cookie = self.build_session_removal();
        AccessError { set_cookie, code: None, ..AccessError::new(error) }
    }

    /// Whether the browser states that a page of this server sent the request.
    pub fn is_same_origin_request(&self, headers: &HeaderMap) -> bool {
        is_same_origin_request(headers, &self.public_url)
    }

    /// Builds the `Set-Cookie` header that removes the session's cookie.
    pub fn build_session_removal(&self) -> Option<HeaderValue> {
        self.seal.build_removal(Purpose::Session)
    }
}

fn accept_cookie(
    session: &Session,
    subject: &Subject,
    plan: Plan,
    client: Client,
    set_cookie: Option<HeaderValue>,
) -> AuthenticatedCaller {
    let signed_in_at = session.signed_in_at();
    // The session outlives its access token, so it does not expire with it.
    let principal =
        Principal { signed_in_at, ..build_principal(subject, plan, client, Via::Cookie) };
    AuthenticatedCaller { principal, set_cookie }
}

/// Returns 32 characters with 122 random bits.
pub(super) fn random_text() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

fn convert_sign_in_error(error: &WorkOsError) -> ApiError {
    match error {
        WorkOsError::InvalidGrant | WorkOsError::Refused(_) => {
            tracing::warn!(%error, "WorkOS refused a sign-in");
            let detail = "this sign-in was already used, or has expired; start again";
            ApiError::Malformed(detail.to_owned())
        }
        WorkOsError::Call(_) | WorkOsError::BadToken(_) => {
            tracing::warn!(%error, "a sign-in failed");
            ApiError::SignInUnavailable
        }
    }
}
