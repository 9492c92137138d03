//! Identities: users, libraries, clients, and the [`Principal`] that every use case takes.

use std::fmt;

use super::Timestamp;
use super::characters::is_invisible;
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
    /// A client's own name without control and invisible characters, cut to 64 characters;
    /// `unknown` when empty.
    pub fn named(text: &str) -> Self {
        let clean = text.chars().filter(|c| !is_left_out(*c)).take(CLIENT_MAX_CHARS);
        let name = clean.collect::<String>().trim().to_owned();
        Self(if name.is_empty() { "unknown".to_owned() } else { name })
    }

    /// The client behind a `User-Agent` (RFC 9110, section 10.1.5), for the transports that do not
    /// pass a client's own name: a name that its user understands for a known one, else
    /// its first product without the version.
    pub fn of_user_agent(agent: &str) -> Self {
        // A longer header has no more to say.
        let known: String = agent.chars().take(USER_AGENT_MAX_CHARS).collect();
        let known = known.to_ascii_lowercase();
        match USER_AGENTS.iter().find(|(start, _)| is_product(&known, start)) {
            Some((_, name)) => Self((*name).to_owned()),
            None => Self::named(agent.split([' ', '/', '(']).next().unwrap_or_default()),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Maximum characters of a `User-Agent` that are compared with the known ones.
const USER_AGENT_MAX_CHARS: usize = 64;

/// The beginnings of known user agents in lower case, with the names of their clients. Libraries of
/// HTTP are the clients of a language: their names mean nothing to a person.
const USER_AGENTS: &[(&str, &str)] = &[
    ("claude-user", "Claude"),
    ("claude-code", "Claude Code"),
    ("claude-desktop", "Claude Desktop"),
    ("claude", "Claude"),
    ("anthropic", "Claude"),
    ("openai-mcp", "ChatGPT"),
    ("chatgpt", "ChatGPT"),
    ("openai", "ChatGPT"),
    ("codex", "Codex"),
    ("cursor", "Cursor"),
    ("visual studio code", "VS Code"),
    ("visual-studio-code", "VS Code"),
    ("vscode", "VS Code"),
    ("windsurf", "Windsurf"),
    ("zed", "Zed"),
    ("geminicli", "Gemini CLI"),
    ("gemini-cli", "Gemini CLI"),
    ("google-gemini", "Gemini"),
    ("gemini", "Gemini"),
    ("githubcopilot", "GitHub Copilot"),
    ("github-copilot", "GitHub Copilot"),
    ("copilot", "Copilot"),
    ("opencode", "opencode"),
    ("goose", "Goose"),
    ("mcp-remote", "mcp-remote"),
    ("node-fetch", "Node.js client"),
    ("node.js", "Node.js client"),
    ("node", "Node.js client"),
    ("undici", "Node.js client"),
    ("axios", "Node.js client"),
    ("bun", "Bun client"),
    ("deno", "Deno client"),
    ("python", "Python client"),
    ("python-mcp", "Python client"),
    ("python-httpx", "Python client"),
    ("python-requests", "Python client"),
    ("python-urllib", "Python client"),
    ("aiohttp", "Python client"),
    ("httpx", "Python client"),
    ("go-http-client", "Go client"),
    ("java-http-client", "Java client"),
    ("java", "Java client"),
    ("apache-httpclient", "Java client"),
    ("okhttp", "Java client"),
    ("ktor", "Kotlin client"),
    ("ktor-client", "Kotlin client"),
    ("reqwest", "Rust client"),
    ("hyper", "Rust client"),
    ("ruby", "Ruby client"),
    ("faraday", "Ruby client"),
    ("guzzlehttp", "PHP client"),
    ("dart", "Dart client"),
    ("curl", "curl"),
    ("wget", "Wget"),
    ("postmanruntime", "Postman"),
    ("insomnia", "Insomnia"),
    ("mozilla", "browser"),
    ("opera", "browser"),
];

/// Whether an agent begins with a product (RFC 9110, section 10.1.5) and not with a longer word.
fn is_product(agent: &str, product: &str) -> bool {
    let rest = agent.strip_prefix(product);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ' ', '(', ';', ',']))
}

/// Whether a character is left out of a name: control characters, line breaks and invisible ones, with
/// which one name could pass for another.
fn is_left_out(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') || is_invisible(c)
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
    /// By the access token of the person who hosts the server for themselves.
    OwnToken,
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
            Self::ResourceToken | Self::StreamToken | Self::OwnToken => false,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_user_agent_has_a_name_that_a_person_understands() {
        for (agent, name) in [
            ("node", "Node.js client"),
            ("undici", "Node.js client"),
            ("python-httpx/0.28.1", "Python client"),
            ("Python/3.12 aiohttp/3.9", "Python client"),
            ("Claude-User", "Claude"),
            ("Claude-User/1.0 (+https://anthropic.com)", "Claude"),
            ("claude-code/2.1.3 (cli)", "Claude Code"),
            ("Cursor/3.1 (darwin arm64)", "Cursor"),
            ("Visual Studio Code/1.107.0", "VS Code"),
            ("openai-mcp/1.0.0", "ChatGPT"),
            ("GeminiCLI/0.9 (linux; x64)", "Gemini CLI"),
            ("Gemini", "Gemini"),
            ("Go-http-client/2.0", "Go client"),
            ("curl/8.5.0", "curl"),
            ("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "browser"),
            ("some-client/1.2 (x)", "some-client"),
            ("nodeful/1", "nodeful"),
            ("Cursory 2", "Cursory"),
            ("", "unknown"),
            ("/", "unknown"),
        ] {
            assert_eq!(Client::of_user_agent(agent).as_str(), name, "{agent}");
        }
        let long = Client::of_user_agent(&"x".repeat(10_000));
        assert_eq!(long.as_str().chars().count(), CLIENT_MAX_CHARS);
    }

    #[test]
    fn a_name_has_no_character_that_cannot_be_seen() {
        for (text, name) in [
            ("cur\u{200B}sor\u{7}", "cursor"),
            ("\u{FEFF}\u{202E}rosruc", "rosruc"),
            (" \u{AD}\u{E0041} ", "unknown"),
            ("Über-客户端 2", "Über-客户端 2"),
        ] {
            assert_eq!(Client::named(text).as_str(), name);
        }
        assert_eq!(Client::named(&"é".repeat(500)).as_str().chars().count(), CLIENT_MAX_CHARS);
    }
}
