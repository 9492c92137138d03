//! Idempotency keys: one request of a key runs at a time, and each answer is kept, failures too.

use std::sync::Arc;

use axum::http::StatusCode;

use super::Inner;
use super::account::Account;
use super::faults::{self, Fault, Kind};
use super::requests::{Received, Reply};

/// A request that runs, until this is dropped.
pub(super) struct Running {
    inner: Arc<Inner>,
    key: Option<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.inner.lock().running.remove(key);
        }
    }
}

/// Begins a request; `None` while another one with its key runs.
pub(super) fn begin(inner: &Arc<Inner>, received: &Received) -> Option<Running> {
    let key = received.key();
    let is_new = key.as_ref().is_none_or(|key| inner.lock().running.insert(key.clone()));
    is_new.then(|| Running { inner: Arc::clone(inner), key })
}

/// Keeps a failure of Stripe itself as the answer to its key. A refusal before the request began is not
/// kept.
pub(super) fn save_failure(account: &mut Account, received: &Received, fault: &Fault) {
    let Kind::Status(status) = fault.kind else { return };
    let status = StatusCode::from_u16(status).unwrap_or_default();
    let Some(key) = received.key().filter(|_| status.is_server_error()) else { return };
    let (path, params) = (received.path.clone(), received.params.clone());
    account.replies.insert(key, Reply { path, params, status, body: faults::error() });
}
