//! What runs beside requests: the daily comparison with Stripe, and erasures that it did not finish.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::{Billing, convert_store_error};
use crate::error::{ApiError, chain};
use crate::store::{CustomerWork, LEASE, LeasedCustomer};

/// Customers that one step leases.
const LEASED: usize = 20;
/// Steps of one run: 1,000 customers.
const STEPS_MAX: usize = 50;
/// How long a run goes on to the next customer, while Stripe is slow: it is over before what it leased
/// is leased anew. The rest is left to a later run.
pub const RUN_MAX: Duration = Duration::from_mins(5);

const _: () = assert!(RUN_MAX.as_secs() < LEASE.as_secs());

impl Billing {
    /// Compares what is kept with what Stripe says, for every customer whose state was not read for a
    /// day, and keeps what differs. Several processes share the customers among them.
    ///
    /// A failure of one customer stops no other; each is tried again once its lease ends.
    pub async fn compare_customers(&self) -> Result<(), ApiError> {
        self.work_off(CustomerWork::Compare).await
    }

    /// Notified when [`erase_customers`](Self::erase_customers) may have something to do.
    pub fn deletions(&self) -> Arc<Notify> {
        Arc::clone(&self.deletions)
    }

    /// Lets the job run soon that deletes the customers of erased users.
    pub(crate) fn wake_deletions(&self) {
        self.deletions.notify_one();
    }

    /// Deletes at Stripe the customers of erased users that are still there.
    ///
    /// A failure of one customer stops no other; each is tried again once its lease ends.
    pub async fn erase_customers(&self) -> Result<(), ApiError> {
        self.work_off(CustomerWork::Erase).await
    }

    /// Does some work for the customers that wait for it, up to [`STEPS_MAX`] times [`LEASED`] and for
    /// [`RUN_MAX`], and returns the last failure. It ends after a step without success, for Stripe is
    /// down then.
    async fn work_off(&self, work: CustomerWork) -> Result<(), ApiError> {
        let (started, mut outcome) = (self.clock.elapsed(), Ok(()));
        for _ in 0..STEPS_MAX {
            let leased = self.lease(work).await?;
            let is_last = leased.len() < LEASED;
            let mut has_success = false;
            for customer in leased {
                if self.clock.elapsed().saturating_sub(started) >= RUN_MAX {
                    tracing::warn!(
                        work = work.as_str(),
                        "Stripe is slow; a later run does the rest"
                    );
                    return outcome;
                }
                match self.work_on(work, customer).await {
                    Ok(()) => has_success = true,
                    Err(error) => {
                        // The last failure is the caller's to report.
                        if let Err(earlier) = std::mem::replace(&mut outcome, Err(error)) {
                            tracing::warn!(error = %chain(&earlier), "a customer is left for later");
                        }
                    }
                }
            }
            if is_last || !has_success {
                break;
            }
        }
        outcome
    }

    async fn work_on(&self, work: CustomerWork, leased: LeasedCustomer) -> Result<(), ApiError> {
        let LeasedCustomer { customer, sequence } = leased;
        match work {
            CustomerWork::Compare => self.keep_state(&customer, sequence, None).await.map(drop),
            CustomerWork::Erase => self.erase_customer(&customer).await,
        }
    }

    async fn lease(&self, work: CustomerWork) -> Result<Vec<LeasedCustomer>, ApiError> {
        self.store.lease_customers(work, LEASED).await.map_err(convert_store_error)
    }
}
