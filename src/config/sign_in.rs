//! The settings of sign-in with WorkOS: all that is needed, or none.

use axum::http::Uri;
use clap::{Args, value_parser};

use super::origins::parse_origins;
use super::setting::{Setting, deferred, optional, required, secret, text};
use super::{ConfigError, Secret, fault, is_on_this_machine, origin};

/// Minimum length of a cookie secret.
const COOKIE_SECRET_MIN_BYTES: usize = 32;

/// The setting that turns sign-in on, as given.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sign-in with WorkOS")]
pub struct SignInSwitch {
    /// The client id of the WorkOS environment; turns sign-in on
    #[arg(long, env, global = true, value_name = "ID", value_parser = text())]
    workos_client_id: Option<Setting<String>>,
}

/// The settings of sign-in, as given.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sign-in with WorkOS")]
pub struct SignInSettings {
    /// What turns it on.
    #[command(flatten)]
    pub switch: SignInSwitch,

    /// The API key of the WorkOS environment
    #[arg(long, env, global = true, value_name = "KEY", hide_env_values = true,
          value_parser = secret())]
    workos_api_key: Option<Setting<Secret>>,

    /// The URL that WorkOS redirects browsers to [default: /auth/callback of the public URL]
    #[arg(long, env, global = true, value_name = "URL", value_parser = text())]
    workos_redirect_uri: Option<Setting<String>>,

    /// The origin of the WorkOS API
    #[arg(long, env, global = true, value_name = "URL", default_value = "https://api.workos.com",
          value_parser = text())]
    workos_api_url: Setting<String>,

    /// Issuers of the access tokens of web sessions, comma-separated [default: those of the
    /// WorkOS API]
    #[arg(long, env, global = true, value_name = "URLS", value_parser = text())]
    workos_issuers: Option<Setting<String>>,

    /// The secret that signs the webhooks of WorkOS; without it, webhooks are off
    #[arg(long, env, global = true, value_name = "SECRET", hide_env_values = true,
          value_parser = secret())]
    workos_webhook_secret: Option<Setting<Secret>>,

    /// The origin of the AuthKit domain, the authorization server of MCP clients
    #[arg(long, env, global = true, value_name = "URL", value_parser = text())]
    authkit_domain: Option<Setting<String>>,

    /// Maximum number of prompts of an account on the free plan
    #[arg(long, env, global = true, value_name = "N", default_value = "25",
          value_parser = deferred(value_parser!(u32).range(1..)))]
    free_prompt_limit: Setting<u32>,
}

/// Sign-in with WorkOS.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The client id of the WorkOS environment.
    pub client_id: String,
    /// The API key of the WorkOS environment.
    pub api_key: Secret,
    /// The URL that WorkOS redirects browsers to; `None` for `/auth/callback` of the public URL.
    pub redirect_uri: Option<String>,
    /// The origin of the WorkOS API.
    pub api_url: String,
    /// Issuers of the access tokens of web sessions.
    pub issuers: Vec<String>,
    /// The secret that signs webhooks; `None` if webhooks are off.
    pub webhook_secret: Option<Secret>,
    /// The origin of the authorization server of MCP clients.
    pub authkit_domain: String,
    /// Secrets that encrypt cookies, at least one: the first encrypts, each decrypts.
    pub cookie_secrets: Vec<Secret>,
    /// Other origins whose pages may call `/mcp`, as browsers write them.
    pub allowed_origins: Vec<String>,
    /// Maximum number of prompts of an account on the free plan.
    pub free_prompt_limit: u32,
}

impl SignInSwitch {
    /// Returns whether sign-in is turned on, complete or not.
    pub fn is_enabled(&self) -> Result<bool, ConfigError> {
        Ok(self.client_id()?.is_some())
    }

    fn client_id(&self) -> Result<Option<String>, ConfigError> {
        optional(self.workos_client_id.as_ref())
    }
}

