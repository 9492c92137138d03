//! Pages and routes for browsers.

pub(crate) mod pages;
pub(crate) mod sign_in;
