//! What runs beside requests: the daily comparison with Stripe, and erasures that it did not finish.

use super::{Billing, convert_store_error};
use crate::error::ApiError;
use crate::store::{CustomerWork, LeasedCustomer};

/// Customers that one step leases. Each takes a call or a few of Stripe, of at most 5 s, and a lease
/// lasts 10 minutes.
const LEASED: usize = 20;

impl Billing {
    /// Compares what is kept with what Stripe says, for every customer whose state was not read for a
    /// day, and keeps what differs. Several processes share the customers among them.
    ///
    /// It ends at the first failure, for Stripe is down then; the next run goes on.
    pub async fn compare_customers(&self) -> Result<(), ApiError> {
        loop {
            let leased = self.lease(CustomerWork::Compare).await?;
            for LeasedCustomer { customer, sequence } in &leased {
                self.keep_state(customer, *sequence, None).await?;
            }
            if leased.len() < LEASED {
                return Ok(());
            }
        }
    }

    /// Deletes at Stripe the customers of erased users that are still there.
    ///
    /// A failure of one stops no other; each is tried again once its lease ends.
    pub async fn erase_customers(&self) -> Result<(), ApiError> {
        let mut outcome = Ok(());
        loop {
            let leased = self.lease(CustomerWork::Erase).await?;
            for LeasedCustomer { customer, .. } in &leased {
                if let Err(error) = self.erase_customer(customer).await {
                    outcome = Err(error);
                }
            }
            if leased.len() < LEASED {
                return outcome;
            }
        }
    }

    async fn lease(&self, work: CustomerWork) -> Result<Vec<LeasedCustomer>, ApiError> {
        self.store.lease_customers(work, LEASED).await.map_err(convert_store_error)
    }
}