impl SignInSettings {
    /// Checks that all required settings are set, or none of them. `cookie_secret` and
    /// `allowed_origins` are settings that an access token has, too.
    pub(super) fn validate(
        &self,
        cookie_secret: Option<&Secret>,
        allowed_origins: Option<&str>,
    ) -> Result<Option<SignIn>, ConfigError> {
        let free_prompt_limit = required(&self.free_prompt_limit)?;
        let api_key = optional(self.workos_api_key.as_ref())?;
        let authkit_domain = optional(self.authkit_domain.as_ref())?;
        let Some(client_id) = self.switch.client_id()? else {
            // A cookie secret alone is not an error: deployments may prepare it before sign-in.
            return match (api_key, authkit_domain) {
                (None, None) => Ok(None),
                (Some(_), _) => Err(missing_client_id("WORKOS_API_KEY")),
                (None, Some(_)) => Err(missing_client_id("AUTHKIT_DOMAIN")),
            };
        };
        if !client_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(fault("WORKOS_CLIENT_ID", "must be like client_01ABC"));
        }
        let api_key = api_key.ok_or_else(|| {
            missing("WORKOS_API_KEY", "the API key of the same WorkOS environment")
        })?;
        let authkit_domain = authkit_domain.ok_or_else(|| {
            missing("AUTHKIT_DOMAIN", "it to an origin such as https://name.authkit.app")
        })?;
        let cookie_secret = cookie_secret.ok_or_else(|| {
            missing("COOKIE_SECRET", "at least 32 random bytes, as `openssl rand -hex 32`")
        })?;
        let api_url = origin("WORKOS_API_URL", &required(&self.workos_api_url)?)?;
        let redirect_uri = optional(self.workos_redirect_uri.as_ref())?;
        if let Some(uri) = &redirect_uri {
            check_url("WORKOS_REDIRECT_URI", uri)?;
        }
        let authkit_domain = origin("AUTHKIT_DOMAIN", &authkit_domain)?;
        let issuers = self.issuers(&api_url, &client_id, &authkit_domain)?;
        Ok(Some(SignIn {
            api_key,
            redirect_uri,
            issuers,
            webhook_secret: optional(self.workos_webhook_secret.as_ref())?,
            authkit_domain,
            allowed_origins: allowed_origins.map_or(Ok(vec![]), parse_origins)?,
            cookie_secrets: parse_cookie_secrets(cookie_secret)?,
            free_prompt_limit,
            api_url,
            client_id,
        }))
    }

    /// The issuers of web sessions. None of them is the authorization server of MCP clients: it issues
    /// tokens for any resource, and one for another server would be taken for that of a web session.
    fn issuers(
        &self,
        api_url: &str,
        client_id: &str,
        authkit_domain: &str,
    ) -> Result<Vec<String>, ConfigError> {
        let authkit = normalize_issuer(authkit_domain);
        let is_authkit = |issuer: &String| normalize_issuer(issuer) == authkit;
        let Some(setting) = optional(self.workos_issuers.as_ref())? else {
            // The documentation of WorkOS names the issuer in three ways.
            let by_client = format!("{api_url}/user_management/{client_id}");
            let mut issuers = vec![api_url.to_owned(), format!("{api_url}/"), by_client];
            issuers.retain(|issuer| !is_authkit(issuer));
            return Ok(issuers);
        };
        let issuers: Vec<String> =
            setting.split(',').map(|issuer| issuer.trim().to_owned()).collect();
        for issuer in &issuers {
            check_url("WORKOS_ISSUERS", issuer)?;
            if is_authkit(issuer) {
                let message = format!(
                    "names {issuer}, which is AUTHKIT_DOMAIN: a token that this issuer made for \
                     another server would open /api; name it in one of them only"
                );
                return Err(fault("WORKOS_ISSUERS", message));
            }
        }
        Ok(issuers)
    }
}

/// Returns the name of an issuer without the differences that people overlook.
fn normalize_issuer(url: &str) -> String {
    let url = url.trim_end_matches('/').to_ascii_lowercase();
    match url.strip_prefix("https://").and_then(|rest| rest.strip_suffix(":443")) {
        Some(host) => format!("https://{host}"),
        None => url,
    }
}

fn missing_client_id(other: &str) -> ConfigError {
    fault("WORKOS_CLIENT_ID", format!("is missing, but {other} is set; set both or neither"))
}

fn missing(setting: &'static str, value: &str) -> ConfigError {
    fault(setting, format!("is missing, but WORKOS_CLIENT_ID is set; set {value}"))
}

/// Checks that a URL is https; http is allowed on this machine only.
fn check_url(setting: &'static str, url: &str) -> Result<(), ConfigError> {
    let uri = url.parse::<Uri>().ok();
    let is_safe = uri.is_some_and(|uri| match uri.scheme_str() {
        Some("https") => true,
        Some("http") => is_on_this_machine(&uri),
        _ => false,
    });
    if is_safe {
        return Ok(());
    }
    Err(fault(setting, format!("is {url}, but must be an https URL (http on this machine only)")))
}

