//! What tests let happen at Stripe: the acts of customers and of the account's owner, time,
//! deliveries and failures.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::account::{Account, Dunning};
use super::deliveries::{self, Webhook};
use super::faults::Fault;
use super::{Inner, WEBHOOK_SECRET, objects};

/// A command, in JSON as `{"command": "pay", "checkout": "cs_..."}`.
#[derive(Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", rename_all_fields = "snake_case")]
pub(crate) enum Command {
    /// Moves the time of the account by so many seconds, and lets happen what is due.
    Advance { seconds: i64 },
    /// Completes a checkout page; returns the id of the subscription.
    Pay { checkout: String },
    /// Subscribes a customer without a page; returns the id of the subscription.
    Subscribe { customer: String, price: String },
    /// Plans the end of a subscription for the end of its period.
    CancelAtPeriodEnd { subscription: String },
    /// Plans the end of a subscription for a time in seconds.
    CancelAt { subscription: String, at: i64 },
    /// Takes a planned end back.
    Resume { subscription: String },
    /// Ends a subscription now.
    CancelNow { subscription: String },
    /// Sets whether the payments of a customer succeed.
    SetCard { customer: String, works: bool },
    /// Pays what is due with a card that works.
    PayInvoices { subscription: String },
    /// Changes fields of a subscription that has not ended.
    Update { subscription: String, changes: Value },
    /// Changes the status of a subscription by force.
    SetStatus { subscription: String, status: String },
    /// Sets after how many days a due payment is given up, and the status then.
    SetDunning { days: i64, end: String },
    /// Sells another price.
    AddPrice { id: String, amount: i64, currency: String, interval: String },
    /// Makes new objects of real money, or of the test mode again.
    SetLive { live: bool },
    /// Deletes a customer.
    DeleteCustomer { customer: String },
    /// Returns every customer that is not deleted.
    Customers,
    /// Returns every checkout page.
    Checkouts,
    /// Returns an object.
    Show { id: String },
    /// Puts an object in the place of another, however strange it is.
    Replace { id: String, object: Value },
    /// Forgets an object, as if it was one of another account.
    Forget { id: String },
    /// Returns the requests of the API so far.
    Requests,
    /// Returns every event so far, the oldest first.
    Events,
    /// Signs an event as a delivery of now; returns `{signature, body}`.
    Sign { event: String },
    /// Sets where events are delivered, with one or several secrets, and whether they are at once.
    SetWebhook { url: String, secrets: Option<Vec<String>>, automatic: bool },
    /// Delivers events in this order, or those that were not delivered yet; returns the statuses.
    Deliver { events: Option<Vec<String>> },
    /// Returns what the receiver at `/deliveries` answered.
    Received,
    /// Plans a failure.
    Fail { fault: Fault },
    /// Ends every planned failure, and lets held answers go.
    Recover,
    /// Lets so many held answers go.
    Release { answers: usize },
    /// Forgets everything but the webhook. Later ids are still new.
    Reset,
}

/// Runs a command, and then the deliveries that it caused.
pub(super) async fn run(inner: &Arc<Inner>, command: Command) -> Result<Value, String> {
    let result = match command {
        Command::Deliver { events } => return deliveries::deliver(inner, events).await,
        Command::Release { answers } => {
            inner.gate.add_permits(answers);
            Value::Null
        }
        Command::Recover => {
            let held = inner.lock().faults.clear();
            inner.gate.add_permits(held);
            Value::Null
        }
        command => act(&mut inner.lock(), command)?,
    };
    deliveries::deliver_new(inner).await;
    Ok(result)
}

fn act(account: &mut Account, command: Command) -> Result<Value, String> {
    match command {
        Command::Advance { seconds } => account.advance(seconds),
        Command::Pay { checkout } => return account.pay(&checkout).map(Value::from),
        Command::Subscribe { customer, price } => {
            return account.subscribe(&customer, &price).map(Value::from);
        }
        Command::CancelAtPeriodEnd { subscription } => {
            account.cancel_at_period_end(&subscription, true)?;
        }
        Command::CancelAt { subscription, at } => {
            account.update(&subscription, &json!({ "cancel_at": at }))?;
        }
        Command::Resume { subscription } => account.cancel_at_period_end(&subscription, false)?,
        Command::CancelNow { subscription } => account.cancel(&subscription)?,
        Command::SetCard { customer, works: true } => {
            account.failing_cards.remove(&customer);
        }
        Command::SetCard { customer, works: false } => {
            account.failing_cards.insert(customer);
        }
        Command::PayInvoices { subscription } => account.pay_invoices(&subscription)?,
        Command::Update { subscription, changes } => account.update(&subscription, &changes)?,
        Command::SetStatus { subscription, status } => {
            account.set_status(&subscription, &status)?;
        }
        Command::SetDunning { days, end } => account.dunning = Dunning { days, end },
        Command::AddPrice { id, amount, currency, interval } => {
            account.add(objects::price(account, &id, amount, &currency, &interval));
        }
        Command::SetLive { live } => account.is_live = live,
        Command::DeleteCustomer { customer } => account.delete_customer(&customer)?,
        Command::Customers => {
            let customers = account.list("customer", None).into_iter();
            return Ok(customers.filter(|customer| customer["deleted"] != true).cloned().collect());
        }
        Command::Checkouts => {
            return Ok(account.list("checkout.session", None).into_iter().cloned().collect());
        }
        Command::Show { id } => {
            return account.find(&id).cloned().ok_or_else(|| format!("no object {id}"));
        }
        Command::Replace { id, object } => account.replace(&id, object),
        Command::Forget { id } => account.forget(&id),
        Command::Requests => return Ok(Value::from(account.requests.clone())),
        Command::Events => {
            return Ok(account.events.iter().map(|id| account.object(id).clone()).collect());
        }
        Command::Sign { event } => {
            let body = account.find(&event).ok_or("no such event")?.to_string();
            let secrets = account.webhook.as_ref().map(|webhook| webhook.secrets.clone());
            let secrets = secrets.unwrap_or_else(|| vec![WEBHOOK_SECRET.to_owned()]);
            let signature = deliveries::sign(account.clock.as_ref(), &secrets, &body);
            return Ok(json!({ "signature": signature, "body": body }));
        }
        Command::SetWebhook { url, secrets, automatic } => {
            let secrets = secrets.unwrap_or_else(|| vec![WEBHOOK_SECRET.to_owned()]);
            account.webhook = Some(Webhook { url, secrets, is_automatic: automatic });
        }
        Command::Received => return Ok(Value::from(account.received.clone())),
        Command::Fail { fault } => account.faults.plan(fault),
        Command::Reset => account.reset(),
        Command::Deliver { .. } | Command::Recover | Command::Release { .. } => {}
    }
    Ok(Value::Null)
}
