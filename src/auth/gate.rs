//! [`Gate`]: how the server knows its callers.

use std::sync::Arc;

use super::{Authenticator, TokenGate, has_signed_in_recently};
use crate::domain::Timestamp;
use crate::domain::identity::Principal;

/// How the server knows its callers. Cloning it is cheap.
#[derive(Clone)]
pub enum Gate {
    /// It need not: only this machine reaches it, and every caller is the local user.
    Loopback,
    /// The local user has an access token.
    AccessToken(Arc<TokenGate>),
    /// Users sign in with WorkOS.
    WorkOs(Arc<Authenticator>),
}

impl Gate {
    /// Whether a caller has to prove who they are.
    pub fn needs_credential(&self) -> bool {
        !matches!(self, Self::Loopback)
    }

    /// Signs users in with WorkOS; `None` where there is only the local user.
    pub(crate) fn authenticator(&self) -> Option<&Arc<Authenticator>> {
        match self {
            Self::WorkOs(authenticator) => Some(authenticator),
            Self::Loopback | Self::AccessToken(_) => None,
        }
    }

    /// The word for it in `/api/me`.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Loopback => "none",
            Self::AccessToken(_) => "token",
            Self::WorkOs(_) => "workos",
        }
    }

    /// Whether pages of another origin may call `/mcp`: the exact text of an `Origin` header.
    pub(crate) fn allows_origin(&self, origin: &str) -> bool {
        match self {
            Self::Loopback => false,
            Self::AccessToken(gate) => gate.allows_origin(origin),
            Self::WorkOs(authenticator) => authenticator.allows_origin(origin),
        }
    }

    /// Whether the caller signed in within the last 10 minutes, as far as that is known; always true
    /// where nobody signs in.
    pub(crate) fn has_signed_in_recently(&self, caller: &Principal, now: Timestamp) -> bool {
        !self.needs_credential() || has_signed_in_recently(caller, now)
    }
}
