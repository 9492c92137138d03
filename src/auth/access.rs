//! [`Access`]: the credential that a route requires.

use crate::domain::identity::Via;

/// The credential that a route requires before its handler runs. Without sign-in and without an access
/// token the local user meets every requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A health probe. It needs no credential and, where others need one, may carry any `Host`: an
    /// orchestrator addresses a machine by its IP address.
    Probe,
    /// No credential, also where the server has an access token: what the page of the sign-in takes.
    Public,
    /// No credential, unless the server has an access token: then that, or the session cookie.
    Open,
    /// A signature over the body, which the handler verifies.
    Signed,
    /// A bearer token for `PUBLIC_URL/mcp`.
    Mcp,
    /// A bearer token for `PUBLIC_URL/mcp` or, for the legacy transport alone, `PUBLIC_URL/sse`.
    Sse,
    /// A bearer token for `PUBLIC_URL/mcp`, a web token, or the session cookie.
    Api,
    /// As [`Api`](Self::Api), also of a user whose account was erased here: so that an erasure can be
    /// finished at the identity provider.
    Erased,
}

impl Access {
    /// Whether the route needs a [`Principal`](crate::domain::identity::Principal).
    pub(crate) fn needs_caller(self) -> bool {
        matches!(self, Self::Mcp | Self::Sse | Self::Api | Self::Erased)
    }

    /// Whether the route accepts the session cookie.
    pub(crate) fn accepts_cookie(self) -> bool {
        matches!(self, Self::Api | Self::Erased)
    }

    /// Whether the route speaks MCP, whose specification demands a check of `Origin`.
    pub(crate) fn is_mcp(self) -> bool {
        matches!(self, Self::Mcp | Self::Sse)
    }

    /// Whether the route needs no credential of a server that has an access token.
    pub(crate) fn is_public(self) -> bool {
        matches!(self, Self::Probe | Self::Public | Self::Signed)
    }

    /// Whether the route accepts a credential of this kind.
    pub(super) fn accepts(self, via: Via) -> bool {
        match self {
            Self::Mcp => via == Via::ResourceToken,
            Self::Sse => matches!(via, Via::ResourceToken | Via::StreamToken),
            Self::Api | Self::Erased => via != Via::StreamToken,
            Self::Probe | Self::Public | Self::Open | Self::Signed => true,
        }
    }
}
