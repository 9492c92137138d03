//! What happens to customers and subscriptions, by requests, at Stripe's pages or with time.

use serde_json::{Value, json};

use super::account::Account;
use super::{objects, text, time};

/// The statuses without a way back.
const FINAL: [&str; 2] = ["canceled", "incomplete_expired"];

pub(super) fn is_final(subscription: &Value) -> bool {
    FINAL.contains(&text(subscription, "status"))
}

impl Account {
    /// Completes an open checkout page, and returns the new subscription.
    pub(super) fn pay(&mut self, checkout: &str) -> Result<String, String> {
        let session = self.get("checkout.session", checkout).ok_or("no such checkout")?.clone();
        if text(&session, "status") != "open" {
            return Err(format!("the checkout is {}", text(&session, "status")));
        }
        let customer = text(&session, "customer");
        if self.failing_cards.contains(customer) {
            return Err("the card was declined".to_owned());
        }
        let price = self.wanted_prices[checkout].clone();
        let subscription = self.subscribe(customer, &price)?;
        let invoice = self.object(&subscription)["latest_invoice"].clone();
        self.set(
            checkout,
            &json!({ "status": "complete", "payment_status": "paid", "url": null,
                "subscription": subscription, "invoice": invoice }),
        );
        self.emit("checkout.session.completed", checkout);
        Ok(subscription)
    }

    /// Subscribes a customer to a price, as the owner of the account can, and returns the id.
    pub(super) fn subscribe(&mut self, customer: &str, price: &str) -> Result<String, String> {
        self.customer(customer).ok_or("no such customer")?;
        let price = self.get("price", price).ok_or("no such price")?.clone();
        let period_end = time::add_interval(self.now(), text(&price["recurring"], "interval"));
        let id = self.new_id("sub");
        let subscription = objects::subscription(self, &id, customer, &price, period_end);
        self.add(subscription);
        self.emit("customer.subscription.created", &id);
        self.invoice(&id, self.now());
        Ok(id)
    }

    /// Makes an invoice for the current period and tries to collect it.
    pub(super) fn invoice(&mut self, subscription: &str, at: i64) {
        let id = self.new_id("in");
        let invoice = objects::invoice(&id, self.object(subscription), at);
        let customer = text(&invoice, "customer").to_owned();
        self.add(invoice);
        self.set(subscription, &json!({ "latest_invoice": id }));
        if self.failing_cards.contains(&customer) {
            self.due_since.entry(subscription.to_owned()).or_insert(at);
            self.emit("invoice.payment_failed", &id);
            if text(self.object(subscription), "status") != "unpaid" {
                self.set(subscription, &json!({ "status": "past_due" }));
            }
        } else {
            self.collect(&id, at);
            self.set(subscription, &json!({ "status": "active" }));
            self.due_since.remove(subscription);
        }
        self.emit("customer.subscription.updated", subscription);
    }

    fn collect(&mut self, invoice: &str, at: i64) {
        let amount = self.object(invoice)["amount_due"].clone();
        let mut transitions = self.object(invoice)["status_transitions"].clone();
        transitions["paid_at"] = json!(at);
        self.set(
            invoice,
            &json!({ "status": "paid", "amount_paid": amount, "status_transitions": transitions }),
        );
        self.emit("invoice.paid", invoice);
    }

    /// Pays every open invoice of a subscription with a card that works.
    pub(super) fn pay_invoices(&mut self, subscription: &str) -> Result<(), String> {
        let object = self.living(subscription)?;
        let customer = text(object, "customer").to_owned();
        self.failing_cards.remove(&customer);
        let open: Vec<String> = self
            .list("invoice", Some(&customer))
            .into_iter()
            .filter(|invoice| invoice["status"] == "open")
            .filter(|invoice| {
                invoice["parent"]["subscription_details"]["subscription"] == subscription
            })
            .map(|invoice| text(invoice, "id").to_owned())
            .collect();
        for invoice in &open {
            self.collect(invoice, self.now());
        }
        self.due_since.remove(subscription);
        self.update(subscription, &json!({ "status": "active" }))
    }

    /// Changes fields of a subscription that has not ended.
    pub(super) fn update(&mut self, subscription: &str, changes: &Value) -> Result<(), String> {
        self.living(subscription)?;
        self.set(subscription, changes);
        self.emit("customer.subscription.updated", subscription);
        Ok(())
    }

    /// Changes the status of a subscription by force, as no page does.
    pub(super) fn set_status(&mut self, subscription: &str, status: &str) -> Result<(), String> {
        if status == "canceled" {
            return self.cancel(subscription);
        }
        let before = text(self.living(subscription)?, "status").to_owned();
        self.set(subscription, &json!({ "status": status }));
        if status == "past_due" {
            let now = self.now();
            self.due_since.entry(subscription.to_owned()).or_insert(now);
        }
        self.emit(
            match (before.as_str(), status) {
                (_, "paused") => "customer.subscription.paused",
                ("paused", _) => "customer.subscription.resumed",
                _ => "customer.subscription.updated",
            },
            subscription,
        );
        Ok(())
    }

    /// Plans the end of a subscription for that of its period, or takes the plan back.
    pub(super) fn cancel_at_period_end(
        &mut self,
        subscription: &str,
        is_planned: bool,
    ) -> Result<(), String> {
        let canceled_at = is_planned.then(|| self.now());
        let changes = json!({ "cancel_at_period_end": is_planned, "cancel_at": null,
            "canceled_at": canceled_at });
        self.update(subscription, &changes)
    }

    /// Ends a subscription now.
    pub(super) fn cancel(&mut self, subscription: &str) -> Result<(), String> {
        self.living(subscription)?;
        let now = self.now();
        self.end(subscription, now);
        Ok(())
    }

    /// Ends a subscription at a time that has come.
    pub(super) fn end(&mut self, subscription: &str, at: i64) {
        let canceled_at = self.object(subscription)["canceled_at"].as_i64().unwrap_or(at);
        let changes = json!({ "status": "canceled", "ended_at": at, "canceled_at": canceled_at });
        self.set(subscription, &changes);
        self.due_since.remove(subscription);
        self.emit("customer.subscription.deleted", subscription);
    }

    /// Deletes a customer and ends its subscriptions.
    pub(super) fn delete_customer(&mut self, customer: &str) -> Result<(), String> {
        self.customer(customer).ok_or("no such customer")?;
        let subscriptions: Vec<String> = self
            .list("subscription", Some(customer))
            .into_iter()
            .filter(|subscription| !is_final(subscription))
            .map(|subscription| text(subscription, "id").to_owned())
            .collect();
        let now = self.now();
        for subscription in subscriptions {
            self.end(&subscription, now);
        }
        self.emit("customer.deleted", customer);
        self.replace(customer, objects::deleted_customer(customer));
        Ok(())
    }

    fn living(&self, subscription: &str) -> Result<&Value, String> {
        let object = self.get("subscription", subscription).ok_or("no such subscription")?;
        if is_final(object) { Err("the subscription has ended".to_owned()) } else { Ok(object) }
    }
}
