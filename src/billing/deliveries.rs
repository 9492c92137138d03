//! Events that Stripe delivers: each is a reason to read the state of its customer.
//!
//! They arrive late, in any order and more than once.

use serde::Deserialize;
use serde_json::Value;

use super::{Billing, convert_store_error};
use crate::domain::subscription::{CustomerId, EventId};
use crate::error::ApiError;

/// The types of events after which the state of a customer may be another one. The list in
/// `docs/billing.md` is what to select at Stripe.
pub(super) const EVENT_TYPES: [&str; 10] = [
    "checkout.session.completed",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "customer.deleted",
];

/// The one type whose object is the customer itself.
const CUSTOMER_DELETED: &str = "customer.deleted";

/// An event, as far as it is read. What it states besides is not believed.
#[derive(Debug, Deserialize)]
pub struct Event {
    id: String,
    r#type: String,
    // Events of types that are not handled may lack these.
    #[serde(default)]
    livemode: Option<bool>,
    #[serde(default)]
    data: Value,
}

impl Event {
    /// The customer whose state may be another one; `None` for an event that is about none.
    fn customer(&self) -> Option<CustomerId> {
        let object = &self.data["object"];
        let reference = if self.r#type == CUSTOMER_DELETED { object } else { &object["customer"] };
        // A reference is an id, or the object itself.
        let id = reference.as_str().or_else(|| reference["id"].as_str())?;
        CustomerId::parse(id)
    }
}

impl Billing {
    /// Handles a delivery whose signature was verified. Idempotent.
    ///
    /// After `Ok` Stripe does not repeat it: the state that it is about is kept, or it is about nothing
    /// here. After an error Stripe repeats it for three days.
    pub async fn receive(&self, event: &Event) -> Result<(), ApiError> {
        if !EVENT_TYPES.contains(&event.r#type.as_str())
            || event.livemode != Some(self.offer.is_live)
        {
            return Ok(());
        }
        let (Some(customer), Some(id)) = (event.customer(), EventId::parse(&event.id)) else {
            return Ok(());
        };
        if self.store.is_event_processed(&id).await.map_err(convert_store_error)? {
            return Ok(());
        }
        self.sync_customer(&customer, Some(&id)).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn customer_of(kind: &str, object: &Value) -> Option<String> {
        let event = json!({
            "id": "evt_1", "object": "event", "type": kind, "livemode": false,
            "data": { "object": object },
        });
        let event: Event = serde_json::from_value(event).unwrap();
        event.customer().map(|customer| customer.as_str().to_owned())
    }

    #[test]
    fn the_customer_of_an_event_is_an_id_an_object_or_the_object_of_the_event() {
        let cus = Some("cus_1".to_owned());
        assert_eq!(customer_of("invoice.paid", &json!({ "id": "in_1", "customer": "cus_1" })), cus);
        let expanded = json!({ "id": "in_1", "customer": { "id": "cus_1", "name": "x" } });
        assert_eq!(customer_of("invoice.paid", &expanded), cus);
        assert_eq!(customer_of(CUSTOMER_DELETED, &json!({ "id": "cus_1" })), cus);
        for object in [
            json!({ "id": "in_1" }),
            json!({ "customer": null }),
            json!({ "customer": "a/b" }),
            json!({ "customer": 7 }),
            json!([]),
            json!(null),
        ] {
            assert_eq!(customer_of("invoice.paid", &object), None);
        }
    }
}