pub(super) fn parse_cookie_secrets(setting: &Secret) -> Result<Vec<Secret>, ConfigError> {
    let secrets: Vec<Secret> =
        setting.expose().split(',').map(|secret| secret.trim().to_owned().into()).collect();
    if secrets.iter().any(|secret| secret.expose().len() < COOKIE_SECRET_MIN_BYTES) {
        let message = format!(
            "must have at least {COOKIE_SECRET_MIN_BYTES} bytes, and so must each of several"
        );
        return Err(fault("COOKIE_SECRET", message));
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::super::Identity;
    use super::super::tests::{check, parse};
    use super::SignIn;

    const COMPLETE: [&str; 8] = [
        "--workos-client-id",
        "client_x",
        "--workos-api-key",
        "sk_test_x",
        "--authkit-domain",
        "https://x.authkit.app",
        "--cookie-secret",
        "0123456789abcdef0123456789abcdef",
    ];

    fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
        COMPLETE.into_iter().chain(more.iter().copied()).collect()
    }

    fn validated(flags: &[&str]) -> SignIn {
        match parse(flags).identity.validate().unwrap() {
            Identity::WorkOs(sign_in) => sign_in,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn with_sign_in_any_address_is_listened_on() {
        check(&with(&["--host", "0.0.0.0", "--public-url", "https://example.com"]), Ok(()));
        check(&with(&["--host", "::"]), Ok(()));
        check(&with(&["--host", "example.com"]), Err("HOST is example.com"));
    }

    #[test]
    fn half_a_configuration_names_what_is_missing() {
        for (index, missing) in
            [(2, "WORKOS_API_KEY is missing"), (4, "AUTHKIT_DOMAIN is"), (6, "COOKIE_SECRET is")]
        {
            let mut flags = COMPLETE.to_vec();
            flags.drain(index..index + 2);
            check(&flags, Err(missing));
        }
        check(&COMPLETE[2..], Err("WORKOS_CLIENT_ID is missing"));
        check(&COMPLETE[6..], Ok(()));
        check(&with(&["--app-env", "production"]), Err("PUBLIC_URL is missing"));
    }

    #[test]
    fn what_is_set_must_be_usable() {
        let cases: [(&[&str], &str); 8] = [
            (&["--public-url", "http://example.com"], "PUBLIC_URL is http://example.com, but must"),
            (&["--authkit-domain", "http://x.authkit.app"], "AUTHKIT_DOMAIN is"),
            (&["--authkit-domain", "x.authkit.app"], "AUTHKIT_DOMAIN is"),
            (&["--workos-issuers", "https://a,nonsense"], "WORKOS_ISSUERS is nonsense"),
            (&["--workos-redirect-uri", "http://example.com/x"], "WORKOS_REDIRECT_URI is"),
            (&["--workos-api-url", "ftp://localhost"], "WORKOS_API_URL is"),
            (&["--cookie-secret", "short"], "COOKIE_SECRET must have"),
            (&["--cookie-secret", "0123456789abcdef0123456789abcdef,short"], "COOKIE_SECRET must"),
        ];
        for (flags, error) in cases {
            let replaced = COMPLETE.chunks(2).filter(|pair| pair[0] != flags[0]).flatten().copied();
            check(&replaced.chain(flags.iter().copied()).collect::<Vec<_>>(), Err(error));
        }
    }

    #[test]
    fn an_issuer_in_both_lists_is_refused() {
        for issuers in [
            "https://x.authkit.app",
            "https://x.authkit.app/",
            "https://X.AuthKit.app:443//",
            "https://api.workos.com, https://x.authkit.app/",
        ] {
            check(&with(&["--workos-issuers", issuers]), Err("WORKOS_ISSUERS names https://"));
        }
        let other = "https://x.authkit.app/user_management/client_x,https://y.authkit.app";
        check(&with(&["--workos-issuers", other]), Ok(()));
    }

    #[test]
    fn the_default_issuers_are_not_the_authkit_domain() {
        let issuers = |flags: &[&str]| validated(&with(flags)).issuers;
        let by_client = "https://api.workos.com/user_management/client_x";
        assert_eq!(issuers(&[]), ["https://api.workos.com", "https://api.workos.com/", by_client]);
        for url in ["https://x.authkit.app", "https://x.authkit.app/", "https://X.authkit.app:443"]
        {
            let found = issuers(&["--workos-api-url", url]);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].ends_with("/user_management/client_x"), "{found:?}");
        }
    }

    #[test]
    fn an_http_authkit_is_for_this_machine() {
        let flags =
            COMPLETE.map(|flag| if flag.starts_with("https") { "http://[::1]:1" } else { flag });
        check(&flags, Ok(()));
    }

    #[test]
    fn no_secret_is_shown() {
        let flags = with(&["--workos-webhook-secret", "whsec_x"]);
        let shown = format!("{:?}", validated(&flags));
        for secret in ["sk_test_x", "0123456789abcdef", "whsec_x"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("client_x"));
    }
}
