//! How callers prove who they are: all settings of one way, or none.

use clap::Args;

use super::origins::parse_origins;
use super::setting::{Setting, optional, secret, text};
use super::sign_in::parse_cookie_secrets;
use super::{ConfigError, Secret, SignIn, SignInSettings, fault};

/// Minimum length of the access token.
const ACCESS_TOKEN_MIN_CHARS: usize = 32;
/// Maximum length of the access token, which clients send with every request.
const ACCESS_TOKEN_MAX_CHARS: usize = 512;

/// Why a server that anybody on the machine may call allows no other origin.
const OPEN_TO_PAGES: &str = "is set, but without sign-in (WORKOS_CLIENT_ID is missing) and without \
    ACCESS_TOKEN a page of these origins would need no token to read the library; remove it, or set \
    one of the two";

/// The setting of the access token, as given.
#[derive(Debug, Clone, Args)]
pub struct AccessTokenSettings {
    /// The token by which the one person who hosts this server reaches it from elsewhere: at least 32
    /// letters, digits and -._~+/=; without sign-in, the server then listens on any address
    #[arg(long, env, global = true, value_name = "TOKEN", hide_env_values = true,
          value_parser = secret(), help_heading = "Access")]
    access_token: Option<Setting<Secret>>,
}

/// The settings that say how callers prove who they are, as given.
#[derive(Debug, Clone, Args)]
pub struct IdentitySettings {
    /// Sign-in with WorkOS.
    #[command(flatten)]
    pub sign_in: SignInSettings,

    /// The access token.
    #[command(flatten)]
    pub access: AccessTokenSettings,

    /// Secrets that encrypt cookies, comma-separated, at least 32 bytes each: the first encrypts,
    /// each decrypts [default with an access token: one derived from it]
    #[arg(long, env, global = true, value_name = "SECRETS", hide_env_values = true,
          value_parser = secret(), help_heading = "Access")]
    cookie_secret: Option<Setting<Secret>>,

    /// Other https origins whose pages may call /mcp with a token, comma-separated [default: none]
    #[arg(long, env, global = true, value_name = "ORIGINS", value_parser = text(),
          help_heading = "Access")]
    allowed_origins: Option<Setting<String>>,
}

/// How callers prove who they are.
#[derive(Debug, Clone)]
pub enum Identity {
    /// They do not: only this machine reaches the server, and every caller is the local user.
    Loopback,
    /// The local user has an access token.
    AccessToken(AccessToken),
    /// Users sign in with WorkOS.
    WorkOs(SignIn),
}

/// The access token of the one person who hosts a server for themselves.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// The token: at least 32 characters of RFC 6750, section 2.1.
    pub token: Secret,
    /// Secrets that encrypt cookies, at least one: the first encrypts, each decrypts.
    pub cookie_secrets: Vec<Secret>,
    /// Other origins whose pages may call `/mcp`, as browsers write them.
    pub allowed_origins: Vec<String>,
}

impl Identity {
    /// Whether a caller has to prove who they are.
    pub fn needs_credential(&self) -> bool {
        !matches!(self, Self::Loopback)
    }

    /// Whether users have accounts of their own.
    pub fn has_accounts(&self) -> bool {
        matches!(self, Self::WorkOs(_))
    }

    /// The secrets that encrypt what clients keep; empty where there are none.
    pub fn secrets(&self) -> &[Secret] {
        match self {
            Self::Loopback => &[],
            Self::AccessToken(access) => &access.cookie_secrets,
            Self::WorkOs(sign_in) => &sign_in.cookie_secrets,
        }
    }
}

impl AccessTokenSettings {
    /// Returns whether the server asks for an access token.
    pub fn is_set(&self) -> Result<bool, ConfigError> {
        Ok(optional(self.access_token.as_ref())?.is_some())
    }
}

impl IdentitySettings {
    /// Checks every setting of the way that is chosen.
    pub fn validate(&self) -> Result<Identity, ConfigError> {
        let token = optional(self.access.access_token.as_ref())?;
        let cookie_secret = optional(self.cookie_secret.as_ref())?;
        let allowed_origins = optional(self.allowed_origins.as_ref())?;
        let sign_in = self.sign_in.validate(cookie_secret.as_ref(), allowed_origins.as_deref())?;
        match (sign_in, token) {
            (Some(sign_in), None) => Ok(Identity::WorkOs(sign_in)),
            (Some(_), Some(_)) => {
                let message = "is set, and so is WORKOS_CLIENT_ID: people sign in by their accounts \
                    or one person by the token; set one of the two";
                Err(fault("ACCESS_TOKEN", message))
            }
            (None, Some(token)) => {
                check_access_token(&token)?;
                let cookie_secrets = match &cookie_secret {
                    Some(secrets) => parse_cookie_secrets(secrets)?,
                    None => vec![token.clone()],
                };
                let allowed_origins =
                    allowed_origins.as_deref().map_or(Ok(vec![]), parse_origins)?;
                Ok(Identity::AccessToken(AccessToken { token, cookie_secrets, allowed_origins }))
            }
            (None, None) if allowed_origins.is_some() => {
                Err(fault("ALLOWED_ORIGINS", OPEN_TO_PAGES))
            }
            (None, None) => Ok(Identity::Loopback),
        }
    }
}

