//! Reading of request bodies, bounded in size and time.

use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::error::ApiError;

/// Maximum size of a request body in bytes.
pub const BODY_MAX_BYTES: usize = 256 * 1024;

/// Reads a whole body of at most [`BODY_MAX_BYTES`].
pub(crate) async fn read_body(body: Body) -> Result<Bytes, ApiError> {
    match Limited::new(body, BODY_MAX_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(body_error(&*error, BODY_MAX_BYTES)),
    }
}

/// Reads a whole body within `timeout`, for routes that keep their own deadline.
pub(crate) async fn read_body_within(body: Body, timeout: Duration) -> Result<Bytes, ApiError> {
    tokio::time::timeout(timeout, read_body(body)).await.map_err(|_| ApiError::Timeout)?
}

/// The error of a body that is over its limit, or that broke off.
pub(crate) fn body_error(error: &(dyn std::error::Error + 'static), limit: usize) -> ApiError {
    if error.is::<LengthLimitError>() {
        return ApiError::TooLarge { limit };
    }
    // The cause is the client's connection, which is not for the response.
    tracing::debug!(error, "a request body broke off");
    ApiError::Malformed("the request body broke off before its end".to_owned())
}
