//! What is sold, as Stripe states it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::clients::stripe::{StripeClient, StripeError};
use crate::domain::subscription::Price;
use crate::domain::{Clock, Timestamp};

/// How long prices count as current. An amount of a price never changes at Stripe.
const VALID_FOR: Duration = Duration::from_hours(1);
/// How long a failure is not repeated.
const RETRY_AFTER: Duration = Duration::from_mins(1);

/// The prices of the configuration, read at the first use and kept.
pub(super) struct Offers {
    clock: Arc<dyn Clock>,
    last: Mutex<Option<Reading>>,
}

/// The result of reading every price.
#[derive(Clone)]
struct Reading {
    at: Timestamp,
    prices: Vec<Price>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Every price was read.
    Read,
    /// Stripe refused the key, or has no such price.
    Refused,
    /// Stripe could not be reached.
    Unknown,
}

impl Offers {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, last: Mutex::new(None) }
    }

    /// Lists the prices with these ids, in their order; none while Stripe does not state them.
    pub(super) async fn list(&self, stripe: &StripeClient, ids: &[String]) -> Vec<Price> {
        self.read(stripe, ids).await.prices
    }

    /// Whether Stripe refuses neither the key nor a price.
    pub(super) async fn are_sound(&self, stripe: &StripeClient, ids: &[String]) -> bool {
        self.read(stripe, ids).await.state != State::Refused
    }

    /// Returns the last reading, or the next one after its time. Concurrent callers share one.
    async fn read(&self, stripe: &StripeClient, ids: &[String]) -> Reading {
        let mut last = self.last.lock().await;
        let now = self.clock.now();
        if let Some(reading) = last.as_ref().filter(|reading| reading.is_current(now)) {
            return reading.clone();
        }
        let (mut prices, mut state) = (Vec::new(), State::Read);
        for id in ids {
            match stripe.get_price(id).await {
                Ok(price) => prices.push(price),
                Err(error) => {
                    tracing::warn!(%error, "a price cannot be read at Stripe");
                    state = match error {
                        StripeError::Call(_) => State::Unknown,
                        _ => State::Refused,
                    };
                    break;
                }
            }
        }
        if state != State::Read {
            // What was read before an outage is better than nothing.
            prices = last.take().map(|reading| reading.prices).unwrap_or_default();
        }
        last.insert(Reading { at: now, prices, state }).clone()
    }
}

impl Reading {
    fn is_current(&self, now: Timestamp) -> bool {
        let valid_for = if self.state == State::Read { VALID_FOR } else { RETRY_AFTER };
        // The first comparison is for a clock that was set back.
        self.at <= now && now < self.at.plus(valid_for)
    }
}
