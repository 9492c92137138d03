//! What runs beside requests: the daily comparison with Stripe, and erasures that it did not finish.

use super::{Billing, convert_store_error};
use crate::error::{ApiError, chain};
use crate::store::{CustomerWork, LeasedCustomer};

/// Customers that one step leases. Each takes a call or a few of Stripe, of at most 5 s, and a lease
/// lasts 10 minutes.
const LEASED: usize = 20;
/// Steps of one run, so that a run ends before the next one is due: 1,000 customers.
const STEPS_MAX: usize = 50;

impl Billing {
    /// Compares what is kept with what Stripe says, for every customer whose state was not read for a
    /// day, and keeps what differs. Several processes share the customers among them.
    ///
    /// A failure of one customer stops no other; each is tried again once its lease ends.
    pub async fn compare_customers(&self) -> Result<(), ApiError> {
        self.work_off(CustomerWork::Compare).await
    }

    /// Deletes at Stripe the customers of erased users that are still there.
    ///
    /// A failure of one customer stops no other; each is tried again once its lease ends.
    pub async fn erase_customers(&self) -> Result<(), ApiError> {
        self.work_off(CustomerWork::Erase).await
    }

    /// Does some work for the customers that wait for it, up to [`STEPS_MAX`] times [`LEASED`], and
    /// returns the last failure. It ends after a step without success, for Stripe is down then.
    async fn work_off(&self, work: CustomerWork) -> Result<(), ApiError> {
        let mut outcome = Ok(());
        for _ in 0..STEPS_MAX {
            let leased = self.lease(work).await?;
            let is_last = leased.len() < LEASED;
            let mut has_success = false;
            for LeasedCustomer { customer, sequence } in leased {
                let done = match work {
                    CustomerWork::Compare => {
                        self.keep_state(&customer, sequence, None).await.map(drop)
                    }
                    CustomerWork::Erase => self.erase_customer(&customer).await,
                };
                match done {
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

    async fn lease(&self, work: CustomerWork) -> Result<Vec<LeasedCustomer>, ApiError> {
        self.store.lease_customers(work, LEASED).await.map_err(convert_store_error)
    }
}
