//! [`Rule`]: who may call a route, which limit counts its requests, and what its responses are.

use crate::auth::Access;

/// Which bucket counts the requests of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LimitClass {
    /// None: health probes are never refused.
    Exempt,
    /// The bucket of the user. A request whose credential is refused counts against its address.
    User,
    /// The bucket of the address.
    Address,
    /// The bucket of the address for pages and assets, so that loading a page takes nothing from
    /// the API.
    Page,
    /// The bucket of the address for pages, and for a form with a credential the bucket of the address,
    /// if the credential is refused.
    SignIn,
    /// The bucket of the address, for refused requests alone: a sender with the right signature
    /// sends as often as it has events. While the bucket is empty every request is refused.
    Refused,
}

/// What responses are: which content security policy they carry, and whether each has a line in the
/// log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Data, which loads nothing.
    Data,
    /// An HTML page, which loads files of this server.
    Page,
    /// A file that pages load. It loads nothing itself. A page takes several, so their lines are in
    /// the log at the level `debug` only, unless they fail.
    File,
}

/// How a route is guarded. The router adds no route without one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) access: Access,
    pub(crate) limit: LimitClass,
    pub(crate) content: Content,
    /// Maximum size of a request body in bytes.
    pub(crate) body_max_bytes: usize,
    /// Whether the handler keeps its deadline itself.
    pub(crate) has_own_deadline: bool,
}
