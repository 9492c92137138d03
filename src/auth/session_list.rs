//! The web sessions of a user: listed by WorkOS, and ended both there and here.

use std::cmp::Reverse;
use std::net::IpAddr;

use futures_util::future::join_all;

use super::Authenticator;
use crate::clients::workos::{UserSession, WorkOsError};
use crate::domain::Timestamp;
use crate::domain::identity::{Principal, UserId};
use crate::error::ApiError;

/// Number of sessions in a page of WorkOS's list. With user agents of 16 KiB, a page is still smaller
/// than the largest response that is read.
const PAGE_SESSIONS: usize = 50;
/// Maximum number of pages that one request reads. The list has ended sessions, too: a user takes
/// years for a thousand sign-ins, and no session lasts as long.
const PAGES_MAX: usize = 20;
/// Maximum number of characters of a user agent that is shown.
const USER_AGENT_MAX_CHARS: usize = 512;
/// Number of sessions that one request ends at the same time, each with a call of WorkOS.
const ENDED_AT_ONCE: usize = 8;

/// A web session of a user, as WorkOS describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSession {
    /// Its id, the claim `sid` of its access tokens.
    pub id: String,
    /// Whether it is the session of the request.
    pub is_current: bool,
    /// The time of its sign-in.
    pub created_at: Timestamp,
    /// The time of its latest change.
    pub updated_at: Option<Timestamp>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// The address of the browser.
    pub ip_address: Option<IpAddr>,
    /// The user agent of the browser, without control characters and cut.
    pub user_agent: Option<String>,
}

impl Authenticator {
    /// Lists the sessions of the caller that have not ended, the latest sign-in first, among the latest
    /// 1,000 that WorkOS keeps.
    ///
    /// Fails with [`ApiError::SignInUnavailable`] if WorkOS is unavailable.
    pub async fn list_sessions(&self, caller: &Principal) -> Result<Vec<WebSession>, ApiError> {
        let now = self.clock.now();
        let mut listed = self.fetch_sessions(&caller.user_id).await?;
        listed.retain(|session| is_live(session, now));
        let mut sessions: Vec<WebSession> = listed
            .into_iter()
            .map(|session| WebSession {
                is_current: caller.session_id.as_ref() == Some(&session.id),
                id: session.id,
                created_at: session.created_at,
                updated_at: session.updated_at,
                expires_at: session.expires_at,
                ip_address: session.ip_address.and_then(|address| address.parse().ok()),
                user_agent: session.user_agent.as_deref().and_then(clean_user_agent),
            })
            .collect();
        sessions.sort_by_key(|session| Reverse(session.created_at));
        Ok(sessions)
    }

    /// Ends a session of the caller, at WorkOS and here. Idempotent for as long as WorkOS lists the
    /// session.
    ///
    /// Fails with [`ApiError::NotFound`] if WorkOS does not list the session as one of the caller's,
    /// and calls nothing with its id then; with [`ApiError::SignInUnavailable`] if WorkOS is
    /// unavailable.
    pub async fn end_own_session(
        &self,
        caller: &Principal,
        session_id: &str,
    ) -> Result<(), ApiError> {
        let user_id = &caller.user_id;
        // The credential of the caller proves whose session this is.
        if caller.session_id.as_deref() == Some(session_id) {
            return self.end_everywhere(user_id, session_id).await;
        }
        let sessions = self.fetch_sessions(user_id).await?;
        match sessions.iter().find(|session| session.id == session_id) {
            Some(session) if is_live(session, self.clock.now()) => {
                self.end_everywhere(user_id, session_id).await
            }
            // Its access token may not have expired yet.
            Some(_) => self.revocations.end_session(user_id, session_id).await,
            None => {
                let detail = "you have no session with this id; GET /api/sessions lists yours";
                Err(ApiError::NotFound(detail.to_owned()))
            }
        }
    }

    /// Ends every session of the caller, at WorkOS and here; the one of the request last, so that the
    /// caller can repeat the request.
    ///
    /// Fails with [`ApiError::SignInUnavailable`] if WorkOS does not list the sessions, and with
    /// [`ApiError::SignOutIncomplete`] if one of them does not end; that of the request has not ended
    /// then.
    pub async fn end_all_sessions(&self, caller: &Principal) -> Result<(), ApiError> {
        let (user_id, now) = (&caller.user_id, self.clock.now());
        let own = caller.session_id.as_deref();
        let sessions = self.fetch_sessions(user_id).await?;
        let others: Vec<&str> = sessions
            .iter()
            .filter(|session| is_live(session, now) && Some(session.id.as_str()) != own)
            .map(|session| session.id.as_str())
            .collect();
        let mut has_ended_all = true;
        for batch in others.chunks(ENDED_AT_ONCE) {
            let ended = join_all(batch.iter().map(|id| self.end_everywhere(user_id, id))).await;
            has_ended_all &= ended.iter().all(Result::is_ok);
        }
        if has_ended_all && let Some(own) = own {
            has_ended_all = self.end_everywhere(user_id, own).await.is_ok();
        }
        if has_ended_all { Ok(()) } else { Err(ApiError::SignOutIncomplete) }
    }

    /// Ends a session at WorkOS, then here. Idempotent.
    async fn end_everywhere(&self, user_id: &UserId, session_id: &str) -> Result<(), ApiError> {
        let ended = self.workos.revoke_session(session_id).await;
        ended.map_err(|error| convert_error(&error))?;
        let ended = self.revocations.end_session(user_id, session_id).await;
        ended.inspect_err(|error| tracing::warn!(%error, "a session ended at WorkOS alone"))
    }

    /// Fetches the sessions of a user, those that have ended included. A user whom WorkOS does not know
    /// has none.
    async fn fetch_sessions(&self, user_id: &UserId) -> Result<Vec<UserSession>, ApiError> {
        let (mut sessions, mut cursor) = (Vec::new(), None::<String>);
        for _ in 0..PAGES_MAX {
            let user_id = user_id.as_str();
            let page = self.workos.list_sessions(user_id, PAGE_SESSIONS, cursor.as_deref()).await;
            let Some(page) = page.map_err(|error| convert_error(&error))? else { break };
            cursor = page.next_cursor().map(str::to_owned);
            sessions.extend(page.data);
            if cursor.is_none() {
                break;
            }
        }
        Ok(sessions)
    }
}

fn convert_error(error: &WorkOsError) -> ApiError {
    tracing::warn!(%error, "WorkOS neither lists nor ends the sessions of a user");
    ApiError::SignInUnavailable
}

/// Whether a session has not ended. The status may be absent, and may not show an expiry yet.
fn is_live(session: &UserSession, now: Timestamp) -> bool {
    session.status.as_deref().is_none_or(|status| status == "active")
        && session.ended_at.is_none()
        && session.expires_at.is_none_or(|at| now < at)
}

/// Cleans a user agent, which may be any text. Returns `None` if nothing is left.
fn clean_user_agent(text: &str) -> Option<String> {
    let printable = text.chars().filter(|character| !character.is_control());
    let cut: String = printable.take(USER_AGENT_MAX_CHARS).collect();
    let trimmed = cut.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}
