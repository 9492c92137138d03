//! The integration tests: one binary, one module a resource.

mod store_contract;
mod support;
