//! PromptDB: a person's prompts, saved in one chat and served in every other.
//!
//! The modules in reading order: what the product is about ([`domain`]), where it is kept
//! ([`store`]), the two front doors ([`api`]), and the process around them.

pub mod domain;
pub mod store;

pub mod api;
pub mod error;
pub mod middleware;

pub mod clients;

pub mod app;
pub mod cli;
pub mod config;
pub mod server;
pub mod telemetry;
