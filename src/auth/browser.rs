//! Browsers: their way through a sign-in, the session that follows, and its end.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::cookies::Purpose;
use super::origin::is_same_origin;
use super::sessions::{RefreshFault, Session};
use super::standing::Holder;
use super::{Admission, Authenticator, Refusal};
use crate::clients::workos::WorkOsError;
use crate::domain::Timestamp;
use crate::domain::identity::{Client, Via};
use crate::error::ApiError;

/// How long a person may take to sign in.
const SIGN_IN_MAX_AGE: Duration = Duration::from_mins(10);
/// How long a browser keeps a session that nobody uses; WorkOS may end it earlier.
const SESSION_MAX_AGE: cookie::time::Duration = cookie::time::Duration::days(30);

/// A sign-in on its way, as its cookie holds it.
#[derive(Serialize, Deserialize)]
struct PendingSignIn {
    state: String,
    code_verifier: String,
    return_to: String,
    begun_at: i64,
}

/// Where a browser is to go, and the cookies it takes along.
pub struct Departure {
    /// The URL.
    pub location: String,
    /// `Set-Cookie` headers.
    pub cookies: Vec<HeaderValue>,
}

impl Authenticator {
    /// Sends a browser to WorkOS; what has to come back is bound to it by a cookie.
    pub fn begin_sign_in(&self, return_to: String) -> Departure {
        // Each UUID brings 122 random bits; RFC 7636, section 4.1 asks for 43 to 128 characters.
        let random = || uuid::Uuid::new_v4().simple().to_string();
        let code_verifier = random() + &random();
        let code_challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&code_verifier));
        let state = random();
        let location = self.workos.authorize_url(&self.redirect_uri, &state, &code_challenge);
        let begun_at = self.clock.now().as_millis();
        let pending = PendingSignIn { state, code_verifier, return_to, begun_at };
        let max_age = SIGN_IN_MAX_AGE.try_into().unwrap_or(cookie::time::Duration::MINUTE);
        let cookie = self.seal.seal(Purpose::SignIn, &pending, max_age);
        Departure { location, cookies: cookie.into_iter().collect() }
    }

    /// Trades the code that a browser brings back, and sends it where it wanted to go.
    pub async fn finish_sign_in(
        &self,
        headers: &HeaderMap,
        state: &str,
        code: &str,
    ) -> Result<Departure, ApiError> {
        let pending: Option<PendingSignIn> = self.seal.open(Purpose::SignIn, headers);
        let is_due = |pending: &PendingSignIn| {
            let begun_at = Timestamp::from_millis(pending.begun_at);
            pending.state == state && self.clock.now() < begun_at.plus(SIGN_IN_MAX_AGE)
        };
        let pending = pending.filter(is_due).ok_or_else(|| {
            let detail = "this sign-in was not begun in this browser, or too long ago; start again";
            ApiError::Malformed(detail.to_owned())
        })?;
        let tokens = self.workos.authenticate(code, &pending.code_verifier).await;
        let (session, holder) = tokens.and_then(Session::of).map_err(|error| match error {
            WorkOsError::InvalidGrant | WorkOsError::Refused(_) => {
                tracing::warn!(%error, "WorkOS refused a sign-in");
                let detail = "this sign-in was used already, or it has expired; start again";
                ApiError::Malformed(detail.to_owned())
            }
            WorkOsError::Call(_) => {
                tracing::warn!(%error, "a sign-in failed");
                ApiError::SignInUnavailable
            }
        })?;
        self.standings.check(&holder).await?;
        let cookie = self.seal.seal(Purpose::Session, &session, SESSION_MAX_AGE);
        let cookie = cookie.ok_or_else(|| {
            ApiError::Internal("the refresh token of WorkOS is too long for a cookie".into())
        })?;
        let over = self.seal.removal(Purpose::SignIn);
        let cookies = std::iter::once(cookie).chain(over).collect();
        Ok(Departure { location: pending.return_to, cookies })
    }

    /// Ends the session of the request's cookie, if it has one: here at once, on other machines
    /// within a minute. A browser is sent on to WorkOS, which ends its own session; for anybody
    /// else that is done here.
    pub async fn sign_out(
        &self,
        headers: &HeaderMap,
        is_browser: bool,
    ) -> Result<Departure, ApiError> {
        let session: Option<Session> = self.seal.open(Purpose::Session, headers);
        let cookies = self.seal.removal(Purpose::Session).into_iter().collect();
        let mut departure = Departure { location: format!("{}/", self.public_url), cookies };
        let Some(holder) = session.and_then(|session| session.holder()) else {
            return Ok(departure);
        };
        self.standings.end(&holder).await?;
        if let Some(session_id) = &holder.session_id {
            if is_browser {
                departure.location = self.workos.logout_url(session_id, &departure.location);
            } else if let Err(error) = self.workos.revoke_session(session_id).await {
                tracing::warn!(%error, "a session ended here, but not at WorkOS");
            }
        }
        Ok(departure)
    }

    /// Whom the cookie of a browser speaks for, its session refreshed where it is time; `None`
    /// without a cookie that this server sealed.
    pub async fn admit_browser(
        &self,
        headers: &HeaderMap,
        client: Client,
    ) -> Result<Option<Admission>, Refusal> {
        let session: Option<Session> = self.seal.open(Purpose::Session, headers);
        let Some((session, holder)) =
            session.and_then(|session| session.holder().map(|holder| (session, holder)))
        else {
            return Ok(None);
        };
        self.check(&holder).await?;
        let admit = |holder: &Holder, set_cookie| {
            let principal = self.principal(holder, client, Via::Cookie);
            Ok(Some(Admission { principal, set_cookie }))
        };
        let now = self.clock.now();
        if !session.ends_soon(now) {
            return admit(&holder, None);
        }
        let had_ended = session.has_ended(now);
        match self.refresher.refresh(session).await {
            Ok(next) => {
                let next_holder = next.holder().unwrap_or(holder);
                self.check(&next_holder).await?;
                admit(&next_holder, self.seal.seal(Purpose::Session, &next, SESSION_MAX_AGE))
            }
            Err(RefreshFault::Unavailable) if !had_ended => admit(&holder, None),
            // The cookie stays, so that nobody is logged out by an outage.
            Err(RefreshFault::Unavailable) => Err(Refusal::new(ApiError::SignInUnavailable)),
            Err(RefreshFault::Ended) => {
                Err(self.dropped(ApiError::Unauthorized("the session has ended; sign in again")))
            }
        }
    }

    async fn check(&self, holder: &Holder) -> Result<(), Refusal> {
        self.standings.check(holder).await.map_err(|error| match error {
            ApiError::Unauthorized(_) => self.dropped(error),
            other => other.into(),
        })
    }

    /// A refusal that takes the cookie of the session away.
    fn dropped(&self, error: ApiError) -> Refusal {
        let set_cookie = self.seal.removal(Purpose::Session);
        Refusal { set_cookie, code: None, ..Refusal::new(error) }
    }

    /// Whether a browser says that a page of this server sent the request. Without a word from the
    /// browser it is not.
    pub fn is_own_page(&self, headers: &HeaderMap) -> bool {
        let sites: Vec<_> = headers.get_all("sec-fetch-site").iter().collect();
        let origins: Vec<_> = headers.get_all(header::ORIGIN).iter().collect();
        let is_own = |origin: &HeaderValue| {
            origin.to_str().is_ok_and(|origin| is_same_origin(origin, &self.public_url))
        };
        (!sites.is_empty() || !origins.is_empty())
            && sites.iter().all(|site| *site == "same-origin")
            && origins.iter().all(|origin| is_own(origin))
    }

    /// Has a browser forget its session.
    pub fn forget_session(&self) -> Option<HeaderValue> {
        self.seal.removal(Purpose::Session)
    }
}
