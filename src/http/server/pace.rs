//! [`Pace`]: whether a client takes what is sent to it fast enough.

use std::time::Duration;

use tokio::time::Instant;

/// How long a client may take nothing at the start.
const CREDIT: Duration = Duration::from_secs(30);
/// The rate in bytes a second at which a client that is always behind keeps its credit.
const BYTES_PER_SECOND: u64 = 8 * 1024;
/// Maximum credit. A kernel reports room only once a third of its buffer is free, up to 1.3 MB: that
/// takes 170 s at the lowest rate.
const CREDIT_MAX: Duration = Duration::from_mins(3);

/// The credit of a client: the time that it may keep the server waiting.
///
/// Time in which the server has nothing to send costs nothing. Each byte that is taken adds to the
/// credit, so that a single byte does not start a new timeout.
#[derive(Debug)]
pub(super) struct Pace {
    credit: Duration,
    waiting_since: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { credit: CREDIT, waiting_since: None }
    }
}

impl Pace {
    /// The server waits for the client from now on, unless it waits already.
    pub(super) fn wait(&mut self) {
        self.waiting_since.get_or_insert_with(Instant::now);
    }

    /// When the credit ends, while the server waits.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.waiting_since.map(|since| since + self.credit)
    }

    /// The client took bytes, and the server does not wait for it any more.
    pub(super) fn advance(&mut self, bytes: usize) {
        if let Some(since) = self.waiting_since.take() {
            self.credit = self.credit.saturating_sub(since.elapsed());
        }
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let earned = Duration::from_micros(bytes.saturating_mul(1_000_000) / BYTES_PER_SECOND);
        self.credit = self.credit.saturating_add(earned).min(CREDIT_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes `bytes` after each wait of `seconds`, and returns after how many seconds the credit
    /// ends; `None` if it has not after an hour.
    async fn seconds_until_slow(bytes: usize, seconds: u64) -> Option<u64> {
        let began = Instant::now();
        let mut pace = Pace::default();
        while began.elapsed() < Duration::from_hours(1) {
            pace.wait();
            let next = Instant::now() + Duration::from_secs(seconds);
            let deadline = pace.deadline().unwrap();
            if deadline <= next {
                return Some((deadline - began).as_secs());
            }
            tokio::time::sleep_until(next).await;
            pace.advance(bytes);
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_below_the_lowest_rate_runs_out_of_credit() {
        assert_eq!(seconds_until_slow(0, 1).await, Some(30));
        assert_eq!(seconds_until_slow(1, 5).await, Some(30));
        assert_eq!(seconds_until_slow(3 * 1024, 5).await, Some(32));
        assert_eq!(seconds_until_slow(4 * 1024, 1).await, Some(59));
        assert_eq!(seconds_until_slow(9 * 1024, 1).await, None);
        assert_eq!(seconds_until_slow(200 * 1024, 20).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn no_amount_of_bytes_buys_more_than_the_maximum() {
        let mut pace = Pace::default();
        pace.advance(1 << 40);
        pace.wait();
        assert_eq!(pace.deadline(), Some(Instant::now() + CREDIT_MAX));
    }

    #[tokio::test(start_paused = true)]
    async fn time_without_anything_to_send_costs_nothing() {
        let mut pace = Pace::default();
        tokio::time::advance(Duration::from_hours(2)).await;
        assert_eq!(pace.deadline(), None);
        pace.wait();
        assert_eq!(pace.deadline(), Some(Instant::now() + CREDIT));
    }
}
