//! Event streams end with the session that opened them, and with its token.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use futures_core::Stream;
use tokio::time::Instant;

use super::Authenticator;
use super::revocation::Subject;
use crate::domain::Timestamp;
use crate::domain::identity::Principal;

/// A body that ends early when the credential of its reader does.
struct WhileAuthenticated {
    body: BodyDataStream,
    ended: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Stream for WhileAuthenticated {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // The end comes first: no event may follow it, even one that is ready.
        if self.ended.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_next(cx)
    }
}

/// Whether a response is a stream of server-sent events, which has no end of its own.
pub(crate) fn is_event_stream(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE);
    media_type.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}

/// Ends an event stream when the caller's token expires or the session is revoked. Any other response
/// is returned unchanged: it ends soon by itself.
pub(crate) fn end_with_session(
    response: Response,
    authenticator: &Arc<Authenticator>,
    caller: &Principal,
) -> Response {
    if !is_event_stream(response.headers()) {
        return response;
    }
    let authenticator = Arc::clone(authenticator);
    let subject = Subject::new(caller.user_id.clone(), caller.session_id.clone());
    let deadline =
        caller.expires_at.map(|expires_at| find_deadline(expires_at, authenticator.now()));
    let ended = Box::pin(async move {
        tokio::select! {
            () = authenticator.revocations.wait_for_revocation(&subject) => {}
            () = wait_until(deadline) => {}
        }
    });
    response
        .map(|body| Body::from_stream(WhileAuthenticated { body: body.into_data_stream(), ended }))
}

/// Returns when a token expires (RFC 7519, section 4.1.4).
fn find_deadline(expires_at: Timestamp, now: Timestamp) -> Instant {
    let left = expires_at.as_millis().saturating_sub(now.as_millis());
    Instant::now() + Duration::from_millis(u64::try_from(left).unwrap_or_default())
}

async fn wait_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
