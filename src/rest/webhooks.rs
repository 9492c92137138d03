//! Webhooks: events that other services deliver, signed with a shared secret.
//!
//! An event may arrive more than once, late, and in any order, so each handler is idempotent.

pub(crate) mod stripe;
pub(crate) mod workos;
