//! Who is asking: the [`Principal`] that every use case is given, and what their plan allows.

use std::fmt;

/// Maximum characters of a user id.
pub const USER_ID_MAX_CHARS: usize = 128;

/// Maximum characters of a client's name.
pub const CLIENT_MAX_CHARS: usize = 64;

/// The owner of prompts: the id that the identity provider gives a person, or [`UserId::local`].
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

/// The name of the program that speaks for the user, such as `claude-code`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client(String);

impl Client {
    /// Takes what a client says of itself, cut to 64 characters and rid of control characters.
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

/// What a user may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The name that the user knows it by.
    pub name: &'static str,
    /// How many living prompts it holds; `None` is without limit.
    pub prompt_limit: Option<u32>,
}

impl Plan {
    /// The plan of the local user, whose disk is the limit.
    pub const LOCAL: Self = Self { name: "local", prompt_limit: None };

    /// The plan of those who pay nothing.
    pub const fn free(prompt_limit: u32) -> Self {
        Self { name: "free", prompt_limit: Some(prompt_limit) }
    }
}

/// How the caller proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// By reaching the loopback address of a server without sign-in.
    Loopback,
    /// By an access token that was made for this server.
    ResourceToken,
    /// By an access token that was made for the legacy transport of this server alone.
    StreamToken,
    /// By the access token of a web session.
    WebToken,
    /// By the cookie of a web session.
    Cookie,
}

/// The caller of a use case.
#[derive(Debug, Clone)]
pub struct Principal {
    /// Whose library it is.
    pub user_id: UserId,
    /// The sign-in that the request belongs to, where there is one.
    pub session_id: Option<String>,
    /// The program that asks.
    pub client: Client,
    /// What the user may keep.
    pub plan: Plan,
    /// How they were recognised.
    pub via: Via,
}

impl Principal {
    /// The user of a server without sign-in.
    pub fn local(client: Client) -> Self {
        Self {
            user_id: UserId::local(),
            session_id: None,
            client,
            plan: Plan::LOCAL,
            via: Via::Loopback,
        }
    }

    /// The same caller, asking through a program of another name.
    #[must_use]
    pub fn through(&self, client: Client) -> Self {
        Self { client, ..self.clone() }
    }
}
