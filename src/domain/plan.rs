//! [`Plan`]: what a user may hold and use. The one table of plans.

use std::num::NonZeroU32;

use super::Timestamp;
use super::subscription::{Offer, Subscription};

/// The default maximum number of living prompts of a user without a subscription.
pub const FREE_PROMPTS: u32 = 25;
/// The default maximum number of living prompts of a user with a paid subscription.
pub const PRO_PROMPTS: u32 = 5_000;
/// The default maximum number of requests a minute of a user without a subscription.
pub const FREE_REQUESTS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(120).expect("120 is not 0");
/// The default maximum number of requests a minute of a user with a paid subscription.
pub const PRO_REQUESTS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(600).expect("600 is not 0");
/// Maximum size in bytes of the library of a user without a subscription.
const FREE_BYTES: u64 = 20 * 1024 * 1024;
/// Maximum size in bytes of the library of a user with a paid subscription.
const PRO_BYTES: u64 = 1024 * 1024 * 1024;
/// Maximum number of open streams of a user who signs in.
const STREAMS: usize = 16;

/// What a library may hold; `None` means unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    /// Maximum number of living prompts.
    pub prompts: Option<u32>,
    /// Maximum size in bytes of all versions, those of deleted prompts included, and of the
    /// candidates; [`Body::bytes`](super::prompt::Body::bytes) is the size of each.
    pub bytes: Option<u64>,
}

/// The limit of a [`Quota`] that a library has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The number of living prompts.
    Prompts(u32),
    /// The bytes.
    Bytes(u64),
}

impl Full {
    /// The sentence for the owner: what is full, and how to make room, also at `trash_url`.
    pub fn explain(self, trash_url: Option<&str>) -> String {
        let (what, how) = match self {
            Self::Prompts(limit) => (format!("{limit} prompts"), "delete a prompt first"),
            Self::Bytes(limit) => (
                format!("{limit} bytes with old versions, deleted prompts and candidates"),
                "delete prompts you no longer need, and remove deleted prompts and old versions for good",
            ),
        };
        let place = trash_url.map(|url| format!("; the trash is at {url}")).unwrap_or_default();
        format!("the library is full ({what}, its limit); {how}{place}")
    }
}

/// The limits of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The name shown to users on pages.
    pub name: &'static str,
    /// What the library may hold.
    pub quota: Quota,
    /// Maximum number of requests a minute, by cookie and by token each; `None` for no limit.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Maximum number of imports at a time.
    pub imports: usize,
    /// Maximum number of open streams of server-sent events.
    pub streams: usize,
}

impl Plan {
    /// The plan of the local user, whose disk is the limit.
    pub const LOCAL: Self = Self {
        name: "local",
        quota: Quota { prompts: None, bytes: None },
        requests_per_minute: None,
        imports: 4,
        streams: 64,
    };

    /// The plan without a subscription.
    pub const fn free(prompts: u32, requests_per_minute: Option<NonZeroU32>) -> Self {
        Self {
            name: "free",
            quota: Quota { prompts: Some(prompts), bytes: Some(FREE_BYTES) },
            requests_per_minute,
            imports: 1,
            streams: STREAMS,
        }
    }

    /// The plan with a paid subscription.
    pub const fn pro(prompts: u32, requests_per_minute: Option<NonZeroU32>) -> Self {
        Self {
            name: "pro",
            quota: Quota { prompts: Some(prompts), bytes: Some(PRO_BYTES) },
            requests_per_minute,
            imports: 2,
            streams: STREAMS,
        }
    }
}

/// The plans of a server with sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plans {
    /// The plan without a paid subscription.
    pub free: Plan,
    /// The plan with one.
    pub pro: Plan,
}

impl Default for Plans {
    /// The plans of a server without settings for them.
    fn default() -> Self {
        Self {
            free: Plan::free(FREE_PROMPTS, Some(FREE_REQUESTS_PER_MINUTE)),
            pro: Plan::pro(PRO_PROMPTS, Some(PRO_REQUESTS_PER_MINUTE)),
        }
    }
}

impl Plans {
    /// Selects the plan of a user at `now` by their subscription. Where nothing is sold, everybody has
    /// the free plan.
    pub fn select(
        &self,
        subscription: Option<&Subscription>,
        offer: Option<&Offer>,
        now: Timestamp,
    ) -> Plan {
        match (subscription, offer) {
            (Some(subscription), Some(offer)) if subscription.is_paid(offer, now) => self.pro,
            _ => self.free,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::subscription::{Interval, Price, Status, SubscriptionId};

    #[test]
    fn the_plan_follows_the_subscription_to_the_millisecond() {
        let end = Timestamp::from_millis(1_000_000);
        let subscription = Subscription {
            id: SubscriptionId::parse("sub_1").unwrap(),
            status: Status::Active,
            price: Some(Price {
                id: "price_1".to_owned(),
                amount: 500,
                currency: "usd".to_owned(),
                interval: Interval::Month,
            }),
            is_live: false,
            created_at: Timestamp::from_millis(0),
            period_end: end,
            ends_at: Some(end),
            past_due_since: None,
        };
        let offer = Offer { prices: vec!["price_1".to_owned()], is_live: false };
        let plans = Plans::default();
        let before = Timestamp::from_millis(999_999);
        for (subscription, offer, now, expected) in [
            (Some(&subscription), Some(&offer), before, "pro"),
            (Some(&subscription), Some(&offer), end, "free"),
            (Some(&subscription), None, before, "free"),
            (None, Some(&offer), before, "free"),
            (None, None, before, "free"),
        ] {
            assert_eq!(plans.select(subscription, offer, now).name, expected, "{now}");
        }
    }

    #[test]
    fn the_table_of_plans() {
        let row = |plan: Plan| {
            let Quota { prompts, bytes } = plan.quota;
            let rate = plan.requests_per_minute.map(NonZeroU32::get);
            (plan.name, prompts, bytes, rate, plan.imports, plan.streams)
        };
        let Plans { free, pro } = Plans::default();
        assert_eq!(row(Plan::LOCAL), ("local", None, None, None, 4, 64));
        assert_eq!(row(free), ("free", Some(25), Some(20_971_520), Some(120), 1, 16));
        assert_eq!(row(pro), ("pro", Some(5000), Some(1_073_741_824), Some(600), 2, 16));
    }

    #[test]
    fn a_full_library_is_explained_without_a_word_of_what_is_sold() {
        let url = Some("https://prompts.example.com/app/trash");
        for full in [Full::Prompts(25), Full::Bytes(20_971_520)] {
            for text in [full.explain(None), full.explain(url)] {
                for word in ["plan", "price", "upgrade", "subscri", "pro ", "free", "$", "paid"] {
                    assert!(!text.to_lowercase().contains(word), "{text}");
                }
            }
        }
    }
}
