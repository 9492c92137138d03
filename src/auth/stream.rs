//! Event streams end with the session that opened them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use futures_core::Stream;

use super::Authenticator;
use super::revocation::Subject;
use crate::domain::identity::Principal;

/// A body that ends early when the session of its reader is revoked.
struct UntilRevoked {
    body: BodyDataStream,
    revoked: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Stream for UntilRevoked {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // The revocation comes first: no event may follow it, even one that is ready.
        if self.revoked.as_mut().poll(cx).is_ready() {
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

/// Ends an event stream when the caller's session is revoked. Any other response is returned
/// unchanged: it ends soon by itself.
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
    let revoked =
        Box::pin(async move { authenticator.revocations.wait_for_revocation(&subject).await });
    response.map(|body| Body::from_stream(UntilRevoked { body: body.into_data_stream(), revoked }))
}
