//! The REST API: one resource a file.

pub mod account;
pub mod billing;
pub mod bulk;
pub mod candidates;
pub mod clients;
pub mod health;
pub(crate) mod metadata;
pub mod openapi;
mod owner;
pub mod prompts;
pub mod sessions;
pub mod tags;
pub mod transfer;
pub(crate) mod webhooks;
