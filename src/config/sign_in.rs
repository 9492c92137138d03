//! The settings of sign-in with WorkOS: all that is needed, or none.

use axum::http::Uri;
use clap::Args;

use super::{ConfigError, Secret, fault, is_on_this_machine, origin};

/// Fewest bytes of a cookie secret.
const COOKIE_SECRET_MIN_BYTES: usize = 32;

/// The settings as they come from the command line and the environment.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sign-in with WorkOS")]
pub(super) struct SignInSettings {
    /// The client id of the WorkOS environment; switches sign-in on
    #[arg(long, env, global = true, value_name = "ID")]
    workos_client_id: Option<String>,

    /// The API key of the WorkOS environment
    #[arg(long, env, global = true, value_name = "KEY", hide_env_values = true)]
    workos_api_key: Option<Secret>,

    /// Where WorkOS sends browsers back to [default: /auth/callback of the public URL]
    #[arg(long, env, global = true, value_name = "URL")]
    workos_redirect_uri: Option<String>,

    /// The WorkOS API
    #[arg(long, env, global = true, value_name = "URL", default_value = "https://api.workos.com")]
    workos_api_url: String,

    /// Issuers of the access tokens of web sessions, comma-separated [default: those of the
    /// WorkOS API]
    #[arg(long, env, global = true, value_name = "URLS")]
    workos_issuers: Option<String>,

    /// The secret that signs the webhooks of WorkOS; without it they are not taken
    #[arg(long, env, global = true, value_name = "SECRET", hide_env_values = true)]
    workos_webhook_secret: Option<Secret>,

    /// The AuthKit domain, which signs MCP clients in, as an origin
    #[arg(long, env, global = true, value_name = "URL")]
    authkit_domain: Option<String>,

    /// Seals cookies: at least 32 bytes; several, comma-separated, rotate, the first one seals
    #[arg(long, env, global = true, value_name = "SECRETS", hide_env_values = true)]
    cookie_secret: Option<Secret>,

    /// Most prompts of an account on the free plan
    #[arg(long, env, global = true, value_name = "N", default_value_t = 25,
          value_parser = clap::value_parser!(u32).range(1..))]
    free_prompt_limit: u32,
}

/// How people sign in.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The client id of the WorkOS environment.
    pub client_id: String,
    /// The API key of the WorkOS environment.
    pub api_key: Secret,
    /// Where WorkOS sends browsers back to; `None` for `/auth/callback` of the public URL.
    pub redirect_uri: Option<String>,
    /// The origin of the WorkOS API.
    pub api_url: String,
    /// Issuers of the access tokens of web sessions.
    pub issuers: Vec<String>,
    /// The secret that signs webhooks.
    pub webhook_secret: Option<Secret>,
    /// The origin of the authorization server of MCP clients.
    pub authkit_domain: String,
    /// Never empty; the first one seals, each of them opens.
    pub cookie_secrets: Vec<Secret>,
    /// Most prompts of an account on the free plan.
    pub free_prompt_limit: u32,
}

impl SignInSettings {
    /// Checks that the settings are complete, or that none is there.
    pub(super) fn validate(self) -> Result<Option<SignIn>, ConfigError> {
        let client_id = self.workos_client_id.filter(|id| !id.is_empty());
        let secret = |value: Option<Secret>| value.filter(|secret| !secret.expose().is_empty());
        let text = |value: Option<String>| value.filter(|text| !text.is_empty());
        let api_key = secret(self.workos_api_key);
        let authkit_domain = text(self.authkit_domain);
        let Some(client_id) = client_id else {
            // A secret for cookies alone is of no harm, and many a deployment has it prepared.
            let other = [
                (api_key.is_some(), "WORKOS_API_KEY"),
                (authkit_domain.is_some(), "AUTHKIT_DOMAIN"),
            ];
            return match other.iter().find(|(is_set, _)| *is_set) {
                Some((_, other)) => {
                    let message = format!("is missing, but {other} is set; set both or neither");
                    Err(fault("WORKOS_CLIENT_ID", message))
                }
                None => Ok(None),
            };
        };
        if !client_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(fault("WORKOS_CLIENT_ID", "must be like client_01ABC"));
        }
        let missing = |what: &str| format!("is missing, but WORKOS_CLIENT_ID is set; set {what}");
        let api_key = api_key.ok_or_else(|| {
            fault("WORKOS_API_KEY", missing("the API key of the same WorkOS environment"))
        })?;
        let authkit_domain = authkit_domain.ok_or_else(|| {
            fault("AUTHKIT_DOMAIN", missing("it to an origin such as https://name.authkit.app"))
        })?;
        let cookie_secret = secret(self.cookie_secret).ok_or_else(|| {
            fault("COOKIE_SECRET", missing("at least 32 random bytes, as `openssl rand -hex 32`"))
        })?;
        let api_url = origin("WORKOS_API_URL", &self.workos_api_url)?;
        let issuers = issuers(text(self.workos_issuers), &api_url, &client_id)?;
        Ok(Some(SignIn {
            api_key,
            redirect_uri: text(self.workos_redirect_uri).map(redirect_uri).transpose()?,
            issuers,
            webhook_secret: secret(self.workos_webhook_secret),
            authkit_domain: origin("AUTHKIT_DOMAIN", &authkit_domain)?,
            cookie_secrets: cookie_secrets(&cookie_secret)?,
            free_prompt_limit: self.free_prompt_limit,
            api_url,
            client_id,
        }))
    }
}

/// The documentation of WorkOS names the issuer in three ways.
fn issuers(
    setting: Option<String>,
    api_url: &str,
    client_id: &str,
) -> Result<Vec<String>, ConfigError> {
    let Some(setting) = setting else {
        let by_client = format!("{api_url}/user_management/{client_id}");
        return Ok(vec![api_url.to_owned(), format!("{api_url}/"), by_client]);
    };
    let issuers: Vec<String> = setting.split(',').map(|issuer| issuer.trim().to_owned()).collect();
    for issuer in &issuers {
        check_url("WORKOS_ISSUERS", issuer)?;
    }
    Ok(issuers)
}

fn redirect_uri(url: String) -> Result<String, ConfigError> {
    check_url("WORKOS_REDIRECT_URI", &url)?;
    Ok(url)
}

fn check_url(setting: &'static str, url: &str) -> Result<(), ConfigError> {
    let uri = url.parse::<Uri>().ok();
    let safe = uri.is_some_and(|uri| match uri.scheme_str() {
        Some("https") => true,
        Some("http") => is_on_this_machine(&uri),
        _ => false,
    });
    if safe {
        return Ok(());
    }
    Err(fault(setting, format!("is {url}, but must be an https URL (http on this machine only)")))
}

fn cookie_secrets(setting: &Secret) -> Result<Vec<Secret>, ConfigError> {
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
    use super::super::tests::check;

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
    fn an_http_authkit_is_for_this_machine() {
        let flags =
            COMPLETE.map(|flag| if flag.starts_with("https") { "http://[::1]:1" } else { flag });
        check(&flags, Ok(()));
    }

    #[test]
    fn no_secret_is_shown() {
        let flags = with(&["--workos-webhook-secret", "whsec_x"]);
        let shown = format!("{:?}", super::super::tests::parse(&flags).validate().unwrap());
        for secret in ["sk_test_x", "0123456789abcdef", "whsec_x"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("client_x"));
    }
}
