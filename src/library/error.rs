//! [`LibraryError`], and its conversion to the error that a caller may see.

use crate::domain::plan::Full;
use crate::domain::prompt::{Name, PromptId};
use crate::domain::{FieldError, Invalid};
use crate::error::ApiError;
use crate::store::StoreError;

/// The failure of a use case.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The input breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// There is no such prompt, version or candidate. The text names it.
    #[error("{0}")]
    NotFound(String),
    /// A save over an existing prompt lacks `expected_version`.
    #[error("the prompt exists; expected_version is missing")]
    VersionMissing {
        /// The current version.
        current_version: u32,
    },
    /// The library holds as much as the plan allows.
    #[error("the library is full")]
    Full {
        /// The limit that is reached.
        full: Full,
        /// Where the owner can empty the trash, if there are pages.
        trash_url: Option<String>,
    },
    /// Several deleted prompts have the name.
    #[error("several deleted prompts are named {name}")]
    Ambiguous {
        /// The name.
        name: Name,
        /// Their ids, the latest deletion first; at most 10.
        ids: Vec<PromptId>,
    },
    /// A deletion cannot be undone, because another prompt has the name now.
    #[error("another prompt is named {name}")]
    RestoredNameTaken {
        /// The name.
        name: Name,
        /// The version of the other prompt.
        current_version: u32,
        /// The deleted prompt.
        id: PromptId,
    },
    /// Only the owner in person removes texts for good.
    #[error("the caller is a program that the owner connected")]
    NotInPerson,
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<FieldError> for LibraryError {
    fn from(error: FieldError) -> Self {
        Self::Invalid(error.into())
    }
}

impl From<LibraryError> for ApiError {
    fn from(error: LibraryError) -> Self {
        match error {
            LibraryError::Invalid(invalid) => Self::Invalid(invalid),
            LibraryError::NotFound(detail) => Self::NotFound(detail),
            LibraryError::VersionMissing { current_version } => {
                Self::Conflict { missing: true, current_version }
            }
            LibraryError::Full { full, trash_url } => Self::QuotaExceeded { full, trash_url },
            LibraryError::Ambiguous { name, ids } => {
                let ids: Vec<&str> = ids.iter().map(PromptId::as_str).collect();
                Self::Ambiguous { name: name.to_string(), ids: ids.join(", ") }
            }
            LibraryError::RestoredNameTaken { name, current_version, id } => {
                Self::RestoredNameTaken {
                    name: name.to_string(),
                    current_version,
                    id: id.to_string(),
                }
            }
            LibraryError::NotInPerson => Self::Forbidden(
                "only its owner removes texts for good: sign in to this server in a browser and do \
                 it there",
            ),
            LibraryError::Store(error) => from_store(error),
        }
    }
}

fn from_store(error: StoreError) -> ApiError {
    match error {
        StoreError::NotFound => ApiError::NotFound("there is no such prompt".to_owned()),
        StoreError::NameTaken { name, current_version } => {
            ApiError::NameTaken { name: name.to_string(), current_version }
        }
        StoreError::VersionConflict { current_version } => {
            ApiError::Conflict { missing: false, current_version }
        }
        StoreError::QuotaExceeded { limit } => {
            ApiError::QuotaExceeded { full: Full::Prompts(limit), trash_url: None }
        }
        StoreError::BytesExceeded { limit } => {
            ApiError::QuotaExceeded { full: Full::Bytes(limit), trash_url: None }
        }
        StoreError::NotDeleted => ApiError::NotDeleted,
        StoreError::QueueFull { limit } => ApiError::QueueFull { limit },
        // Stripe issues an id once, so that a customer of another user is a fault of ours.
        StoreError::CustomerTaken => ApiError::Internal(error.into()),
        StoreError::AccountErased => ApiError::AccountErased,
        StoreError::IdempotencyMismatch => ApiError::IdempotencyMismatch,
        StoreError::InvalidCursor => {
            let message = "belongs to another listing; start again without a cursor";
            FieldError::new("cursor", message).into()
        }
        StoreError::Busy => ApiError::Busy,
        StoreError::Unavailable(cause) => ApiError::Unavailable(cause.into()),
        StoreError::Internal(cause) => ApiError::Internal(cause),
    }
}
