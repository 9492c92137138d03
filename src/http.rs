//! HTTP around the handlers: the server, the steps that every request passes, and the extractors.

mod access;
pub(crate) mod body;
pub(crate) mod budget;
pub(crate) mod compression;
pub(crate) mod conditions;
mod cors;
mod envelope;
pub mod exposition;
pub mod extract;
pub(crate) mod layers;
pub mod limits;
pub(crate) mod negotiation;
mod origin;
pub(crate) mod page;
pub(crate) mod policy;
pub(crate) mod rule;
pub mod server;
pub mod signature;
pub(crate) mod ticket;
