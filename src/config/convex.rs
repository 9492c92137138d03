//! The settings of the Convex deployment that keeps the prompts: all that is needed, or none.

use clap::{Args, value_parser};
use reqwest::Url;

use super::setting::{Setting, deferred, optional, required, secret, text};
use super::{ConfigError, Secret, fault, origin};

/// The settings of Convex, as given.
#[expect(clippy::struct_field_names, reason = "flags and variables are named after the fields")]
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Library")]
pub struct ConvexSettings {
    /// The URL of the Convex deployment that keeps the prompts instead of a file
    #[arg(long, env, global = true, value_name = "URL", value_parser = text())]
    convex_url: Option<Setting<String>>,

    /// The API key that the deployment's functions require
    #[arg(long, env, global = true, value_name = "KEY", hide_env_values = true,
          value_parser = secret())]
    convex_api_key: Option<Setting<Secret>>,

    /// Maximum number of queries in flight, and of mutations; the Free plan allows 16
    #[arg(long, env, global = true, value_name = "N", default_value = "16",
          value_parser = deferred(value_parser!(u16).range(1..=4096)))]
    convex_max_concurrency: Setting<u16>,
}

/// A Convex deployment.
#[derive(Debug, Clone)]
pub struct Convex {
    /// Its origin.
    pub url: Url,
    /// The API key that its functions require.
    pub api_key: Secret,
    /// Maximum number of queries in flight, and of mutations.
    pub max_concurrency: usize,
}

impl Convex {
    /// The origin without the slash that [`Url`] prints.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

impl ConvexSettings {
    /// Checks that URL and key are set, or neither.
    pub(super) fn validate(&self) -> Result<Option<Convex>, ConfigError> {
        let max_concurrency = required(&self.convex_max_concurrency)?.into();
        let url = optional(self.convex_url.as_ref())?;
        let api_key = optional(self.convex_api_key.as_ref())?;
        match (url, api_key) {
            (None, None) => Ok(None),
            (Some(_), None) => Err(fault(
                "CONVEX_API_KEY",
                "is missing, but CONVEX_URL is set; set the key that was given to the deployment",
            )),
            (None, Some(_)) => Err(fault(
                "CONVEX_URL",
                "is missing, but CONVEX_API_KEY is set; set it to the deployment's URL, such as \
                 https://happy-animal-123.convex.cloud",
            )),
            (Some(url), Some(api_key)) => {
                let url = origin("CONVEX_URL", &url)?;
                let url = Url::parse(&url)
                    .map_err(|error| fault("CONVEX_URL", format!("is not a URL: {error}")))?;
                Ok(Some(Convex { url, api_key, max_concurrency }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn half_a_configuration_names_what_is_missing() {
        let (url, key) = (["--convex-url", "https://x.convex.cloud"], ["--convex-api-key", "k"]);
        check(&[url, key].concat(), Ok(()));
        check(&url, Err("CONVEX_API_KEY is missing"));
        check(&key, Err("CONVEX_URL is missing"));
        check(&["--convex-url", "", "--convex-api-key", ""], Ok(()));
        check(&[["--convex-url", "http://x.convex.cloud"], key].concat(), Err("CONVEX_URL is"));
        check(&[["--convex-url", "x.convex.cloud"], key].concat(), Err("CONVEX_URL is"));
        check(&[["--convex-url", "http://127.0.0.1:3210"], key].concat(), Ok(()));
    }
}
