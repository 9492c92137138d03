//! [`Meter`]: the units that work costs its caller beside the request that asked for it.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::error::ApiError;

/// The units of one caller. A full bucket holds those of a minute, and each request takes one.
pub trait Bucket: Send + Sync {
    /// Takes so many units, or none if there are fewer. More units than a bucket can have left after
    /// the request itself count as that many, or the work would never be admitted.
    ///
    /// # Errors
    /// The seconds until they are there.
    fn take(&self, units: NonZeroU32) -> Result<(), u32>;

    /// Takes a unit if at least half of the bucket is left then, so that long work leaves the caller
    /// units for requests.
    ///
    /// # Errors
    /// The time until it can be taken, if nothing else takes units.
    fn take_spare(&self) -> Result<(), Duration>;
}

/// The bucket of a caller, which the edge puts into the extensions of a request; without one, work
/// costs nothing. Cloning it is cheap, and the clones share the bucket.
#[derive(Clone, Default)]
pub struct Meter(Option<Arc<dyn Bucket>>);

impl Meter {
    /// Creates the meter of a bucket.
    pub fn new(bucket: Arc<dyn Bucket>) -> Self {
        Self(Some(bucket))
    }

    /// Charges work before it begins.
    ///
    /// # Errors
    /// [`ApiError::RateLimited`] if the bucket has too few units; then none is taken.
    pub fn charge(&self, units: u32) -> Result<(), ApiError> {
        match (&self.0, NonZeroU32::new(units)) {
            (Some(bucket), Some(units)) => bucket
                .take(units)
                .map_err(|retry_after_seconds| ApiError::RateLimited { retry_after_seconds }),
            _ => Ok(()),
        }
    }

    /// Whether nothing is ever charged.
    pub(super) fn is_free(&self) -> bool {
        self.0.is_none()
    }

    /// Takes a unit as [`Bucket::take_spare`] does.
    pub(super) fn take_spare(&self) -> Result<(), Duration> {
        self.0.as_ref().map_or(Ok(()), |bucket| bucket.take_spare())
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Meter").field(&self.0.is_some()).finish()
    }
}
