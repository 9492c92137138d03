//! PromptDB: a person's prompts, saved in one chat and served in every other.
//!
//! The modules from the lowest to the highest. An import names only modules above its own line.

// Pure rules.
pub mod domain;

// Used by everything that follows.
pub mod config;
pub mod error;
pub mod telemetry;

pub mod clients;

// What texts mean.
pub mod meaning;

// What is kept, and what a person does with it.
pub mod store;

pub mod library;

// Who calls, and what they pay for.
pub mod auth;

pub mod billing;

pub mod erasure;

// What handlers share, and what every request passes.
pub mod state;

pub mod http;

// What runs beside requests.
pub mod jobs;

// The front doors.
pub mod rest;

pub mod web;

pub mod mcp;

// Every URL, and every command.
pub mod router;

pub mod cli;
