//! [`Plan`]: what a user may hold and use. The one table of plans.

/// What a library may hold; `None` means unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    /// Maximum number of living prompts.
    pub prompts: Option<u32>,
    /// Maximum size in bytes of all versions, those of deleted prompts included, and of the
    /// candidates; [`Body::bytes`](super::prompt::Body::bytes) is the size of each.
    pub bytes: Option<u64>,
}

/// The limit of a [`Quota`] that a library has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The number of living prompts.
    Prompts(u32),
    /// The bytes.
    Bytes(u64),
}

impl Full {
    /// The sentence for the owner: what is full, and how to make room, also at `trash_url`.
    pub fn explain(self, trash_url: Option<&str>) -> String {
        let (what, how) = match self {
            Self::Prompts(limit) => (format!("{limit} prompts"), "delete a prompt first"),
            Self::Bytes(limit) => (
                format!("{limit} bytes with old versions, deleted prompts and candidates"),
                "remove deleted prompts or old versions for good first",
            ),
        };
        let place = trash_url.map(|url| format!("; the trash is at {url}")).unwrap_or_default();
        format!("the library is full ({what}, the limit of the plan); {how}{place}")
    }
}

/// The limits of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The name shown to users.
    pub name: &'static str,
    /// What the library may hold.
    pub quota: Quota,
    /// Maximum number of imports at a time.
    pub imports: usize,
    /// Maximum number of open streams of server-sent events.
    pub streams: usize,
}

impl Plan {
    /// The plan of the local user, whose disk is the limit.
    pub const LOCAL: Self = Self {
        name: "local",
        quota: Quota { prompts: None, bytes: None },
        imports: 4,
        streams: 64,
    };

    /// The plan without a subscription.
    pub const fn free(prompts: u32) -> Self {
        Self {
            name: "free",
            quota: Quota { prompts: Some(prompts), bytes: Some(20 * 1024 * 1024) },
            imports: 1,
            streams: 16,
        }
    }
}
