//! The state of the account: its objects by id, and what happened to them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use promptdb::domain::Clock;
use serde_json::{Value, json};

use super::deliveries::Webhook;
use super::faults::Faults;
use super::requests::{Received, Reply};
use super::{MONTHLY, YEARLY, objects, text};

/// What follows when a payment has failed for a time.
pub(super) struct Dunning {
    pub(super) days: i64,
    /// The status then: `canceled`, `unpaid` or `past_due`.
    pub(super) end: String,
}

pub(super) struct Account {
    pub(super) url: String,
    /// The clock of the receiver of webhooks.
    pub(super) clock: Arc<dyn Clock>,
    /// How many seconds the account is ahead of the clock, as one with a test clock.
    pub(super) offset: i64,
    pub(super) is_live: bool,
    pub(super) dunning: Dunning,
    /// The customers whose payments fail.
    pub(super) failing_cards: HashSet<String>,
    /// The price of each checkout page.
    pub(super) wanted_prices: HashMap<String, String>,
    /// Since when a payment of a subscription is due.
    pub(super) due_since: HashMap<String, i64>,
    /// The ids of the events that were not delivered yet.
    pub(super) undelivered: Vec<String>,
    pub(super) events: Vec<String>,
    /// The answers to requests with an idempotency key.
    pub(super) replies: HashMap<String, Reply>,
    /// The idempotency keys of the requests that run.
    pub(super) running: HashSet<String>,
    pub(super) requests: Vec<Value>,
    pub(super) faults: Faults,
    pub(super) webhook: Option<Webhook>,
    /// What the receiver of the fake answered.
    pub(super) received: Vec<Value>,
    objects: HashMap<String, Value>,
    /// The ids of the objects of each customer, the oldest first.
    of_customers: HashMap<String, Vec<String>>,
    count: u64,
}

impl Account {
    pub(super) fn new(url: String, clock: Arc<dyn Clock>) -> Self {
        let mut account = Self {
            url,
            clock,
            offset: 0,
            is_live: false,
            dunning: Dunning { days: 21, end: "canceled".to_owned() },
            failing_cards: HashSet::new(),
            wanted_prices: HashMap::new(),
            due_since: HashMap::new(),
            undelivered: Vec::new(),
            events: Vec::new(),
            replies: HashMap::new(),
            running: HashSet::new(),
            requests: Vec::new(),
            faults: Faults::default(),
            webhook: None,
            received: Vec::new(),
            objects: HashMap::new(),
            of_customers: HashMap::new(),
            count: 0,
        };
        account.add(objects::price(&account, MONTHLY, 500, "usd", "month"));
        account.add(objects::price(&account, YEARLY, 5000, "usd", "year"));
        account
    }

    /// Forgets everything but the webhook. Later ids are still new.
    pub(super) fn reset(&mut self) {
        let (webhook, count) = (self.webhook.take(), self.count);
        *self = Self::new(self.url.clone(), Arc::clone(&self.clock));
        (self.webhook, self.count) = (webhook, count);
    }

    /// The time of the account in seconds since the Unix epoch.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().as_millis().div_euclid(1000) + self.offset
    }

    /// A new id, such as `cus_Fake000001`.
    pub(super) fn new_id(&mut self, prefix: &str) -> String {
        self.count += 1;
        format!("{prefix}_Fake{:06}", self.count)
    }

    /// Keeps an object, and returns its id.
    pub(super) fn add(&mut self, object: Value) -> String {
        let id = text(&object, "id").to_owned();
        let customer = text(&object, "customer");
        if !customer.is_empty() {
            self.of_customers.entry(customer.to_owned()).or_default().push(id.clone());
        }
        self.objects.insert(id.clone(), object);
        id
    }

    /// An object of a kind, such as `subscription`.
    pub(super) fn get(&self, kind: &str, id: &str) -> Option<&Value> {
        self.objects.get(id).filter(|object| object["object"] == kind)
    }

    /// The objects of a kind of one customer, or of all, the newest first.
    pub(super) fn list(&self, kind: &str, customer: Option<&str>) -> Vec<&Value> {
        let mut ids: Vec<&String> = match customer {
            Some(customer) => self.of_customers.get(customer).into_iter().flatten().collect(),
            None => self.objects.keys().collect(),
        };
        // Ids of one kind grow with time.
        ids.sort_unstable_by(|left, right| right.cmp(left));
        ids.into_iter().filter_map(|id| self.get(kind, id)).collect()
    }

    /// Replaces fields of an object.
    pub(super) fn set(&mut self, id: &str, changes: &Value) {
        let object = self.objects.get_mut(id).expect("the caller has found the object");
        for (name, value) in changes.as_object().into_iter().flatten() {
            object[name] = value.clone();
        }
    }

    /// Forgets an object, as if it was one of another account.
    pub(super) fn forget(&mut self, id: &str) {
        self.objects.remove(id);
    }

    /// Puts an object in the place of another.
    pub(super) fn replace(&mut self, id: &str, object: Value) {
        self.objects.insert(id.to_owned(), object);
    }

    pub(super) fn find(&self, id: &str) -> Option<&Value> {
        self.objects.get(id)
    }

    /// An object that the caller has found before.
    pub(super) fn object(&self, id: &str) -> &Value {
        &self.objects[id]
    }

    /// The customer of an id, unless it was deleted.
    pub(super) fn customer(&self, id: &str) -> Option<&Value> {
        self.get("customer", id).filter(|customer| customer["deleted"] != true)
    }

    /// Keeps an event with the object as it is now.
    pub(super) fn emit(&mut self, kind: &str, object: &str) {
        let id = self.new_id("evt");
        let event = objects::event(self, &id, kind, self.object(object));
        self.objects.insert(id.clone(), event);
        self.undelivered.push(id.clone());
        self.events.push(id);
    }

    /// Keeps a request of the API.
    pub(super) fn note(&mut self, received: &Received) {
        self.requests.push(json!({
            "method": received.method.as_str(),
            "path": received.path,
            "params": received.params_text(),
            "idempotency_key": received.idempotency_key,
            "version": received.version,
        }));
    }
}
