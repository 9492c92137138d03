//! Identities: users, libraries, clients, and the [`Principal`] that every use case takes.

use std::fmt;

use super::Timestamp;
use super::plan::Plan;

/// Maximum characters of a user id.
pub const USER_ID_MAX_CHARS: usize = 128;

/// Maximum characters of a client's name.
pub const CLIENT_MAX_CHARS: usize = 64;

/// A person: the id that the identity provider issued, or [`UserId::local`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserId(String);

impl UserId {
    /// The one user of a server without sign-in.
    pub fn local() -> Self {
        Self("local".to_owned())
    }

    /// Checks an id: 1 to 128 visible ASCII characters.
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed = (1..=USER_ID_MAX_CHARS).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        well_formed.then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A library: the owner of prompts, candidates and their audit trail.
///
/// Accounts and sessions belong to a [`UserId`]. Today every user has exactly one library, so the
/// id of the library is derived from the user's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LibraryId(String);

impl LibraryId {
    /// Restores a stored id without a check. Only stores call this.
    pub(crate) fn from_store(text: String) -> Self {
        Self(text)
    }

    /// The user's own library.
    pub fn of_user(user: &UserId) -> Self {
        Self(user.as_str().to_owned())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LibraryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of the program that acts for the user, such as `claude-code`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client(String);

impl Client {
    /// A client's own name without control characters, cut to 64 characters; `unknown` when empty.
    pub fn named(text: &str) -> Self {
        let clean = text.chars().filter(|c| !c.is_control()).take(CLIENT_MAX_CHARS);
        let name = clean.collect::<String>().trim().to_owned();
        Self(if name.is_empty() { "unknown".to_owned() } else { name })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The door through which a program calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// REST, with a token or on this machine.
    Api,
    /// REST, by the cookie of a page.
    Browser,
    /// MCP over Streamable HTTP.
    Mcp,
    /// MCP over the legacy transport of streams.
    Sse,
    /// MCP over stdio.
    Stdio,
}

impl Channel {
    /// The words of all channels.
    pub const WORDS: [&str; 5] = ["api", "browser", "mcp", "sse", "stdio"];

    /// The channel of a REST request.
    pub fn of_rest(via: Via) -> Self {
        if via == Via::Cookie { Self::Browser } else { Self::Api }
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Browser => "browser",
            Self::Mcp => "mcp",
            Self::Sse => "sse",
            Self::Stdio => "stdio",
        }
    }

    /// Parses a word of [`Channel::WORDS`].
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Api, Self::Browser, Self::Mcp, Self::Sse, Self::Stdio]
            .into_iter()
            .find(|channel| channel.as_str() == word)
    }
}

/// Maximum number of programs that are kept for a library; of more, the one that called last the
/// longest ago goes.
pub const CLIENTS_MAX: usize = 50;

/// A program that has called for a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectedClient {
    /// Its name.
    pub name: Client,
    /// The door that it used.
    pub via: Channel,
    /// The time of its first call.
    pub first_seen_at: Timestamp,
    /// The time of its latest call, up to a minute late.
    pub last_seen_at: Timestamp,
}

/// How the caller was authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// By access to the loopback address of a server without sign-in.
    Loopback,
    /// By an access token for this server.
    ResourceToken,
    /// By an access token for this server's legacy transport alone.
    StreamToken,
    /// By the access token of a web session.
    WebToken,
    /// By the cookie of a web session.
    Cookie,
}

impl Via {
    /// Whether the owner acts in person, and not a program that they connected. Where nobody signs
    /// in, every caller does.
    pub fn is_in_person(self) -> bool {
        match self {
            Self::Loopback | Self::WebToken | Self::Cookie => true,
            Self::ResourceToken | Self::StreamToken => false,
        }
    }
}

/// The caller of a use case.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The authenticated user.
    pub user_id: UserId,
    /// The library that the use cases read and write.
    pub library_id: LibraryId,
    /// The session of the credential, if it has one.
    pub session_id: Option<String>,
    /// The program that sent the request.
    pub client: Client,
    /// The limits of the library.
    pub plan: Plan,
    /// How the user was authenticated.
    pub via: Via,
    /// When the user last signed in, by the issuer's account of it; `None` if that is unknown.
    pub signed_in_at: Option<Timestamp>,
    /// When the credential is no longer accepted; `None` if it is renewed, as a cookie is, or lasts.
    pub expires_at: Option<Timestamp>,
}

impl Principal {
    /// The user of a server without sign-in.
    pub fn local(client: Client) -> Self {
        let user_id = UserId::local();
        Self {
            library_id: LibraryId::of_user(&user_id),
            user_id,
            session_id: None,
            client,
            plan: Plan::LOCAL,
            via: Via::Loopback,
            signed_in_at: None,
            expires_at: None,
        }
    }

    /// The same caller with another client.
    #[must_use]
    pub fn through(&self, client: Client) -> Self {
        Self { client, ..self.clone() }
    }
}
