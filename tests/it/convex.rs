//! The Convex store against a scripted deployment that fails, and two concurrent users on the real
//! functions. `store_contract` tests the laws of every store.

pub(crate) mod fake;
mod faults;
pub(crate) mod functions;
mod health;
mod limits;
mod lost_answers;
mod meaning;
mod two_users;

use std::time::Duration;

use promptdb::clients::convex::ConvexClient;
use promptdb::clients::http_client;
use promptdb::store::convex::ConvexStore;

/// Deadline of one call of the stores in these tests, repetitions included.
pub(crate) const WAIT: Duration = Duration::from_secs(8);

/// A store on the deployment at `url`.
pub(crate) fn store_at(url: &str, max_concurrency: usize, wait: Duration) -> ConvexStore {
    let http = http_client(wait).unwrap();
    let client =
        ConvexClient::new(http, &url.parse().unwrap(), "key-of-the-tests".to_owned().into());
    ConvexStore::new(client, max_concurrency, wait)
}
