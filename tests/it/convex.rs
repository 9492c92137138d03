//! The Convex store against deployments that fail in every way that the real functions cannot be
//! made to, and two users at once over the real ones; the laws themselves are in `store_contract`.

pub(crate) mod fake;
mod faults;
pub(crate) mod functions;
mod health;
mod limits;
mod lost_answers;
mod two_users;

use std::time::Duration;

use promptdb::clients::convex::ConvexClient;
use promptdb::clients::http_client;
use promptdb::store::convex::ConvexStore;

/// How long the stores of these tests wait.
pub(crate) const WAIT: Duration = Duration::from_secs(8);

/// A store on the deployment at `url`.
pub(crate) fn store_at(url: &str, max_concurrency: usize, wait: Duration) -> ConvexStore {
    let http = http_client(wait).unwrap();
    let client =
        ConvexClient::new(http, &url.parse().unwrap(), "key-of-the-tests".to_owned().into());
    ConvexStore::new(client, max_concurrency, wait)
}
