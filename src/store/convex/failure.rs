//! The store's errors for failed calls, and which calls may be repeated.

use serde::Deserialize;
use serde_json::Value;

use super::wire::Whole;
use crate::clients::CallError;
use crate::clients::convex::FunctionError;
use crate::domain::prompt::Name;
use crate::store::{Outage, StoreError};

/// The store's error for a failed call of `path`, and whether the call may be repeated.
pub(super) fn judge(path: &str, failure: FunctionError) -> (StoreError, bool) {
    match failure {
        FunctionError::Refused(data) => (refusal(path, data), false),
        FunctionError::Failed(message) => {
            (StoreError::Internal(format!("{path}: {message}").into()), false)
        }
        FunctionError::Overloaded | FunctionError::Call(CallError::Timeout) => {
            (StoreError::Busy, true)
        }
        FunctionError::Call(CallError::Status(status)) => {
            (unreachable(CallError::Status(status)), status.is_server_error())
        }
        FunctionError::Call(error) => (unreachable(error), true),
    }
}

fn unreachable(error: CallError) -> StoreError {
    StoreError::Unavailable(Outage::Unreachable(error.into()))
}

/// The codes with which a function refuses a call.
pub const FAILURE_CODES: [&str; 13] = [
    "NOT_FOUND",
    "NAME_TAKEN",
    "NOT_DELETED",
    "VERSION_CONFLICT",
    "QUOTA_EXCEEDED",
    "BYTES_EXCEEDED",
    "QUEUE_FULL",
    "CUSTOMER_TAKEN",
    "ACCOUNT_ERASED",
    "IDEMPOTENCY_MISMATCH",
    "INVALID_CURSOR",
    "INVALID_ARGUMENT",
    "UNAUTHORIZED",
];

fn refusal(path: &str, data: Value) -> StoreError {
    let Ok(refusal) = serde_json::from_value::<Refusal>(data) else {
        return StoreError::Internal(format!("{path} refused without a code").into());
    };
    match refusal.code.as_str() {
        "NOT_FOUND" => StoreError::NotFound,
        "NAME_TAKEN" => StoreError::NameTaken {
            current_version: refusal.version(),
            name: Name::from_store(refusal.name.unwrap_or_default()),
        },
        "VERSION_CONFLICT" => StoreError::VersionConflict { current_version: refusal.version() },
        "QUOTA_EXCEEDED" => StoreError::QuotaExceeded { limit: refusal.limit() },
        "BYTES_EXCEEDED" => StoreError::BytesExceeded { limit: refusal.bytes() },
        "NOT_DELETED" => StoreError::NotDeleted,
        "QUEUE_FULL" => StoreError::QueueFull { limit: refusal.limit() },
        "CUSTOMER_TAKEN" => StoreError::CustomerTaken,
        "ACCOUNT_ERASED" => StoreError::AccountErased,
        "IDEMPOTENCY_MISMATCH" => StoreError::IdempotencyMismatch,
        "INVALID_CURSOR" => StoreError::InvalidCursor,
        "UNAUTHORIZED" => StoreError::Unavailable(Outage::WrongApiKey),
        code => StoreError::Internal(format!("{path} refused with {code}").into()),
    }
}

/// The data of a `ConvexError` that the functions throw.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refusal {
    code: String,
    name: Option<String>,
    current_version: Option<Whole>,
    limit: Option<Whole>,
}

impl Refusal {
    fn version(&self) -> u32 {
        self.current_version.map_or(0, Whole::version)
    }

    fn limit(&self) -> u32 {
        self.limit.map_or(0, Whole::version)
    }

    fn bytes(&self) -> u64 {
        self.limit.map_or(0, |limit| limit.number().unsigned_abs())
    }
}
