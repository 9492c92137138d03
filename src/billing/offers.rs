//! What is sold, as Stripe states it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as Turn;

use crate::clients::stripe::{StripeClient, StripeError};
use crate::domain::subscription::{Interval, Price};
use crate::domain::{Clock, Timestamp};
use crate::telemetry::Record;

/// How long prices count as current. An amount of a price never changes at Stripe.
const VALID_FOR: Duration = Duration::from_hours(1);
/// How long a failure is not repeated.
const RETRY_AFTER: Duration = Duration::from_mins(1);
/// How long a caller waits for the first reading. A probe of readiness takes no longer than that.
const WAIT: Duration = Duration::from_secs(1);

/// The prices of the configuration, read at the first use and kept.
pub(super) struct Offers {
    stripe: Arc<StripeClient>,
    clock: Arc<dyn Clock>,
    wanted: Vec<(String, Interval)>,
    last: Mutex<Option<Reading>>,
    /// Held by the one task that reads.
    turn: Arc<Turn<()>>,
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
    /// Stripe refused the key, has no such price, or has one that is not what its setting says.
    Refused,
    /// Stripe could not be reached.
    Unknown,
}

impl Offers {
    /// `wanted` are the ids of the prices and the interval of each, in the order in which they are
    /// listed.
    pub(super) fn new(
        stripe: Arc<StripeClient>,
        wanted: Vec<(String, Interval)>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (last, turn) = (Mutex::new(None), Arc::new(Turn::new(())));
        Self { stripe, clock, wanted, last, turn }
    }

    /// Lists the prices; none while Stripe has not stated them, or one of them is refused.
    pub(super) async fn list(self: &Arc<Self>) -> Vec<Price> {
        self.find_last().await.map(|reading| reading.prices).unwrap_or_default()
    }

    /// Whether Stripe refuses neither the key nor a price.
    pub(super) async fn are_sound(self: &Arc<Self>) -> bool {
        self.find_last().await.is_none_or(|reading| reading.state != State::Refused)
    }

    /// Checks before a sale that no price is refused and that this one was read, if need be now.
    ///
    /// # Errors
    /// [`StripeError::UnsuitablePrice`] after a refusal, until a later reading finds none.
    pub(super) async fn check(self: &Arc<Self>, id: &str) -> Result<(), StripeError> {
        let last = if let Some(last) = self.find_last().await {
            Some(last)
        } else {
            // The first reading takes longer than a probe may wait.
            drop(self.turn.lock().await);
            self.last().clone()
        };
        match last {
            Some(Reading { state: State::Refused, .. }) => Err(StripeError::UnsuitablePrice),
            Some(Reading { prices, .. }) if prices.iter().any(|price| price.id == id) => Ok(()),
            _ => self.read_price(id).await.map(drop),
        }
    }

    /// Returns the last reading, and begins the next one after its time. Only the first reading is
    /// waited for, and not for longer than [`WAIT`].
    async fn find_last(self: &Arc<Self>) -> Option<Reading> {
        let last = self.last().clone();
        if last.as_ref().is_some_and(|reading| reading.is_current(self.clock.now())) {
            return last;
        }
        if let Ok(turn) = Arc::clone(&self.turn).try_lock_owned() {
            let offers = Arc::clone(self);
            // A task of its own: a caller that leaves must not end the reading of all.
            tokio::spawn(Record::carry(async move {
                offers.read().await;
                drop(turn);
            }));
        }
        if last.is_some() {
            return last;
        }
        // Whether the reading ends in time or not, what there is then counts.
        let _ = tokio::time::timeout(WAIT, self.turn.lock()).await;
        self.last().clone()
    }

    async fn read(&self) {
        let (mut prices, mut state) = (Vec::new(), State::Read);
        for (id, _) in &self.wanted {
            match self.read_price(id).await {
                Ok(price) => prices.push(price),
                Err(error) => {
                    tracing::warn!(%error, "a price is not for sale");
                    state = match error {
                        StripeError::Call(_) => State::Unknown,
                        _ => State::Refused,
                    };
                    break;
                }
            }
        }
        let mut last = self.last();
        if state == State::Refused {
            prices.clear();
        } else if state == State::Unknown {
            // What was read before an outage is better than nothing.
            prices = last.take().map(|reading| reading.prices).unwrap_or_default();
        }
        *last = Some(Reading { at: self.clock.now(), prices, state });
    }

    /// Reads a price whose interval is that of its setting.
    async fn read_price(&self, id: &str) -> Result<Price, StripeError> {
        let price = self.stripe.get_price(id).await?;
        let is_wanted = self
            .wanted
            .iter()
            .any(|(own, interval)| *own == price.id && *own == id && *interval == price.interval);
        if is_wanted { Ok(price) } else { Err(StripeError::UnsuitablePrice) }
    }

    fn last(&self) -> MutexGuard<'_, Option<Reading>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading {
    fn is_current(&self, now: Timestamp) -> bool {
        let valid_for = if self.state == State::Read { VALID_FOR } else { RETRY_AFTER };
        // The first comparison is for a clock that was set back.
        self.at <= now && now < self.at.plus(valid_for)
    }
}
