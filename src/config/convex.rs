//! The settings of the Convex deployment that keeps the prompts: all that is needed, or none.

use clap::Args;
use reqwest::Url;

use super::{ConfigError, Secret, fault, origin};

/// The settings as they come from the command line and the environment.
#[expect(clippy::struct_field_names, reason = "flags and variables are named after the fields")]
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Data in Convex")]
pub(super) struct ConvexSettings {
    /// The Convex deployment to keep the prompts in, instead of a file
    #[arg(long, env, global = true, value_name = "URL")]
    convex_url: Option<String>,

    /// The key that the functions of the deployment ask for
    #[arg(long, env, global = true, value_name = "KEY", hide_env_values = true)]
    convex_api_key: Option<Secret>,

    /// Most queries, and most mutations, in flight at a time; the Free plan takes 16
    #[arg(long, env, global = true, value_name = "N", default_value_t = 16,
          value_parser = clap::value_parser!(u16).range(1..=4096))]
    convex_max_concurrency: u16,
}

/// Which Convex deployment keeps the prompts.
#[derive(Debug, Clone)]
pub struct Convex {
    /// Its origin.
    pub url: Url,
    /// What its functions ask for.
    pub api_key: Secret,
    /// Most queries, and most mutations, in flight at a time.
    pub max_concurrency: usize,
}

impl Convex {
    /// Where it is, for people.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

impl ConvexSettings {
    /// Checks that the settings are complete, or that none is there.
    pub(super) fn validate(self) -> Result<Option<Convex>, ConfigError> {
        let url = self.convex_url.filter(|url| !url.is_empty());
        let api_key = self.convex_api_key.filter(|key| !key.expose().is_empty());
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
                    .map_err(|error| fault("CONVEX_URL", format!("is no URL: {error}")))?;
                let max_concurrency = self.convex_max_concurrency.into();
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
