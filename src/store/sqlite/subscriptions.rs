//! Customers, subscriptions and processed events in SQLite.
//!
//! A row without an owner is that of an erased user. `due_at` is when its work is due next: a lease
//! puts it off, and so does a state that was kept.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::values::{read_text, write_text};
use super::{SqliteStore, accounting, accounts};
use crate::domain::Timestamp;
use crate::domain::identity::{LibraryId, UserId};
use crate::domain::subscription::{
    CustomerId, EventId, Interval, Price, Status, Subscription, SubscriptionId,
};
use crate::store::{
    Billing, CHECK_EVERY, CustomerWork, EVENT_DAYS, LEASE, LEASED_MAX, LeasedCustomer, PURGE_MAX,
    StoreError, StoreResult, SubscriptionStore, Synced,
};

write_text!(CustomerId, EventId, SubscriptionId);
read_text!(CustomerId, SubscriptionId);

#[async_trait]
impl SubscriptionStore for SqliteStore {
    async fn get_billing(&self, user: &UserId) -> StoreResult<Option<Billing>> {
        let user = user.clone();
        let read = move |db: &Connection| {
            accounts::check_not_erased(db, &LibraryId::of_user(&user))?;
            Ok(find_billing(db, &user)?)
        };
        self.database.read(read).await
    }

    async fn bind_customer(&self, user: &UserId, customer: &CustomerId) -> StoreResult<CustomerId> {
        let (user, customer, now) = (user.clone(), customer.clone(), self.clock.now());
        self.database.write(move |db| bind(db, &user, &customer, now)).await
    }

    async fn begin_sync(&self, customer: &CustomerId) -> StoreResult<Option<u64>> {
        let customer = customer.clone();
        self.database.write(move |db| Ok(begin_sync(db, &customer)?)).await
    }

    async fn finish_sync(
        &self,
        customer: &CustomerId,
        sequence: u64,
        subscription: Option<&Subscription>,
        event: Option<&EventId>,
    ) -> StoreResult<Synced> {
        let (customer, subscription) = (customer.clone(), subscription.cloned());
        let (event, now) = (event.cloned(), self.clock.now());
        let finish = move |db: &Connection| {
            let (subscription, event) = (subscription.as_ref(), event.as_ref());
            Ok(finish_sync(db, &customer, sequence, subscription, event, now)?)
        };
        self.database.write(finish).await
    }

    async fn is_event_processed(&self, event: &EventId) -> StoreResult<bool> {
        let (event, now) = (event.clone(), self.clock.now());
        self.database.read(move |db| Ok(is_processed(db, &event, now)?)).await
    }

    async fn lease_customers(
        &self,
        work: CustomerWork,
        limit: usize,
    ) -> StoreResult<Vec<LeasedCustomer>> {
        let now = self.clock.now();
        self.database.write(move |db| Ok(lease(db, work, limit.min(LEASED_MAX), now)?)).await
    }

    async fn has_customers_to_erase(&self) -> StoreResult<bool> {
        self.database.read(|db| Ok(has_erased(db)?)).await
    }

    async fn forget_customer(&self, customer: &CustomerId) -> StoreResult<()> {
        let customer = customer.clone();
        self.database.write(move |db| Ok(forget(db, &customer)?)).await
    }
}

/// The columns that [`read_subscription`] reads, from `subscriptions` as `s`.
pub(super) const SUBSCRIPTION_COLUMNS: &str = "s.subscription, s.status, s.price, s.amount, \
    s.currency, s.recurs, s.is_live, s.started_at, s.period_end, s.ends_at, s.past_due_since";

