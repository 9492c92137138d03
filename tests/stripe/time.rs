//! What time does: renewals, failed payments and their end, planned ends, pages that expire.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

use super::account::Account;
use super::life::is_final;
use super::text;

const DAY_S: i64 = 24 * 60 * 60;
/// How long the first payment of a subscription may take.
const INCOMPLETE_S: i64 = 23 * 60 * 60;

/// What happens next to an object.
enum Turn {
    Expire,
    Renew,
    End,
    GiveUp,
    ExpireIncomplete,
}

/// The time a month or a year later, in seconds since the Unix epoch.
pub(super) fn add_interval(seconds: i64, interval: &str) -> i64 {
    let span = if interval == "year" { Span::new().years(1) } else { Span::new().months(1) };
    let time = Timestamp::from_second(seconds).expect("the time is that of a test");
    let later = time.to_zoned(TimeZone::UTC).checked_add(span);
    later.expect("the time is that of a test").timestamp().as_second()
}

impl Account {
    /// Moves the time, and lets happen in order what is due until then.
    pub(super) fn advance(&mut self, seconds: i64) {
        let until = self.now() + seconds;
        while let Some((at, id, turn)) = self.next_turn().filter(|(at, ..)| *at <= until) {
            // A moment of the past happens now: the clock of the receiver may have moved alone.
            self.offset += (at - self.now()).max(0);
            self.take(&id, at, &turn);
        }
        self.offset += until - self.now();
    }

    fn next_turn(&self) -> Option<(i64, String, Turn)> {
        let checkouts = self.list("checkout.session", None).into_iter();
        let checkouts = checkouts.filter(|session| session["status"] == "open").map(|session| {
            (number(session, "expires_at"), text(session, "id").to_owned(), Turn::Expire)
        });
        let subscriptions = self.list("subscription", None).into_iter();
        let subscriptions = subscriptions.flat_map(|subscription| self.turns(subscription));
        checkouts
            .chain(subscriptions)
            .min_by(|left, right| (left.0, &left.1).cmp(&(right.0, &right.1)))
    }

    fn turns(&self, subscription: &Value) -> Vec<(i64, String, Turn)> {
        let id = text(subscription, "id");
        let mut turns = Vec::new();
        if is_final(subscription) {
            return turns;
        }
        let mut add = |at, turn| turns.push((at, id.to_owned(), turn));
        let period_end = number(&subscription["items"]["data"][0], "current_period_end");
        if let Some(at) = subscription["cancel_at"].as_i64() {
            add(at, Turn::End);
        }
        match text(subscription, "status") {
            "incomplete" => {
                add(number(subscription, "created") + INCOMPLETE_S, Turn::ExpireIncomplete);
            }
            "paused" => {}
            _ if subscription["cancel_at_period_end"] == true => add(period_end, Turn::End),
            _ => add(period_end, Turn::Renew),
        }
        let since = self.due_since.get(id).filter(|_| subscription["status"] == "past_due");
        if let Some(since) = since.filter(|_| self.dunning.end != "past_due") {
            add(since + self.dunning.days * DAY_S, Turn::GiveUp);
        }
        turns
    }

    fn take(&mut self, id: &str, at: i64, turn: &Turn) {
        match turn {
            Turn::Expire => {
                self.set(id, &json!({ "status": "expired", "url": null }));
                self.emit("checkout.session.expired", id);
            }
            Turn::Renew => {
                let mut items = self.object(id)["items"].clone();
                let item = &mut items["data"][0];
                let interval = text(&item["price"]["recurring"], "interval");
                let (start, end) = (at, add_interval(at, interval));
                item["current_period_start"] = json!(start);
                item["current_period_end"] = json!(end);
                self.set(id, &json!({ "items": items }));
                self.invoice(id, at);
            }
            Turn::End => self.end(id, at),
            Turn::GiveUp if self.dunning.end == "canceled" => self.end(id, at),
            Turn::GiveUp => {
                self.set(id, &json!({ "status": self.dunning.end }));
                self.emit("customer.subscription.updated", id);
            }
            Turn::ExpireIncomplete => {
                self.set(id, &json!({ "status": "incomplete_expired", "ended_at": at }));
                self.emit("customer.subscription.updated", id);
            }
        }
    }
}

fn number(object: &Value, field: &str) -> i64 {
    object[field].as_i64().expect("every object of the fake has its times")
}
