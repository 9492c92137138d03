//! Pages for browsers.

pub(crate) mod page;
pub(crate) mod sign_in;
