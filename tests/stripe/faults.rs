//! Planned failures of the API, before or after the effect of a request.

use axum::body::{Body, Bytes};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// A planned failure of the requests that match.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Fault {
    /// The method of the requests; any without it.
    pub(crate) method: Option<String>,
    /// The beginning of the path of the requests.
    pub(crate) path: String,
    /// How many of them pass before.
    pub(crate) skip: usize,
    /// How many of them fail then; all without it.
    pub(crate) times: Option<usize>,
    /// Whether the request has its effect, of which the sender does not learn.
    pub(crate) has_effect: bool,
    pub(crate) kind: Kind,
}

/// How a request fails.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A status with an error of Stripe's. One from 500 on is repeated for the same key.
    Status(u16),
    /// A status and a body that is not of Stripe.
    Page(u16),
    /// A success whose body is cut.
    Garbled,
    /// No answer, while the connection stays open.
    Hang,
    /// The connection breaks off.
    #[default]
    Abort,
    /// No failure: the answer waits for a command, the effect with it unless `has_effect` is set.
    Hold,
}

#[derive(Default)]
pub(super) struct Faults {
    planned: Vec<Fault>,
    held: usize,
}

impl Faults {
    pub(super) fn plan(&mut self, fault: Fault) {
        self.planned.push(fault);
    }

    /// Ends every plan, and returns how many answers were held.
    pub(super) fn clear(&mut self) -> usize {
        self.planned.clear();
        std::mem::take(&mut self.held)
    }

    /// The failure of a request: that of the first plan that matches.
    pub(super) fn take(&mut self, method: &Method, path: &str) -> Option<Fault> {
        let index = self.planned.iter().position(|fault| {
            fault.method.as_ref().is_none_or(|wanted| wanted == method.as_str())
                && path.starts_with(&fault.path)
        })?;
        let fault = &mut self.planned[index];
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        let taken = fault.clone();
        if let Some(times) = &mut fault.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.planned.remove(index);
            }
        }
        if matches!(taken.kind, Kind::Hold) {
            self.held += 1;
        }
        Some(taken)
    }
}

/// The error that Stripe states with a planned status.
pub(super) fn error() -> Value {
    json!({ "error": { "type": "api_error", "message": "A failure was planned." } })
}

/// Fails as planned; `None` where the request goes on after it was held.
pub(super) async fn fail(fault: &Fault, gate: &Semaphore) -> Option<Response> {
    let (status, body) = match fault.kind {
        Kind::Status(status) => (status, error().to_string()),
        Kind::Page(status) => (status, "<html>a proxy's page</html>".to_owned()),
        Kind::Garbled => (200, r#"{"object":"list","data":[{"id":"sub_"#.to_owned()),
        Kind::Hang => std::future::pending().await,
        Kind::Abort => {
            let broken = tokio_stream::once(Err::<Bytes, _>(std::io::Error::other("broken off")));
            return Some(Body::from_stream(broken).into_response());
        }
        Kind::Hold => {
            // A closed gate holds nothing.
            if let Ok(permit) = gate.acquire().await {
                permit.forget();
            }
            return None;
        }
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Some((status, body).into_response())
}
