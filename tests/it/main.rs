//! The integration tests: one binary, one module a resource.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod access_token;
mod auth;
mod billing;
mod clients;
mod completion;
#[cfg(unix)]
mod connect;
mod connection;
mod convex;
mod cors;
mod cursors;
mod echoes;
mod embedding;
mod errors;
mod failures;
mod headers;
mod language;
mod limits;
mod mcp;
mod meaning;
mod meaning_search;
mod negotiation;
mod observability;
mod openapi;
mod origins;
mod pages;
#[cfg(unix)]
mod process;
mod prompts;
mod redaction;
mod router;
mod server;
mod skill;
#[cfg(unix)]
mod sqlite;
mod store_contract;
mod stores;
mod stripe;
mod structure;
mod support;
#[cfg(unix)]
mod terminal;
mod transfer;
mod widget;