/// Reads [`SUBSCRIPTION_COLUMNS`]; `None` where the row has no subscription, or one with a word of a
/// later release, which gives nothing here.
pub(super) fn read_subscription(row: &Row<'_>) -> rusqlite::Result<Option<Subscription>> {
    let Some(id) = row.get("subscription")? else { return Ok(None) };
    let word = |column: &str| row.get::<_, String>(column);
    let Some(status) = Status::parse(&word("status")?) else { return Ok(None) };
    let price = match row.get("price")? {
        None => None,
        Some(id) => {
            let Some(interval) = Interval::parse(&word("recurs")?) else { return Ok(None) };
            let (amount, currency) = (row.get("amount")?, word("currency")?);
            Some(Price { id, amount, currency, interval })
        }
    };
    Ok(Some(Subscription {
        id,
        status,
        price,
        is_live: row.get("is_live")?,
        created_at: row.get("started_at")?,
        period_end: row.get("period_end")?,
        ends_at: row.get("ends_at")?,
        past_due_since: row.get("past_due_since")?,
    }))
}

fn find_billing(db: &Connection, user: &UserId) -> rusqlite::Result<Option<Billing>> {
    let sql =
        format!("SELECT s.customer, {SUBSCRIPTION_COLUMNS} FROM subscriptions s WHERE owner = ?1");
    let read = |row: &Row<'_>| {
        Ok(Billing { customer: row.get("customer")?, subscription: read_subscription(row)? })
    };
    db.prepare_cached(&sql)?.query_row([user], read).optional()
}

fn bind(
    db: &Connection,
    user: &UserId,
    customer: &CustomerId,
    now: Timestamp,
) -> StoreResult<CustomerId> {
    accounts::check_not_erased(db, &LibraryId::of_user(user))?;
    // Ignored where the user has a customer, and where the customer has or had a user.
    db.prepare_cached(
        "INSERT OR IGNORE INTO subscriptions (customer, owner, due_at) VALUES (?1, ?2, ?3)",
    )?
    .execute((customer, user, now.plus(CHECK_EVERY)))?;
    find_billing(db, user)?.map(|bound| bound.customer).ok_or(StoreError::CustomerTaken)
}

fn begin_sync(db: &Connection, customer: &CustomerId) -> rusqlite::Result<Option<u64>> {
    db.prepare_cached(
        "UPDATE subscriptions SET sequence = sequence + 1 \
         WHERE customer = ?1 AND owner IS NOT NULL RETURNING sequence",
    )?
    .query_row([customer], |row| row.get("sequence"))
    .optional()
}

fn finish_sync(
    db: &Connection,
    customer: &CustomerId,
    sequence: u64,
    subscription: Option<&Subscription>,
    event: Option<&EventId>,
    now: Timestamp,
) -> rusqlite::Result<Synced> {
    let sql = format!(
        "SELECT s.owner, s.kept_sequence, {SUBSCRIPTION_COLUMNS} FROM subscriptions s \
         WHERE customer = ?1 AND owner IS NOT NULL"
    );
    let read = |row: &Row<'_>| {
        let kept_sequence: u64 = row.get("kept_sequence")?;
        Ok((row.get::<_, String>("owner")?, kept_sequence, read_subscription(row)?))
    };
    let found = db.prepare_cached(&sql)?.query_row([customer], read).optional()?;
    let Some((owner, kept_sequence, kept)) = found else {
        return Ok(Synced { owner: None, is_kept: false, is_changed: false });
    };
    let is_kept = sequence >= kept_sequence;
    let mut is_changed = false;
    if is_kept {
        is_changed = subscription != kept.as_ref();
        keep(db, customer, sequence, subscription, now)?;
    }
    if let Some(event) = event {
        db.prepare_cached("INSERT OR IGNORE INTO stripe_events (event, at) VALUES (?1, ?2)")?
            .execute((event, now))?;
    }
    Ok(Synced { owner: UserId::parse(&owner), is_kept, is_changed })
}

