//! The settings of how much the server takes on.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;

/// Milliseconds after which a request is given up when nobody says otherwise.
const REQUEST_TIMEOUT_MS: u64 = 10_000;
/// Most requests in flight when nobody says otherwise.
const CONCURRENT_REQUESTS: u16 = 4096;
/// What a user may ask in a minute where people sign in and nobody says otherwise.
const RATE_PER_MINUTE: NonZeroU32 = NonZeroU32::new(120).expect("120 is not 0");

/// The settings as they come from the command line and the environment.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitSettings {
    /// Milliseconds after which a request is given up
    #[arg(long, env, global = true, default_value_t = REQUEST_TIMEOUT_MS, value_name = "MS",
          value_parser = clap::value_parser!(u64).range(100..=600_000))]
    request_timeout_ms: u64,

    /// Most requests in flight; further ones are refused with 503, but for those about health
    #[arg(long, env, global = true, default_value_t = CONCURRENT_REQUESTS.into(), value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_concurrent_requests: u32,

    /// Most requests a minute of each user, and of each address where nobody is signed in
    /// [default: 120; without sign-in no limit]
    #[arg(long, env, global = true, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate_limit_per_minute: Option<u32>,

    /// Set by Fly.io: the addresses of clients are then those that its proxy tells
    #[arg(long, env, global = true, value_name = "NAME")]
    fly_app_name: Option<String>,

    /// Set by Fly.io: which of several machines this is, for streams that only it has
    #[arg(long, env, global = true, value_name = "ID", value_parser = MachineId::from_setting)]
    fly_machine_id: Option<MachineId>,
}

/// The id of a machine of Fly.io: letters and digits, so that it can stand in a header and in a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineId(String);

impl MachineId {
    /// `None` for what cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let is_one = (1..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        is_one.then(|| Self(text.to_owned()))
    }

    fn from_setting(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| "a machine id has small letters and digits".to_owned())
    }

    /// The id as Fly.io writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How much the server takes on.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How long a request may take.
    pub request_timeout: Duration,
    /// Most requests in flight.
    pub concurrent_requests: usize,
    /// Most requests a minute of each user, and of each address where nobody is signed in; `None`
    /// is without limit.
    pub rate_per_minute: Option<NonZeroU32>,
    /// Whether every request comes through the proxy of Fly.io, so that its word about the
    /// client's address can be trusted.
    pub is_behind_fly: bool,
    /// Which machine of Fly.io this is, if it is one.
    pub fly_machine: Option<MachineId>,
}

impl Default for Limits {
    /// Those of a server without settings.
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_millis(REQUEST_TIMEOUT_MS),
            concurrent_requests: CONCURRENT_REQUESTS.into(),
            rate_per_minute: None,
            is_behind_fly: false,
            fly_machine: None,
        }
    }
}

impl LimitSettings {
    /// A default that is meant for the public must not slow down somebody alone at their machine.
    pub(super) fn resolve(self, has_sign_in: bool) -> Limits {
        let is_behind_fly = self.fly_app_name.is_some_and(|name| !name.is_empty());
        Limits {
            request_timeout: Duration::from_millis(self.request_timeout_ms),
            concurrent_requests: usize::try_from(self.max_concurrent_requests)
                .unwrap_or(usize::MAX),
            rate_per_minute: self
                .rate_limit_per_minute
                .and_then(NonZeroU32::new)
                .or(has_sign_in.then_some(RATE_PER_MINUTE)),
            is_behind_fly,
            fly_machine: self.fly_machine_id.filter(|_| is_behind_fly),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::MachineId;

    #[test]
    fn the_rate_is_limited_by_default_only_where_people_sign_in() {
        let rate = |flags: &[&str], has_sign_in: bool| {
            parse(flags).limits.resolve(has_sign_in).rate_per_minute.map(u32::from)
        };
        let own = ["--rate-limit-per-minute", "7"];
        assert_eq!(rate(&[], false), None);
        assert_eq!(rate(&[], true), Some(120));
        assert_eq!(rate(&own, false), Some(7));
        assert_eq!(rate(&own, true), Some(7));
    }

    #[test]
    fn a_machine_is_one_of_several_on_fly_only() {
        let machine = |flags: &[&str]| parse(flags).limits.resolve(true).fly_machine;
        let id = ["--fly-machine-id", "148ed599c14189"];
        assert_eq!(machine(&id), None);
        let on_fly = [&id[..], &["--fly-app-name", "prompts"]].concat();
        assert_eq!(machine(&on_fly), MachineId::parse("148ed599c14189"));
        for text in ["", "A1", "a-1", "a;app=b", "a\r\nb", "é", &"1".repeat(33)] {
            assert_eq!(MachineId::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_word_of_a_proxy_counts_on_fly_only() {
        let is_behind_fly = |flags: &[&str]| parse(flags).limits.resolve(true).is_behind_fly;
        assert!(!is_behind_fly(&[]));
        assert!(!is_behind_fly(&["--fly-app-name", ""]));
        assert!(is_behind_fly(&["--fly-app-name", "prompts"]));
    }
}