/// Checks that a token is long enough to resist guessing, and that it fits into the header
/// `Authorization` (RFC 6750, section 2.1). No error quotes it.
fn check_access_token(token: &Secret) -> Result<(), ConfigError> {
    let token = token.expose();
    let is_character = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    let is_token = token.trim_end_matches('=').bytes().all(is_character);
    let is_long = (ACCESS_TOKEN_MIN_CHARS..=ACCESS_TOKEN_MAX_CHARS).contains(&token.len());
    if is_token && is_long && !token.starts_with('=') {
        return Ok(());
    }
    let message = format!(
        "must have {ACCESS_TOKEN_MIN_CHARS} to {ACCESS_TOKEN_MAX_CHARS} letters, digits and -._~+/, \
         with = at its end alone; make one with `openssl rand -hex 32`"
    );
    Err(fault("ACCESS_TOKEN", message))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, parse};
    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
        ["--access-token", TOKEN].into_iter().chain(more.iter().copied()).collect()
    }

    fn validated(flags: &[&str]) -> AccessToken {
        match parse(flags).identity.validate().unwrap() {
            Identity::AccessToken(access) => access,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn with_an_access_token_any_address_is_listened_on() {
        check(&with(&["--host", "0.0.0.0"]), Ok(()));
        check(&with(&["--host", "::", "--app-env", "production"]), Ok(()));
        check(&with(&["--public-url", "https://nas.example"]), Ok(()));
        check(&with(&["--public-url", "http://127.0.0.1:8080"]), Ok(()));
        check(&with(&["--public-url", "http://nas.example"]), Err("PUBLIC_URL is http://nas"));
        check(&with(&["--host", "nas.example"]), Err("HOST is nas.example"));
        check(&["--host", "0.0.0.0", "--access-token", ""], Err("HOST is 0.0.0.0"));
    }

    #[test]
    fn an_access_token_is_long_and_fits_into_a_header() {
        for token in [TOKEN, "abcdefghijklmnopqrstuvwxyz-._~+/==", &"x".repeat(512)] {
            check(&["--access-token", token], Ok(()));
        }
        for token in [
            &TOKEN[1..],
            &"x".repeat(513),
            "0123456789abcdef 123456789abcdef",
            "0123456789abcdef,0123456789abcdef",
            "0123456789abcdef=0123456789abcdef",
            "================================",
            "äääääääääääääääääääääääääääääääääääää",
            "0123456789abcdef0123456789abcdef\n",
        ] {
            check(&["--access-token", token], Err("ACCESS_TOKEN must have 32 to 512 letters"));
        }
    }

    #[test]
    fn people_have_accounts_or_one_has_the_token() {
        let flags = with(&[
            "--workos-client-id",
            "client_x",
            "--workos-api-key",
            "sk_test_x",
            "--authkit-domain",
            "https://x.authkit.app",
            "--cookie-secret",
            TOKEN,
        ]);
        check(&flags, Err("ACCESS_TOKEN is set, and so is WORKOS_CLIENT_ID"));
        check(&with(&["--workos-api-key", "sk_x"]), Err("WORKOS_CLIENT_ID is missing"));
        check(&with(&["--stripe-secret-key", "sk_test_x"]), Err("WORKOS_CLIENT_ID is missing"));
    }

    #[test]
    fn other_origins_need_a_credential() {
        check(&["--allowed-origins", "https://a.example"], Err("ALLOWED_ORIGINS is set, but"));
        check(&["--allowed-origins", ""], Ok(()));
        let access = validated(&with(&["--allowed-origins", "https://A.example"]));
        assert_eq!(access.allowed_origins, ["https://a.example"]);
        check(&with(&["--allowed-origins", "*"]), Err("ALLOWED_ORIGINS contains"));
    }

    #[test]
    fn cookies_are_encrypted_by_the_token_or_by_a_secret_of_their_own() {
        let secrets = |flags: &[&str]| {
            let secrets = validated(&with(flags)).cookie_secrets;
            secrets.iter().map(|secret| secret.expose().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(secrets(&[]), [TOKEN]);
        let own = "fedcba9876543210fedcba9876543210";
        assert_eq!(secrets(&["--cookie-secret", own]), [own]);
        check(&with(&["--cookie-secret", "short"]), Err("COOKIE_SECRET must have"));
    }

    #[test]
    fn no_token_is_shown() {
        let settings = parse(&with(&[]));
        let shown = format!("{settings:?} {:?}", settings.identity.validate().unwrap());
        assert!(!shown.contains(TOKEN), "{shown}");
        let short = parse(&["--access-token", "hunter2"]).identity.validate().unwrap_err();
        assert!(!short.to_string().contains("hunter2"), "{short}");
    }
}
