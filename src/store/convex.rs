//! The production store: the functions of `convex/`, called over Convex's HTTP function API.
//!
//! The functions decide everything in one transaction each; this side makes the calls arrive. It
//! bounds the calls in flight by the plan's limit with a fair queue, and those of one owner by half of
//! it, and repeats transient failures within the deadline: queries and actions unchanged, because they
//! read, and mutations under an idempotency key that the mutation itself honours, so that none runs
//! twice.

mod accounts;
mod audit;
mod candidates;
mod clients;
mod failure;
mod paging;
mod places;
mod prompts;
mod search;
mod subscriptions;
mod vectors;
mod wire;

pub use self::failure::FAILURE_CODES;
pub use self::prompts::USES_MAX;
pub use self::vectors::KEPT_MAX;

use std::time::Duration;

use async_trait::async_trait;
use backon::BackoffBuilder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use self::failure::judge;
use self::paging::CursorOf;
use self::places::Places;
use self::wire::{WirePage, WireWrite};
use super::{Purge, Store, StoreError, StoreResult, WriteContext};
use crate::clients::convex::{ConvexClient, Kind};
use crate::domain::candidate::CandidateId;
use crate::domain::identity::LibraryId;
use crate::domain::paging::{Cursor, PageRequest};
use crate::telemetry::metrics::{CONVEX_MUTATIONS_WAITING, CONVEX_QUERIES_WAITING};

/// Maximum number of repetitions when the deployment cannot be reached or its response is invalid.
/// More would only delay the failure.
const REPEATS_MAX: usize = 2;
/// The pause before the first repetition; it doubles up to [`PAUSE_MAX`], with jitter.
const PAUSE_MIN: Duration = Duration::from_millis(25);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// The owner that [`Store::ping`] passes; it owns nothing.
const NO_OWNER: &str = "health";
/// The owner of the calls without a user, in the queues alone. No user id has a blank.
const SYSTEM: &str = "the system";

/// The store behind the functions of one deployment.
pub struct ConvexStore {
    client: ConvexClient,
    queries: Places,
    mutations: Places,
    wait: Duration,
}

impl ConvexStore {
    /// `wait` bounds a call, from its place in the queue to its last repetition. `max_concurrency`
    /// bounds the queries in flight and, separately, the mutations, as Convex itself does; one owner has
    /// at most half of each.
    pub fn new(client: ConvexClient, max_concurrency: usize, wait: Duration) -> Self {
        let queries = Places::new(max_concurrency);
        Self { client, queries, mutations: Places::new(max_concurrency), wait }
    }

    /// Calls a query. `owner` becomes the functions' argument `userId`, here and below.
    async fn query<T: DeserializeOwned>(
        &self,
        owner: &str,
        path: &str,
        args: Value,
    ) -> StoreResult<T> {
        self.call(Kind::Query, owner, path, without_nulls(args)).await
    }

    /// Calls an action. Ours read, so they are repeated as queries are.
    async fn action<T: DeserializeOwned>(
        &self,
        owner: &str,
        path: &str,
        args: Value,
    ) -> StoreResult<T> {
        self.call(Kind::Action, owner, path, without_nulls(args)).await
    }

    /// Calls a mutation with its write context, whose key makes it safe to repeat.
    async fn mutation<T: DeserializeOwned>(
        &self,
        library: &LibraryId,
        path: &str,
        mut args: Value,
        write: &WriteContext,
    ) -> StoreResult<T> {
        let own_key;
        let (key, fingerprint) = if let Some(idempotency) = &write.idempotency {
            (&idempotency.key, &idempotency.fingerprint)
        } else {
            own_key = uuid::Uuid::new_v4().to_string();
            (&own_key, &own_key)
        };
        let accepts = write.accepts.as_ref().map(CandidateId::as_str);
        let byte_quota = write.quota.bytes;
        args["write"] =
            json!(WireWrite { client: &write.client, key, fingerprint, accepts, byte_quota });
        self.call(Kind::Mutation, library.as_str(), path, without_nulls(args)).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        kind: Kind,
        owner: &str,
        path: &str,
        args: impl Serialize,
    ) -> StoreResult<T> {
        self.call_for(kind, Some(owner), path, args).await
    }

    /// Calls a function that serves the system and takes no user.
    async fn call_system<T: DeserializeOwned>(
        &self,
        kind: Kind,
        path: &str,
        args: Value,
    ) -> StoreResult<T> {
        self.call_for(kind, None, path, without_nulls(args)).await
    }

    async fn call_for<T: DeserializeOwned>(
        &self,
        kind: Kind,
        owner: Option<&str>,
        path: &str,
        args: impl Serialize,
    ) -> StoreResult<T> {
        let function = self
            .client
            .prepare(kind, path, owner, args)
            .map_err(|error| StoreError::Internal(error.into()))?;
        let deadline = Instant::now() + self.wait;
        let (in_flight, waiting) = match kind {
            // An action runs one query at a time, which counts towards the plan's limit of queries.
            Kind::Query | Kind::Action => (&self.queries, &CONVEX_QUERIES_WAITING),
            Kind::Mutation => (&self.mutations, &CONVEX_MUTATIONS_WAITING),
        };
        let waiting = waiting.hold();
        // The queues are fair. A call that waits past its deadline was never sent.
        let Ok(place) = timeout_at(deadline, in_flight.take(owner.unwrap_or(SYSTEM))).await else {
            return Err(StoreError::Busy);
        };
        drop(waiting);
        let _place = place.map_err(|error| StoreError::Internal(error.into()))?;
        let mut pauses = backon::ExponentialBuilder::default()
            .with_min_delay(PAUSE_MIN)
            .with_max_delay(PAUSE_MAX)
            .with_jitter()
            .without_max_times()
            .build();
        let mut repeats = 0;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // Half of the time for one attempt leaves time for another if the first one hangs.
            let attempt = left.min(self.wait / 2);
            let failure = match self.client.send(&function, attempt).await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let (error, repeatable) = judge(path, failure);
            repeats += usize::from(matches!(error, StoreError::Unavailable(_)));
            let pause = pauses.next().unwrap_or(PAUSE_MAX);
            if !repeatable || repeats > REPEATS_MAX || Instant::now() + pause >= deadline {
                return Err(error);
            }
            tracing::debug!(%error, path, "repeating a call of Convex");
            tokio::time::sleep(pause).await;
        }
    }

    /// Calls a query that returns a page; `None` if the query returns null.
    async fn page<T: DeserializeOwned, const N: usize>(
        &self,
        library: &LibraryId,
        path: &str,
        mut args: Value,
        page: &PageRequest,
        listing: CursorOf<'_, N>,
    ) -> StoreResult<Option<(Vec<T>, Option<Cursor>)>> {
        args["limit"] = json!(page.limit.get());
        args["after"] = json!(listing.open(page.cursor.as_ref())?);
        let found: Option<WirePage<T>> = self.query(library.as_str(), path, args).await?;
        Ok(found.map(|found| (found.items, found.next.map(|next| listing.seal(&next)))))
    }
}

/// Removes fields that are null: to Convex an absent field is something else.
fn without_nulls(mut args: Value) -> Value {
    if let Value::Object(args) = &mut args {
        args.retain(|_, value| !value.is_null());
    }
    args
}

#[async_trait]
impl Store for ConvexStore {
    async fn ping(&self) -> StoreResult<()> {
        self.query(NO_OWNER, "health:ping", json!({})).await
    }

    /// Removes nothing: cron jobs of the deployment purge.
    async fn purge(&self) -> StoreResult<Purge> {
        Ok(Purge::default())
    }
}
