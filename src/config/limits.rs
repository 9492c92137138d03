//! The settings of the server's limits.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::{Args, value_parser};

use super::ConfigError;
use super::setting::{Setting, deferred, optional, required, text};
use crate::domain::plan::FREE_REQUESTS_PER_MINUTE;

/// The default of `REQUEST_TIMEOUT_MS`.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The default of `MAX_CONCURRENT_REQUESTS`.
const CONCURRENT_REQUESTS: usize = 4096;

/// The setting of the maximum duration of a request, as given.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct TimeoutSettings {
    /// Milliseconds until a request times out
    #[arg(long, env, global = true, default_value = "10000", value_name = "MS",
          value_parser = deferred(value_parser!(u64).range(100..=600_000)))]
    request_timeout_ms: Setting<u64>,
}

/// The settings of the limits, as given.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitSettings {
    /// The maximum duration of a request.
    #[command(flatten)]
    pub timeout: TimeoutSettings,

    /// Maximum number of requests in flight; further requests get 503, except those to /health
    #[arg(long, env, global = true, default_value = "4096", value_name = "N",
          value_parser = deferred(value_parser!(u32).range(1..=1_000_000)))]
    max_concurrent_requests: Setting<u32>,

    /// Maximum number of requests a minute of a user on the free plan, and of an address without a
    /// user [default: 120; without sign-in or an access token, no limit]
    #[arg(long, env, global = true, value_name = "N",
          value_parser = deferred(value_parser!(u32).range(1..=1_000_000)))]
    rate_limit_per_minute: Option<Setting<u32>>,

    /// The app's name, set by Fly.io; if it is set, client addresses are read from the headers of
    /// the proxy of Fly.io
    #[arg(long, env, global = true, value_name = "NAME", value_parser = text())]
    fly_app_name: Option<Setting<String>>,

    /// The machine's id, set by Fly.io; it routes messages to the machine that holds their stream
    #[arg(long, env, global = true, value_name = "ID",
          value_parser = deferred(MachineId::from_setting))]
    fly_machine_id: Option<Setting<MachineId>>,
}

/// The id of a machine of Fly.io: 1 to 32 lower-case letters and digits, so that it is valid in a
/// header and in a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineId(String);

impl MachineId {
    /// Returns `None` for an invalid id.
    pub fn parse(text: &str) -> Option<Self> {
        let is_valid = (1..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        is_valid.then(|| Self(text.to_owned()))
    }

    fn from_setting(text: &str) -> Result<Self, &'static str> {
        Self::parse(text).ok_or("a machine id has 1 to 32 lower-case letters and digits")
    }

    /// The id as Fly.io writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The server's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Maximum duration of a request.
    pub request_timeout: Duration,
    /// Maximum number of requests in flight.
    pub concurrent_requests: usize,
    /// Maximum number of requests a minute of an address without a user, of a user on the free plan, and
    /// of the local user; `None` for no limit.
    pub rate_per_minute: Option<NonZeroU32>,
    /// Whether every request comes through the proxy of Fly.io, so that its header with the
    /// client's address can be trusted.
    pub is_behind_fly: bool,
    /// The machine of Fly.io that this process runs on.
    pub fly_machine: Option<MachineId>,
}

impl Default for Limits {
    /// The limits of a server without settings and without sign-in.
    fn default() -> Self {
        Self {
            request_timeout: REQUEST_TIMEOUT,
            concurrent_requests: CONCURRENT_REQUESTS,
            rate_per_minute: None,
            is_behind_fly: false,
            fly_machine: None,
        }
    }
}

impl TimeoutSettings {
    /// Maximum duration of a request.
    pub fn request_timeout(&self) -> Result<Duration, ConfigError> {
        required(&self.request_timeout_ms).map(Duration::from_millis)
    }
}

impl LimitSettings {
    /// Checks every setting of the group.
    pub fn validate(&self, needs_credential: bool) -> Result<Limits, ConfigError> {
        let fly_app_name = optional(self.fly_app_name.as_ref())?;
        let fly_machine = optional(self.fly_machine_id.as_ref())?;
        let rate = optional(self.rate_limit_per_minute.as_ref())?;
        let concurrent_requests = required(&self.max_concurrent_requests)?;
        let is_behind_fly = fly_app_name.is_some();
        // The default rate protects a public server; a local user alone is not slowed down.
        let default_rate = needs_credential.then_some(FREE_REQUESTS_PER_MINUTE);
        Ok(Limits {
            request_timeout: self.timeout.request_timeout()?,
            concurrent_requests: usize::try_from(concurrent_requests).unwrap_or(usize::MAX),
            rate_per_minute: rate.and_then(NonZeroU32::new).or(default_rate),
            is_behind_fly,
            fly_machine: fly_machine.filter(|_| is_behind_fly),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::{Limits, MachineId};

    fn limits(flags: &[&str], needs_credential: bool) -> Limits {
        parse(flags).limits.validate(needs_credential).unwrap()
    }

    #[test]
    fn the_defaults_of_the_flags_are_those_of_the_type() {
        assert_eq!(limits(&[], false), Limits::default());
    }

    #[test]
    fn the_rate_is_limited_by_default_only_where_callers_need_a_credential() {
        let own = ["--rate-limit-per-minute", "7"];
        for (flags, needs_credential, expected) in [
            (&[][..], false, None),
            (&[], true, Some(120)),
            (&own, false, Some(7)),
            (&own, true, Some(7)),
        ] {
            assert_eq!(limits(flags, needs_credential).rate_per_minute.map(u32::from), expected);
        }
    }

    #[test]
    fn a_machine_is_one_of_several_on_fly_only() {
        let id = ["--fly-machine-id", "148ed599c14189"];
        assert_eq!(limits(&id, true).fly_machine, None);
        let on_fly = [&id[..], &["--fly-app-name", "prompts"]].concat();
        assert_eq!(limits(&on_fly, true).fly_machine, MachineId::parse("148ed599c14189"));
        for text in ["", "A1", "a-1", "a;app=b", "a\r\nb", "é", &"1".repeat(33)] {
            assert_eq!(MachineId::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_headers_of_a_proxy_count_on_fly_only() {
        assert!(!limits(&[], true).is_behind_fly);
        assert!(!limits(&["--fly-app-name", ""], true).is_behind_fly);
        assert!(limits(&["--fly-app-name", "prompts"], true).is_behind_fly);
    }
}
