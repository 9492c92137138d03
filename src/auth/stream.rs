//! Streams that last: they end with the session that opened them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use futures_core::Stream;

use super::Authenticator;
use super::standing::Holder;
use crate::domain::identity::Principal;

/// A body that ends early when its reader is not welcome any more.
struct WhileWelcome {
    body: BodyDataStream,
    gone: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Stream for WhileWelcome {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.gone.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_next(cx)
    }
}

/// Whether an answer is a stream of events, which lasts for as long as both sides want.
pub(crate) fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

/// Ends a response of events with the caller's session; every other one is over soon by itself.
pub(crate) fn end_with_session(
    response: Response,
    authenticator: &Arc<Authenticator>,
    caller: &Principal,
) -> Response {
    if !is_event_stream(response.headers()) {
        return response;
    }
    let authenticator = Arc::clone(authenticator);
    let holder = Holder::new(caller.user_id.clone(), caller.session_id.clone());
    let gone = async move { authenticator.standings.until_gone(&holder).await };
    response.map(|body| {
        Body::from_stream(WhileWelcome { body: body.into_data_stream(), gone: Box::pin(gone) })
    })
}
