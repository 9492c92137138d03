//! The integration tests: one binary, one module a resource.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod store_contract;
mod support;