/// Replaces the state of a customer.
fn keep(
    db: &Connection,
    customer: &CustomerId,
    sequence: u64,
    subscription: Option<&Subscription>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let price = subscription.and_then(|subscription| subscription.price.as_ref());
    db.prepare_cached(
        "UPDATE subscriptions SET kept_sequence = :sequence, due_at = :due_at, \
         subscription = :subscription, status = :status, price = :price, amount = :amount, \
         currency = :currency, recurs = :recurs, is_live = :is_live, started_at = :started_at, \
         period_end = :period_end, ends_at = :ends_at, past_due_since = :past_due_since \
         WHERE customer = :customer",
    )?
    .execute(named_params! {
        ":customer": customer,
        ":sequence": sequence,
        ":due_at": now.plus(CHECK_EVERY),
        ":subscription": subscription.map(|subscription| &subscription.id),
        ":status": subscription.map(|subscription| subscription.status.as_str()),
        ":price": price.map(|price| &price.id),
        ":amount": price.map(|price| price.amount),
        ":currency": price.map(|price| &price.currency),
        ":recurs": price.map(|price| price.interval.as_str()),
        ":is_live": subscription.map(|subscription| subscription.is_live),
        ":started_at": subscription.map(|subscription| subscription.created_at),
        ":period_end": subscription.map(|subscription| subscription.period_end),
        ":ends_at": subscription.and_then(|subscription| subscription.ends_at),
        ":past_due_since": subscription.and_then(|subscription| subscription.past_due_since),
    })?;
    Ok(())
}

fn is_processed(db: &Connection, event: &EventId, now: Timestamp) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM stripe_events WHERE event = ?1 AND at >= ?2")?
        .exists((event, now.plus_days(-EVENT_DAYS)))
}

fn lease(
    db: &Connection,
    work: CustomerWork,
    limit: usize,
    now: Timestamp,
) -> rusqlite::Result<Vec<LeasedCustomer>> {
    // Each condition is that of an index.
    let waiting = match work {
        CustomerWork::Compare => "owner IS NOT NULL",
        CustomerWork::Erase => "owner IS NULL",
    };
    let sql = format!(
        "UPDATE subscriptions SET due_at = :until, sequence = sequence + 1 WHERE customer IN \
         (SELECT customer FROM subscriptions WHERE {waiting} AND due_at <= :now \
          ORDER BY due_at LIMIT :limit) \
         RETURNING customer, sequence"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let read = |row: &Row<'_>| {
        Ok(LeasedCustomer { customer: row.get("customer")?, sequence: row.get("sequence")? })
    };
    let params = named_params! { ":now": now, ":until": now.plus(LEASE), ":limit": limit };
    statement.query_map(params, read)?.collect()
}

fn has_erased(db: &Connection) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM subscriptions WHERE owner IS NULL")?.exists([])
}

fn forget(db: &Connection, customer: &CustomerId) -> rusqlite::Result<()> {
    db.execute("DELETE FROM subscriptions WHERE customer = ?1", [customer])?;
    accounting::note_removal(db)
}

/// Takes the customer of a user who is erased, whose deletion at Stripe is due then.
pub(super) fn disown(db: &Connection, user: &UserId, now: Timestamp) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE subscriptions SET owner = NULL, due_at = ?2, subscription = NULL, status = NULL, \
         price = NULL, amount = NULL, currency = NULL, recurs = NULL, is_live = NULL, \
         started_at = NULL, period_end = NULL, ends_at = NULL, past_due_since = NULL \
         WHERE owner = ?1",
        (user, now),
    )?;
    Ok(())
}

/// Removes events that Stripe repeats no more; returns whether there may be more.
pub(super) fn purge(db: &Connection, now: Timestamp) -> rusqlite::Result<bool> {
    let events = db.execute(
        "DELETE FROM stripe_events WHERE event IN \
         (SELECT event FROM stripe_events WHERE at < ?1 LIMIT ?2)",
        (now.plus_days(-EVENT_DAYS), PURGE_MAX),
    )?;
    Ok(events == PURGE_MAX)
}
