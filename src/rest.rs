//! The REST API: one resource a file.

pub mod account;
pub mod candidates;
pub mod health;
pub(crate) mod metadata;
pub mod openapi;
pub mod prompts;
pub mod transfer;
pub(crate) mod webhooks;
