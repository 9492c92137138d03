//! The context of a write: its client, its idempotency key, and the candidate that it accepts.

use crate::domain::candidate::CandidateId;
use crate::domain::plan::Quota;

/// What a write carries beside its data.
#[derive(Debug, Clone, Default)]
pub struct WriteContext {
    /// The client, for the source of a version and for the audit entry.
    pub client: String,
    /// What the library may hold after the write. A write that does not make it larger ignores it.
    pub quota: Quota,
    /// Set if the caller may repeat the write.
    pub idempotency: Option<Idempotency>,
    /// The candidate that this creation or save accepts. It is removed in the same transaction,
    /// and the write is [`NotFound`](super::StoreError::NotFound) if it no longer waits.
    pub accepts: Option<CandidateId>,
}

/// Days for which the result of a write under an idempotency key is kept.
pub const IDEMPOTENCY_DAYS: i64 = 2;

/// Maximum size of an idempotency key in bytes.
pub const IDEMPOTENCY_KEY_MAX_BYTES: usize = 255;

/// A caller's key for one write, kept for at least 24 hours.
///
/// Law: a write with a key that already succeeded writes nothing and returns the recorded result.
/// With another fingerprint it is
/// [`IdempotencyMismatch`](super::StoreError::IdempotencyMismatch). Failures are not recorded.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// Unique per write and owner; 1 to 255 bytes.
    pub key: String,
    /// Distinguishes requests with the same key.
    pub fingerprint: String,
}
